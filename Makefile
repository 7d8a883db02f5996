# SPDX-License-Identifier: GPL-2.0-only
#
# The entry point. Knobs are environment variables or words on make's command line;
# "make help" lists them. The targets call scripts that do the work; this file has the
# dependencies between their files.

CASE ?= xsk-netns-cookie
BUILD := $(or $(BUILD),build)
# make itself exports the other knobs, which come from its command line or environment.
export CASE BUILD

# A case may live anywhere: CASE=path/to/case.
stem := $(if $(findstring /,$(CASE)),$(CASE),repro/cases/$(CASE))
run := $(BUILD)/$(notdir $(stem))

# Not CFLAGS: that is a knob, for the case's program.
OPTIMIZED := -O2 -Wall -Wextra -Werror
# For gdb: static functions stay visible. A link address of its own keeps
# breakpoints on the program from hitting other programs of the guest.
DEBUGGED := -O0 -g3 -no-pie -Wl,-Ttext-segment=0x10000000 -Wall \
	-fdebug-prefix-map="$$PWD"=.
# Not busybox's sh, which prefers its own ip applet to /bin/ip.
PROGRAMS := $(shell PATH=$$PATH:/usr/sbin:/sbin; \
	for program in sh busybox ip ethtool strace; do command -v $$program || true; done)
