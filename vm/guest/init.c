// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the guest: mount, bring lo up, run the case, report, reset.
 *
 * Inputs:  the environment, which the kernel fills from NAME=value words of its
 *          command line (init/main.c, unknown_bootoption()): CASE names the
 *          script /case/$CASE.sh; the rest is for that script.
 * Outputs: the result channel, virtio-serial port "result": one JSON object a
 *          line. PID 1 writes the first ("boot") and the last ("end"); the
 *          script's stdout comes between. Port "strace" becomes fd 3 of the
 *          script. The console gets everything else.
 * Errors:  PID 1 prints what failed on the console and resets without an "end"
 *          line, which the host counts as a lost guest.
 *
 * A kernel without ACPI cannot power off; QEMU runs with -no-reboot, so a
 * reset ends it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *type, *target;
	bool optional; /* some kernels lack it */
} mounts[] = {
	{ "devtmpfs", "/dev", false },
	{ "proc", "/proc", false },
	{ "sysfs", "/sys", false },
	{ "tmpfs", "/run", false },
	{ "tmpfs", "/tmp", false },
	{ "devpts", "/dev/pts", true },
	{ "hugetlbfs", "/dev/hugepages", true },
	{ "bpf", "/sys/fs/bpf", true },
	{ "cgroup2", "/sys/fs/cgroup", true },
	{ "tracefs", "/sys/kernel/tracing", true },
};

static _Noreturn void reset(void)
{
	sync();
	reboot(RB_AUTOBOOT);
	abort(); /* the death of PID 1 is a panic, which also resets */
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	reset();
}

/* A kernel without that filesystem returns ENODEV; in sysfs, the folder is missing, too. */
static void mount_filesystems(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		const char *type = mounts[i].type, *target = mounts[i].target;

		mkdir(target, 0755); /* mount() complains if it is missing */
		if (!mount(type, target, type, 0, NULL))
			continue;
		if (!mounts[i].optional || (errno != ENODEV && errno != ENOENT))
			give_up(target);
	}
}

/* The kernel adds lo's addresses when lo comes up. */
static void bring_lo_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		give_up("lo");
	close(fd);
}

/* The initramfs has no /dev/console, so the kernel opened none for PID 1. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		reset();
	for (int std = 0; std <= 2; std++)
		if (fd != std && dup2(fd, std) < 0)
			reset();
}

/* Returns an fd for the virtio-serial port that QEMU named @name. */
static int open_port(const char *name)
{
	char path[300], line[64];
	struct dirent *entry;
	int fd = -1;
	FILE *file;
	DIR *dir;

	dir = opendir("/sys/class/virtio-ports");
	if (!dir)
		give_up("virtio-serial");
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(line, sizeof(line), file)) {
			line[strcspn(line, "\n")] = '\0';
			if (!strcmp(line, name)) {
				snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
				fd = open(path, O_WRONLY | O_CLOEXEC);
				if (fd < 0)
					give_up(path);
			}
		}
		fclose(file);
	}
	closedir(dir);
	if (fd < 0) {
		errno = ENOENT;
		give_up(name);
	}
	return fd;
}

static void report(int result, const char *format, ...)
{
	va_list args;
	int written;

	va_start(args, format);
	written = vdprintf(result, format, args);
	va_end(args);
	if (written < 0)
		give_up("result channel");
}

static void report_boot(int result)
{
	struct utsname name;

	if (uname(&name))
		give_up("uname");
	report(result, "{\"boot\":{\"release\":\"%s\",\"version\":\"%s\"}}\n",
	       name.release, name.version);
}

/* Returns the bits of Documentation/admin-guide/tainted-kernels.rst. */
static unsigned long read_tainted(void)
{
	const char *path = "/proc/sys/kernel/tainted";
	FILE *file = fopen(path, "r");
	unsigned long bits;

	if (!file || fscanf(file, "%lu", &bits) != 1)
		give_up(path);
	fclose(file);
	return bits;
}

/* Returns the exit status of the case's script as a shell would show it. */
static int run_case(int result, int strace)
{
	const char *name = getenv("CASE");
	char path[300];
	pid_t child, pid;
	int status;

	snprintf(path, sizeof(path), "/case/%s.sh", name ? name : "");
	child = fork();
	if (child < 0)
		give_up("fork");
	if (!child) {
		if (setsid() < 0 || dup2(result, STDOUT_FILENO) < 0 ||
		    dup2(strace, 3) < 0 || setenv("PATH", "/bin", 1))
			_exit(127);
		execl("/bin/sh", "sh", path, NULL);
		_exit(127);
	}
	do {
		pid = wait(&status); /* reaps orphans of the case, too */
	} while (pid != child && (pid > 0 || errno == EINTR));
	if (pid != child)
		give_up("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	int result, strace, status;

	mount_filesystems();
	open_console();
	bring_lo_up();
	result = open_port("result");
	strace = open_port("strace");
	report_boot(result);
	status = run_case(result, strace);
	report(result, "{\"end\":{\"status\":%d,\"tainted\":%lu}}\n", status, read_tainted());
	reset();
}
