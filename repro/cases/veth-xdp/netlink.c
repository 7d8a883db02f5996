// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Change a device by netlink, and read what the kernel says to it: see veth-xdp.h. */
#include "veth-xdp.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct request {
	struct nlmsghdr header;
	struct ifinfomsg device;
	char attributes[64];
};

static struct request change(unsigned int ifindex)
{
	return (struct request){
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.device.ifi_index = ifindex,
	};
}

static struct rtattr *add(struct request *request, unsigned short type, const void *value, size_t size)
{
	struct rtattr *attribute = (void *)((char *)request + request->header.nlmsg_len);

	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attribute), value, size);
	request->header.nlmsg_len += RTA_SPACE(size);
	return attribute;
}

static struct ack read_ack(const struct nlmsghdr *header)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);
	struct ack ack = { .err = -error->error };
	int left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*error));

	/* NETLINK_CAP_ACK: the request itself does not come back. */
	for (const struct rtattr *a = (const void *)(error + 1); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == NLMSGERR_ATTR_MSG)
			snprintf(ack.text, sizeof(ack.text), "%s", (const char *)RTA_DATA(a));
	return ack;
}

static struct ack send_request(struct request *request)
{
	const int on = 1;
	union {
		struct nlmsghdr header;
		char all[1024];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) ||
	    send(fd, request, request->header.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		fail("netlink");
	close(fd);
	return read_ack(&answer.header);
}

struct ack set_xdp(unsigned int ifindex, int program, unsigned int flags)
{
	struct request request = change(ifindex);
	struct rtattr *xdp = add(&request, IFLA_XDP | NLA_F_NESTED, NULL, 0);

	add(&request, IFLA_XDP_FD, &program, sizeof(program));
	add(&request, IFLA_XDP_FLAGS, &flags, sizeof(flags));
	xdp->rta_len = (char *)&request + request.header.nlmsg_len - (char *)xdp;
	return send_request(&request);
}

struct ack set_mtu(unsigned int ifindex, unsigned int mtu)
{
	struct request request = change(ifindex);

	add(&request, IFLA_MTU, &mtu, sizeof(mtu));
	return send_request(&request);
}
