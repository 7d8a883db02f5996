# SPDX-License-Identifier: GPL-2.0-only
#
# The one entry point. The knobs are environment variables or words of make's
# command line; "make help" lists them. The work is done by the scripts that the
# targets call; this file knows how their files depend on each other.

CASE ?= xsk-netns-cookie
export KERNEL LIBXDP FIX ACCEL CASE LAYOUT QUEUES INDEX DEADLINE SWAP V VARIANT PORT

# A case of one's own may live anywhere: CASE=path/to/case.
stem := $(if $(findstring /,$(CASE)),$(CASE),repro/$(CASE))
name := $(notdir $(CASE))
run := build/$(name)

CFLAGS := -O2 -Wall -Wextra -Werror
# For gdb: static functions stay visible, and an address of their own keeps the
# other programs of the guest out of breakpoints on them.
DEBUGGED := -O0 -g3 -static -no-pie -Wl,-Ttext-segment=0x10000000 -Wall \
	-fdebug-prefix-map="$$PWD"=.
# Not busybox's sh, which would take its own ip(8) before /bin/ip.
PROGRAMS := $(shell PATH=$$PATH:/usr/sbin:/sbin; \
	for program in sh busybox ip ethtool strace; do command -v $$program || true; done)
GDBSERVER := $(shell command -v gdbserver || true)
APPLETS := cat echo grep kill ls mkdir mount nproc ps rm sleep umount
Q := $(if $(filter 1,$(V)),,@)

define help
make repro       build what is missing, run the case before and after the fix, judge
make verdict     show the last verdict again
make debug       one guest waits for a gdb in another terminal
make doctor      what is there: tools, accelerator, sources, room
make test        all tests
make kernel      only the kernel; make image, make libxdp likewise
make menuconfig  try other kernel options, and get them as a fragment
make bench       what a reproduction costs, in bare boots of the same kernel
make clean       remove build/; make distclean also the cache

Knobs (NAME=value after make, or in the environment):
  KERNEL    vX.Y[.Z] from kernel.org, a folder with any tree, or distro; v5.15
  LIBXDP    upstream, a git folder of xdp-tools, or distro; upstream
              without them, what cannot be reached is taken from distro
  FIX       full id of another commit of xdp-tools: it and its parent are compared
  CASE      a case of repro/, or path/to/case; xsk-netns-cookie
  LAYOUT    colliding, or different: other ifindexes, the control; colliding
  QUEUES    queues of each device, 1 to 64; 1
  INDEX     the ifindex; 4242
  ACCEL     kvm, tcg, or auto: kvm where a guest was seen to run under it; auto
  DEADLINE  seconds that a guest may take; 60
  SWAP=1    exchange before and after, to see the lab say no
  VARIANT, PORT   of make debug: before or after, and gdb's port; before, 1234
  V=1       show all commands

repro/run does what make repro does and has exit codes: 0 as predicted, 1 not as
predicted, 2 bad usage, 125 the lab failed.
endef

.DELETE_ON_ERROR:
.PRECIOUS: build/libxdp/%/xsk.o build/libxdp/%/libxdp.o $(run)/program.% $(run)/initrd.%
.PHONY: help repro verdict debug kernel image libxdp inputs menuconfig doctor \
	bench test clean distclean

help:
	$(info $(help))
	@:

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
	$(Q)$(MAKE) --no-print-directory build/guest.cpio build/gdbserver.cpio

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
inputs: $(run)/initrd.before $(run)/initrd.after build/errno.json

build/errno.json: | build
	$(Q)echo '#include <errno.h>' | $(CC) -E -dM - | \
		awk '$$2 ~ /^E/ && $$3 ~ /^[0-9]+$$/ { print $$3, $$2 }' | \
		jq -nR '[inputs / " " | { key: .[0], value: .[1] }] | from_entries' >$@

# Static: under emulation the dynamic linker takes longer than all that it does.
build/init: vm/init.c Makefile | build
	$(Q)$(CC) $(CFLAGS) -static -o $@ $<

build/gen_init_cpio: | build
	$(Q)cp build/kernel/gen_init_cpio $@

build/guest.cpio: vm/image build/init $(wildcard netns/*) $(PROGRAMS) Makefile | build/gen_init_cpio
	$(Q)vm/image build/gen_init_cpio $@ /init=build/init '/var/run->/run' \
		$(foreach program,$(PROGRAMS),/bin/$(notdir $(program))=$(program)) \
		$(foreach script,$(wildcard netns/*),/bin/$(notdir $(script))=$(script)) \
		$(foreach applet,$(APPLETS),'/bin/$(applet)->busybox')

build/gdbserver.cpio: vm/image $(GDBSERVER) | build/gen_init_cpio
	$(Q)vm/image build/gen_init_cpio $@ /bin/gdbserver=$(GDBSERVER)

build/libxdp/%/xsk.o build/libxdp/%/libxdp.o: build/libxdp/libxdp.json repro/libxdp/cflags Makefile
	$(Q)set -f; for source in xsk libxdp; do \
		$(CC) $(DEBUGGED) $$(repro/libxdp/cflags build/libxdp/$*) -c \
			-o build/libxdp/$*/$$source.o build/libxdp/$*/lib/libxdp/$$source.c || exit; \
	done

$(run)/program.%: $(stem).c build/libxdp/%/xsk.o build/libxdp/%/libxdp.o | $(run)
	$(Q)$(CC) $(DEBUGGED) -Wextra -Werror -Ibuild/libxdp/$*/headers -o $@ $^ \
		$$(pkg-config --static --libs libbpf libelf)

$(run)/initrd.%: build/guest.cpio build/gdbserver.cpio $(run)/program.% $(stem).sh
	$(Q)strip -o $(run)/guest.$* $(run)/program.$*
	$(Q)vm/image build/gen_init_cpio $(run)/case.$* /case/$(name).sh=$(stem).sh \
		/case/$(name).$*=$(run)/guest.$*
	$(Q)cat build/guest.cpio $(run)/case.$* >$@

build $(run):
	$(Q)mkdir -p $@
