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
# RETBleed, and the frame of asterisks around what a 32-bit kernel says of PTI: on every such processor, the emulated one
# included. Whole words: "installing" is no stall.
clean_log() {
	! dmesg | grep -vE 'RETBleed: WARNING|\*\* (WARNING! ){6} \*\*$' |
		grep -wE 'WARNING|BUG|Oops|Call Trace|unchecked MSR|unstable|spurious|nobody cared|lockup|LOCKUP|stall(s|ed)?'
}
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^bh\.$1=//p"; } # the value of bh.NAME= on the kernel's command line
# SOCKETS.CORES.THREADS, as the kernel has understood CPUID and the APIC IDs
topology() {
	cd /sys/devices/system/cpu || return
	sockets=$(cat cpu*/topology/physical_package_id | sort -u | wc -l)
	cores=$(for t in cpu*/topology; do
		echo "$(cat $t/physical_package_id).$(cat $t/core_id)"
	done | sort -u | wc -l)
	cpus=$(ls -d cpu*/topology | wc -l)
	# The same from the lists of siblings: a line for each core, a line for each socket.
	[ "$(cat cpu*/topology/thread_siblings_list | sort -u | wc -l)" = "$cores" ] &&
		[ "$(cat cpu*/topology/core_siblings_list | sort -u | wc -l)" = "$sockets" ] &&
		echo "$sockets.$((cores / sockets)).$((cpus / cores))"
}
finish() {
	echo "SUMMARY: $pass passed, $fail failed"
	[ "$fail" = 0 ]
}
