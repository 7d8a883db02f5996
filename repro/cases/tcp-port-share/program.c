// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Two TCP connections share a source port; meanwhile its owner comes and goes: a socket that is
 * bound to the port at another address.
 *
 * usage: program PORT [first]
 *   PORT   the only port of net.ipv4.ip_local_port_range
 *   first  all owners come and go before the first connection: none does harm
 * Both connections let the kernel choose their port, from 127.0.0.1 to 127.0.0.2 and 127.0.0.3.
 * The owner has 127.0.0.9, or ::1.
 *
 * Output: one row for each owner on stdout, one JSON object per line; errno is that of the
 * second connection:
 *   {"row":"closed","errno":99}
 * Exit: 0 all rows were written; 1 something else failed, with a message; 2 bad usage.
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

#define SERVER_PORT 80

enum presence { ABSENT, CLOSED, OPEN };

struct owner {
	const char *row;
	enum presence is; /* when the second connection is made */
	bool first; /* it comes before the first connection */
	bool reuse; /* SO_REUSEADDR */
	bool listens;
	bool v6;
	bool no_port; /* the connections bind to their address: IP_BIND_ADDRESS_NO_PORT */
};

static _Noreturn void fail(const char *step)
{
	perror(step);
	exit(1);
}

static struct sockaddr_in address(unsigned int host, in_port_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host),
		.sin_port = htons(port),
	};
}

static void listen_on_all(void)
{
	struct sockaddr_in all = { .sin_family = AF_INET, .sin_port = htons(SERVER_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&all, sizeof(all)) || listen(fd, SOMAXCONN))
		fail("listen");
}

/* Returns the owner's socket, or -1 if it is not there or closed again. */
static int let_own(const struct owner *owner, in_port_t port)
{
	struct sockaddr_in v4 = address(9, port);
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons(port),
	};
	int fd, on = owner->reuse;

	if (owner->is == ABSENT)
		return -1;
	fd = socket(owner->v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, owner->v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
		 owner->v6 ? sizeof(v6) : sizeof(v4)) ||
	    (owner->listens && listen(fd, 1)))
		fail("owner");
	if (owner->is == OPEN)
		return fd;
	close(fd);
	return -1;
}

/* Returns the connection, or -1 and errno. */
static int connect_to(unsigned int host, bool no_port)
{
	const struct linger reset = { .l_onoff = 1 }; /* close() frees the port at once */
	struct sockaddr_in from = address(1, 0), to = address(host, SERVER_PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, err;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		fail("socket");
	if (no_port && (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
			bind(fd, (struct sockaddr *)&from, sizeof(from))))
		fail("bind");
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static void try(const struct owner *owner, in_port_t port, bool first)
{
	int owned = -1, one, another, err = 0;

	if (first)
		owned = let_own(owner, port);
	one = connect_to(2, owner->no_port);
	if (one < 0)
		fail("the first connection");
	if (!first)
		owned = let_own(owner, port);
	another = connect_to(3, owner->no_port);
	if (another < 0)
		err = errno;
	printf("{\"row\":\"%s\",\"errno\":%d}\n", owner->row, err);
	close(one);
	if (another >= 0)
		close(another);
	if (owned >= 0)
		close(owned);
}

/* Returns the number, or 0 if the text is anything else, or more than most. */
static unsigned long read_number(const char *text, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *end || n > most ? 0 : n;
}

int main(int argc, char **argv)
{
	static const struct owner owners[] = {
		{ .row = "no owner", .is = ABSENT },
		{ .row = "closed before the first connection", .is = CLOSED, .first = true },
		{ .row = "open", .is = OPEN },
		{ .row = "closed", .is = CLOSED },
		{ .row = "closed, SO_REUSEADDR", .is = CLOSED, .reuse = true },
		{ .row = "closed, had listened", .is = CLOSED, .listens = true },
		{ .row = "closed, IPv6", .is = CLOSED, .v6 = true },
		{ .row = "closed, IP_BIND_ADDRESS_NO_PORT", .is = CLOSED, .no_port = true },
	};
	const bool first = argc == 3 && !strcmp(argv[2], "first");
	const in_port_t port = argc == 2 || first ? read_number(argv[1], 65535) : 0;

	if (!port) {
		fprintf(stderr, "usage: %s PORT [first]\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	listen_on_all();
	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++)
		try(&owners[i], port, owners[i].first || (first && owners[i].is == CLOSED));
	return 0;
}
