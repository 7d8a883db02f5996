// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: run the program that is to be recorded. The plugin knows this one by the
 * address of its code; see record.c.
 *
 * usage: begin PROGRAM ARGUMENT...
 * Exit: the program's; 127 it cannot be run.
 */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc > 1)
		execvp(argv[1], argv + 1);
	perror(argc > 1 ? argv[1] : "begin");
	return 127;
}
