// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the error numbers of this C library as JSON:
 *   {"22": {"name": "EINVAL", "text": "Invalid argument"}, ...}
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#define MAX_ERRNO 4095 /* include/linux/err.h of the kernel */

int main(void)
{
	const char *separator = "{";

	for (int number = 1; number <= MAX_ERRNO; number++) {
		if (!strerrorname_np(number))
			continue;
		printf("%s\"%d\":{\"name\":\"%s\",\"text\":\"%s\"}", separator,
		       number, strerrorname_np(number), strerrordesc_np(number));
		separator = ",\n";
	}
	puts("}");
	return ferror(stdout) ? 1 : 0;
}
