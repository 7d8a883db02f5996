/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Calls with a pause before them during a race; to be included before connectx.c.
 * With WITHOUT_LOCK, SO_REUSEADDR is never turned off again.
 */
#include "scene.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define LONGEST_PAUSE 4 /* turns of others */

static void pause_awhile(void)
{
	for (int turns = racing ? random() % LONGEST_PAUSE : 0; turns; turns--)
		sched_yield();
}

static inline int paused_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
#ifdef WITHOUT_LOCK
	static const int on = 1;

	if (option == SO_REUSEADDR)
		value = &on;
#endif
	pause_awhile();
	return setsockopt(fd, level, option, value, size);
}

#define setsockopt paused_setsockopt
#define connect(...) (pause_awhile(), connect(__VA_ARGS__))
#define bind(...) (pause_awhile(), bind(__VA_ARGS__))
