/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * connectx(): connect, and use each source port for as many destinations as there are.
 *
 * A connection is identified by its 4-tuple: source address and port, destination
 * address and port. Linux shares a source port between destinations only if it is asked the
 * right way, which differs between TCP and UDP. Otherwise, a program runs out of ephemeral ports,
 * or gets two UDP sockets with one 4-tuple, and then only one of them receives anything.
 */
#ifndef CONNECTX_H
#define CONNECTX_H

#include <sys/socket.h>

/*
 * connectx - create a socket and connect it
 * @type: SOCK_STREAM (TCP) or SOCK_DGRAM (UDP), with SOCK_NONBLOCK or SOCK_CLOEXEC if wanted
 * @source: where from:
 *   NULL                      destination only: the kernel's routes choose the address
 *   an address, port 0        with a source address: any port of the range
 *   an address and a port     the full 4-tuple
 * @destination: where to, AF_INET or AF_INET6 like the source
 *
 * The range is net.ipv4.ip_local_port_range. An address of 0.0.0.0 or :: is the one that
 * the routes choose.
 *
 * Returns the socket, or -1 and errno:
 *   EADDRINUSE     the full 4-tuple: a UDP socket has it, or a socket without SO_REUSEADDR
 *                  has the source address and port
 *   EADDRNOTAVAIL  TCP: a socket has the 4-tuple, or no port is left for this destination
 *   EAGAIN         UDP: no port is left for this destination
 *   EINVAL         an address of another family, or a type that is not one of the above
 *   EOPNOTSUPP     UDP: this kernel has no CONFIG_INET_UDP_DIAG
 *   and those of socket(), bind() and connect(). With SOCK_NONBLOCK a TCP connection may
 *   be under way when the socket is returned: poll() for POLLOUT, then see SO_ERROR.
 *
 * UDP sockets, and TCP sockets with a full 4-tuple, have SO_REUSEADDR set, and must keep it.
 *
 * UDP sockets of connectx() never have the same 4-tuple, whatever process or user they belong
 * to, because the port is locked while it looks: without SO_REUSEADDR, nobody else can bind
 * to it. If somebody else holds this lock, connectx() waits, for some 20 ms at most.
 *
 * What it cannot do: keep other programs, which set SO_REUSEADDR and do not look, from taking
 * the same 4-tuple; leave out net.ipv4.ip_local_reserved_ports; or undo what arrived for a UDP
 * port in the moment between bind() and connect(), perhaps from another host.
 */
int connectx(int type, const struct sockaddr *source, const struct sockaddr *destination);

#endif
