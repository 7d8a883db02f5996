// SPDX-License-Identifier: GPL-2.0-only
//
// Adds the fix of libbpf 0.8.1 and libxdp 1.3.0 to libbpf 0.3: xsk_get_ctx() also compares the
// netns cookie, as in commit 2b011c58d510 ("libbpf: make shared xsk creation network namespace
// aware"). Without a cookie, as before Linux 5.14, all namespaces have the same.
@@
typedef __u64;
symbol ifindex;
@@
 struct xsk_ctx {
 ...
 int ifindex;
+__u64 netns_cookie;
 ...
 };

@@
typedef __u32;
identifier ctx, umem, ifindex, queue_id;
@@
+static __u64 xsk_netns_cookie(int fd)
+{
+	__u64 cookie;
+	unsigned int size = sizeof(cookie);
+
+	return getsockopt(fd, SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &cookie, &size) ? 1 : cookie;
+}
+
 static struct xsk_ctx *xsk_get_ctx(struct xsk_umem *umem,
-	int ifindex, __u32 queue_id)
+	__u64 netns_cookie, int ifindex, __u32 queue_id)
 {
 <...
-	ctx->ifindex == ifindex && ctx->queue_id == queue_id
+	ctx->netns_cookie == netns_cookie && ctx->ifindex == ifindex && ctx->queue_id == queue_id
 ...>
 }

@@
identifier xsk, ctx;
expression umem, ifindex, queue_id;
@@
 xsk_socket__create_shared(...)
 {
 <...
-	ctx = xsk_get_ctx(umem, ifindex, queue_id);
+	ctx = xsk_get_ctx(umem, xsk_netns_cookie(xsk->fd), ifindex, queue_id);
 ...
 xsk->ctx = ctx;
+	ctx->netns_cookie = xsk_netns_cookie(xsk->fd);
 ...>
 }
