// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Processes race for one UDP 4-tuple after the other. In each round all of them try at the same
 * time; then a server sends something to each one that has the 4-tuple.
 */
#include "scene.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PROCESSES 8
#define DEADLINE 50 /* seconds */
#define PATIENCE 2000 /* ms for what was sent to arrive */

/* What the processes share. The counts of a round begin at 0. */
struct board {
	pthread_barrier_t barrier;
	atomic_uint owners, arrived;
	/* of all rounds */
	atomic_uint all, one_owner, doubles, orphans, overshadowed;
};

struct racer {
	struct board *board;
	struct servers servers;
	connectx_fn *connectx;
	int family;
	unsigned int number;
};

bool racing;

/* Sends the racer's number to its socket, and reads what arrives there, until all arrived. */
static void check_owner(const struct racer *racer, int fd, unsigned int server)
{
	struct board *board = racer->board;
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);
	unsigned int number, own = 0;

	if (getsockname(fd, (struct sockaddr *)&name, &size) ||
	    sendto(racer->servers.fds[server], &racer->number, sizeof(number), 0,
		   (struct sockaddr *)&name, size) < 0)
		fail("send");
	for (int ms = 0; board->arrived < board->owners; ms++) {
		if (ms == PATIENCE)
			fail("what was sent did not arrive");
		if (poll(&polled, 1, 1) <= 0)
			continue;
		if (recv(fd, &number, sizeof(number), 0) != sizeof(number))
			fail("recv");
		own += number == racer->number;
		board->arrived++;
	}
	board->overshadowed += !own;
}

static void run_round(const struct racer *racer, unsigned int round, unsigned int port)
{
	struct board *board = racer->board;
	struct sockaddr_storage from, to;
	int fd;

	make_address(&from, racer->family, 0, port);
	make_address(&to, racer->family, 1 + round % SERVERS, 80);
	pthread_barrier_wait(&board->barrier);
	fd = racer->connectx(SOCK_DGRAM, (struct sockaddr *)&from, (struct sockaddr *)&to);
	if (fd < 0 && errno != EADDRINUSE)
		fail("connectx");
	board->owners += fd >= 0;
	pthread_barrier_wait(&board->barrier);
	if (fd >= 0) {
		check_owner(racer, fd, round % SERVERS);
		close(fd);
	}
	if (pthread_barrier_wait(&board->barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
		board->all += board->owners;
		board->one_owner += board->owners == 1;
		board->doubles += board->owners > 1;
		board->orphans += board->owners == 0;
		board->owners = board->arrived = 0;
	}
}

static _Noreturn void run_racer(const struct racer *racer, const struct scene *scene, pid_t parent)
{
	/* Racers wait for each other, so none must outlive the program, or wait for one that failed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
	alarm(DEADLINE);
	srandom(racer->number);
	racing = true;
	for (unsigned int round = 0; round < scene->rounds; round++)
		run_round(racer, round, scene->first_port + round % scene->ports);
	_exit(0);
}

static struct board *make_board(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attr;

	if (board == MAP_FAILED)
		fail("mmap");
	if (pthread_barrierattr_init(&attr) ||
	    pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) ||
	    pthread_barrier_init(&board->barrier, &attr, PROCESSES))
		fail("barrier");
	return board;
}

void race(const char *row, int family, connectx_fn *connectx, const struct scene *scene)
{
	struct racer racer = { .board = make_board(), .connectx = connectx, .family = family };
	struct board *board = racer.board;
	const pid_t parent = getpid();
	char one_owner[16];
	int status;

	open_servers(&racer.servers, family, SOCK_DGRAM);
	for (; racer.number < PROCESSES; racer.number++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0)
			run_racer(&racer, scene, parent);
	}
	for (unsigned int i = 0; i < PROCESSES; i++)
		if (wait(&status) < 0 || status)
			exit(1);
	if (board->one_owner == scene->rounds)
		snprintf(one_owner, sizeof(one_owner), "\"all\"");
	else
		snprintf(one_owner, sizeof(one_owner), "%u", board->one_owner);
	printf("{\"row\":\"%s\",\"rounds\":%u,\"owners\":%u,\"one_owner\":%s,\"doubles\":%u,\"orphans\":%u,"
	       "\"overshadowed\":%u}\n", row, scene->rounds, board->all, one_owner, board->doubles,
	       board->orphans, board->overshadowed);
	close_servers(&racer.servers);
	munmap(board, sizeof(*board));
}
