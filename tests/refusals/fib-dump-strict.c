// SPDX-License-Identifier: GPL-2.0-only
// Lists the routes to one prefix with strict checking; the kernel accepts no such filter in the
// header of a dump.
#include "refusals.h"

static int dump(int s, int dst_len, int *routes)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg m;
	} q = { { sizeof(q), RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 5, 0 },
		{ .rtm_family = AF_INET, .rtm_dst_len = dst_len } };
	char buf[16384];
	if (send(s, &q, sizeof(q), 0) < 0)
		return -errno;
	for (*routes = 0;;) {
		int n = recv(s, buf, sizeof(buf), 0);
		if (n < 0)
			return -errno;
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, (unsigned)n);
		     h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return *(int *)NLMSG_DATA(h);
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			++*routes;
		}
	}
}

int main(void)
{
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
	    one = 1, n, rc;
	if (s < 0)
		die("socket");
	setsockopt(s, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	if ((rc = dump(s, 24, &n)))
		return 2;
	printf("%d routes\n", n);
	if (setsockopt(s, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one,
		       sizeof(one)))
		die("strict");
	if ((rc = dump(s, 0, &n)))
		return 3;
	printf("%d routes\n", n);
	if ((rc = dump(s, 24, &n))) {
		fprintf(stderr, "Dump terminated: error %d\n", rc);
		return 1;
	}
	return 0;
}
