// SPDX-License-Identifier: GPL-2.0-only
// Installs a helper program and starts it at once; a writer in another thread still has it open
// (golang's #22315).
#include "refusals.h"
#include <sys/stat.h>

static pthread_barrier_t opened, done;
static const char *path = "/tmp/helper";
static void *installer(void *body)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	if (fd < 0 || write(fd, body, strlen(body)) < 0)
		die(path);
	pthread_barrier_wait(&opened);
	pthread_barrier_wait(&done); /* and only now it would close */
	close(fd);
	return NULL;
}

int main(void)
{
	pthread_t t;
	int status;
	pid_t pid;
	pthread_barrier_init(&opened, NULL, 2);
	pthread_barrier_init(&done, NULL, 2);
	pthread_create(&t, NULL, installer, "#!/bin/sh\nexit 0\n");
	pthread_barrier_wait(&opened);
	if (access(path, X_OK))
		die("access");
	if (!(pid = fork())) {
		char *argv[] = { "helper", NULL },
		     *env[] = { "PATH=/bin", NULL };
		execve(path, argv, env);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	pthread_barrier_wait(&done);
	pthread_join(t, NULL);
	if (WEXITSTATUS(status) == 126) {
		fputs("fork/exec helper: text file busy\n", stderr);
		return 1;
	}
	return 0;
}
