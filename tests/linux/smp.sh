# All processors are there, work, go and come back.
. /tests/lib.sh
cpus=$(grep -c ^processor /proc/cpuinfo)
want=$(word cpus)
check "$want processors ($cpus)" [ "$cpus" = "$want" ]
online() { [ "$(cat /sys/devices/system/cpu/online)" = "$1" ]; }
check "all are online" online "0-$((want - 1))"
check "they are $(topology): sockets, cores, threads" [ "$(topology)" = "$(word topology)" ]
ticks_of() { # timer interrupts of processor $1
	awk -v c="$1" '$1 == "LOC:" { print $(c + 2) }' /proc/interrupts
}
works() { # a program runs on processor $1
	[ "$(taskset $((1 << $1)) sh -c 'echo $((6 * 7))')" = 42 ]
}
i=0
while [ $i -lt "$want" ]; do
	check "processor $i runs programs" works $i
	i=$((i + 1))
done
# Busy on all of them: interrupts between processors, pages mapped and unmapped by several at a time.
i=0
while [ $i -lt $((want * 2)) ]; do
	(
		k=0
		while [ $k -lt 20 ]; do
			dd if=/dev/zero of=/tmp/f$i bs=64k count=4 2>/dev/null
			cat /tmp/f$i | wc -c >/dev/null
			k=$((k + 1))
		done
	) &
	i=$((i + 1))
done
wait
check "twice as many jobs as processors end" true
grep -E 'RES:|CAL:|TLB:' /proc/interrupts
i=1
while [ $i -lt "$want" ]; do
	echo 0 >/sys/devices/system/cpu/cpu$i/online
	gone() { [ "$(cat /sys/devices/system/cpu/cpu$i/online)" = "$1" ]; }
	check "processor $i goes" gone 0
	echo 1 >/sys/devices/system/cpu/cpu$i/online
	check "processor $i comes back" gone 1
	check "and works" works $i
	i=$((i + 1))
done
check "all are online again" online "0-$((want - 1))"
check "no warnings in the kernel's log" clean_log
finish
