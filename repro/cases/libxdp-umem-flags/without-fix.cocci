// SPDX-License-Identifier: GPL-2.0-only
//
// Removes the fix from a libxdp that has it: commit 7147047341d2 ("libxdp: Fix incorrect
// setsockopt xdp_umem_reg size"). Before, the size was that of the members before
// tx_metadata_len, unless a program set it.
@@
struct xdp_umem_reg mr;
expression fd;
@@
 setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &mr,
-	sizeof(mr)
+	28
 )
