// SPDX-License-Identifier: GPL-2.0-only
// Path MTU probing over UDP: sends growing datagrams with DF and looks for errors in the error
// queue only.
#include "refusals.h"
#include <linux/errqueue.h>
#include <netinet/in.h>

static int errors(int fd)
{
	char data[2048], control[512];
	struct iovec v = { data, sizeof(data) };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) {
			struct sock_extended_err *e = (void *)CMSG_DATA(c);
			printf("origin %u error %u info %u\n", e->ee_origin,
			       e->ee_errno, e->ee_info);
			return e->ee_errno;
		}
	return 0;
}

int main(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(33434),
				  .sin_addr.s_addr = inet_addr("10.1.0.77") };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1, df = IP_PMTUDISC_DO,
	    e;
	static char data[1400];
	if (setsockopt(fd, SOL_IP, IP_RECVERR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_IP, IP_MTU_DISCOVER, &df, sizeof(df)))
		die("options");
	if (connect(fd, (void *)&to, sizeof(to)))
		die("connect");
	for (int size = 500; size <= 1400; size += 300) {
		(void)!write(fd, data, size);
		if ((e = errors(fd))) {
			fprintf(stderr, "probe of %d bytes: %s\n", size,
				strerror(e));
			return 1;
		}
	}
	return 0;
}
