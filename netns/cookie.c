// SPDX-License-Identifier: GPL-2.0-only
/*
 * netns-cookie: print the cookie of the current network namespace. It identifies
 * the namespace, and the kernel never reuses it.
 *
 * usage: netns-cookie
 * Output: the cookie, a decimal number.
 * Exit: 0; 1 a call failed, or the kernel lacks SO_NETNS_COOKIE (before 5.14);
 *       2 bad usage.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int failed(const char *what)
{
	fprintf(stderr, "netns-cookie: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	unsigned long long cookie;
	socklen_t length = sizeof(cookie);
	int fd;

	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 2;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		return failed("socket");
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length))
		return failed("SO_NETNS_COOKIE (since Linux 5.14)");
	if (printf("%llu\n", cookie) < 0 || fflush(stdout))
		return failed("stdout");
	return 0;
}
