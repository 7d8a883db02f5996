# SPDX-License-Identifier: GPL-2.0-only
#
# The one entry point. The knobs are environment variables or words of make's
# command line; "make help" lists them. The work is done by the scripts that the
# targets call; this file knows how their files depend on each other.

CASE ?= xsk-netns-cookie
BUILD := $(or $(BUILD),build)
# make exports the other knobs by itself, as they come from its command line or environment.
export CASE BUILD

# A case of one's own may live anywhere: CASE=path/to/case.
stem := $(if $(findstring /,$(CASE)),$(CASE),repro/cases/$(CASE))
run := $(BUILD)/$(notdir $(stem))

# CFLAGS is a knob, of the case's program.
OPTIMIZED := -O2 -Wall -Wextra -Werror
# For gdb: static functions stay visible, and an address of their own keeps the
# other programs of the guest out of breakpoints on them.
DEBUGGED := -O0 -g3 -no-pie -Wl,-Ttext-segment=0x10000000 -Wall \
	-fdebug-prefix-map="$$PWD"=.
# Not busybox's sh, which would take its own ip(8) before /bin/ip.
PROGRAMS := $(shell PATH=$$PATH:/usr/sbin:/sbin; \
	for program in sh busybox ip ethtool strace; do command -v $$program || true; done)
