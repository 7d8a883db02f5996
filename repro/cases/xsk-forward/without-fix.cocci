// SPDX-License-Identifier: GPL-2.0-only
//
// Removes the fix from a libxdp that has it: commit 7c457b5ba90e ("libxdp: make
// shared xsk creation network namespace aware") made xsk_get_ctx() also compare
// the netns cookie. Nothing else changes.
@@
expression cookie, rest;
struct xsk_ctx *ctx;
@@
 struct xsk_ctx *xsk_get_ctx(...)
 {
 <...
-	ctx->netns_cookie == cookie && rest
+	rest
 ...>
 }