SCRIPTS := $(filter-out %.c,$(wildcard netns/*)) vm/guest/save-here
GDBSERVER := $(shell command -v gdbserver || true)
APPLETS := cat echo grep kill ls mkdir mount nproc ps rm sleep umount
# Children end with make, even if SIGKILL ends it.
TIED := setpriv --pdeathsig TERM
Q := $(if $(filter 1,$(V)),,@)

# The variables that the user set on make's command line, but for those that only choose a mirror
# or a program. Scripts get them as words, since they refuse a knob that they do not know.
given := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(if $(value $(name)),$(name))))
given := $(filter-out KERNEL_ORG XDP_TOOLS LIBBPF_GIT QEMU CC SHELL XDG_CACHE_HOME %_proxy,$(given))
# $(call knobs,NAMES): all but NAMES as words for a shell.
knobs = $(foreach name,$(filter-out $(1),$(given)),$(name)="$$$(name)")
# $(call only,NAMES): for a verb whose script takes no words, refuse all but NAMES, BUILD and V.
only = $(foreach name,$(firstword $(filter-out $(1) BUILD V,$(given))),\
	@echo "xsklab: unknown knob $(name) of make $@; see make help-all" >&2; exit 2)

define help
make repro       build what is missing, boot a guest for each column of the case, judge
make verdict     show the last verdict again
make why PROG=P  name the kernel line that refused P's system call
make diverge     it works there and fails here: name the line at which the two runs part
make bisect REPO=FOLDER GOOD=A BAD=B  find the commit that broke the case, or fixed it
make report      write up the last run: a mail, a web page, a self-running archive
make case NAME=N create a case to start from, in repro/cases/N; see docs/case.md
make nightly     run all cases on several kernels, compare with the last time
make debug       boot one guest with gdb on the kernel and gdb on the program
make shell       open a shell in the guest, with the case's scene set up
make selftest    run a test for Linux's or xdp-tools' own suite in the guest
make doctor      check this machine: tools, accelerator, sources, free space
make test        test the lab in ten minutes; tests/run FILE.bats tests one file
make test-all    run all tests and the full table of faults, about an hour
make all         build what make repro needs, and run nothing
make kernel      build only the kernel
make menuconfig  try other kernel options, and print them as a fragment
make bench       measure what a reproduction costs, in bare boots of the same kernel
make soak N=100  run the reproduction N times, and count the verdicts
make clean       remove build/, or BUILD inside it; make distclean also removes the cache

The main knobs, as NAME=value after the verb or in the environment:
  CASE      a case of repro/cases, or the path of a folder     (xsk-netns-cookie)
  KERNEL    vX.Y[.Z], a kernel tree, GITDIR#REF, or distro     (v5.15)
  PATCH     patches for a copy of the kernel's tree
  CONFIG    files with more kernel options
  LIBXDP    upstream, a git folder of xdp-tools, or distro     (upstream)
  ACCEL     kvm, tcg, or auto                                  (auto)
  BUILD     the folder to build and run in                     (build)
  V=1       show all commands
A case has knobs of its own: see "knobs" in its case.json. make help-all lists the rest.

Scripts should call repro/run instead of make repro. It exits with 0 (as expected), 1 (not as
expected), 2 (bad usage) or 125 (the lab failed).
endef

define help-all

All other knobs (default in parentheses):
  FIX       for a case with a library: full id of another fix, to compare with its parent
  LIBBPF    for a case with libbpf 0.3: upstream, a git folder of libbpf, or distro
  CFLAGS    more compiler options for the case's program
  ARGS      arguments of the program
            A column's own value of a knob wins over yours; your PATCH and CONFIG are added
            to the column's.
  DEADLINE  seconds that a guest may take (60; make why: 20)
  SWAP=1    exchange the columns: must end in NOT REPRODUCED
  SNAPSHOT=1  restore a saved guest instead of booting one; see docs/snapshot.md
  KERNEL, LIBXDP  if unset, and their source cannot be reached, the lab uses the
            distribution's and says so
  KERNEL_ORG, XDP_TOOLS, LIBBPF_GIT  mirrors of the kernel's tarballs and of the repositories
make why:
  PROG ARGS FILES SETUP  the program, its arguments, other files, a script to run first
  CALL ERRNO NTH         choose an error of the program; ALL=1 explains all, LIST=1 lists them
  KERNELS                several kernels: each gets a row with "refused" and where, or "allowed"
make diverge:
  WORKS FAILS  knobs in which the two runs differ; PROG, ARGS, FILES and SETUP as for make why
make bisect:
  REPO GOOD BAD  a git repository of Linux or the case's library; two commits, tags or branches
  ROW FACTS COLUMN  the row to compare (the first in which the ends differ), its facts that
            count besides the error (none), and the column to run (the case's first)
  RUNS      how often each commit runs; all runs must agree (1)
  PATHS, FIRST_PARENT=1  limit the search, as for git bisect
  PROG ...  a program instead of a case, with the knobs of make why
make debug, make shell:
  COLUMN    the column of the case (the first)
  PORT      make debug: port of the kernel's gdb (1234); the program's gdb uses the next
  DEADLINE  make debug: seconds until the guest must reach the program (600)
  GUEST     make shell: tiny, or debian: a disk with apt and ssh (tiny)
  SSH_PORT, DISK  GUEST=debian: its port on 127.0.0.1 (10022), and the file that keeps
            the changes to its disk (build/debian/disk.qcow2)
make nightly:
  CASES, KERNELS, LIBXDPS, LIBBPFS  lists, separated by blanks (all; v5.15 distro; upstream distro)
  JOBS      cells to run at once (what processors and memory allow)
  HOSTS SSH  other machines to run the cells on, and the command to reach them (none; ssh)
  PREVIOUS  the results.jsonl to compare with (the last one)
make selftest:
  SUITE     linux, or xdp-tools with LIBXDP=GITDIR or LIBXDP=GITDIR#REF (linux)
make report:
  LAST_GOOD FIRST_BAD  the ends of a bisection
  REPOSITORY           where others can clone this lab
  ARCHIVES             the URL of the folder to which you upload the archives
make soak:
  N         number of runs (100)
  LOAD=1    keep all processors busy meanwhile
endef

.DELETE_ON_ERROR:
.PHONY: help help-all repro all verdict report why diverge bisect case nightly debug shell selftest kernel menuconfig doctor \
	bench soak test test-all clean distclean

help:
	$(call only)
	$(info $(help))
	@:

help-all: help
	$(info $(help-all))
	@:

repro:
	@$(TIED) repro/run $(knobs)

all:
	@$(TIED) repro/run build $(knobs)

verdict:
	@repro/run show $(knobs)

# Any run can be reported, even a lost one.
report:
	@[ -e $(run)/verdict.json ] || $(TIED) repro/run $(call knobs,LAST_GOOD FIRST_BAD REPOSITORY ARCHIVES) || [ $$? != 2 ]
	@$(TIED) repro/report $(knobs)

why:
	@$(TIED) repro/why $(knobs)

diverge:
	@$(TIED) repro/diverge $(knobs)

bisect:
	@$(TIED) repro/bisect $(knobs)

case:
	@repro/case $(call knobs,BUILD V)

nightly:
	@$(TIED) repro/nightly $(knobs)

debug:
	@$(TIED) repro/debug $(knobs)

shell:
	@$(TIED) repro/shell $(knobs)

selftest:
	@$(TIED) repro/selftest $(knobs)

doctor:
	$(call only,KERNEL LIBXDP ACCEL)
	@repro/needs report

kernel:
	$(call only,KERNEL PATCH CONFIG)
	@repro/needs
	@$(TIED) kernel-config/build $(BUILD)/kernel "$$KERNEL"

menuconfig:
	$(call only,KERNEL PATCH MENU)
	@repro/needs
	@kernel-config/menuconfig "$$KERNEL"

bench:
	@$(TIED) tests/bench $(knobs)

soak:
	@$(TIED) tests/soak $(knobs)

test:
	$(call only,KERNEL LIBXDP)
	@$(TIED) tests/run

test-all:
	$(call only,KERNEL LIBXDP)
	@$(TIED) tests/run all

clean:
	$(call only)
	@repro/clean

distclean:
	$(call only)
	@repro/clean cache

# repro/run makes the targets below, once the kernel and the libraries exist.
$(BUILD)/errno.json: repro/judge/errno.c | $(BUILD)
	$(Q)$(CC) $(OPTIMIZED) -o $(BUILD)/errno $<
	$(Q)$(BUILD)/errno >$@

# Static: under emulation, dynamic linking takes longer than all the rest of init.
$(BUILD)/init: vm/guest/init.c Makefile | $(BUILD)
	$(Q)$(CC) $(OPTIMIZED) -static -s -o $@ $<

$(BUILD)/diverge.tools/align: $(wildcard repro/diverge.d/*.h) $(addprefix repro/diverge.d/,align.c calls.c differences.c postdominators.c run.c) Makefile | $(BUILD)/diverge.tools
	$(Q)$(CC) $(OPTIMIZED) -o $@ $(filter %.c,$^)

# At an address of its own, by which record.c knows it.
$(BUILD)/diverge.tools/begin: repro/diverge.d/begin.c Makefile | $(BUILD)/diverge.tools
	$(Q)$(CC) $(OPTIMIZED) -static -no-pie -Wl,-Ttext-segment=0x20000000 -o $@ $<

$(BUILD)/diverge.tools:
	$(Q)mkdir -p $@

$(BUILD)/gen_init_cpio: | $(BUILD)
	$(Q)cp $(BUILD)/kernel/gen_init_cpio $@

# Not static: libc is in the image anyway, so this adds 16 KiB instead of 700.
$(BUILD)/netns-cookie: netns/cookie.c Makefile | $(BUILD)
	$(Q)$(CC) $(OPTIMIZED) -o $@ $<

$(BUILD)/guest.cpio: vm/image $(BUILD)/init $(BUILD)/netns-cookie $(SCRIPTS) $(PROGRAMS) Makefile | $(BUILD)/gen_init_cpio
	$(Q)vm/image $(BUILD)/gen_init_cpio $@ /init=$(BUILD)/init '/var/run->/run' \
		$(foreach program,$(PROGRAMS) $(SCRIPTS) $(BUILD)/netns-cookie,/bin/$(notdir $(program))=$(program)) \
		$(foreach applet,$(APPLETS),'/bin/$(applet)->busybox')

$(BUILD)/gdbserver.cpio: vm/image $(GDBSERVER) | $(BUILD)/gen_init_cpio
	$(Q)vm/image $(BUILD)/gen_init_cpio $@ /bin/gdbserver=$(GDBSERVER)

# column.% comes from repro/run: a column's LIBRARY, CFLAGS and SOURCES. All sources of a case make
# one program. Its debug information does not show where the case is on this host.
$(run)/program.%: $(wildcard $(stem)/*.c $(stem)/*.h) $(run)/column.%
	$(Q). $(run)/column.$*; $(CC) $(DEBUGGED) -fdebug-prefix-map=$(stem)=repro/cases/$(notdir $(stem)) \
		-Wextra -Werror $$CFLAGS -o $@ $(filter %.c,$^) \
		$$([ -z "$$LIBRARY" ] && echo -static || cat "$$LIBRARY/flags")

$(BUILD)/errno-menu: tests/errno-menu/errno-menu.c $(BUILD)/libxdp/FIX-parent/flags
	$(Q)$(CC) $(DEBUGGED) -Wextra -Werror -o $@ $< $$(cat $(BUILD)/libxdp/FIX-parent/flags)

# SNAPSHOT=1 uses it without initrd.%.
.PRECIOUS: $(run)/case.%

# The case's part of the image. The program is stripped, as each MiB costs boot time.
$(run)/case.%: repro/judge/guest.sh $(stem)/guest.sh $(run)/column.% $(if $(wildcard $(stem)/*.c),$(run)/program.%) | $(BUILD)/gen_init_cpio
	$(Q)$(if $(wildcard $(stem)/*.c),strip -o $(run)/guest.$* $(run)/program.$*)
	$(Q)vm/image $(BUILD)/gen_init_cpio $@ /case/run.sh=repro/judge/guest.sh /case/guest.sh=$(stem)/guest.sh \
		$(if $(wildcard $(stem)/*.c),/case/program=$(run)/guest.$*)

$(run)/initrd.%: $(BUILD)/guest.cpio $(run)/case.%
	$(Q)cat $^ >$@

# For SNAPSHOT=1: the image of the guest that is saved, without a column's program.
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
