// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that works or fails by its arguments, for tests/diverge.bats.
 *
 * usage: parts noise N          threads, a timer's signals, a fork; then it fails unless N is 0
 *        parts numbers N LIMIT  print N numbers; fail if N is above the limit
 *        parts limit N          open 20 sockets, with room for N descriptors
 *        parts keep WORD        set a limit by a word, and open a socket
 *        parts options N...     set options of a socket; fail if one cannot be set
 *        parts crowd N          poll a million descriptors at once, with room for N
 *        parts compute N        N times around a loop
 * Exit: 0; 1 it failed.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int ticks, sum;

static void tick(int signal)
{
	(void)signal;
	ticks++;
}

static void *work(void *unused)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		sum += i;
		pthread_mutex_unlock(&lock);
		if (i % 500 == 0)
			usleep(100);
	}
	return unused;
}

static int noise(int fails)
{
	struct itimerval every = { { 0, 2000 }, { 0, 2000 } };
	struct timespec now;
	pthread_t threads[3];

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	printf("pid %d, %ld.%09ld, %p\n", getpid(), (long)now.tv_sec, now.tv_nsec, (void *)&now);
	if (!fork()) {
		for (int i = 0; i < 200000; i++)
			sum++;
		_exit(0);
	}
	while (wait(NULL) < 0 && errno == EINTR)
		;
	if (fails && close(99)) { /* the cause of noise */
		perror("close");
		return 1;
	}
	return 0;
}

static int check(int n, int limit)
{
	if (n > limit) /* the cause of numbers */
		return -EINVAL;
	return 0;
}

static int numbers(int n, int limit)
{
	for (int i = 0; i < n; i++)
		printf("%d of %d\n", 1 << i, n);
	if (check(n, limit)) {
		fprintf(stderr, "too many\n");
		return 1;
	}
	return 0;
}

static int limited(int n)
{
	struct rlimit limit = { n, n };

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 20; i++) {
		if (socket(AF_INET, SOCK_DGRAM, 0) < 0) { /* the cause of limit */
			perror("socket");
			return 1;
		}
	}
	return 0;
}

static int keep(const char *word)
{
	struct rlimit limit = { 64, 64 };

	if (!strcmp(word, "few")) { /* the cause of keep */
		sum++;
		limit.rlim_cur = 3;
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0) {
		perror("socket");
		return 1;
	}
	return 0;
}

static int options(char **names)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), value = 1, status = 0;

	for (; *names; names++) {
		if (setsockopt(fd, SOL_SOCKET, atoi(*names), &value, sizeof(value))) { /* the cause of options */
			perror("setsockopt");
			status = 1;
		}
	}
	return status;
}

static int crowd(int n)
{
	static struct pollfd all[1000000];
	struct rlimit limit = { n, n };

	setrlimit(RLIMIT_NOFILE, &limit);
	if (poll(all, sizeof(all) / sizeof(*all), 0) < 0) {
		perror("poll");
		return 1;
	}
	return 0;
}

static int compute(unsigned int n)
{
	unsigned int x = 7;

	for (unsigned int i = 0; i < n; i++)
		x = x & 1 ? 3 * x + i : x / 2;
	sum = x;
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(what, "noise"))
		return noise(n);
	if (!strcmp(what, "numbers") && argc > 3)
		return numbers(n, atoi(argv[3]));
	if (!strcmp(what, "limit"))
		return limited(n);
	if (!strcmp(what, "options"))
		return options(argv + 2);
	if (!strcmp(what, "crowd"))
		return crowd(n);
	if (!strcmp(what, "keep") && argc > 2)
		return keep(argv[2]);
	return compute(n);
}
