# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A lab for the tests of repro/nightly; each file says "load nightly" after "load lib".

# A copy of the lab where tests/guests/cell replaces repro/run: KERNEL decides how a cell ends.
setup() {
	lab=$BATS_TEST_TMPDIR/lab
	mkdir "$lab"
	cp -r repro vm .github "$lab"
	cp tests/guests/cell "$lab/repro/run"
	unset BUILD CASE CASES HOSTS SSH PREVIOUS JOBS KERNELS LIBXDPS GITHUB_STEP_SUMMARY
	export CALLS=$BATS_TEST_TMPDIR/calls
	results=$lab/build/nightly/results.jsonl
}

# nightly KERNELS [VERB] [NAME=value...]: run it in that lab, on one case, with one library.
nightly() {
	local -a verb=()
	[[ ${2-} == *=* ]] || verb=(${2+"$2"})
	"$lab/repro/nightly" "${verb[@]}" CASES=xsk-netns-cookie KERNELS="$1" LIBXDPS=upstream "${@:2+${#verb[@]}}"
}

# cells FILTER: print it for each cell's result, one per line.
cells() { jq -r "select(.kernel) | $1" "$results"; }

# xml XPATH: evaluate it on junit.xml, which must be valid.
xml() {
	xmllint --noout --schema tests/jenkins-junit.xsd "$lab/build/nightly/junit.xml" 2>/dev/null
	xmllint --xpath "$1" "$lab/build/nightly/junit.xml"
}

# tap FILE: print passed, failed, skipped and errors, as prove's parser counts them.
tap() {
	perl -MTAP::Parser -e 'my $tap = TAP::Parser->new({ exec => ["cat", shift] }); $tap->run;
		print join " ", map { scalar $tap->$_ } qw(passed failed skipped parse_errors)' "$1"
}

# interrupt SIGNAL: send it to a nightly with long cells when the first one runs.
interrupt() {
	local status=0 pid
	rm -f "$CALLS"
	env --default-signal=INT "$lab/repro/nightly" CASES=xsk-netns-cookie KERNELS=slow LIBXDPS=upstream >/dev/null 2>&1 3>&- &
	pid=$!
	until grep -qs '^again' "$CALLS"; do
		kill -0 "$pid"
		sleep 0.1
	done
	kill -"$1" "$pid"
	wait "$pid" || status=$?
	[ "$status" = $((128 + $(kill -l "$1"))) ]
}
