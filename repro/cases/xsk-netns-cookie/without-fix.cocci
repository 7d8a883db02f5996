// SPDX-License-Identifier: GPL-2.0-only
//
// Takes the fix out of a libxdp that has it: commit 7c457b5ba90e ("libxdp: make
// shared xsk creation network namespace aware") made xsk_get_ctx() compare the
// netns cookie, too. Nothing else changes.
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
