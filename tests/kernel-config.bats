#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kernel-config/: sources, their verification, configuration, builds.

load lib

setup() {
	own_cache
	mirror=$BATS_TEST_TMPDIR/mirror
	mkdir -p "$mirror/v9.x" "$BATS_TEST_TMPDIR/kernel-config" "$BATS_TEST_TMPDIR/vm"
	export KERNEL_ORG=file://$mirror
	# A copy of the lab, with pins of its own.
	cp -r kernel-config vm "$BATS_TEST_TMPDIR"
	source=$BATS_TEST_TMPDIR/kernel-config/tree
}

# publish VERSION: put a tarball on the stand-in for kernel.org, and add its pin.
publish() {
	mkdir -p "$mirror/linux-$1"
	echo "PATCHLEVEL = 1" >"$mirror/linux-$1/Makefile"
	tar -cJf "$mirror/v9.x/linux-$1.tar.xz" -C "$mirror" "linux-$1"
	printf '%s\t%s\n' "$1" "$(sha256sum "$mirror/v9.x/linux-$1.tar.xz" | cut -d' ' -f1)" \
		>>"$BATS_TEST_TMPDIR/kernel-config/pins"
}

nothing_half_written() {
	[ -z "$(find "$XDG_CACHE_HOME" -name 'tmp.*' -o -name '*.part' -o -name '*.tar.xz')" ]
}

@test "a pinned version is fetched, verified and unpacked once" {
	publish 9.1
	run -0 --separate-stderr "$source" v9.1
	[ "${lines[2]}" = kernel.org ]
	[ -f "${lines[0]}/Makefile" ]
	nothing_half_written
	rm -r "$mirror/v9.x"
	run -0 --separate-stderr "$source" v9.1
	[ -z "$stderr" ]
}

@test "without KERNEL the tree is v5.15 if kernel.org answers" {
	mkdir "$mirror/v5.x"
	publish 9.1
	mv "$mirror/v9.x/linux-9.1.tar.xz" "$mirror/v5.x/linux-5.15.tar.xz"
	sed -i 's/^5\.15\t.*//; s/^9\.1\t/5.15\t/' "$BATS_TEST_TMPDIR/kernel-config/pins"
	run -0 --separate-stderr "$source"
	[ "${lines[0]}" = "$XDG_CACHE_HOME/xsklab/sources/linux-5.15" ]
	[ "${lines[2]}" = kernel.org ]
}

@test "the pin of v5.15 is kernel.org's" {
	grep -qx $'5.15\t57b2cf6991910e3b67a1b3490022e8a0674b6965c74c12da1e99d138d1991ee8' kernel-config/pins
}

@test "a truncated download is not unpacked, and the next download works" {
	publish 9.1
	cp "$mirror/v9.x/linux-9.1.tar.xz" "$mirror/whole"
	truncate -s 100 "$mirror/v9.x/linux-9.1.tar.xz"
	run -125 "$source" v9.1
	nothing_half_written
	cp "$mirror/whole" "$mirror/v9.x/linux-9.1.tar.xz"
	run -0 "$source" v9.1
}

@test "words that do not name a kernel are refused" {
	for word in 5.15 v5 vx.y v5.15-rc1 /nonexistent mainline; do
		run -2 --separate-stderr "$source" "$word"
		said "KERNEL=$word"
		one_line
	done
}

@test "a folder without a kernel tree is refused" {
	run -2 --separate-stderr "$source" "$BATS_TEST_TMPDIR/vm"
	said "is not a kernel tree"
}

# tree DIR: make what kernel-config/tree looks for in a kernel tree.
tree() {
	mkdir -p "$1"
	printf 'VERSION = 9\nPATCHLEVEL = 1\n' >"$1/Makefile"
	touch "$1/Kbuild"
}

@test "a tree that was built in place is refused, with the command that cleans it" {
	tree "$BATS_TEST_TMPDIR/tree"
	touch "$BATS_TEST_TMPDIR/tree/.config"
	run -2 --separate-stderr "$source" "$BATS_TEST_TMPDIR/tree"
	said "mrproper"
	one_line
}

@test "a tree in a path with a space is refused" {
	tree "$BATS_TEST_TMPDIR/a tree"
	run -2 --separate-stderr "$source" "$BATS_TEST_TMPDIR/a tree"
	said "space"
}

