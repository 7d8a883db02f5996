// SPDX-License-Identifier: GPL-2.0-only
// A port scanner's connect: non-blocking, then poll, then SO_ERROR, for two hosts; one does not
// answer ARP.
#include "refusals.h"

static int probe(const char *host, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = inet_addr(host) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), e = 0;
	socklen_t n = sizeof(e);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	if (connect(fd, (void *)&a, sizeof(a)) && errno != EINPROGRESS)
		e = errno;
	else if (poll(&p, 1, 9000) < 1)
		e = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n);
	close(fd);
	return e;
}

static int server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(8080) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return bind(fd, (void *)&a, sizeof(a)) || listen(fd, 4) ? -1 : fd;
}

int main(void)
{
	static const char *hosts[] = { "10.1.0.1", "10.1.0.77" };
	int down = 0;
	if (server() < 0)
		die("server");
	for (int i = 0; i < 2; i++) {
		int e = probe(hosts[i], 8080);
		printf("%-12s %s\n", hosts[i], e ? strerror(e) : "open");
		down += e != 0;
	}
	return down;
}
