# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The guest's machine, for vm/boot, vm/snapshot and repro/debug; sourced after vm/lib.sh.
# Environment: ACCEL, kvm or tcg (default); QEMU (qemu-system-x86_64).

: "${ACCEL:=tcg}"

# guarded SECONDS COMMAND...: whoever dies first takes the others along, however
# it dies. To be run in the background.
# timeout(1) that is ended just when it forks leaves a child that has not yet asked for
# the signal; that one finds that its parent is another.
guarded() {
	local seconds=$1
	shift
	# shellcheck disable=SC2016 # sh's variables
	exec setpriv --pdeathsig TERM timeout --kill-after=2 "$seconds" \
		setpriv --pdeathsig KILL sh -c '[ "$PPID" = "$0" ] && exec "$@"' "$BASHPID" "$@"
}

# qemu_options KERNEL INITRD WORDS...: set OPTIONS. WORDS become the environment
# of the guest's PID 1; quotes keep one with blanks whole (lib/cmdline.c, next_arg()).
# microvm boots vmlinux through PVH, with no firmware and no PCI to look at: half
# the time of q35 and bzImage. panic=-1 with -no-reboot ends QEMU on a panic.
# A console and three ports are the most that a guest of this lab has, and each costs the
# kernel two rings: QEMU would offer 31. The initramfs stays where it is: nobody needs
# its memory, and the kernel would overwrite it before it frees it.
qemu_options() {
	local kernel=$1 initrd=$2 tuning='' word words=''
	shift 2
	for word; do
		# The kernel takes what is in double quotes for one value.
		[[ $word != *' '* ]] || word="${word%%=*}=\"${word#*=}\""
		words+=" $word"
	done
	OPTIONS=(-machine "microvm,acpi=off,accel=$ACCEL" -smp 1 -m 256
		-nodefaults -no-user-config -no-reboot -device "virtio-serial-device,max_ports=4"
		-kernel "$kernel/vmlinux.boot" -initrd "$initrd")
	know_qemu
	# It should have nothing to do but to run a guest.
	if [ -n "$QEMU_SANDBOX" ]; then
		# shellcheck disable=SC2054 # QEMU's commas
		OPTIONS+=(-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny)
	fi
	case $ACCEL in
	kvm) OPTIONS+=(-cpu host) ;;
	tcg)
		# What costs more to emulate than it saves: glibc's AVX routines, pages that
		# are cleared byte by byte (each a line in a log of executed code), the
		# calibration of the APIC timer, a quarter of the boot, and libraries at another
		# address in each process, which are translated anew: a fifth of the whole.
		# shellcheck disable=SC2054 # QEMU's commas
		OPTIONS+=(-cpu max,-avx,-avx2,-xsave,-erms)
		# On a busy host the kernel may find that its timer does not tick, and panics
		# ("IO-APIC + timer doesn't work"): that test is left out, as under KVM.
		tuning="noapictimer no_timer_check norandmaps" ;;
	*) usage_error "ACCEL=$ACCEL is neither kvm nor tcg" ;;
	esac
	OPTIONS+=(-append "console=ttyS0 panic=-1 oops=panic reboot=t nokaslr random.trust_cpu=on retain_initrd dummy.numdummies=0 $tuning$words")
}

# A word for guests that are judged: where memory ends the kernel would kill any process,
# and go on with what is left of the case.
# shellcheck disable=SC2034 # used by those who source this
PANIC_ON_OOM=sysctl.vm.panic_on_oom=1

# guest_files: what the guest says goes on at the end of files in this folder.
guest_files() {
	local port
	# shellcheck disable=SC2054 # QEMU's commas
	OPTIONS+=(-chardev file,id=console,path=console.log,append=on -serial chardev:console)
	for port in result=result.jsonl strace=strace.log; do
		OPTIONS+=(-chardev "file,id=${port%=*},path=${port#*=},append=on"
			-device "virtserialport,chardev=${port%=*},name=${port%=*}")
	done
}

# can_be_saved CHARDEV: what a guest needs besides for vm/guest/save-here: a port.
can_be_saved() {
	OPTIONS+=(-chardev "$1,id=words" -device "virtserialport,chardev=words,name=words")
}