@test "a tree's id follows its content, not its path or its times" {
	tree "$BATS_TEST_TMPDIR/one"
	run -0 "$source" "$BATS_TEST_TMPDIR/one"
	id=${lines[1]}
	cp -r "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
	run -0 "$source" "$BATS_TEST_TMPDIR/two"
	[ "${lines[1]}" = "$id" ]
	echo more >>"$BATS_TEST_TMPDIR/two/Kbuild"
	run -0 "$source" "$BATS_TEST_TMPDIR/two"
	[ "${lines[1]}" != "$id" ]
}

# repository: make a git repository with two commits, the first tagged "good", and uncommitted
# changes in the work tree.
repository() {
	git=(git -c user.name=n -c user.email=e -c commit.gpgsign=false -C "$BATS_TEST_TMPDIR/git")
	tree "$BATS_TEST_TMPDIR/git"
	"${git[@]}" init --quiet
	"${git[@]}" add -A
	"${git[@]}" commit --quiet -m good
	"${git[@]}" tag good
	echo more >>"$BATS_TEST_TMPDIR/git/Kbuild"
	"${git[@]}" commit --quiet -a -m bad
	echo unfinished >>"$BATS_TEST_TMPDIR/git/Kbuild"
}

@test "DIR#REF gives that commit's files and leaves the repository unchanged" {
	repository
	before=$(cd "$BATS_TEST_TMPDIR/git" && find . -printf '%p %s %T@ %C@\n' | sort)
	run -0 --separate-stderr "$source" "$BATS_TEST_TMPDIR/git#good"
	[ -f "${lines[0]}/Kbuild" ]
	[ ! -s "${lines[0]}/Kbuild" ]
	good=${lines[1]}
	[[ ${lines[2]} == *"git#good, commit $("${git[@]}" rev-parse --short=12 good)" ]]
	run -0 "$source" "$BATS_TEST_TMPDIR/git/.git#HEAD^"
	[ "${lines[1]}" = "$good" ]
	run -0 --separate-stderr "$source" "$BATS_TEST_TMPDIR/git#HEAD"
	[ "${lines[1]}" != "$good" ]
	[ "$(cat "${lines[0]}/Kbuild")" = more ]
	[ "$(cd "$BATS_TEST_TMPDIR/git" && find . -printf '%p %s %T@ %C@\n' | sort)" = "$before" ]
	nothing_half_written
}

@test "an exported commit is removed with its objects if unused for two days" {
	repository
	run -0 --separate-stderr "$source" "$BATS_TEST_TMPDIR/git#good"
	old=${lines[0]}
	objects=$XDG_CACHE_HOME/xsklab/objects
	mkdir -p "$objects"/{old,other}
	ln -s "$old" "$objects/old/source"
	ln -s "$BATS_TEST_TMPDIR/git" "$objects/other/source"
	touch -d '3 days ago' "$old"
	run -0 "$source" "$BATS_TEST_TMPDIR/git#HEAD"
	[ ! -e "$old" ]
	[ "$(ls "$objects")" = other ]
}

@test "a missing ref, repository or tree is refused" {
	repository
	mkdir "$BATS_TEST_TMPDIR/empty"
	git init --quiet "$BATS_TEST_TMPDIR/empty"
	git -c user.name=n -c user.email=e -C "$BATS_TEST_TMPDIR/empty" commit --quiet --allow-empty -m empty
	for word in "$BATS_TEST_TMPDIR/git#v9.9" "$BATS_TEST_TMPDIR/git#" "$BATS_TEST_TMPDIR/git#--help" \
		"$BATS_TEST_TMPDIR/vm#HEAD" "/nonexistent#HEAD" "$BATS_TEST_TMPDIR/empty#HEAD"; do
		run -2 --separate-stderr "$source" "$word"
		said "KERNEL=$word"
		one_line
	done
}

# patches: make a tree, fix.patch for it, more.patch on top of that, and other.patch for another
# tree.
patches() {
	cd "$BATS_TEST_TMPDIR" || return
	cp -r "$OLDPWD/tests/kernel-tree" tree
	cp -r tree a
	cp -r a b
	sed -i 's/return 1/return 2/' b/init.c
	git diff --no-index --no-prefix a b >fix.patch || true
	sed 's/return 2/return 3/; s/return 1/return 2/' fix.patch >more.patch
	sed 's/return 1/return 7/' fix.patch >other.patch
}

