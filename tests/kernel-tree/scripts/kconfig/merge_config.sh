#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: merge_config.sh -m -O DIR .config FRAGMENT...
# The last word on each symbol.
set -eu
dir=$3
shift 4
cat "$@" | awk '/^(# )?CONFIG_/ { split($0, word, /[ =]/); is[$1 == "#" ? $2 : word[1]] = $0 }
	END { for (symbol in is) print is[symbol] }' | sort >"$dir/.config"
