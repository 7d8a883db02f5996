# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a program that asks for a queue that lo lacks.

up() { ip link set lo up; }

run() { "$@" /case/program; }
