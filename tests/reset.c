// SPDX-License-Identifier: GPL-2.0-only
/* The bare boot of tests/bench: a PID 1 that resets at once. */
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
	return reboot(RB_AUTOBOOT);
}
