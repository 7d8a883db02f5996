// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Trigger a chosen refusal: each row of the table makes one system call that the kernel
 * refuses, for one reason. Most calls set up an AF_XDP socket. errno-menu.json has the kernel
 * line that refuses each.
 *
 * usage: errno-menu ROW        trigger its refusal
 *        errno-menu --list     print the names of the rows
 * Needs root, netns/colliding-veth, and queue 0 of its outer device: the kernel releases
 *   it some time after a socket is closed.
 * Output: the failed call, on stderr.
 * Exit: 1 the call was refused as its row says; 3 it was not, or something before it
 *       failed; 2 bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <xdp/xsk.h>

#define OUTER "outer"
#define INNER "inner"
#define INNER_NETNS "/run/netns/inner-ns"
#define LOOPBACK 1 /* the ifindex of lo, in every namespace */
#define NOBODY 65534 /* a user without rights, a netlink port without socket */
#define FRAME_SIZE 2048
#define ENTRIES 64 /* of every ring and map */
#define PORT 4242

/* What an AF_XDP socket may have before the call. */
enum {
	UMEM = 1 << 0,
	FILL = 1 << 1,
	COMPLETION = 1 << 2,
	RX = 1 << 3,
	TX = 1 << 4,
	BOUND = 1 << 5,
	WHOLE = UMEM | FILL | COMPLETION | RX,
};

struct row {
	const char *name, *call; /* the refused call */
	int err; /* its errno */
	void (*before)(void); /* changes the process first */
	int (*other)(void); /* opens another file that takes part */
	unsigned int has; /* what the socket has before the call */
	int (*provoke)(const struct row *row); /* does the rest, the call last */
	/* arguments of the call; 0 mostly stands for a valid one */
	struct xdp_umem_reg umem;
	unsigned int option, family, flags, ifindex, queue, entries, length;
};

static char frames[ENTRIES * FRAME_SIZE] __attribute__((aligned(4096)));
#define CHUNKS_OF(size) .addr = (unsigned long)frames, .len = sizeof(frames), .chunk_size = size
static const struct row plain; /* all arguments are valid */

/* Everything before the call must succeed. */
static long checked(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "errno-menu: before the call: %s: %s\n", what, strerror(errno));
		exit(3);
	}
	return result;
}
#define must(call) checked((long)(call), #call)

/* Without an outer device, use the loopback device. */
static int bind_to(int fd, const struct row *row, int other, int flags)
{
	const struct sockaddr_xdp address = {
		.sxdp_family = row->family ?: AF_XDP,
		.sxdp_flags = row->flags | flags,
		.sxdp_ifindex = row->ifindex ?: if_nametoindex(OUTER) ?: LOOPBACK,
		.sxdp_queue_id = row->queue,
		.sxdp_shared_umem_fd = other,
	};

	return bind(fd, (const struct sockaddr *)&address, row->length ?: sizeof(address));
}

static int xsk(unsigned int has)
{
	static const struct {
		unsigned int has, option;
	} rings[] = {
		{ FILL, XDP_UMEM_FILL_RING },
		{ COMPLETION, XDP_UMEM_COMPLETION_RING },
		{ RX, XDP_RX_RING },
		{ TX, XDP_TX_RING },
	};
	const struct xdp_umem_reg umem = { CHUNKS_OF(FRAME_SIZE) };
	const int entries = ENTRIES;
	int fd = must(socket(AF_XDP, SOCK_RAW, 0));

	if (has & UMEM)
		must(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)));
	for (size_t i = 0; i < sizeof(rings) / sizeof(*rings); i++)
		if (has & rings[i].has)
			must(setsockopt(fd, SOL_XDP, rings[i].option, &entries, sizeof(entries)));
	if (has & BOUND)
		must(bind_to(fd, &plain, 0, 0));
	return fd;
}

