// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Two UDP sockets on one port: the second is refused.
 *
 * Output: one row per socket on stdout, one JSON object per line:
 *   {"row":"first","port":7000,"errno":0}
 * Exit: 0 all rows were written; 1 something else failed, with a message.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define PORT 7000

/* Reports the error of bind() as a row. Returns -1 if an earlier step fails. */
static int bind_socket(const char *row)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(PORT),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err = 0;

	if (fd < 0) {
		perror("socket");
		return -1;
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		err = errno;
	printf("{\"row\":\"%s\",\"port\":%d,\"errno\":%d}\n", row, PORT, err);
	return 0;
}

int main(void)
{
	/* Write each row right after its calls, not at the end. */
	setlinebuf(stdout);
	if (bind_socket("first") || bind_socket("second"))
		return 1;
	return 0;
}
