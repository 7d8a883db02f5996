// SPDX-License-Identifier: GPL-2.0-only
int first(void)
{
	return 1;
}

void _start(void)
{
	for (;;)
		first();
}
