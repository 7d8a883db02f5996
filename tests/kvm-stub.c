// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-stub: stand between gdb and a QEMU under TCG, so that it answers as under KVM.
 *
 * usage: kvm-stub ADDRESS COMMAND...
 *   ADDRESS  where gdb connects: a path, or a port of 127.0.0.1
 *   COMMAND  QEMU; its gdb stub must use file descriptor STUB, an open connection
 * Environment: KVM_LOG, a file that gets a line for each departure from TCG;
 *   KVM_IRQ_STEPS=N, every Nth single step lands in an interrupt handler (0, none: as
 *   with KVM_GUESTDBG_BLOCKIRQ).
 * Exit: COMMAND's; 2 bad usage; 125 cannot listen.
 *
 * The rules come from QEMU's sources; docs/kvm.md explains them:
 *   - Z1, Z2, Z4 share four debug registers; Z3 is unknown
 *     (target/i386/kvm/kvm.c, kvm_arch_insert_hw_breakpoint()).
 *   - Z0 writes int3 into the guest's memory, z0 removes it, and both fail where no page
 *     is mapped (kvm_arch_insert_sw_breakpoint(), kvm_arch_remove_sw_breakpoint()).
 *   - The error is E22 (gdbstub/gdbstub.c, handle_insert_bp()).
 *   - A single step takes a pending interrupt first, unless KVM and QEMU both know
 *     KVM_GUESTDBG_BLOCKIRQ (accel/kvm/kvm-all.c, kvm_init(), kvm_sstep_flags).
 *
 * TCG stops at an address in every address space, before it executes the instruction there.
 * So the stub also passes each Z0 to TCG, and skips a stop where memory has no int3. An int3
 * that the guest executes at another address raises #BP in it, as under KVM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STUB = 99, PACKET = 1 << 16, REGISTERS = 4, BREAKPOINTS = 256 };
#define INT3 0xcc
#define ERROR "E22"
#define INTERRUPT "\003"
/* Registers of gdbstub/gdb-xml/i386-64bit.xml. */
#define RIP "p10"
#define EFLAGS "p11"
#define IF 0x200
/* An MSI for CPU 0 with X86_PLATFORM_IPI_VECTOR, whose handler only acknowledges it. */
#define RAISE "Mfee00000,4:f7000000"

struct link {
	int fd;
	size_t length;
	char data[PACKET];
};

static struct link gdb, qemu;
static struct { int type; uint64_t address, length; } registers[REGISTERS];
static struct { uint64_t address; unsigned int uses; uint8_t saved; } breakpoints[BREAKPOINTS];
static size_t used_registers, used_breakpoints;
static char resumed[PACKET]; /* gdb's last packet that let the guest run */
static char *step_flags;     /* what to set again after a step with interrupts */
static uint64_t step_from;
static int step_tries;
static unsigned long steps, irq_steps;
static FILE *log_file;

static void note(const char *format, ...)
{
	va_list arguments;

	if (!log_file)
		return;
	va_start(arguments, format);
	vfprintf(log_file, format, arguments);
	va_end(arguments);
	fputc('\n', log_file);
	fflush(log_file);
}

/* Packets */

