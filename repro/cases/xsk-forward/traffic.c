// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The client and the server: packets of six sizes in eight flows, each with its number in the
 * flow, its size and a checksum. The server returns every packet as it is.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_packet.h>
#include "forward.h"

#define FLOWS 8
#define ARRIVAL_DEADLINE 5 /* seconds without a packet */
#define MAX_SIZE 1514 /* bytes */
/* Other load on the host slows some stretches down, but hardly all. */
#define STRETCH (20 * BATCH) /* packets */

struct packet {
	struct ether_header ether;
	struct iphdr ip;
	struct udphdr udp;
	uint32_t number, size, checksum;
	unsigned char data[MAX_SIZE - 54];
} __attribute__((packed));

static const unsigned int sizes[] = { 60, 128, 256, 576, 1024, MAX_SIZE };

static int client, server;

/* Of all bytes behind the headers but the checksum. */
static uint32_t checksum(const struct packet *p, unsigned int size)
{
	uint32_t sum = p->number * 31 + p->size, word;

	for (unsigned int at = offsetof(struct packet, data); at + sizeof(word) <= size; at += sizeof(word)) {
		memcpy(&word, (const char *)p + at, sizeof(word));
		sum = (sum << 1 | sum >> 31) ^ word;
	}
	return sum;
}

static unsigned int fill_packet(struct packet *p, unsigned int i)
{
	const unsigned int flow = i % FLOWS, number = i / FLOWS;
	const unsigned int size = sizes[number % (sizeof(sizes) / sizeof(*sizes))];

	p->ether = (struct ether_header){
		.ether_dhost = { 2, 0, 0, 0, 0, 2 }, /* not a device's, so that IP ignores the packet */
		.ether_shost = { 2, 0, 0, 0, 0, 1 },
		.ether_type = htons(ETHERTYPE_IP),
	};
	p->ip = (struct iphdr){
		.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
		.tot_len = htons(size - sizeof(p->ether)),
		.saddr = htonl(0x0a000001), .daddr = htonl(0x0a000002),
	};
	p->udp = (struct udphdr){ .source = htons(1024 + flow), .dest = htons(7) };
	p->number = number;
	p->size = size;
	memset(p->data, number + flow, size - offsetof(struct packet, data));
	p->checksum = checksum(p, size);
	return size;
}

static int open_end(const char *netns, const char *device)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int fd, err = enter_netns(netns);

	if (err)
		return err;
	address.sll_ifindex = if_nametoindex(device);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	err = enter_netns(NULL);
	return err ?: fd;
}

int traffic_open(void)
{
	client = open_end("client-ns", "client");
	server = open_end("server-ns", "server");
	return client < 0 ? client : server < 0 ? server : 0;
}

static struct packet packets[BATCH], received[BATCH];

static void prepare(struct mmsghdr *messages, struct iovec *vectors, struct packet *of, unsigned int n)
{
	memset(messages, 0, n * sizeof(*messages));
	for (unsigned int i = 0; i < n; i++) {
		vectors[i] = (struct iovec){ .iov_base = &of[i], .iov_len = MAX_SIZE };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
}

/* Is this the next packet of its flow, as it was sent? */
static bool is_good(const struct packet *p, unsigned int size, unsigned int *next, struct traffic *t)
{
	const unsigned int flow = ntohs(p->udp.source) - 1024;

	if (size != p->size || flow >= FLOWS || checksum(p, size) != p->checksum) {
		t->altered++;
		return false;
	}
	if (p->number != next[flow]) {
		t->out_of_order++;
		next[flow] = p->number + 1;
		return false;
	}
	next[flow]++;
	return true;
}

static int send_batch(int fd, struct packet *of, const unsigned int *lengths, unsigned int n)
{
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];

	prepare(messages, vectors, of, n);
	for (unsigned int i = 0; i < n; i++)
		vectors[i].iov_len = lengths[i];
	return sendmmsg(fd, messages, n, 0) == (int)n ? 0 : errno ? -errno : -EIO;
}

/* Forwards until n packets came, or none for some time. Returns how many came. */
static unsigned int receive_batch(int fd, unsigned int *lengths, unsigned int n, struct forwarder *f)
{
	double deadline = now() + ARRIVAL_DEADLINE;
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	unsigned int came = 0;
	int more;

	prepare(messages, vectors, received, n);
	while (came < n && now() < deadline) {
		forwarder_step(f);
		more = recvmmsg(fd, messages + came, n - came, MSG_DONTWAIT, NULL);
		if (more <= 0)
			continue;
		came += more;
		deadline = now() + ARRIVAL_DEADLINE;
	}
	for (unsigned int i = 0; i < came; i++)
		lengths[i] = messages[i].msg_len;
	return came;
}

/* Sends n packets there and back. */
static int run_batch(struct traffic *t, unsigned int n, struct forwarder *f)
{
	static unsigned int next_there[FLOWS], next_back[FLOWS];
	unsigned int lengths[BATCH], came;
	int err;

	if (!t->sent) {
		memset(next_there, 0, sizeof(next_there));
		memset(next_back, 0, sizeof(next_back));
	}
	for (unsigned int i = 0; i < n; i++)
		lengths[i] = fill_packet(&packets[i], t->sent + i);
	err = send_batch(client, packets, lengths, n);
	if (err)
		return err;
	t->sent += n;
	came = receive_batch(server, lengths, n, f);
	for (unsigned int i = 0; i < came; i++)
		t->arrived += is_good(&received[i], lengths[i], next_there, t);
	err = came ? send_batch(server, received, lengths, came) : -ETIMEDOUT;
	if (err)
		return err;
	came = receive_batch(client, lengths, came, f);
	for (unsigned int i = 0; i < came; i++)
		t->returned += is_good(&received[i], lengths[i], next_back, t);
	return 0;
}

int traffic_run(struct traffic *t, unsigned int n_packets, struct forwarder *f)
{
	unsigned int first = 0, per_second;
	double began = now();
	int err;

	while (t->sent < n_packets) {
		err = run_batch(t, n_packets - t->sent < BATCH ? n_packets - t->sent : BATCH, f);
		if (err)
			return err;
		if (t->sent - first < STRETCH && t->sent < n_packets)
			continue;
		per_second = 2 * (t->sent - first) / (now() - began);
		if (per_second > t->per_second)
			t->per_second = per_second;
		first = t->sent;
		began = now();
	}
	return 0;
}