static int bound_xsk(void) { return xsk(WHOLE | BOUND); }
static int rx_xsk(void) { return xsk(RX); }
static int udp(void) { return must(socket(AF_INET, SOCK_DGRAM, 0)); }
static int tcp(void) { return must(socket(AF_INET, SOCK_STREAM, 0)); }
static int dev_null(void) { return must(open("/dev/null", O_RDWR)); }

static void become_nobody(void) { must(seteuid(NOBODY)); }
static void protect_frames(void) { must(mprotect(frames, sizeof(frames), PROT_READ)); }
/* For a namespace with only a loopback device that is down */
static void leave_netns(void) { must(unshare(CLONE_NEWNET)); }

static void loopback_only(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	leave_netns();
	must(ioctl(udp(), SIOCSIFFLAGS, &lo));
}

static int bind_port(int fd)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	return bind(fd, (const struct sockaddr *)&any, sizeof(any));
}

static int connect_port(int fd)
{
	const struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return connect(fd, (const struct sockaddr *)&local, sizeof(local));
}

/* Leave one port to connect from, and start a server to connect to. */
static void one_port_only(void)
{
	int server;

	loopback_only();
	must(write(must(open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY)), "50000 50000", 11));
	server = tcp();
	must(bind_port(server));
	must(listen(server, 1));
}

/* Not even the own address, as lo is down. */
static void nothing_reachable(void)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route; /* to everything, as it has no RTA_DST */
	} request = {
		{ sizeof(request), RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE, 0, 0 },
		{ .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNREACHABLE },
	};

	leave_netns();
	must(send(must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)), &request, sizeof(request), 0));
}

static int make_xsk(const struct row *row)
{
	return socket(AF_XDP, SOCK_RAW, row->option);
}

static int set_option(const struct row *row)
{
	return setsockopt(xsk(row->has), SOL_XDP, row->option ?: XDP_RX_RING,
			  row->entries ? &row->entries : NULL, row->length ?: sizeof(row->entries));
}

static int get_option(const struct row *row)
{
	char value[256];
	socklen_t length = row->length ?: sizeof(value);

	return getsockopt(xsk(row->has), SOL_XDP, row->option, value, &length);
}

static int register_umem(const struct row *row)
{
	return setsockopt(xsk(row->has), SOL_XDP, XDP_UMEM_REG, &row->umem, sizeof(row->umem));
}

static int register_as_nobody(const struct row *row)
{
	int fd = xsk(row->has);

	must(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0 }));
	become_nobody();
	return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &row->umem, sizeof(row->umem));
}

static int bind_xsk(const struct row *row)
{
	if (row->other)
		row->other();
	return bind_to(xsk(row->has), row, 0, 0);
}

static int share_umem(const struct row *row)
{
	int other = row->other();

	return bind_to(xsk(row->has), row, other, XDP_SHARED_UMEM);
}

/* libxdp returns the errno, in some versions as a positive number. */
static int library(int result)
{
	errno = abs(result);
	return errno ? -1 : 0;
}

/* As in the case xsk-netns-cookie, with libxdp before the fix. */
static int share_with_libxdp(const struct row *row)
{
	const struct xsk_socket_config config = {
		.rx_size = ENTRIES,
		.tx_size = ENTRIES,
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
	};
	static struct xsk_ring_prod fill[3], tx[2];
	static struct xsk_ring_cons completion[3], rx[2];
	struct xsk_socket *outer, *inner;
	struct xsk_umem *umem;

	(void)row;
	must(library(xsk_umem__create(&umem, frames, sizeof(frames), &fill[2], &completion[2], NULL)));
	must(library(xsk_socket__create_shared(&outer, OUTER, 0, umem, &rx[0], &tx[0], &fill[0],
					       &completion[0], &config)));
	must(setns(must(open(INNER_NETNS, O_RDONLY)), CLONE_NEWNET));
	return library(xsk_socket__create_shared(&inner, INNER, 0, umem, &rx[1], &tx[1], &fill[1],
						 &completion[1], &config));
}

static int map_tx_ring(const struct row *row)
{
	return mmap(NULL, row->length, PROT_READ, MAP_SHARED, xsk(row->has),
		    XDP_PGOFF_TX_RING) == MAP_FAILED ? -1 : 0;
}

