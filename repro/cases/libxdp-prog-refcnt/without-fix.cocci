// SPDX-License-Identifier: GPL-2.0-only
//
// Removes the fix from a libxdp that has it: commit 8f6bfb7c590a ("libxdp: Fix error path in
// xsk_update_prog_refcnt()").
@@
identifier lock_fd, ret;
symbol out;
@@
 int xsk_update_prog_refcnt(...)
 {
 ...
 if (lock_fd < 0) {
-	ret = lock_fd;
+	return lock_fd;
 	goto out;
 }
 ...
 }
