// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What libxdp's functions return when they fail.
 *
 * usage: program DEVICE
 * The kernel refuses a chunk size that is not a power of two, and a queue that DEVICE lacks.
 *
 * Output: one row per call of a function on stdout, one JSON object per line:
 *   {"row":"a UMEM with odd chunks","returned":-22,"errno":22}
 * errno is the magnitude of what the function returned.
 * Exit: 0 all rows were written; 1 a step failed, with a message; 2 bad usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#define FRAME_SIZE 4096 /* bytes */
#define ODD_SIZE 3000 /* bytes */
#define FRAMES 16
#define NO_QUEUE 999

struct rings {
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons completion, rx;
};

/* libxdp keeps pointers into these. */
static _Alignas(FRAME_SIZE) unsigned char frames[2][FRAMES * FRAME_SIZE];
static struct rings rings[3];

static void report(const char *row, int returned)
{
	printf("{\"row\":\"%s\",\"returned\":%d,\"errno\":%d}\n", row, returned, abs(returned));
}

static struct xsk_umem *create_umem(const char *row, unsigned int i, unsigned int frame_size)
{
	const struct xsk_umem_config config = {
		.fill_size = FRAMES, .comp_size = FRAMES, .frame_size = frame_size,
	};
	struct xsk_umem *umem = NULL;

	report(row, xsk_umem__create(&umem, frames[i], sizeof(frames[i]), &rings[i].fill,
				     &rings[i].completion, &config));
	return umem;
}

/* A shared one gets a FILL and a COMPLETION ring of its own. */
static struct xsk_socket *create_socket(const char *row, struct xsk_umem *umem, const char *device,
					unsigned int queue, struct rings *own, int shared)
{
	const struct xsk_socket_config config = {
		.rx_size = FRAMES, .tx_size = FRAMES,
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY,
	};
	struct xsk_socket *socket = NULL;

	report(row, shared ? xsk_socket__create_shared(&socket, device, queue, umem, &own->rx, &own->tx,
						       &own->fill, &own->completion, &config)
			   : xsk_socket__create(&socket, device, queue, umem, &own->rx, &own->tx, &config));
	return socket;
}

int main(int argc, char **argv)
{
	struct xsk_socket *socket;
	struct xsk_umem *umem;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DEVICE\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	umem = create_umem("a UMEM", 0, FRAME_SIZE);
	create_umem("a UMEM with odd chunks", 1, ODD_SIZE);
	if (!umem)
		return 1;
	create_socket("a socket on no queue", umem, argv[1], NO_QUEUE, &rings[0], 0);
	socket = create_socket("a socket", umem, argv[1], 0, &rings[0], 0);
	create_socket("a shared socket on no queue", umem, argv[1], NO_QUEUE, &rings[2], 1);
	xsk_socket__delete(socket);
	xsk_umem__delete(umem);
	return 0;
}
