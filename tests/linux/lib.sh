# What the scripts of this folder share: . /tests/lib.sh; check TEXT COMMAND...; at the end "finish".
pass=0
fail=0
check() {
	text=$1
	shift
	if "$@"; then
		echo "PASS: $text"
		pass=$((pass + 1))
	else
		echo "FAIL: $text"
		fail=$((fail + 1))
	fi
}
not() { ! "$@"; }
# RETBleed: what the kernel says on every such processor, the emulated one included.
clean_log() {
	! dmesg | grep -v 'RETBleed: WARNING' |
		grep -E 'WARNING|BUG:|Oops|Call Trace|unchecked MSR|unstable|spurious|nobody cared|lockup|stall'
}
finish() {
	echo "SUMMARY: $pass passed, $fail failed"
	[ "$fail" = 0 ]
}
