// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What libxdp before 1.3 calls of xdp-tools' lib/util, which the lab does not build. The linker
 * takes it from an archive, so only those who lack it get it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <bpf/libbpf.h>

void silence_libbpf_logging(void);
int try_snprintf(char *buffer, size_t size, const char *format, ...);

void silence_libbpf_logging(void)
{
	libbpf_set_print(NULL);
}

int try_snprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(buffer, size, format, arguments);
	va_end(arguments);
	if (length < 0)
		return -EINVAL;
	return (size_t)length < size ? 0 : -ENAMETOOLONG;
}
