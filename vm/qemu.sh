# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# QEMU's options for a guest; vm/boot, vm/snapshot and some verbs source it after vm/lib.sh.
# Environment: ACCEL, kvm or tcg (default); QEMU (qemu-system-x86_64).

: "${ACCEL:=tcg}"

# guarded SECONDS COMMAND...: run it under timeout(1) in the background; whichever process
# dies first takes the others along, however it dies. If timeout(1) dies while it forks, the
# child has not yet asked for the signal; so the child checks that its parent is unchanged.
guarded() {
	local seconds=$1
	shift
	# shellcheck disable=SC2016 # sh's variables
	exec setpriv --pdeathsig TERM timeout --kill-after=2 "$seconds" \
		setpriv --pdeathsig KILL sh -c '[ "$PPID" = "$0" ] && exec "$@"' "$BASHPID" "$@"
}

# qemu_options KERNEL INITRD WORDS...: set OPTIONS. WORDS become the environment of the
# guest's PID 1; quotes protect blanks in a value (lib/cmdline.c, next_arg()). microvm boots
# vmlinux through PVH, without firmware or PCI: half the time of q35 and bzImage. panic=-1
# with -no-reboot ends QEMU on a panic. A guest has at most a console and three ports; each
# costs the kernel two rings, and QEMU's default is 31. retain_initrd saves the time to
# overwrite and free the initramfs, whose memory nobody needs.
qemu_options() {
	local kernel=$1 initrd=$2 tuning='' word words=''
	shift 2
	for word; do
		# The kernel takes text in double quotes for one value.
		[[ $word != *' '* ]] || word="${word%%=*}=\"${word#*=}\""
		words+=" $word"
	done
	OPTIONS=(-machine "microvm,acpi=off,accel=$ACCEL" -smp 1 -m 256
		-nodefaults -no-user-config -no-reboot -device "virtio-serial-device,max_ports=4"
		-kernel "$kernel/vmlinux.boot" -initrd "$initrd")
	know_qemu
	# QEMU needs no rights beyond running a guest.
	if [ -n "$QEMU_SANDBOX" ]; then
		# shellcheck disable=SC2054 # QEMU's commas
		OPTIONS+=(-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny)
	fi
	case $ACCEL in
	kvm) OPTIONS+=(-cpu host) ;;
	tcg)
		# Turn off what costs more under emulation than it saves: glibc's AVX routines;
		# pages cleared byte by byte (each a line in a log of executed code); the
		# calibration of the APIC timer, a quarter of the boot; and libraries at another
		# address in each process, which QEMU has to translate again, a fifth of a run.
		# shellcheck disable=SC2054 # QEMU's commas
		OPTIONS+=(-cpu max,-avx,-avx2,-xsave,-erms)
		# On a busy host the kernel may find that its timer does not tick, and panic
		# ("IO-APIC + timer doesn't work"): skip that test, as under KVM.
		# lpj saves the calibration of the delay loop, 40 ms of real time: no device here
		# needs exact delays. noreplace-smp saves patching lock prefixes, which cost the
		# emulated processor nothing.
		tuning="noapictimer no_timer_check norandmaps lpj=1000000 noreplace-smp" ;;
	*) usage_error "ACCEL=$ACCEL: must be kvm or tcg" ;;
	esac
	OPTIONS+=(-append "console=ttyS0 panic=-1 oops=panic reboot=t nokaslr random.trust_cpu=on retain_initrd dummy.numdummies=0 $tuning$words")
}

# For guests that are judged: when memory runs out, the kernel would otherwise kill some process,
# and the rest of the case would go on.
# shellcheck disable=SC2034 # used by those who source this
PANIC_ON_OOM=sysctl.vm.panic_on_oom=1

# guest_files: append the guest's output to files in the working directory.
guest_files() {
	local port
	# shellcheck disable=SC2054 # QEMU's commas
	OPTIONS+=(-chardev file,id=console,path=console.log,append=on -serial chardev:console)
	for port in result=result.jsonl strace=strace.log; do
		OPTIONS+=(-chardev "file,id=${port%=*},path=${port#*=},append=on"
			-device "virtserialport,chardev=${port%=*},name=${port%=*}")
	done
}

# can_be_saved CHARDEV: add the port that vm/guest/save-here needs.
can_be_saved() {
	OPTIONS+=(-chardev "$1,id=words" -device "virtserialport,chardev=words,name=words")
}

# takes_plugin PLUGIN: does QEMU accept the version of the interface that it was built for?
takes_plugin() {
	timeout 60 "$QEMU" -machine none -nodefaults -display none -monitor stdio -plugin "$1" <<<quit >/dev/null 2>&1
}

# build_plugin SOURCE OPTIONS: build plugin.so for the newest version of the interface that QEMU
# accepts: no version fits all QEMUs, and QEMU has no option to ask for it.
build_plugin() {
	local interface
	for interface in 7 3 2 1; do
		cc -O2 -fvisibility=hidden -shared -fPIC -DINTERFACE="$interface" -o plugin.so "$1" ||
			lab_failure "$1 does not build; the compiler's messages are above"
		! takes_plugin "./plugin.so$2" || return 0
	done
	lab_failure "$QEMU does not load $1: it was built without plugins, or their interface has changed"
}

# load_plugin SOURCE [,OPTION...]: add a plugin, which is built for this QEMU as plugin.so in the
# working directory; the cache keeps it. After qemu_options, which knows QEMU.
load_plugin() {
	local source=$1 key kept
	key=$({ echo "$QEMU_ID" && cat "$source" "${BASH_SOURCE[0]%/*}/plugin.h"; } | sha256sum)
	kept=$CACHE/plugins/${key:0:32}.so
	if ! cp "$kept" plugin.so 2>/dev/null; then
		build_plugin "$source" "$2"
		keep plugin.so "$kept"
	fi
	OPTIONS+=(-plugin "./plugin.so$2")
}
