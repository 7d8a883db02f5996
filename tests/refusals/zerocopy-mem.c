// SPDX-License-Identifier: GPL-2.0-only
// Sends files over TCP with MSG_ZEROCOPY as a user with little lockable memory: a small one, then
// a large one.
#include "refusals.h"
#include <sys/resource.h>
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

static struct sockaddr_in at = { .sin_family = AF_INET };
static int sender(void)
{
	static const size_t sizes[] = { 4096, 16384, 400000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	char *body = mmap(0, sizes[2], PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (connect(fd, (void *)&at, sizeof(at)) ||
	    setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return 2;
	memset(body, 'x', sizes[2]);
	for (int i = 0; i < 3; i++)
		if (send(fd, body, sizes[i], MSG_ZEROCOPY) < 0) {
			fprintf(stderr, "transfer %d failed\n", i);
			return 1;
		}
	return 0;
}

int main(void)
{
	struct rlimit l = { 100000, 100000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), c, status;
	socklen_t n = sizeof(at);
	char sink[65536];
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (void *)&at, n) || listen(fd, 1) ||
	    getsockname(fd, (void *)&at, &n))
		die("listen");
	if (!fork()) {
		if (setrlimit(RLIMIT_MEMLOCK, &l) || setgid(1000) ||
		    setuid(1000))
			_exit(9);
		_exit(sender());
	}
	if ((c = accept(fd, NULL, NULL)) < 0)
		die("accept");
	while (read(c, sink, sizeof(sink)) > 0)
		;
	wait(&status);
	return WEXITSTATUS(status);
}
