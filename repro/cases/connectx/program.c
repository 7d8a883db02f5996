// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Ways for a client to get its source address and port, each used until the kernel refuses;
 * and connectx(), the answer to what they lack.
 *
 * usage: program FIRST_PORT LAST_PORT ROUNDS
 *   FIRST_PORT LAST_PORT  net.ipv4.ip_local_port_range, an even number of ports, 16 at most
 *   ROUNDS                of a race of 8 processes for the same 4-tuples, 10000 at most
 * The client has the addresses 127.0.0.1 and fd00::1, the servers 127.0.0.2 to 127.0.0.4
 * and fd01::2 to fd01::4, port 80.
 *
 * Output: one row for each way on stdout, one JSON object per line:
 *   {"row":"tcp connect","one":4,"all":12,"shared":true,"overshadowed":0,"errno":99}
 * one and all count connections to one server and to all; with twice as many connections to
 * a server as there are ports it stops. shared: two clients had the same address and port.
 * overshadowed counts clients that did not receive what a server sent to them. errno is from
 * the refused call to the last server, or 0. And for each race:
 *   {"row":"race udp4","rounds":200,"owners":200,"one_owner":"all","doubles":0,"orphans":0,
 *    "overshadowed":0}
 * owners of all rounds; rounds with one owner ("all", or their number), with more, and with none.
 * Exit: 0 all rows were written; 1 something else failed, with a message; 2 bad usage.
 */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "connectx.h"

#define TCP4 .family = AF_INET, .type = SOCK_STREAM
#define TCP6 .family = AF_INET6, .type = SOCK_STREAM
#define UDP4 .family = AF_INET, .type = SOCK_DGRAM
#define UDP6 .family = AF_INET6, .type = SOCK_DGRAM

static const struct technique techniques[] = {
	{ TCP4, .row = "tcp connect" },
	{ TCP4, .row = "tcp bind(src,0)", .binds = true },
	{ TCP4, .row = "tcp IP_BIND_ADDRESS_NO_PORT", .no_port = true, .binds = true },
	{ TCP4, .row = "tcp bind(src,port)", .binds = true, .port = true },
	{ TCP4, .row = "tcp SO_REUSEADDR, bind(src,port)", .reuse = true, .binds = true, .port = true },
	{ TCP4, .row = "tcp IP_LOCAL_PORT_RANGE", .half = true },
	{ TCP4, .row = "tcp connect, others had bound", .visited = true },
	{ UDP4, .row = "udp connect" },
	{ UDP4, .row = "udp bind(src,0)", .binds = true },
	{ UDP4, .row = "udp IP_BIND_ADDRESS_NO_PORT", .no_port = true, .binds = true },
	{ UDP4, .row = "udp bind(src,port)", .binds = true, .port = true },
	{ UDP4, .row = "udp SO_REUSEADDR, connect", .reuse = true },
	{ UDP4, .row = "udp SO_REUSEADDR, bind(src,port)", .reuse = true, .binds = true, .port = true },
	{ UDP4, .row = "udp the same, port locked", .reuse = true, .binds = true, .port = true, .held = true },
	{ UDP4, .row = "udp the same, INET4_CONNECT", .reuse = true, .binds = true, .port = true, .hook = true },
	{ UDP4, .row = "udp the same, SOCK_DIAG", .binds = true, .connectx = connectx_draft },
	{ TCP4, .row = "connectx tcp4 destination", .connectx = connectx },
	{ TCP4, .row = "connectx tcp4 source", .connectx = connectx, .binds = true },
	{ TCP4, .row = "connectx tcp4 4-tuple", .connectx = connectx, .binds = true, .port = true },
	{ TCP6, .row = "connectx tcp6 destination", .connectx = connectx },
	{ TCP6, .row = "connectx tcp6 source", .connectx = connectx, .binds = true },
	{ TCP6, .row = "connectx tcp6 4-tuple", .connectx = connectx, .binds = true, .port = true },
	{ UDP4, .row = "connectx udp4 destination", .connectx = connectx },
	{ UDP4, .row = "connectx udp4 source", .connectx = connectx, .binds = true },
	{ UDP4, .row = "connectx udp4 4-tuple", .connectx = connectx, .binds = true, .port = true },
	{ UDP6, .row = "connectx udp6 destination", .connectx = connectx },
	{ UDP6, .row = "connectx udp6 source", .connectx = connectx, .binds = true },
	{ UDP6, .row = "connectx udp6 4-tuple", .connectx = connectx, .binds = true, .port = true },
	{ UDP4, .row = "connectx udp4 4-tuple, port locked", .connectx = connectx, .binds = true,
	  .port = true, .held = true },
};

/* Returns the number, or 0 if the text is anything else, or more than most. */
static unsigned long read_number(const char *text, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *end || n > most ? 0 : n;
}

static bool read_scene(struct scene *scene, char **argv)
{
	const unsigned int last = read_number(argv[2], 65535);

	scene->first_port = read_number(argv[1], last);
	scene->ports = last - scene->first_port + 1;
	scene->rounds = read_number(argv[3], MAX_ROUNDS);
	return scene->first_port && scene->rounds && scene->ports % 2 == 0 && scene->ports <= MAX_PORTS;
}

int main(int argc, char **argv)
{
	struct scene scene;

	if (argc != 4 || !read_scene(&scene, argv)) {
		fprintf(stderr, "usage: %s FIRST_PORT LAST_PORT ROUNDS\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof(techniques) / sizeof(*techniques); i++)
		use_up_ports(&techniques[i], &scene);
	race("race udp4, without the lock", AF_INET, connectx_draft, &scene);
	race("race udp6, without the lock", AF_INET6, connectx_draft, &scene);
	race("race udp4", AF_INET, connectx_paused, &scene);
	race("race udp6", AF_INET6, connectx_paused, &scene);
	return 0;
}
