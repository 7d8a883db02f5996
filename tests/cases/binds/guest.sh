# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a program that needs no network but what the kernel has by itself.

up() { :; }

run() { "$@" /case/program; }
