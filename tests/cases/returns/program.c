// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What xsk_socket__create_shared() returns where bind() is refused: an error is below 0, but
 * for libxdp 1.5.0 to 1.5.2.
 *
 * Output: a row, {"row":"no such queue","above":false,"errno":22}.
 * Exit: 0; 1 no UMEM could be made.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <xdp/xsk.h>

#define FRAMES 64
#define QUEUE 7

int main(void)
{
	const struct xsk_socket_config config = {
		.rx_size = FRAMES,
		.tx_size = FRAMES,
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
	};
	static struct xsk_ring_prod fill, tx;
	static struct xsk_ring_cons completion, rx;
	const size_t size = FRAMES * XSK_UMEM__DEFAULT_FRAME_SIZE;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	void *frames;
	int err;

	setlinebuf(stdout);
	frames = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (frames == MAP_FAILED || xsk_umem__create(&umem, frames, size, &fill, &completion, NULL)) {
		perror("no UMEM");
		return 1;
	}
	err = xsk_socket__create_shared(&xsk, "lo", QUEUE, umem, &rx, &tx, &fill, &completion, &config);
	printf("{\"row\":\"no such queue\",\"above\":%s,\"errno\":%d}\n", err > 0 ? "true" : "false", abs(err));
	return 0;
}