static int send_frames(const struct row *row)
{
	return sendto(xsk(row->has), NULL, 0, row->flags, NULL, 0);
}

/* More than the kernel accepts at once. */
static int send_full_ring(const struct row *row)
{
	struct xdp_mmap_offsets offsets;
	socklen_t length = sizeof(offsets);
	int fd = xsk(row->has);
	struct xdp_desc *descs;
	char *ring;

	must(getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length));
	ring = (char *)must(mmap(NULL, offsets.tx.desc + ENTRIES * sizeof(*descs), PROT_READ | PROT_WRITE,
				 MAP_SHARED, fd, XDP_PGOFF_TX_RING));
	descs = (struct xdp_desc *)(ring + offsets.tx.desc);
	for (int i = 0; i < ENTRIES; i++)
		descs[i] = (struct xdp_desc){ .addr = i * FRAME_SIZE, .len = 64 };
	*(__u32 *)(ring + offsets.tx.producer) = ENTRIES;
	must(bind_to(fd, &plain, 0, 0));
	return sendto(fd, NULL, 0, row->flags, NULL, 0);
}

static int bpf(int command, union bpf_attr *attr, size_t size)
{
	return syscall(SYS_bpf, command, attr, size);
}

static int create_xskmap(const struct row *row)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr)); /* gcc 15 initialises one member of a union, and not the rest */
	attr.map_type = BPF_MAP_TYPE_XSKMAP;
	attr.key_size = row->length ?: 4;
	attr.value_size = 4;
	attr.max_entries = ENTRIES;
	return bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int access_xskmap(const struct row *row)
{
	int other = row->other();
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = must(create_xskmap(&plain));
	attr.key = (unsigned long)&row->queue;
	attr.value = (unsigned long)&other;
	attr.flags = row->flags;
	return bpf(row->option ?: BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
}

static int bpf_with_all_bits(const struct row *row)
{
	union bpf_attr attr;

	memset(&attr, 0xff, sizeof(attr));
	return bpf(row->option ?: BPF_MAP_UPDATE_ELEM, &attr, 64);
}

static int bind_port_twice(const struct row *row)
{
	must(bind_port(row->other()));
	return bind_port(row->other());
}

static int connect_once(const struct row *row)
{
	return connect_port(row->other());
}

static int connect_twice(const struct row *row)
{
	must(connect_once(row));
	return connect_once(row);
}

static int send_netlink(const struct row *row)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = NOBODY };
	const struct nlmsghdr message = { .nlmsg_len = sizeof(message) };

	return sendto(must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)), &message, sizeof(message),
		      row->flags, (const struct sockaddr *)&address, sizeof(address));
}

/* glibc's mmap() checks the offset itself. */
static int map_at_offset(const struct row *row)
{
	return syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, row->length);
}

static int open_absent_file(const struct row *row)
{
	return open("/tmp/absent", row->flags);
}

static int ask_absent_device(const struct row *row)
{
	return ioctl(udp(), row->option, &(struct ifreq){ .ifr_name = "absent" });
}

