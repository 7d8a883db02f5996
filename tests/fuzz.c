// SPDX-License-Identifier: GPL-2.0-only
/*
 * One of the lab's programs under libFuzzer, for tests/fuzz: -DPROGRAM='"FILE.c"'.
 *
 * Input: a byte, the number of arguments; the arguments, each followed by a NUL; then the
 * system's answers. A call gets a byte: even for success, odd for an error. A file, a
 * folder's entry or a variable gets a text, followed by a NUL. After the end of the input,
 * calls fail and texts are empty.
 *
 * This file includes the program unchanged, and replaces all of its system calls.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <xdp/xsk.h>

#define MAX_ARGUMENTS 12

static const uint8_t *input;
static size_t left;
static jmp_buf end;
static FILE *file;
static char *texts[64];
static size_t n_texts;

static uint8_t byte(void)
{
	return left ? left--, *input++ : 1;
}

/* On the heap, so that the sanitizer sees a read beyond its end. */
static char *text(void)
{
	size_t length = strnlen((const char *)input, left);
	char *copy;

	if (n_texts == sizeof(texts) / sizeof(*texts))
		longjmp(end, 1);
	copy = strndup((const char *)input, length);
	input += length + (length < left);
	left -= length + (length < left);
	return texts[n_texts++] = copy;
}

static long answer(void)
{
	int number = byte();

	if (!(number & 1))
		return number / 2;
	errno = number / 2 + 1;
	return -1;
}

static _Noreturn void leave(void)
{
	longjmp(end, 1);
}

static FILE *open_text(void)
{
	char *content = text();

	file = fmemopen(content, strlen(content), "r");
	return file;
}

static int close_text(void)
{
	fclose(file);
	file = NULL;
	return 0;
}

static struct dirent *next_entry(void)
{
	static struct dirent entry;
	const char *name = text();

	snprintf(entry.d_name, sizeof(entry.d_name), "%s", name);
	return *name ? &entry : NULL;
}

static unsigned int index_of_device(void)
{
	long index = answer();

	return index < 0 ? 0 : index;
}

static pid_t ended_child(int *status)
{
	*status = byte() << 8 | byte();
	return answer();
}

static int read_option(void *value, socklen_t *length)
{
	for (socklen_t i = 0; i < *length; i++)
		((uint8_t *)value)[i] = byte();
	return answer();
}

static void *map(int flags)
{
	static char memory[1];

	/* The kernel gives the offsets of a ring in shared memory: trusted. */
	return flags & MAP_SHARED || answer() < 0 ? MAP_FAILED : memory;
}

/* Macros that evaluate their arguments. */
#define xsk_umem__create(...) (__VA_ARGS__, (answer() < 0 ? -errno : 0))
#define xsk_umem__delete(...) (__VA_ARGS__, 0)
#define xsk_socket__create_shared(...) (__VA_ARGS__, (answer() < 0 ? errno : 0))
#define xsk_socket__delete(...) (__VA_ARGS__, (void)0)
#define abort() leave()
#define _exit(status) leave()
#define exit(status) leave()
#define bind(...) (__VA_ARGS__, answer())
#define closedir(...) (__VA_ARGS__, 0)
#define close(...) (__VA_ARGS__, 0)
#define connect(...) (__VA_ARGS__, answer())
#define dup2(...) (__VA_ARGS__, answer())
#define execl(...) (__VA_ARGS__, answer())
#define fclose(...) (__VA_ARGS__, close_text())
#define fopen(...) (__VA_ARGS__, open_text())
#define fork() answer()
#define getenv(...) (__VA_ARGS__, text())
#define getsockopt(fd, level, option, value, length) read_option(value, length)
#define if_nametoindex(...) (__VA_ARGS__, index_of_device())
#define ioctl(...) (__VA_ARGS__, answer())
#define listen(...) (__VA_ARGS__, answer())
#define mkdir(...) (__VA_ARGS__, answer())
#define mmap(address, length, protection, flags, ...) map(flags)
#define mount(...) (__VA_ARGS__, answer())
#define mprotect(...) (__VA_ARGS__, answer())
#define munmap(...) (__VA_ARGS__, 0)
#define open(...) (__VA_ARGS__, answer())
#define opendir(...) (__VA_ARGS__, (answer() < 0 ? NULL : (DIR *)texts))
#define readdir(...) (__VA_ARGS__, next_entry())
#define reboot(...) (__VA_ARGS__, answer())
#define sendto(...) (__VA_ARGS__, answer())
#define send(...) (__VA_ARGS__, answer())
#define setenv(...) (__VA_ARGS__, answer())
#define seteuid(...) (__VA_ARGS__, answer())
#define setlinebuf(...) (__VA_ARGS__, (void)0)
#define setns(...) (__VA_ARGS__, answer())
#define setrlimit(...) (__VA_ARGS__, answer())
#define setsid() answer()
#define setsockopt(...) (__VA_ARGS__, answer())
#define socket(...) (__VA_ARGS__, answer())
#define sync() ((void)0)
#define syscall(...) (__VA_ARGS__, answer())
#define unshare(...) (__VA_ARGS__, answer())
#define vdprintf(fd, ...) vsnprintf(NULL, 0, __VA_ARGS__)
#define wait(status) ended_child(status)
#define write(...) (__VA_ARGS__, answer())

#define main program
#include PROGRAM
#undef main
#undef fclose

/* A program's main() may be declared with or without arguments. */
static int run_with(int (*main)(int, char **), int argc, char **argv)
{
	return main(argc, argv);
}

static int run_without(int (*main)(void), int argc, char **argv)
{
	return (void)argc, (void)argv, main();
}

#define RUN(main, argc, argv) _Generic(&(main), \
	int (*)(int, char **): run_with, int (*)(void): run_without)(main, argc, argv)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[MAX_ARGUMENTS + 2] = { "program" };
	int argc = 1;

	input = data;
	left = size;
	optind = 0;
	if (!setjmp(end)) {
		for (int n = byte() % (MAX_ARGUMENTS + 1); n; n--)
			argv[argc++] = text();
		RUN(program, argc, argv);
	}
	if (file)
		fclose(file);
	file = NULL;
	while (n_texts)
		free(texts[--n_texts]);
	return 0;
}
