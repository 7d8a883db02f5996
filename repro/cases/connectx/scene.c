// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The addresses and the servers: see scene.h. guest.sh makes the addresses. */
#include "scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SERVER_PORT 80

_Noreturn void fail(const char *step)
{
	perror(step);
	exit(1);
}

socklen_t make_address(struct sockaddr_storage *address, int family, unsigned int host,
		       unsigned int port)
{
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;

	*address = (struct sockaddr_storage){ .ss_family = family };
	if (family == AF_INET) {
		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(port);
	v6->sin6_addr = (struct in6_addr){ .s6_addr = { [0] = 0xfd, [1] = host > 0, [15] = host + 1 } };
	return sizeof(*v6);
}

void open_servers(struct servers *servers, int family, int type)
{
	struct sockaddr_storage address;
	const int on = 1;

	for (unsigned int i = 0; i < SERVERS; i++) {
		socklen_t size = make_address(&address, family, 1 + i, SERVER_PORT);
		int fd = socket(family, type, 0);

		servers->fds[i] = fd;
		/* No interface has an address of IPv6 for each server; a route leads to lo. */
		if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) ||
		    bind(fd, (struct sockaddr *)&address, size) ||
		    (type == SOCK_STREAM && listen(fd, SOMAXCONN)))
			fail("server");
	}
}

void close_servers(struct servers *servers)
{
	for (unsigned int i = 0; i < SERVERS; i++)
		close(servers->fds[i]);
}

void hold_ports(int *fds, const struct technique *technique, const struct scene *scene,
		unsigned int host)
{
	struct sockaddr_storage address;

	for (unsigned int i = 0; i < scene->ports; i++) {
		socklen_t size = make_address(&address, technique->family, host, scene->first_port + i);

		fds[i] = socket(technique->family, technique->type, 0);
		if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&address, size))
			fail("hold a port");
	}
}
