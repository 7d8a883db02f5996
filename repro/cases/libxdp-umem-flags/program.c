// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Create UMEMs with flags. With XDP_UMEM_UNALIGNED_CHUNK_FLAG, the size of a chunk need not be a
 * power of two.
 *
 * Output: one row per UMEM on stdout, one JSON object per line:
 *   {"row":"a flag that no kernel knows","errno":22}
 * Exit: 0 all rows were written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#define FRAME_SIZE 4096 /* bytes */
#define ODD_SIZE 3000 /* bytes */
#define FRAMES 16

struct kind {
	const char *row;
	unsigned int frame_size, flags;
};

static void create(const struct kind *kind)
{
	static _Alignas(FRAME_SIZE) unsigned char frames[FRAMES * FRAME_SIZE];
	static struct xsk_ring_prod fill;
	static struct xsk_ring_cons completion;
	const struct xsk_umem_config config = {
		.fill_size = FRAMES, .comp_size = FRAMES,
		.frame_size = kind->frame_size, .flags = kind->flags,
	};
	struct xsk_umem *umem = NULL;
	int err = xsk_umem__create(&umem, frames, sizeof(frames), &fill, &completion, &config);

	/* libxdp before 1.5.3 returns some errors positive. */
	printf("{\"row\":\"%s\",\"errno\":%d}\n", kind->row, abs(err));
	if (!err)
		xsk_umem__delete(umem);
}

int main(void)
{
	static const struct kind kinds[] = {
		{ .row = "no flag", .frame_size = FRAME_SIZE },
		{ .row = "odd chunks with XDP_UMEM_UNALIGNED_CHUNK_FLAG", .frame_size = ODD_SIZE,
		  .flags = XDP_UMEM_UNALIGNED_CHUNK_FLAG },
		{ .row = "a flag that no kernel knows", .frame_size = FRAME_SIZE, .flags = 1U << 31 },
	};

	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		create(&kinds[i]);
	return 0;
}