static void put(struct link *link, const char *data, size_t length)
{
	while (length) {
		ssize_t n = write(link->fd, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			exit(0);
		data += n;
		length -= n;
	}
}

static void send_packet(struct link *link, const char *text)
{
	static char packet[PACKET + 4];
	unsigned char sum = 0;

	if (!strcmp(text, INTERRUPT)) {
		put(link, text, 1);
		return;
	}
	for (const char *c = text; *c; c++)
		sum += *c;
	put(link, packet, snprintf(packet, sizeof(packet), "$%s#%02x", text, sum));
}

/* When one end closes, the other does, too. */
static void fill(struct link *link)
{
	ssize_t n = read(link->fd, link->data + link->length, sizeof(link->data) - link->length);

	if (n <= 0 && errno != EINTR)
		exit(0);
	if (n > 0)
		link->length += n;
}

static void drop(struct link *link, size_t length)
{
	link->length -= length;
	memmove(link->data, link->data + length, link->length);
}

/* Takes the next complete packet and acknowledges it; skips acknowledgements. */
static bool take(struct link *link, char *text)
{
	char *end;

	while (link->length && *link->data == '+')
		drop(link, 1);
	if (link->length && *link->data == *INTERRUPT) {
		strcpy(text, INTERRUPT);
		drop(link, 1);
		return true;
	}
	end = memchr(link->data, '#', link->length);
	if (!end || link->data + link->length < end + 3)
		return false;
	snprintf(text, PACKET, "%.*s", (int)(end - link->data - 1), link->data + 1);
	drop(link, end + 3 - link->data);
	put(link, "+", 1);
	return true;
}

static const char *await_qemu(void)
{
	static char reply[PACKET];

	while (!take(&qemu, reply))
		fill(&qemu);
	return reply;
}

static const char *ask(const char *format, ...)
{
	char request[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(request, sizeof(request), format, arguments);
	va_end(arguments);
	send_packet(&qemu, request);
	return await_qemu();
}

static bool did(const char *reply)
{
	return !strcmp(reply, "OK");
}

/* The guest */

static bool read_byte(uint64_t address, uint8_t *byte)
{
	const char *hex = ask("m%lx,1", address);

	return strlen(hex) == 2 && sscanf(hex, "%2hhx", byte) == 1; /* not "E14" */
}

static bool write_byte(uint64_t address, uint8_t byte)
{
	return did(ask("M%lx,1:%02x", address, byte));
}

static uint64_t read_register(const char *request)
{
	const char *hex = ask(request);
	uint64_t value = 0;
	uint8_t byte;

	for (int i = 0; i < 8 && sscanf(hex + 2 * i, "%2hhx", &byte) == 1; i++)
		value |= (uint64_t)byte << 8 * i;
	return value;
}

/* Z1 to Z4 */

static size_t find_register(int type, uint64_t address, uint64_t length)
{
	size_t i;

	for (i = 0; i < used_registers; i++)
		if (registers[i].type == type && registers[i].address == address && registers[i].length == length)
			break;
	return i;
}

static bool fits_register(int type, uint64_t address, uint64_t length)
{
	return type == 1 || ((length == 1 || length == 2 || length == 4 || length == 8) && !(address & (length - 1)));
}

static const char *insert_hardware(const char *packet, int type, uint64_t address, uint64_t length)
{
	if (type == 3)
		return "";
	if (!fits_register(type, address, length) || find_register(type, address, length) < used_registers) {
		note("refused %s: no debug register takes it", packet);
		return ERROR;
	}
	if (used_registers == REGISTERS) {
		note("refused %s: all four debug registers are in use", packet);
		return ERROR;
	}
	registers[used_registers].type = type;
	registers[used_registers].address = address;
	registers[used_registers++].length = length;
	note("set %s in a debug register", packet);
	return ask("%s", packet);
}

static const char *remove_hardware(const char *packet, int type, uint64_t address, uint64_t length)
{
	size_t i = find_register(type, address, length);

	if (i == used_registers)
		return ERROR;
	registers[i] = registers[--used_registers];
	return ask("%s", packet);
}

/* Z0 */

static size_t find_breakpoint(uint64_t address)
{
	size_t i;

	for (i = 0; i < used_breakpoints && breakpoints[i].address != address; i++)
		;
	return i;
}

static const char *insert_software(const char *packet, uint64_t address)
{
	size_t i = find_breakpoint(address);
	uint8_t saved;

	if (i < used_breakpoints) {
		breakpoints[i].uses++;
		return "OK";
	}
	if (i == BREAKPOINTS || !read_byte(address, &saved) || !write_byte(address, INT3)) {
		note("refused %s: not mapped", packet);
		return ERROR;
	}
	breakpoints[i].address = address;
	breakpoints[i].saved = saved;
	breakpoints[i].uses = 1;
	used_breakpoints++;
	note("wrote int3 for %s", packet);
	return ask("%s", packet);
}

static bool take_out(size_t i)
{
	uint8_t now;

	return read_byte(breakpoints[i].address, &now) &&
	       (now != INT3 || write_byte(breakpoints[i].address, breakpoints[i].saved));
}

static const char *remove_software(const char *packet, uint64_t address)
{
	size_t i = find_breakpoint(address);

	if (i == used_breakpoints)
		return ERROR;
	if (--breakpoints[i].uses)
		return "OK";
	if (!take_out(i)) {
		note("refused %s: not mapped, so its int3 stays", packet);
		breakpoints[i].uses = 1;
		return ERROR;
	}
	breakpoints[i] = breakpoints[--used_breakpoints];
	return ask("%s", packet);
}

/* QEMU does the same when gdb connects and when it detaches. */
static void remove_all(void)
{
	for (size_t i = 0; i < used_breakpoints; i++)
		if (!take_out(i))
			note("an int3 stays at %lx: not mapped", breakpoints[i].address);
	used_breakpoints = used_registers = 0;
}

static void breakpoint(const char *packet)
{
	const char *reply = ERROR;
	uint64_t address, length;
	int type;

	if (sscanf(packet + 1, "%d,%lx,%lx", &type, &address, &length) == 3) {
		if (*packet == 'Z')
			reply = type ? insert_hardware(packet, type, address, length) : insert_software(packet, address);
		else
			reply = type ? remove_hardware(packet, type, address, length) : remove_software(packet, address);
	}
	send_packet(&gdb, reply);
}

/* Running */

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static void step(void)
{
	if (!irq_steps || !(read_register(EFLAGS) & IF) || ++steps % irq_steps)
		return;
	step_from = read_register(RIP);
	step_tries = 10;
	step_flags = strdup(ask("qqemu.sstep"));
	if (!did(ask("Qqemu.PhyMemMode:1")) || !did(ask(RAISE)) || !did(ask("Qqemu.PhyMemMode:0")) ||
	    !did(ask("Qqemu.sstep=1")))
		note("QEMU does not raise an interrupt");
	else
		note("an interrupt at the step from %lx", step_from);
}

/* Is this stop TCG's alone, because this address space has no int3 there? */
static bool is_elsewhere(void)
{
	uint64_t pc = read_register(RIP);
	uint8_t byte;

	return find_breakpoint(pc) < used_breakpoints && find_register(1, pc, 1) == used_registers &&
	       read_byte(pc, &byte) && byte != INT3;
}

static void pass_over(void)
{
	uint64_t pc = read_register(RIP);

	note("passed over %lx, where another address space has no int3", pc);
	ask("z0,%lx,1", pc);
	if (!starts(ask("vCont;s"), "T05"))
		exit(0);
	ask("Z0,%lx,1", pc);
	send_packet(&qemu, resumed);
}

static void from_gdb(const char *packet)
{
	if (*packet == 'Z' || *packet == 'z') {
		breakpoint(packet);
		return;
	}
	if (*packet == '?' || *packet == 'D')
		remove_all();
	if (*packet == 's' || starts(packet, "vCont;s"))
		step();
	if (!strcmp(packet, "qqemu.sstepbits")) {
		send_packet(&gdb, irq_steps ? "ENABLE=1" : "ENABLE=1,NOIRQ=2");
		return;
	}
	if (strchr("cCsS", *packet) || starts(packet, "vCont;"))
		snprintf(resumed, sizeof(resumed), "%s", packet);
	send_packet(&qemu, packet);
}

static void from_qemu(const char *packet)
{
	if (*packet == 'T' && step_flags) {
		/* A step in which TCG asks its APIC for interrupts executes nothing else. */
		if (step_tries-- && read_register(RIP) == step_from) {
			send_packet(&qemu, resumed);
			return;
		}
		ask("Qqemu.sstep=%s", step_flags);
		free(step_flags);
		step_flags = NULL;
	}
	if (starts(packet, "T05") && !strstr(packet, "watch:") && is_elsewhere()) {
		pass_over();
		return;
	}
	send_packet(&gdb, packet);
}

static void serve(int server)
{
	static char packet[PACKET];
	struct pollfd ends[] = { { .fd = server, .events = POLLIN }, { .fd = qemu.fd, .events = POLLIN } };

	signal(SIGPIPE, SIG_IGN);
	poll(ends, 2, -1);
	if (!(ends[0].revents & POLLIN))
		exit(0); /* QEMU ended first */
	gdb.fd = accept(server, NULL, NULL);
	close(server);
	ends[0].fd = gdb.fd;
	for (;;) {
		while (take(&qemu, packet))
			from_qemu(packet);
		while (take(&gdb, packet))
			from_gdb(packet);
		if (poll(ends, 2, -1) < 0)
			continue;
		if (ends[1].revents)
			fill(&qemu);
		else if (ends[0].revents)
			fill(&gdb);
	}
}

static int listen_at(const char *address)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct sockaddr_in port = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons(atoi(address)) };
	bool is_port = port.sin_port && !strchr(address, '.');
	int server = socket(is_port ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	snprintf(path.sun_path, sizeof(path.sun_path), "%s", address);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server, is_port ? (struct sockaddr *)&port : (struct sockaddr *)&path,
		 is_port ? sizeof(port) : sizeof(path)) || listen(server, 1)) {
		perror(address);
		exit(125);
	}
	return server;
}

int main(int argc, char **argv)
{
	const char *log_name = getenv("KVM_LOG"), *n = getenv("KVM_IRQ_STEPS");
	int server, ends[2];

	if (argc < 3) {
		fputs("usage: kvm-stub ADDRESS COMMAND...\n", stderr);
		return 2;
	}
	server = listen_at(argv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) || dup2(ends[1], STUB) < 0) {
		perror("socketpair");
		return 125;
	}
	if (!fork()) {
		close(ends[1]);
		close(STUB);
		qemu.fd = ends[0];
		irq_steps = n ? strtoul(n, NULL, 10) : 0;
		log_file = log_name ? fopen(log_name, "a") : NULL;
		serve(server);
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 125;
}
