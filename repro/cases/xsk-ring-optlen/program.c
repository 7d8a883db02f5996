// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Ask for the rings of an AF_XDP socket with options of different lengths.
 *
 * A ring's option is an int, its size. Each row uses a new socket. "at a page's end" has its one
 * byte there, and no page behind it: a kernel that reads more fails with EFAULT.
 *
 * Output: one row per option on stdout, one JSON object per line:
 *   {"row":"FILL, 3 bytes","errno":22}
 * errno is setsockopt()'s.
 * Exit: 0 all rows were written; 1 another step failed, with a message.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/if_xdp.h>

struct option {
	const char *row;
	int name;
	unsigned int length; /* bytes */
	bool at_page_end;
};

static _Noreturn void fail(const char *step)
{
	perror(step);
	exit(1);
}

/* Returns the place of a ring's size, whose first byte is the last one of its page if asked for. */
static int *place(bool at_page_end)
{
	static char *pages;
	const long page = sysconf(_SC_PAGESIZE);

	if (!pages) {
		pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE))
			fail("mmap");
		*(int *)pages = 16; /* entries */
		pages[page - 1] = 16;
	}
	return (int *)(at_page_end ? pages + page - 1 : pages);
}

/* Returns 0, or the errno of setsockopt(). */
static int ask(const struct option *option)
{
	int fd = socket(AF_XDP, SOCK_RAW, 0), err = 0;

	if (fd < 0)
		fail("socket");
	if (setsockopt(fd, SOL_XDP, option->name, place(option->at_page_end), option->length))
		err = errno;
	close(fd);
	return err;
}

int main(void)
{
	static const struct option options[] = {
		{ .row = "FILL, 4 bytes", .name = XDP_UMEM_FILL_RING, .length = 4 },
		{ .row = "FILL, 3 bytes", .name = XDP_UMEM_FILL_RING, .length = 3 },
		{ .row = "FILL, 1 byte at a page's end", .name = XDP_UMEM_FILL_RING, .length = 1, .at_page_end = true },
		{ .row = "COMPLETION, 4 bytes", .name = XDP_UMEM_COMPLETION_RING, .length = 4 },
		{ .row = "COMPLETION, 3 bytes", .name = XDP_UMEM_COMPLETION_RING, .length = 3 },
		{ .row = "COMPLETION, 1 byte at a page's end", .name = XDP_UMEM_COMPLETION_RING, .length = 1, .at_page_end = true },
		{ .row = "RX, 3 bytes", .name = XDP_RX_RING, .length = 3 },
		{ .row = "TX, 3 bytes", .name = XDP_TX_RING, .length = 3 },
	};

	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		printf("{\"row\":\"%s\",\"errno\":%d}\n", options[i].row, ask(&options[i]));
	return 0;
}