SCRIPTS := $(filter-out %.c,$(wildcard netns/*)) vm/guest/restored
GDBSERVER := $(shell command -v gdbserver || true)
APPLETS := cat echo grep kill ls mkdir mount nproc ps rm sleep umount
# What make starts ends with it, even where SIGKILL ends it.
TIED := setpriv --pdeathsig TERM
Q := $(if $(filter 1,$(V)),,@)

define help
make repro       build what is missing, run the case's columns side by side, judge
make verdict     show the last verdict again
make report      the last run for a mail, as a page, and as an archive that runs by itself
make why PROG=P  which line of the kernel refused P's system call, and the values there
make case NAME=N a case of one's own to begin with, in repro/cases/N; see docs/case.md
make nightly     the case on several kernels, compared with the last time
make debug       one guest, two debuggers: gdb on the kernel, gdb on the program
make shell       a shell in a guest, with the case's scene up
make doctor      what is there: tools, accelerator, sources, room
make test        whether the lab works, in ten minutes; tests/run FILE.bats for one file
make test-all    all tests and the whole table of faults, an hour
make all         build what make repro needs, and run nothing; make kernel: only the kernel
make menuconfig  try other kernel options, and get them as a fragment
make bench       what a reproduction costs, in bare boots of the same kernel
make soak N=100  the whole reproduction N times, and what became of each
make clean       remove build/, or the BUILD in it; make distclean also the cache

Knobs (NAME=value after make, or in the environment; after ; the default). The case has
its own, too: the "knobs" in its case.json, with values and default.
  CASE      a case of repro/cases, or path/to/case; $(CASE)
  NAME      of make case: the case's name, or path/to/case
  KERNEL    vX.Y[.Z] from kernel.org, a folder with any tree, GITDIR#REF, or
              distro; v5.15
  PATCH     files for patch -p1, with blanks between, for a copy of the kernel's tree
  CONFIG    files with more kernel options, with blanks between
  LIBXDP    of a case with libxdp: upstream, a git folder of xdp-tools, or distro; upstream
              without KERNEL and LIBXDP, the lab takes from distro what it cannot reach
  FIX       full id of another commit of xdp-tools: it and its parent are compared
  CFLAGS    more options for the compiler of the case's program
  ARGS      arguments of the case's program, where its script passes them on
              a column that chooses one of these keeps its choice, and gets the user's
              PATCH and CONFIG besides
  ACCEL     kvm, tcg, or auto: kvm where a guest was seen to run under it; auto
  DEADLINE  seconds that a guest may take; 60
  SWAP=1    exchange the columns, to see the lab say no
  SNAPSHOT=1  do not boot the guests, but go on from one that was saved with its
            scene up: faster, and not all that a booted one is, see README.md
  BUILD     the folder to build and run in; build
  PROG ARGS FILES SETUP   of make why: the program, its arguments, other files, a script
            to run before it; CALL ERRNO NTH choose a failed call, LIST=1 lists them
  COLUMN    of make debug and make shell: which column of the case; its first
  PORT      of make debug, of the kernel's gdb, the next is the program's; 1234.
              DEADLINE: of the program's gdb; 600
  KERNELS, LIBXDPS   of make nightly, with blanks between; v5.15 distro, and
              upstream distro
  JOBS, PREVIOUS   of make nightly: cells at once, and the results.jsonl to
              compare with; what the machine has, and the last one
  GUEST     of make shell: tiny, or debian: a disk with apt and ssh; tiny
  SSH_PORT, DISK  of GUEST=debian: its port on 127.0.0.1, and the file that keeps
            what is changed on its disk; 10022, build/debian/disk.qcow2
  LAST_GOOD FIRST_BAD REPOSITORY   of make report: the ends of a bisection, and where
            others can clone this lab from
  N, LOAD   of make soak: how often, and LOAD=1 for all processors busy meanwhile; 100
  V=1       show all commands

repro/run does what make repro does and has exit codes: 0 as predicted, 1 not as
predicted, 2 bad usage, 125 the lab failed.
endef

.DELETE_ON_ERROR:
.PHONY: help repro all verdict report why case nightly debug shell kernel menuconfig doctor \
	bench soak test test-all clean distclean

help:
	$(info $(help))
	@:

repro:
	@$(TIED) repro/run

all:
	@$(TIED) repro/run build

verdict:
	@repro/run show

# A report can be made of any run, a lost one too.
report:
	@[ -e $(run)/verdict.json ] || $(TIED) repro/run || [ $$? != 2 ]
	@$(TIED) repro/report $(run) $(BUILD)/report

why:
	@$(TIED) repro/why

case:
	@repro/case

nightly:
	@$(TIED) repro/nightly

debug:
	@$(TIED) repro/debug

shell:
	@$(TIED) repro/shell

doctor:
	@repro/needs report

kernel:
	@repro/needs
	@$(TIED) kernel-config/build $(BUILD)/kernel "$$KERNEL"

menuconfig:
	@repro/needs
	@kernel-config/menuconfig "$$KERNEL"

bench:
	@$(TIED) tests/bench

soak:
	@$(TIED) tests/soak

test:
	@$(TIED) tests/run

test-all:
	@$(TIED) tests/run all

clean:
	@repro/clean

distclean:
	@repro/clean cache

# What follows is made for repro/run, once the kernel and the libraries are there.
$(BUILD)/errno.json: repro/judge/errno.c | $(BUILD)
	$(Q)$(CC) $(OPTIMIZED) -o $(BUILD)/errno $<
	$(Q)$(BUILD)/errno >$@

# Static: under emulation the dynamic linker takes longer than all that it does.
$(BUILD)/init: vm/guest/init.c Makefile | $(BUILD)
	$(Q)$(CC) $(OPTIMIZED) -static -s -o $@ $<

$(BUILD)/gen_init_cpio: | $(BUILD)
	$(Q)cp $(BUILD)/kernel/gen_init_cpio $@

# Not static: its libc is in the image anyway, and so it adds 16 KiB instead of 700.
$(BUILD)/netns-cookie: netns/cookie.c Makefile | $(BUILD)
	$(Q)$(CC) $(OPTIMIZED) -o $@ $<

$(BUILD)/guest.cpio: vm/image $(BUILD)/init $(BUILD)/netns-cookie $(SCRIPTS) $(PROGRAMS) Makefile | $(BUILD)/gen_init_cpio
	$(Q)vm/image $(BUILD)/gen_init_cpio $@ /init=$(BUILD)/init '/var/run->/run' \
		$(foreach program,$(PROGRAMS) $(SCRIPTS) $(BUILD)/netns-cookie,/bin/$(notdir $(program))=$(program)) \
		$(foreach applet,$(APPLETS),'/bin/$(applet)->busybox')

$(BUILD)/gdbserver.cpio: vm/image $(GDBSERVER) | $(BUILD)/gen_init_cpio
	$(Q)vm/image $(BUILD)/gen_init_cpio $@ /bin/gdbserver=$(GDBSERVER)

# A column's LIBRARY, CFLAGS and SOURCES, from repro/run. All sources of a case are one program.
$(run)/program.%: $(wildcard $(stem)/*.c $(stem)/*.h) $(run)/column.%
	$(Q). $(run)/column.$*; $(CC) $(DEBUGGED) -Wextra -Werror $$CFLAGS -o $@ $(filter %.c,$^) \
		$$([ -z "$$LIBRARY" ] && echo -static || cat "$$LIBRARY/flags")

$(BUILD)/errno-menu: tests/errno-menu/errno-menu.c $(BUILD)/libxdp/FIX/flags
	$(Q)$(CC) $(DEBUGGED) -Wextra -Werror -o $@ $< $$(cat $(BUILD)/libxdp/FIX/flags)

# The case's part of the image; the program is stripped, as each MiB costs time.
$(run)/case.%: repro/judge/guest.sh $(stem)/guest.sh $(run)/column.% $(if $(wildcard $(stem)/*.c),$(run)/program.%) | $(BUILD)/gen_init_cpio
	$(Q)$(if $(wildcard $(stem)/*.c),strip -o $(run)/guest.$* $(run)/program.$*)
	$(Q)vm/image $(BUILD)/gen_init_cpio $@ /case/run.sh=repro/judge/guest.sh /case/guest.sh=$(stem)/guest.sh \
		$(if $(wildcard $(stem)/*.c),/case/program=$(run)/guest.$*)

$(run)/initrd.%: $(BUILD)/guest.cpio $(run)/case.%
	$(Q)cat $^ >$@

# For SNAPSHOT=1: what is in the guest when it is saved, and what comes after that.
$(run)/initrd.saved: $(BUILD)/guest.cpio repro/judge/guest.sh $(stem)/guest.sh $(wildcard $(run)/column.*)
	$(Q)vm/image $(BUILD)/gen_init_cpio $(run)/case-saved.cpio /case/run.sh=repro/judge/guest.sh /case/guest.sh=$(stem)/guest.sh
	$(Q)cat $(BUILD)/guest.cpio $(run)/case-saved.cpio >$@

# For make debug: the program under gdbserver.
$(run)/debug-initrd.%: $(run)/initrd.% $(BUILD)/gdbserver.cpio vm/guest/under-gdbserver
	$(Q)vm/image $(BUILD)/gen_init_cpio $(run)/debug.$* /case/program=vm/guest/under-gdbserver \
		/case/program.program=$(run)/guest.$*
	$(Q)cat $(run)/initrd.$* $(BUILD)/gdbserver.cpio $(run)/debug.$* >$@

$(BUILD):
	$(Q)mkdir -p $@
