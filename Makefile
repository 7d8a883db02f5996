# SPDX-License-Identifier: GPL-2.0-only
#
# The one entry point. The knobs are environment variables or words of make's
# command line; "make help" lists them. The work is done by the scripts that the
# targets call; this file knows how their files depend on each other.

CASE ?= xsk-netns-cookie
export KERNEL LIBXDP ACCEL CASE LAYOUT QUEUES INDEX DEADLINE SWAP V

# A case of one's own may live anywhere: CASE=path/to/case.
stem := $(if $(findstring /,$(CASE)),$(CASE),repro/$(CASE))
run := build/$(notdir $(CASE))

CFLAGS := -O2 -g -Wall -Wextra -Werror
# For gdb: static functions stay visible, and an address of their own keeps the
# other programs of the guest out of breakpoints on them.
DEBUGGED := -O0 -g3 -static -no-pie -Wl,-Ttext-segment=0x10000000 -Wall \
	-fdebug-prefix-map="$$PWD"=.
PROGRAMS := $(shell command -v sh busybox ip ethtool strace gdbserver)
Q := $(if $(filter 1,$(V)),,@)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: help repro verdict debug kernel image libxdp inputs menuconfig doctor \
	bench test clean distclean

help:
	@sed 's/^# \{0,1\}//; /^SPDX/d' vm/help.txt

repro:
	@repro/run

verdict:
	@repro/run show

debug:
	@vm/debug

doctor:
	@vm/needs report

kernel:
	@vm/needs
	@kernel-config/build build/kernel "$$KERNEL"

menuconfig:
	@vm/needs
	@kernel-config/menuconfig "$$KERNEL"

libxdp:
	@vm/needs
	@repro/libxdp/source build/libxdp "$$LIBXDP"

image: kernel
	$(Q)$(MAKE) --no-print-directory build/guest.cpio

bench:
	@tests/bench

test:
	@vm/needs
	@tests/run

clean:
	rm -rf build

distclean: clean
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/xsklab"

# Everything that repro/run needs once kernel and libxdp are there.
inputs: $(run)/initrd.cpio build/errno.json

build/errno.json: | build
	$(Q)echo '#include <errno.h>' | $(CC) -E -dM - | \
		awk '$$2 ~ /^E/ && $$3 ~ /^[0-9]+$$/ { print $$3, $$2 }' | \
		jq -nR '[inputs / " " | { key: .[0], value: .[1] }] | from_entries' >$@

build/init: vm/init.c | build
	$(Q)$(CC) $(CFLAGS) -o $@ $<

build/gen_init_cpio: | build
	$(Q)cp build/kernel/gen_init_cpio $@

build/guest.cpio: vm/image build/init $(wildcard netns/*) $(PROGRAMS) | build/gen_init_cpio
	$(Q)vm/image build/gen_init_cpio build/init $@

build/libxdp/%/xsk.o build/libxdp/%/libxdp.o: build/libxdp/libxdp.json repro/libxdp/cflags
	$(Q)set -f; for source in xsk libxdp; do \
		$(CC) $(DEBUGGED) $$(repro/libxdp/cflags build/libxdp/$*) -c \
			-o build/libxdp/$*/$$source.o build/libxdp/$*/lib/libxdp/$$source.c || exit; \
	done

$(run)/program.%: $(stem).c build/libxdp/%/xsk.o build/libxdp/%/libxdp.o | $(run)
	$(Q)$(CC) $(DEBUGGED) -Wextra -Werror -Ibuild/libxdp/$*/headers -o $@ $^ \
		$$(pkg-config --static --libs libbpf libelf)

$(run)/initrd.cpio: build/guest.cpio $(run)/program.before $(run)/program.after $(stem).sh
	$(Q)for variant in before after; do \
		strip -o $(run)/guest.$$variant $(run)/program.$$variant && \
		echo "file /case/$(notdir $(CASE)).$$variant $(run)/guest.$$variant 755 0 0"; \
	done >$@.list
	$(Q)echo "file /case/$(notdir $(CASE)).sh $(stem).sh 755 0 0" >>$@.list
	$(Q)build/gen_init_cpio -t 0 $@.list | cat build/guest.cpio - >$@

build $(run):
	$(Q)mkdir -p $@
