// SPDX-License-Identifier: GPL-2.0-only
const char more[] = MORE;
