// SPDX-License-Identifier: GPL-2.0-only
// A rootless container's start: an unprivileged child makes a user namespace and maps user and
// group, without "deny" first.
#include "refusals.h"
#include <sys/prctl.h>
#define prctl_dumpable() prctl(PR_SET_DUMPABLE, 1)

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), n;
	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (int)strlen(text) ? 0 : -1;
}

static int container(void)
{
	char map[64];
	int uid = geteuid(), gid = getegid();
	if (unshare(CLONE_NEWUSER))
		return 10;
	snprintf(map, sizeof(map), "0 %d 1\n", uid);
	if (put("/proc/self/uid_map", map))
		return 11;
	snprintf(map, sizeof(map), "0 %d 1\n", gid);
	if (put("/proc/self/gid_map", map))
		return 12;
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		return 13;
	return execl("/bin/sh", "sh", "-c", "id", NULL) ? 14 : 0;
}

int main(void)
{
	int status;
	pid_t pid = fork();
	if (!pid) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(9);
		prctl_dumpable();
		_exit(container());
	}
	waitpid(pid, &status, 0);
	if (status) {
		fprintf(stderr, "container: start failed (step %d)\n",
			WEXITSTATUS(status));
		return 1;
	}
	return 0;
}
