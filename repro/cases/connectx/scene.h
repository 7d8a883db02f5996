/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One host with a client's address and three servers', on lo; IPv4 and IPv6. */
#ifndef SCENE_H
#define SCENE_H

#include <stdbool.h>
#include <sys/socket.h>

#define SERVERS 3
#define MAX_PORTS 16
#define MAX_ROUNDS 10000

struct scene {
	unsigned int first_port, ports; /* net.ipv4.ip_local_port_range */
	unsigned int rounds; /* of a race */
};

typedef int connectx_fn(int type, const struct sockaddr *source, const struct sockaddr *destination);

/* A way for a client to get its source address and port. */
struct technique {
	const char *row;
	int family, type;
	bool reuse; /* SO_REUSEADDR */
	bool no_port; /* IP_BIND_ADDRESS_NO_PORT */
	bool half; /* IP_LOCAL_PORT_RANGE: the first half of the ports */
	bool binds; /* to its address, before connect() */
	bool port; /* to each of the ports in turn, too */
	bool held; /* sockets without SO_REUSEADDR are bound to all ports */
	bool visited; /* so they were, at another address, after the first server */
	bool hook; /* a BPF program looks before each connect() */
	connectx_fn *connectx; /* instead of the client's own calls */
};

/* Servers of one type, in the order of their addresses. */
struct servers {
	int fds[SERVERS];
};

/* The draft of connectx(), and connectx() itself, with pauses for others: draft.c and paused.c. */
connectx_fn connectx_draft, connectx_paused;
extern bool racing;

_Noreturn void fail(const char *step);
/* The client's address is number 0, the servers' are 1 to SERVERS, any other host's the next. */
socklen_t make_address(struct sockaddr_storage *address, int family, unsigned int host,
		       unsigned int port);
void open_servers(struct servers *servers, int family, int type);
void close_servers(struct servers *servers);
/* Bind sockets without SO_REUSEADDR to all ports of a host. */
void hold_ports(int *fds, const struct technique *technique, const struct scene *scene,
		unsigned int host);

/* Each opens what it needs, writes its row, and closes all. */
void use_up_ports(const struct technique *technique, const struct scene *scene);
void race(const char *row, int family, connectx_fn *connectx, const struct scene *scene);

/* Let a BPF program refuse every connect() of a UDP socket to a 4-tuple that has an owner. */
void attach_hook(void);
void detach_hook(void);

#endif
