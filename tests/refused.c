// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that give up after a refused call, for the tests of "make why": calls other than
 * AF_XDP's, and ways to mislead the search.
 *
 * usage: refused NAME
 * Exit: 0 the call did not fail; 1 it did, and its error is on stderr; 2 bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

static int inet(int type)
{
	return socket(AF_INET, type, 0);
}

static int bind_short(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	return bind(inet(SOCK_STREAM), (struct sockaddr *)&address, 3);
}

static int ioctl_device(void)
{
	struct ifreq request = { .ifr_name = "nosuch" };

	return ioctl(inet(SOCK_DGRAM), SIOCGIFFLAGS, &request);
}

/* A datagram that is longer than the device's MTU, and must not be split. */
static int sendto_long(void)
{
	static char data[3000];
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xa9fe0002) /* 169.254.0.2 */
	};
	int never_split = IP_PMTUDISC_DO, udp = inet(SOCK_DGRAM);

	setsockopt(udp, SOL_IP, IP_MTU_DISCOVER, &never_split, sizeof(never_split));
	return sendto(udp, data, sizeof(data), 0, (struct sockaddr *)&to, sizeof(to));
}

static int connect_nowhere(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x0a090807) /* 10.9.8.7 */
	};

	return connect(inet(SOCK_DGRAM), (struct sockaddr *)&to, sizeof(to));
}

/* 9 is not an octal digit. */
static int mount_mode(void)
{
	return mount("none", "/tmp", "tmpfs", 0, "mode=0999");
}

static int socket_family(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

/* A mapping that may write is in the way of the seal. */
static int memfd_seal(void)
{
	int fd = memfd_create("memory", MFD_ALLOW_SEALING);

	if (ftruncate(fd, 4096) || mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
		return 0;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
}

/* Without NETLINK_EXT_ACK, the kernel does not send its text. */
static int ack_mtu(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attribute;
		unsigned mtu;
	} request = {
		{ sizeof(request), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 7, 0 },
		{ .ifi_index = if_nametoindex("outer") }, { 8, IFLA_MTU }, 70000
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || send(fd, &request, sizeof(request), 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < 0)
		return 0;
	errno = -answer.error.error;
	return answer.error.error;
}

static int write_ttl(void)
{
	return write(open("/proc/sys/net/ipv4/ip_default_ttl", O_WRONLY), "300", 3);
}

static int mknod_folder(void)
{
	return mknod("/nosuch", S_IFDIR | 0600, 0);
}

/* The lab's kernel is built without MPTCP. */
static int mptcp(void)
{
	return socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
}

static int setsockopt_short(void)
{
	return setsockopt(inet(SOCK_STREAM), SOL_SOCKET, SO_RCVBUF, "", 3);
}

static int bpf_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH, .key_size = 4 };

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

/* Returns ENOTSUPP, which the C library does not know. */
static int bpf_batch(void)
{
	static union bpf_attr map, batch; /* zero to the last byte */
	int keys[1], values[1], out;

	map.map_type = BPF_MAP_TYPE_XSKMAP;
	map.key_size = map.value_size = 4;
	map.max_entries = 1;
	batch.batch.out_batch = (unsigned long)&out;
	batch.batch.keys = (unsigned long)keys;
	batch.batch.values = (unsigned long)values;
	batch.batch.count = 1;
	batch.batch.map_fd = syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
	return syscall(SYS_bpf, BPF_MAP_LOOKUP_BATCH, &batch, sizeof(batch));
}

/* The kernel sets ret = -EBADF before the check. */
static int read_closed(void)
{
	char byte;

	return read(77, &byte, 1);
}

/* The kernel returns the error through an out-parameter, after a sleep. */
static int recv_timeout(void)
{
	const struct timeval soon = { .tv_usec = 1000 };
	int fd = inet(SOCK_DGRAM);
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	return recv(fd, &byte, 1, 0);
}

/* The kernel passes the error through ERR_PTR() and PTR_ERR(). */
static int netlink_nobody(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = 4711 };

	return sendto(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "x", 1, 0,
		      (struct sockaddr *)&address, sizeof(address));
}

/* Runs in other threads: the same call is refused at another line, again and again. */
static void *bind_foreign(void *unused)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(0x01020304) };

	for (int i = 0; i < 200; i++) {
		int fd = inet(SOCK_DGRAM);

		bind(fd, (struct sockaddr *)&address, sizeof(address));
		close(fd);
	}
	return unused;
}

static int threads(void)
{
	pthread_t others[3];
	int err, saved;

	for (int i = 0; i < 3; i++)
		pthread_create(&others[i], NULL, bind_foreign, NULL);
	err = bind_short();
	saved = errno;
	for (int i = 0; i < 3; i++)
		pthread_join(others[i], NULL);
	errno = saved;
	return err;
}

/* A library sets errno itself, after a call that failed for another reason. */
static int library(void)
{
	access("/nosuch", F_OK);
	errno = EINVAL;
	return -1;
}

/* A failure that the program ignores. */
static int went_on(void)
{
	bind_short();
	return 0;
}

static int fine(void)
{
	return 0;
}

static int crash(void)
{
	volatile int *nowhere = NULL;

	return *nowhere;
}

static int forever(void)
{
	while (pause())
		;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} programs[] = {
	{ "bind-short", bind_short },
	{ "ioctl-device", ioctl_device },
	{ "sendto-long", sendto_long },
	{ "connect-nowhere", connect_nowhere },
	{ "mount-mode", mount_mode },
	{ "socket-family", socket_family },
	{ "memfd-seal", memfd_seal },
	{ "ack-mtu", ack_mtu },
	{ "write-ttl", write_ttl },
	{ "mknod-folder", mknod_folder },
	{ "mptcp", mptcp },
	{ "setsockopt-short", setsockopt_short },
	{ "bpf-map", bpf_map },
	{ "read-closed", read_closed },
	{ "recv-timeout", recv_timeout },
	{ "netlink-nobody", netlink_nobody },
	{ "threads", threads },
	{ "library", library },
	{ "bpf-batch", bpf_batch },
	{ "went-on", went_on },
	{ "fine", fine },
	{ "crash", crash },
	{ "forever", forever },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(programs) / sizeof(*programs); i++) {
		if (strcmp(programs[i].name, argv[1]))
			continue;
		if (programs[i].run() < 0) {
			perror(argv[1]);
			return 1;
		}
		return 0;
	}
	return 2;
}
