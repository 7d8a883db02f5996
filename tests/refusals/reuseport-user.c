// SPDX-License-Identifier: GPL-2.0-only
// A second instance of a DNS server shares the port with SO_REUSEPORT, but as another user.
#include "refusals.h"

static int server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(5353),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		return -1;
	if (bind(fd, (void *)&a, sizeof(a))) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

int main(void)
{
	int status, first = server(), second = server();
	if (first < 0 || second < 0)
		die("bind as root");
	if (!fork()) {
		int fd;
		if (setgid(1000) || setuid(1000))
			_exit(9);
		if ((fd = server()) < 0) {
			fprintf(stderr,
				"named[%d]: could not listen on UDP socket: address in use\n",
				getpid());
			_exit(1);
		}
		_exit(0);
	}
	wait(&status);
	if (WEXITSTATUS(status))
		fputs("named: exiting (due to early fatal error)\n", stderr);
	return WEXITSTATUS(status);
}
