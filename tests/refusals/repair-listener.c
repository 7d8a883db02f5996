// SPDX-License-Identifier: GPL-2.0-only
// Checkpoints all sockets of a list with TCP_REPAIR, as root: closed ones pass, a listener does not.
#include "refusals.h"
#include <netinet/tcp.h>

static int sockets[4];
static int freeze(int fd)
{
	int on = 1, off = 0;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
		return -errno;
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) ?
		       -errno :
		       0;
}

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int failed = 0;
	for (int i = 0; i < 4; i++)
		if ((sockets[i] = socket(AF_INET, SOCK_STREAM, 0)) < 0)
			die("socket");
	if (bind(sockets[2], (void *)&a, sizeof(a)) || listen(sockets[2], 5))
		die("listen");
	for (int i = 0; i < 4; i++) {
		int rc = freeze(sockets[i]);
		if (rc) {
			failed++;
			fprintf(stderr,
				"Error (sk-inet): can't turn TCP repair mode ON (%d)\n",
				rc);
		}
	}
	return failed;
}