@test "PATCH is applied to a copy and leaves the tree unchanged" {
	patches
	before=$(find tree -printf '%p %s %T@ %C@\n' | sort)
	PATCH="fix.patch more.patch" run -0 --separate-stderr "$source" tree
	grep -q 'return 3' "${lines[0]}/init.c"
	[[ ${lines[2]} == *"/tree with PATCH fix.patch more.patch" ]]
	[ "$(find tree -printf '%p %s %T@ %C@\n' | sort)" = "$before" ]
	nothing_half_written
}

@test "the same patches and tree share one copy, wherever they are" {
	patches
	PATCH=fix.patch run -0 --separate-stderr "$source" tree
	first=("${lines[@]}")
	mkdir elsewhere
	cp fix.patch elsewhere/renamed.patch
	cp -r tree elsewhere/tree
	PATCH=elsewhere/renamed.patch run -0 --separate-stderr "$source" elsewhere/tree
	[ "${lines[0]} ${lines[1]}" = "${first[0]} ${first[1]}" ]
	[[ ${lines[2]} == *"elsewhere/tree with PATCH renamed.patch" ]]
	PATCH="fix.patch more.patch" run -0 --separate-stderr "$source" tree
	[ "${lines[1]}" != "${first[1]}" ]
}

@test "a patched copy has the files that a patch adds, and not those it removes" {
	patches
	printf '%s\n' 'diff --git a/init.c b/moved.c' 'rename from init.c' 'rename to moved.c' >moved.patch
	sed 's,^+++ b/init,+++ b/moved,' fix.patch | grep -v '^diff' >>moved.patch
	PATCH=moved.patch run -0 --separate-stderr "$source" tree
	grep -q 'return 2' "${lines[0]}/moved.c"
	[ ! -e "${lines[0]}/init.c" ]
	[ -e tree/init.c ]
}

@test "a patch that does not apply is refused, naming file and hunk" {
	patches
	for patch in other.patch more.patch; do
		PATCH=$patch run -125 --separate-stderr "$source" tree
		said "PATCH=$patch does not apply to $PWD/tree: its hunk does not fit init.c:"
		one_line
	done
	sed 's/init\.c/none.c/' fix.patch >none.patch
	PATCH=none.patch run -125 --separate-stderr "$source" tree
	said "none.c: No such file"
	sed 's,b/init\.c,b/../../outside.c,; s,a/init\.c,a/../../outside.c,' fix.patch >outside.patch
	PATCH=outside.patch run -125 --separate-stderr "$source" tree
	echo nonsense >nonsense.patch
	PATCH=nonsense.patch run -2 --separate-stderr "$source" tree
	said "PATCH=nonsense.patch: this is not a patch"
	PATCH="fix.patch nowhere.patch" run -2 --separate-stderr "$source" tree
	said "PATCH=nowhere.patch: cannot read"
	[ -z "$(find "$XDG_CACHE_HOME" -name 'patched-*' -type d)" ]
	nothing_half_written
}

@test "a patch that the tree already has changes nothing, and a message says so" {
	patches
	PATCH=fix.patch run -0 --separate-stderr "$source" b
	said "PATCH=fix.patch is already in $PWD/b"
	[ "${lines[0]}" = "$PWD/b" ]
}

@test "PATCH also applies to a commit of a repository" {
	repository
	cp tests/kernel-tree/init.c "$BATS_TEST_TMPDIR/git"
	"${git[@]}" add init.c
	"${git[@]}" commit --quiet -m init
	patches
	PATCH=fix.patch run -0 --separate-stderr "$source" git#HEAD
	grep -q 'return 2' "${lines[0]}/init.c"
	exported=$(find "$XDG_CACHE_HOME/xsklab/sources" -maxdepth 1 -type d -name 'git-*')
	grep -q 'return 1' "$exported/init.c"
}

# built LINK [KERNEL]: build the stand-in for a kernel.
built() { run -0 --separate-stderr "$BATS_TEST_TMPDIR/kernel-config/build" "$@"; }

kernels() { find "$XDG_CACHE_HOME/xsklab/kernels" -mindepth 1 -maxdepth 1 | wc -l; }

