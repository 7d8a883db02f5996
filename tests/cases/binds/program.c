// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Four attempts to bind a TCP socket: one succeeds, the kernel refuses two, and this program
 * itself gives up on the last.
 *
 * Output: a row for each, {"row":"free port","port":8080,"errno":0}.
 * Exit: 0; 1 cannot create a socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 8080

static int bound(int fd, const char *address, int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};

	if (!port)
		return EAGAIN;
	inet_pton(AF_INET, address, &to.sin_addr);
	return bind(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
}

static int row(const char *name, const char *address, int port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0) {
		perror("socket");
		return -1;
	}
	printf("{\"row\":\"%s\",\"port\":%d,\"errno\":%d}\n", name, port,
	       bound(fd, address, port));
	return fd;
}

/* The first socket keeps its port for the second. */
int main(void)
{
	setlinebuf(stdout);
	return row("free port", "0.0.0.0", PORT) < 0 ||
	       row("port in use", "0.0.0.0", PORT) < 0 ||
	       row("address of another host", "192.0.2.1", PORT) < 0 ||
	       row("no port to try", "0.0.0.0", 0) < 0;
}