#define ROW(name_, call_, err_, provoke_, ...) \
	{ .name = name_, .call = #call_, .err = err_, .provoke = provoke_, __VA_ARGS__ }

static const struct row menu[] = {
	/* socket(), and its rings */
	ROW("xsk-unprivileged", socket, EPERM, make_xsk, .before = become_nobody),
	ROW("xsk-protocol", socket, EPROTONOSUPPORT, make_xsk, .option = 1),
	ROW("ring-size", setsockopt, EINVAL, set_option, .entries = 100),
	ROW("ring-huge", setsockopt, ENOMEM, set_option, .entries = 1 << 30),
	ROW("ring-short-option", setsockopt, EINVAL, set_option, .entries = ENTRIES, .length = 2),
	ROW("ring-no-option", setsockopt, EFAULT, set_option),
	ROW("ring-after-bind", setsockopt, EBUSY, set_option, .has = WHOLE | BOUND, .entries = 1),
	ROW("option-unknown", setsockopt, ENOPROTOOPT, set_option, .option = 99, .entries = 1),
	ROW("statistics-short", getsockopt, EINVAL, get_option, .option = XDP_STATISTICS, .length = 8),
	ROW("mmap-no-ring", mmap, EINVAL, map_tx_ring, .has = RX, .length = 4096),
	ROW("mmap-beyond-ring", mmap, EINVAL, map_tx_ring, .has = TX, .length = 1 << 20),
	/* the UMEM: where it starts, its length, the size of a chunk */
	ROW("umem-chunk-size", setsockopt, EINVAL, register_umem, .umem = { CHUNKS_OF(1024) }),
	ROW("umem-chunk-odd", setsockopt, EINVAL, register_umem, .umem = { CHUNKS_OF(3000) }),
	ROW("umem-flags", setsockopt, EINVAL, register_umem,
	    .umem = { CHUNKS_OF(FRAME_SIZE), .flags = 1U << 31 }),
	ROW("umem-unaligned", setsockopt, EINVAL, register_umem, .umem = { 8, 4096, FRAME_SIZE }),
	ROW("umem-wraps", setsockopt, EINVAL, register_umem, .umem = { 4096, -4096ULL, FRAME_SIZE }),
	ROW("umem-part-of-chunk", setsockopt, EINVAL, register_umem, .umem = { 4096, 4000, FRAME_SIZE }),
	ROW("umem-headroom", setsockopt, EINVAL, register_umem,
	    .umem = { CHUNKS_OF(FRAME_SIZE), .headroom = FRAME_SIZE - 256 }),
	ROW("umem-unmapped", setsockopt, EFAULT, register_umem, .umem = { 4096, 4096, FRAME_SIZE }),
	ROW("umem-read-only", setsockopt, EFAULT, register_umem, .before = protect_frames,
	    .umem = { CHUNKS_OF(FRAME_SIZE) }),
	ROW("umem-not-lockable", setsockopt, ENOBUFS, register_as_nobody,
	    .umem = { CHUNKS_OF(FRAME_SIZE) }),
	/* bind() */
	ROW("bind-short-address", bind, EINVAL, bind_xsk, .has = WHOLE, .length = 8),
	ROW("bind-family", bind, EINVAL, bind_xsk, .has = WHOLE, .family = AF_PACKET),
	ROW("bind-flags", bind, EINVAL, bind_xsk, .has = WHOLE, .flags = 1 << 15),
	ROW("bind-twice", bind, EBUSY, bind_xsk, .has = WHOLE | BOUND),
	ROW("bind-no-device", bind, ENODEV, bind_xsk, .has = WHOLE, .ifindex = 9999),
	ROW("bind-no-ring", bind, EINVAL, bind_xsk, .has = UMEM | FILL | COMPLETION),
	ROW("bind-no-completion", bind, EINVAL, bind_xsk, .has = UMEM | FILL | RX),
	ROW("bind-no-queue", bind, EINVAL, bind_xsk, .has = WHOLE, .queue = 1000),
	ROW("bind-queue-in-use", bind, EBUSY, bind_xsk, .has = WHOLE, .other = bound_xsk),
	ROW("bind-both-modes", bind, EINVAL, bind_xsk, .has = WHOLE, .flags = XDP_COPY | XDP_ZEROCOPY),
	ROW("bind-zerocopy", bind, EOPNOTSUPP, bind_xsk, .has = WHOLE, .flags = XDP_ZEROCOPY),
	/* bind() with XDP_SHARED_UMEM */
	ROW("collision", bind, EINVAL, share_with_libxdp),
	ROW("share-other-device", bind, EINVAL, share_umem, .has = RX, .other = bound_xsk,
	    .ifindex = LOOPBACK),
	ROW("share-need-wakeup", bind, EINVAL, share_umem, .has = RX, .other = bound_xsk,
	    .flags = XDP_USE_NEED_WAKEUP),
	ROW("share-own-umem", bind, EINVAL, share_umem, .has = WHOLE, .other = bound_xsk),
	ROW("share-own-fill-ring", bind, EINVAL, share_umem, .has = FILL | RX, .other = bound_xsk),
	ROW("share-of-no-socket", bind, ENOTSOCK, share_umem, .has = RX, .other = dev_null),
	ROW("share-of-udp", bind, ENOPROTOOPT, share_umem, .has = RX, .other = udp),
	ROW("share-of-unbound", bind, EBADF, share_umem, .has = RX, .other = rx_xsk),
	/* the socket in use */
	ROW("send-unbound", sendto, ENXIO, send_frames, .has = WHOLE | TX, .flags = MSG_DONTWAIT),
	ROW("send-blocking", sendto, EOPNOTSUPP, send_frames, .has = WHOLE | TX | BOUND),
	ROW("send-no-ring", sendto, ENOBUFS, send_frames, .has = WHOLE | BOUND, .flags = MSG_DONTWAIT),
	ROW("send-link-down", sendto, ENETDOWN, send_frames, .has = WHOLE | TX | BOUND,
	    .flags = MSG_DONTWAIT, .before = leave_netns),
	ROW("send-too-many", sendto, EAGAIN, send_full_ring, .has = WHOLE | TX, .flags = MSG_DONTWAIT),
	ROW("connect-xsk", connect, EOPNOTSUPP, connect_once, .other = rx_xsk),
	ROW("xskmap-key-size", bpf, EINVAL, create_xskmap, .length = 8),
	ROW("xskmap-no-socket", bpf, ENOTSOCK, access_xskmap, .other = dev_null),
	ROW("xskmap-no-entry", bpf, ENOENT, access_xskmap, .other = rx_xsk, .flags = BPF_EXIST),
	ROW("xskmap-look-up", bpf, EOPNOTSUPP, access_xskmap, .other = rx_xsk,
	    .option = BPF_MAP_LOOKUP_ELEM),
	/* elsewhere */
	ROW("bpf-attributes", bpf, EINVAL, bpf_with_all_bits),
	ROW("bpf-command", bpf, EINVAL, bpf_with_all_bits, .option = 9999),
	ROW("tcp-port-in-use", bind, EADDRINUSE, bind_port_twice, .other = tcp),
	ROW("tcp-no-port", connect, EADDRNOTAVAIL, connect_twice, .other = tcp, .before = one_port_only),
	ROW("udp-no-port", connect, EAGAIN, connect_twice, .other = udp, .before = one_port_only),
	ROW("tcp-no-server", connect, ECONNREFUSED, connect_once, .other = tcp, .before = loopback_only),
	ROW("udp-unreachable", connect, EHOSTUNREACH, connect_once, .other = udp,
	    .before = nothing_reachable),
	ROW("netlink-no-receiver", sendto, ECONNREFUSED, send_netlink),
	ROW("mmap-offset", mmap, EINVAL, map_at_offset, .length = 1),
	ROW("open-absent", openat, ENOENT, open_absent_file),
	ROW("ioctl-absent", ioctl, ENODEV, ask_absent_device, .option = SIOCGIFMTU),
};
#define ROWS (sizeof(menu) / sizeof(*menu))

static int provoke(const struct row *row)
{
	int err;

	if (row->before)
		row->before();
	err = row->provoke(row) < 0 ? errno : 0;
	fprintf(stderr, "errno-menu: %s: %s\n", row->call, strerror(err));
	if (err == row->err)
		return 1;
	fprintf(stderr, "errno-menu: %s: this should have been %s\n", row->name,
		strerrorname_np(row->err));
	return 3;
}

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";
	const struct row *row;

	for (row = menu; row < menu + ROWS; row++) {
		if (!strcmp(name, row->name))
			return provoke(row);
		if (!strcmp(name, "--list"))
			puts(row->name);
	}
	if (!strcmp(name, "--list"))
		return 0;
	fprintf(stderr, "usage: errno-menu ROW | --list\n");
	return 2;
}
