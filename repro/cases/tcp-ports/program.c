// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Three ways for a TCP client to get its source address and port, each used until
 * the kernel refuses: how many connections does a port range yield?
 *
 * The clients are on 127.0.0.1, the servers on 127.0.0.2 to 127.0.0.4, port 80.
 * Set net.ipv4.ip_local_port_range to a few ports first.
 *
 * Output: one row for each way on stdout, one JSON object per line:
 *   {"row":"connect","one":6,"all":18,"shared":true,"errno":99}
 * one and all count connections to one server and to all three; shared is true if
 * two sockets had the same address and port; errno is from the refused call.
 * Exit: 0 all rows were written; 1 something else failed, with a message.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVERS 3
#define MAX_CLIENTS 256

struct way {
	const char *row;
	bool binds, port_later;
};

struct clients {
	int fds[MAX_CLIENTS];
	unsigned int n;
	bool port_used[65536], shared;
};

static _Noreturn void fail(const char *step)
{
	perror(step);
	exit(1);
}

static struct sockaddr_in address(in_addr_t host, in_port_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(host),
		.sin_port = htons(port),
	};
}

static void listen_on_all(void)
{
	struct sockaddr_in all = address(INADDR_ANY, 80);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&all, sizeof(all)) || listen(fd, MAX_CLIENTS))
		fail("listen");
}

/* close() frees its port at once. */
static int create_client(void)
{
	const struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		fail("socket");
	return fd;
}

/* Returns 0, or the errno of the refused call. */
static int connect_client(int fd, const struct way *way, in_addr_t server)
{
	struct sockaddr_in from = address(INADDR_LOOPBACK, 0), to = address(server, 80);
	int on = 1;

	if (way->port_later &&
	    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)))
		fail("IP_BIND_ADDRESS_NO_PORT");
	if (way->binds && bind(fd, (struct sockaddr *)&from, sizeof(from)))
		return errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return errno;
	return 0;
}

static void note_port(struct clients *clients, int fd)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);

	if (getsockname(fd, (struct sockaddr *)&from, &size))
		fail("getsockname");
	clients->shared |= clients->port_used[ntohs(from.sin_port)];
	clients->port_used[ntohs(from.sin_port)] = true;
}

/* Connects to a server until a call is refused, and returns its errno. */
static int use_up(struct clients *clients, const struct way *way, in_addr_t server)
{
	while (clients->n < MAX_CLIENTS) {
		int fd = create_client();
		int err = connect_client(fd, way, server);

		if (err) {
			close(fd);
			return err;
		}
		note_port(clients, fd);
		clients->fds[clients->n++] = fd;
	}
	return 0;
}

static void try_way(const struct way *way)
{
	static struct clients clients;
	unsigned int one = 0;
	int err;

	memset(&clients, 0, sizeof(clients));
	for (unsigned int server = 0; server < SERVERS; server++) {
		err = use_up(&clients, way, INADDR_LOOPBACK + 1 + server);
		if (server == 0)
			one = clients.n;
	}
	printf("{\"row\":\"%s\",\"one\":%u,\"all\":%u,\"shared\":%s,\"errno\":%d}\n", way->row,
	       one, clients.n, clients.shared ? "true" : "false", err);
	while (clients.n)
		close(clients.fds[--clients.n]);
}

int main(void)
{
	static const struct way ways[] = {
		{ .row = "connect" },
		{ .row = "bind(src,0)", .binds = true },
		{ .row = "IP_BIND_ADDRESS_NO_PORT", .binds = true, .port_later = true },
	};

	setlinebuf(stdout);
	listen_on_all();
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		try_way(&ways[i]);
	return 0;
}