@test "CONFIG and PATCH give a kernel of their own, built once, and LINK.json names them" {
	patches
	echo CONFIG_MORE=y >more.config
	built plain tree
	[ "$(jq -c '[.source, .patch, .config]' plain.json)" = "[\"$PWD/tree\",[],[]]" ]
	CONFIG=more.config PATCH=fix.patch built link tree
	said "building"
	grep -qx CONFIG_MORE=y link/config
	[ "$(jq -c '[.source, .patch, .config]' link.json)" = \
		"[\"$PWD/tree with PATCH fix.patch, CONFIG more.config\",[\"fix.patch\"],[\"more.config\"]]" ]
	[ "$(kernels)" = 2 ]
	cp more.config renamed.config
	CONFIG=$PWD/renamed.config PATCH=$PWD/fix.patch built other tree
	[ -z "$stderr" ]
	[ "$(jq -c .config other.json)" = '["renamed.config"]' ]
	[ "$(realpath link)" = "$(realpath other)" ]
	built plain tree
	[ -z "$stderr" ]
	[ "$(kernels)" = 2 ]
}

# compiled FILE...: did the last build compile just these?
compiled() {
	local log
	log=$(find "$XDG_CACHE_HOME/xsklab/objects" -name build.log -printf '%T@ %p\n' | sort -n | tail -n 1)
	[ "$(sed -n 's/^  CC *//p' "${log#* }" | sort | xargs)" = "$*" ]
}

@test "another option or patch recompiles only what differs, and gives the same kernel as a full build" {
	patches
	echo CONFIG_MORE=y >more.config
	built base tree
	compiled init.o more.o
	CONFIG=more.config built option tree
	compiled more.o
	PATCH=fix.patch built patched tree
	compiled init.o
	PATCH=fix.patch CONFIG=more.config built both tree
	compiled init.o || compiled more.o # two builds are equally near
	PATCH="fix.patch more.patch" built twice tree
	compiled init.o
	for file in "$XDG_CACHE_HOME"/xsklab/{objects/*,kernels/*}; do
		rm -rf "$file"
	done
	PATCH="fix.patch more.patch" built again tree
	compiled init.o more.o
	cmp twice.json again.json
}

# The cache of build/kernel has its objects.
# bats test_tags=slow
@test "a patched kernel needs no full build, and reverting the patch gives the same bytes" {
	real=$(jq -r .source_dir build/kernel.json)
	# shellcheck disable=SC2030 # for this row
	XDG_CACHE_HOME=$(realpath build/kernel/../../..)
	unset KERNEL_ORG
	SECONDS=0
	(
		cd "$BATS_TEST_TMPDIR"
		mkdir -p a/net/xdp b/net/xdp
		cp "$real/net/xdp/xsk.c" a/net/xdp
		sed '0,/^static int xsk_bind(/s//int patched(void);\nint patched(void) { return 42; }\n&/' a/net/xdp/xsk.c >b/net/xdp/xsk.c
		diff -u a/net/xdp/xsk.c b/net/xdp/xsk.c >there.patch || true
		diff -u b/net/xdp/xsk.c a/net/xdp/xsk.c >back.patch || true
	)
	there=$BATS_TEST_TMPDIR/there back=$BATS_TEST_TMPDIR/back
	PATCH=$there.patch run -0 kernel-config/build "$there" "${KERNEL-}"
	run -0 nm "$there/vmlinux"
	said " patched"
	PATCH="$there.patch $back.patch" run -0 kernel-config/build "$back" "${KERNEL-}"
	[ "$(jq .build_id "$back.json")" = "$(jq .build_id build/kernel.json)" ]
	[ "$(jq .build_id "$there.json")" != "$(jq .build_id "$back.json")" ]
	[ "$SECONDS" -le 300 ]
}

@test "the cache keeps the objects of the last six builds of a source" {
	patches
	for n in 1 2 3 4 5 6 7 8; do
		echo "CONFIG_N=$n" >n.config
		CONFIG=n.config built link tree
	done
	# shellcheck disable=SC2031 # own_cache's
	[ "$(find "$XDG_CACHE_HOME/xsklab/objects" -name of | wc -l)" = 7 ] # and the one just built
	[ "$(kernels)" = 8 ]
}

@test "a build does not start from objects of another source or with an unknown kind of file" {
	patches
	built base tree
	echo '// other' >>tree/more.c
	cp -r tree other
	built link other
	compiled init.o more.o
	printf '%s\n' '--- /dev/null' '+++ b/syscall.tbl' '@@ -0,0 +1 @@' '+0 read' >tbl.patch
	PATCH=tbl.patch built link other
	compiled init.o more.o
}

@test "a build of another commit compiles what differs from the last one, and gives the same kernel as a full build" {
	patches
	git init --quiet git
	local -a git=(git -C git -c user.name=n -c user.email=e -c commit.gpgsign=false)
	cp -r tree/. git/
	"${git[@]}" add .
	"${git[@]}" commit --quiet -m one
	built one git#HEAD
	compiled init.o more.o
	echo 'int two;' >>git/more.c
	echo 'more' >git/added.txt
	"${git[@]}" add .
	"${git[@]}" commit --quiet -m two
	built two git#HEAD
	compiled more.o
	# shellcheck disable=SC2031 # own_cache's
	for file in "$XDG_CACHE_HOME"/xsklab/{objects/*,kernels/*}; do
		rm -rf "$file"
	done
	built again git#HEAD
	compiled init.o more.o
	cmp two.json again.json
	# make would not notice a change of such a file: build from scratch.
	echo 'less' >git/added.txt
	"${git[@]}" commit --quiet -a -m three
	built three git#HEAD
	compiled init.o more.o
}

@test "a cached kernel whose bytes have changed is removed and built again" {
	patches
	built link tree
	run -0 --separate-stderr kernel-config/verify link
	[ -z "$output$stderr" ]
	for damage in "truncate -s -100 vmlinux" "rm vmlinux" "rm config" "sed -i s/./X/ vmlinux.boot" "truncate -s 0 SHA256SUMS"; do
		(cd link && $damage)
		run -1 --separate-stderr kernel-config/verify link
		said "changed since the build; removing it"
		one_line
		[ "$(kernels)" = 0 ]
		run -1 --separate-stderr kernel-config/verify link
		built link tree
		run -0 kernel-config/verify link
	done
}

@test "the later of two fragments wins, and the lab's own come first" {
	patches
	echo '# CONFIG_VETH is not set' >without.config
	echo 'CONFIG_VETH=y' >with.config
	CONFIG="with.config without.config" built link tree
	grep -qx '# CONFIG_VETH is not set' link/config
}

@test "a fragment that is missing or malformed is bad usage, one that is not granted a lab failure" {
	patches
	echo CONFIG_LOST_ONE=y >lost.config
	printf 'NET=y\nCONFIG_X=m\nCONFIG_Y = y\n\n# CONFIG_Z is not set\n# any words\n' >wrong.config
	CONFIG=lost.config run -125 --separate-stderr kernel-config/build link tree
	said 'lost.config asks for "CONFIG_LOST_ONE=y", and Linux 9.1 does not grant it'
	CONFIG=wrong.config run -2 --separate-stderr kernel-config/build link tree
	said 'wrong.config:1: "NET=y": must be'
	said 'wrong.config:2: "CONFIG_X=m": the guest has no modules'
	said 'wrong.config:3: "CONFIG_Y = y": must be'
	[ "$(wc -l <<<"$stderr")" = 5 ]
	CONFIG="lost.config nowhere.config" run -2 --separate-stderr kernel-config/build link tree
	said "CONFIG=nowhere.config: cannot read this file"
	one_line
	[ ! -e link ]
}

@test "a kernel that does not build is not kept, and the message has the compiler's error" {
	patches
	echo CONFIG_BROKEN=y >broken.config
	CONFIG=broken.config run -125 --separate-stderr kernel-config/build link tree
	said ".c:1: error: CONFIG_BROKEN"
	[ "$(kernels)" = 0 ]
	[ ! -e link ]
}

@test "a file with an assertion that needs the optimiser keeps its own optimisation, and no other does" {
	patches
	echo CONFIG_ASSERTS=y >asserts.config
	CONFIG=asserts.config built link tree
	said "init.c needs its own optimisation"
	[[ $stderr != *more.c* ]]
	built other tree
	[[ $stderr != *optimisation* ]]
}

@test "a cache that is not writable is an error" {
	echo file >"$BATS_TEST_TMPDIR/cache"
	publish 9.1
	run -125 --separate-stderr "$source" v9.1
	said "XDG_CACHE_HOME"
	one_line
}

# The real tree that this lab builds from, with all of its Kconfig.
# bats test_tags=slow
@test "a symbol that the kernel does not grant is named, set or unset" {
	real=$(jq -r .source_dir build/kernel.json)
	mkdir "$BATS_TEST_TMPDIR/out"
	printf 'CONFIG_BPF_JIT=y\n' >"$BATS_TEST_TMPDIR/lost.config"
	printf '# CONFIG_X86_TSC is not set\n' >"$BATS_TEST_TMPDIR/kept.config"
	run -1 --separate-stderr kernel-config/configure "$real" "$BATS_TEST_TMPDIR/out" \
		"$BATS_TEST_TMPDIR"/{lost,kept}.config
	said 'lost.config asks for "CONFIG_BPF_JIT=y"'
	said 'kept.config asks for "# CONFIG_X86_TSC is not set"'
}

# bats test_tags=slow
@test "a fragment for later kernels is skipped for earlier ones" {
	real=$(jq -r .source_dir build/kernel.json)
	mkdir "$BATS_TEST_TMPDIR/out"
	printf '# since: 999.0\nCONFIG_NO_SUCH_SYMBOL=y\n' >"$BATS_TEST_TMPDIR/later.config"
	echo CONFIG_TTY=y >"$BATS_TEST_TMPDIR/now.config"
	run -0 kernel-config/configure "$real" "$BATS_TEST_TMPDIR/out" \
		"$BATS_TEST_TMPDIR"/{later,now}.config
	sed -i '/since/d' "$BATS_TEST_TMPDIR/later.config"
	run -1 kernel-config/configure "$real" "$BATS_TEST_TMPDIR/out" \
		"$BATS_TEST_TMPDIR"/{later,now}.config
}

@test "menuconfig keeps the changes in BUILD" {
	patches
	MENU=changed BUILD=$PWD/elsewhere run -0 --separate-stderr "$BATS_TEST_TMPDIR/kernel-config/menuconfig" tree
	[ "${lines[-1]}" = CONFIG_CHANGED=y ]
	[ "$(cat elsewhere/menuconfig/fragment)" = CONFIG_CHANGED=y ]
	MENU=changed BUILD=build/sub run -0 --separate-stderr "$BATS_TEST_TMPDIR/kernel-config/menuconfig" tree
	[ -s build/sub/menuconfig/fragment ]
}

# bats test_tags=slow
@test "menuconfig prints the changes as a fragment" {
	real=$(jq -r .source_dir build/kernel.json)
	# tinyconfig turns everything off again, as a user might.
	MENU=tinyconfig run -0 --separate-stderr "$BATS_TEST_TMPDIR/kernel-config/menuconfig" "$real"
	[[ $output == *"# CONFIG_NET is not set"* ]]
	said "CONFIG=FILE"
}

@test "the kernel in use has the fragments' options and the recorded build id" {
	run -0 readelf -n build/kernel/vmlinux
	[[ $output == *"Build ID: $(jq -r .build_id build/kernel.json)"* ]]
	for option in NET_NS=y VETH=y NETLINK_DIAG=y XDP_SOCKETS=y BPF_JIT=y PVH=y GDB_SCRIPTS=y VIRTIO_CONSOLE=y; do
		grep -qx "CONFIG_$option" build/kernel/config
	done
	run -1 grep '^CONFIG_RANDOMIZE_BASE=' build/kernel/config
}

@test "the kernel contains no path of this machine" {
	run -1 grep -caF "$(jq -r .source_dir build/kernel.json)" build/kernel/vmlinux
	run -1 grep -caF "$HOME/.cache/xsklab" build/kernel/vmlinux
}

@test "in a fresh clone, a build creates the folder for the link to the kernel" {
	unset KERNEL_ORG
	XDG_CACHE_HOME=$(realpath build/kernel/../../..) run -0 kernel-config/build "$BATS_TEST_TMPDIR/build/kernel" "${KERNEL-}"
	[ "$BATS_TEST_TMPDIR/build/kernel" -ef build/kernel ]
	[ "$(jq -r .release "$BATS_TEST_TMPDIR/build/kernel.json")" = "$(jq -r .release build/kernel.json)" ]
}
