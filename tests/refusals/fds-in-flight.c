// SPDX-License-Identifier: GPL-2.0-only
// Passes descriptors to a worker that is slow to take them, as an ordinary user with a limit of
// 24 files.
#include "refusals.h"
#include <sys/resource.h>

static int pass(int to, int fd, int n)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 }, byte = 'f';
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (int i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	return sendmsg(to, &m, 0) < 0 ? -errno : 0;
}

static int leader(void)
{
	int sv[2], file = open("/dev/null", O_RDONLY);
	if (file < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
		return 2;
	for (int i = 0; i < 8; i++) {
		int rc = pass(sv[0], file, 8);
		if (rc) {
			printf("leader: job %d not handed over (%d)\n", i, rc);
			return 1;
		}
	}
	return 0;
}

int main(void)
{
	struct rlimit l = { 24, 24 };
	int status;
	if (!fork()) {
		if (setrlimit(RLIMIT_NOFILE, &l) || setgid(1000) ||
		    setuid(1000))
			_exit(9);
		exit(leader());
	}
	wait(&status);
	return WEXITSTATUS(status);
}
