// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Connect, and use each source port for as many destinations as there are: see connectx.h. */
#include "connectx.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/random.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#define LOCK_TRIES 20
#define LOCK_WAIT 1000000 /* ns between two of them */
#define ESTABLISHED 1 /* a UDP socket's state once it is connected */

union address {
	struct sockaddr any;
	struct sockaddr_in v4; /* its port is where that of v6 is */
	struct sockaddr_in6 v6;
};

/* What became of a UDP port. Another process may be about to release a BUSY one. */
enum claim { CLAIMED, TAKEN, BUSY, FAILED };

static bool is_v6(const union address *address)
{
	return address->any.sa_family == AF_INET6;
}

static socklen_t size_of(const union address *address)
{
	return is_v6(address) ? sizeof(address->v6) : sizeof(address->v4);
}

/* Copies the address itself, without the port. */
static void copy_address(uint32_t bytes[4], const union address *address)
{
	if (is_v6(address))
		memcpy(bytes, &address->v6.sin6_addr, 16);
	else
		memcpy(bytes, &address->v4.sin_addr, 4);
}

static bool is_unspecified(const union address *address)
{
	if (is_v6(address))
		return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
	return address->v4.sin_addr.s_addr == INADDR_ANY;
}

static int close_failed(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
	return -1;
}

/*
 * Sets the address that the routes choose for a destination: a connected socket has it. That
 * socket must not have the destination's own port, or it would receive what comes for
 * another socket; nobody listens to port 9, discard.
 */
static int find_source(union address *from, const union address *to)
{
	union address probed = *to;
	socklen_t size = sizeof(probed);
	const int on = 1;
	int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	probed.v4.sin_port = htons(9);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    connect(fd, &probed.any, size_of(&probed)) ||
	    getsockname(fd, &probed.any, &size))
		return close_failed(fd);
	close(fd);
	probed.v4.sin_port = from->v4.sin_port;
	*from = probed;
	return 0;
}

/* Asks which UDP socket receives what is sent from one address to another. */
static int find_receiver(const union address *from, const union address *to,
			  struct inet_diag_msg *receiver)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 diag;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.diag = {
			.sdiag_family = to->any.sa_family,
			.sdiag_protocol = IPPROTO_UDP,
			.idiag_states = -1,
			.id = {
				.idiag_sport = from->v4.sin_port,
				.idiag_dport = to->v4.sin_port,
				.idiag_if = is_v6(to) ? to->v6.sin6_scope_id : 0,
				.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
			},
		},
	};
	struct {
		struct nlmsghdr header;
		union {
			struct inet_diag_msg diag;
			struct nlmsgerr error;
			char all[1024];
		};
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -1;
	copy_address(request.diag.id.idiag_src, from);
	copy_address(request.diag.id.idiag_dst, to);
	if (send(fd, &request, sizeof(request), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		return close_failed(fd);
	close(fd);
	if (answer.header.nlmsg_type == NLMSG_ERROR) {
		/* The caller's socket exists, so ENOENT means that the kernel cannot look for it. */
		errno = answer.error.error == -ENOENT ? EOPNOTSUPP : -answer.error.error;
		return -1;
	}
	*receiver = answer.diag;
	return 0;
}

/*
 * Connects a UDP socket, unless another one has its 4-tuple.
 *
 * SO_REUSEADDR lets any number of sockets bind to a port, and is the lock, too: while one of
 * them does without it, no more can come. Of those that came before, unconnected like this one,
 * the kernel names the last: only that one goes on.
 */
static enum claim claim(int fd, const union address *from, const union address *to)
{
	const int on = 1, off = 0;
	struct inet_diag_msg receiver;
	uint64_t cookie, found;
	socklen_t size = sizeof(cookie);

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return FAILED;
	if (bind(fd, &from->any, size_of(from)))
		return errno == EADDRINUSE ? BUSY : FAILED;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) ||
	    find_receiver(to, from, &receiver))
		return FAILED;
	found = (uint64_t)receiver.id.idiag_cookie[1] << 32 | receiver.id.idiag_cookie[0];
	if (found != cookie)
		return receiver.idiag_state == ESTABLISHED ? TAKEN : BUSY;
	if (connect(fd, &to->any, size_of(to)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return FAILED;
	return CLAIMED;
}

static void read_port_range(unsigned int *first, unsigned int *last)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	if (!file || fscanf(file, "%u %u", first, last) != 2) {
		*first = 32768;
		*last = 60999;
	}
	if (file)
		fclose(file);
}

static int connect_udp(int type, union address *from, const union address *to)
{
	const unsigned int given = ntohs(from->v4.sin_port);
	unsigned int first = given, last = given, n, start;
	bool busy = true;
	int fd;

	if ((is_unspecified(from) && find_source(from, to)) ||
	    getrandom(&start, sizeof(start), 0) < 0)
		return -1;
	if (!given)
		read_port_range(&first, &last);
	n = last - first + 1;
	start %= n;
	for (int try = 0; busy && try < LOCK_TRIES; try++) {
		if (try)
			nanosleep(&(struct timespec){ .tv_nsec = LOCK_WAIT }, NULL);
		busy = false;
		for (unsigned int i = 0; i < n; i++) {
			/* A socket that is bound cannot be bound again. */
			fd = socket(to->any.sa_family, type, 0);
			if (fd < 0)
				return -1;
			from->v4.sin_port = htons(first + (start + i) % n);
			switch (claim(fd, from, to)) {
			case CLAIMED: return fd;
			case FAILED: return close_failed(fd);
			case BUSY: busy = true; break;
			case TAKEN: break;
			}
			close(fd);
		}
	}
	errno = given ? EADDRINUSE : EAGAIN;
	return -1;
}

/* The kernel looks for the 4-tuple itself, if it may choose the port in connect(). */
static int connect_tcp(int type, const union address *from, const union address *to)
{
	const bool has_port = from->v4.sin_port;
	const int on = 1;
	int fd = socket(to->any.sa_family, type, 0);

	if (fd < 0)
		return -1;
	if ((has_port || !is_unspecified(from)) &&
	    (setsockopt(fd, has_port ? SOL_SOCKET : IPPROTO_IP,
			has_port ? SO_REUSEADDR : IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
	     bind(fd, &from->any, size_of(from))))
		return close_failed(fd);
	if (connect(fd, &to->any, size_of(to)) && errno != EINPROGRESS)
		return close_failed(fd);
	return fd;
}

int connectx(int type, const struct sockaddr *source, const struct sockaddr *destination)
{
	union address from = { .any.sa_family = destination->sa_family }, to = from;

	if ((to.any.sa_family == AF_INET || to.any.sa_family == AF_INET6) &&
	    (!source || source->sa_family == to.any.sa_family)) {
		memcpy(&to, destination, size_of(&to));
		if (source)
			memcpy(&from, source, size_of(&from));
		switch (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		case SOCK_STREAM: return connect_tcp(type, &from, &to);
		case SOCK_DGRAM: return connect_udp(type, &from, &to);
		}
	}
	errno = EINVAL;
	return -1;
}
