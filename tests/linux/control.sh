# A management guest: bhctl on the second serial port, guests "worker" and "other" beside this one ("manager").
. /tests/lib.sh
all=$(cat /proc/cmdline | grep -c bh.rights=all)
state() { bhctl -o json list | tr '{' '\n' | grep "\"name\":\"$1\"" | sed 's/.*"state":"\([a-z]*\)".*/\1/'; }
is() { s=$(state "$1") && [ "$s" = "$2" ] || { echo "$1 is '$s'"; false; }; }
soon() { # soon GUEST STATE: within 5 s
	n=0
	while [ $n -lt 25 ]; do
		[ "$(state "$1")" = "$2" ] && return 0
		sleep 0.2
		n=$((n + 1))
	done
	is "$1" "$2"
}
bhctl version
check "bhctl lists" bhctl list
check "the manager runs" is manager running
if [ "$all" = 1 ]; then
	check "the worker runs" is worker running
	check "pause" bhctl pause worker
	check "it is paused" soon worker paused
	check "resume" bhctl resume worker
	check "it runs again" soon worker running
	check "set weight" bhctl set worker weight 50
	check "reset" bhctl reset worker
	check "it runs after its reset" soon worker running
	check "destroy" bhctl destroy worker
	check "it is stopped" soon worker stopped
	check "start" bhctl start worker
	check "it was started" soon worker running
	check "metrics" sh -c 'bhctl metrics | grep -q "^bulkhead_guest_.*worker"'
	check "a guest that is none" not bhctl pause nobody
	check "garbage is answered" sh -c 'stty -F /dev/ttyS1 raw -echo 115200
		(sleep 1; echo "garbage{"; sleep 1) >/dev/ttyS1 &
		timeout 3 head -n 1 </dev/ttyS1 | grep -q "\"ok\":false"'
	check "and harms nothing" is worker running
else
	check "another guest is out of reach" not bhctl pause worker
	check "not even seen" sh -c '! bhctl list | grep -q worker'
	check "itself is in reach" bhctl info manager
fi
finish
