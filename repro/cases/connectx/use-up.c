// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Use a technique until the kernel refuses: how many connections does a port range yield,
 * to one server and to all, and does each of them receive what is sent to it?
 */
#include "scene.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_EACH (2 * MAX_PORTS)
#define DEADLINE 2000 /* ms for what was sent to arrive */

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

struct client {
	int fd, accepted; /* accepted: the server's end, of TCP */
	unsigned int server;
	struct sockaddr_storage name;
	socklen_t size;
};

struct clients {
	struct client all[SERVERS * MAX_EACH];
	unsigned int n;
};

static int set_options(int fd, const struct technique *technique, const struct scene *scene)
{
	const int on = 1;
	const uint32_t half = (scene->first_port + scene->ports / 2 - 1) << 16 | scene->first_port;

	if (technique->reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -1;
	if (technique->no_port && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)))
		return -1;
	if (technique->half && setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &half, sizeof(half)))
		return -1;
	return 0;
}

/* Opens the client of a server with this number. Returns it, or -1 and errno. */
static int open_client(const struct technique *technique, const struct scene *scene,
		       unsigned int server, unsigned int number)
{
	unsigned int port = technique->port ? scene->first_port + number % scene->ports : 0;
	struct sockaddr_storage from, to;
	socklen_t size = make_address(&from, technique->family, 0, port);
	int fd, err;

	make_address(&to, technique->family, 1 + server, 80);
	if (technique->connectx)
		return technique->connectx(technique->type,
					   technique->binds ? (struct sockaddr *)&from : NULL,
					   (struct sockaddr *)&to);
	fd = socket(technique->family, technique->type, 0);
	if (fd < 0)
		fail("socket");
	if (!set_options(fd, technique, scene) &&
	    !(technique->binds && bind(fd, (struct sockaddr *)&from, size)) &&
	    !connect(fd, (struct sockaddr *)&to, size))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static void add_client(struct clients *clients, int fd, const struct servers *servers,
		       unsigned int server, int type)
{
	const struct linger reset = { .l_onoff = 1 }; /* close() frees a port at once */
	struct client *client = &clients->all[clients->n++];

	*client = (struct client){
		.fd = fd,
		.accepted = -1,
		.server = server,
		.size = sizeof(client->name),
	};
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) ||
	    getsockname(fd, (struct sockaddr *)&client->name, &client->size))
		fail("client");
	if (type != SOCK_STREAM)
		return;
	client->accepted = accept(servers->fds[server], NULL, NULL);
	if (client->accepted < 0)
		fail("accept");
}

/* Opens clients of a server until a call is refused, and returns its errno; or 0 at the limit. */
static int use_up(struct clients *clients, const struct technique *technique,
		  const struct scene *scene, const struct servers *servers, unsigned int server)
{
	for (unsigned int number = 0; number < 2 * scene->ports; number++) {
		int fd = open_client(technique, scene, server, number);

		if (fd < 0)
			return errno;
		add_client(clients, fd, servers, server, technique->type);
	}
	return 0;
}

static bool any_shared(const struct clients *clients)
{
	for (unsigned int i = 0; i < clients->n; i++)
		for (unsigned int j = 0; j < i; j++)
			if (!memcmp(&clients->all[i].name, &clients->all[j].name, clients->all[i].size))
				return true;
	return false;
}

/* Sends to each client its number, and counts the clients that do not receive it. */
static unsigned int count_overshadowed(const struct clients *clients, const struct servers *servers)
{
	struct pollfd polled[SERVERS * MAX_EACH];
	unsigned int overshadowed = clients->n, arrived = 0, number;

	for (unsigned int i = 0; i < clients->n; i++) {
		const struct client *client = &clients->all[i];
		ssize_t sent = client->accepted >= 0 ?
			send(client->accepted, &i, sizeof(i), 0) :
			sendto(servers->fds[client->server], &i, sizeof(i), 0,
			       (const struct sockaddr *)&client->name, client->size);

		if (sent != sizeof(i))
			fail("send");
		polled[i] = (struct pollfd){ .fd = client->fd, .events = POLLIN };
	}
	while (arrived < clients->n && poll(polled, clients->n, DEADLINE) > 0) {
		for (unsigned int i = 0; i < clients->n; i++) {
			if (!polled[i].revents)
				continue;
			if (recv(polled[i].fd, &number, sizeof(number), 0) != sizeof(number))
				fail("recv");
			arrived++;
			overshadowed -= number == i;
		}
	}
	if (arrived < clients->n)
		fail("what was sent did not arrive");
	return overshadowed;
}

static void close_ports(const int *fds, unsigned int n)
{
	while (n)
		close(fds[--n]);
}

void use_up_ports(const struct technique *technique, const struct scene *scene)
{
	static struct clients clients;
	struct servers servers;
	int held[MAX_PORTS], err;
	unsigned int one;

	clients.n = 0;
	open_servers(&servers, technique->family, technique->type);
	if (technique->held)
		hold_ports(held, technique, scene, 0);
	if (technique->hook)
		attach_hook();
	err = use_up(&clients, technique, scene, &servers, 0);
	one = clients.n;
	if (technique->visited) {
		hold_ports(held, technique, scene, SERVERS + 1);
		close_ports(held, scene->ports);
	}
	for (unsigned int server = 1; server < SERVERS; server++)
		err = use_up(&clients, technique, scene, &servers, server);
	printf("{\"row\":\"%s\",\"one\":%u,\"all\":%u,\"shared\":%s,\"overshadowed\":%u,"
	       "\"errno\":%d}\n", technique->row, one, clients.n, any_shared(&clients) ? "true" : "false",
	       count_overshadowed(&clients, &servers), err);
	if (technique->hook)
		detach_hook();
	if (technique->held)
		close_ports(held, scene->ports);
	for (; clients.n; clients.n--) {
		close(clients.all[clients.n - 1].fd);
		if (clients.all[clients.n - 1].accepted >= 0)
			close(clients.all[clients.n - 1].accepted);
	}
	close_servers(&servers);
}
