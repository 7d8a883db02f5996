// SPDX-License-Identifier: GPL-2.0-only
//
// Removes the fix from a libxdp that has it: commit 289c8eb44689 ("libxdp: fix return to be
// -errno") changed two functions.
// Changes: 2 lines.
@@
identifier f = {xsk_umem__create_with_fd, xsk_socket__create_shared};
symbol errno;
@@
 f(...)
 {
 <...
-	return -errno;
+	return errno;
 ...>
 }
