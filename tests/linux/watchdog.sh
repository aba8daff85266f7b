# The watchdog with Linux' own driver. First a program keeps it from expiring, then that stops: the guest crashes, and
# its policy starts it afresh. It finds the flag that tells of the expiry.
. /tests/lib.sh
check "the kernel's watchdog core loads" insmod /lib/modules/watchdog.ko
check "the driver loads" insmod /lib/modules/i6300esb.ko heartbeat=2
sys=/sys/class/watchdog/watchdog0
is() { [ "$(cat $sys/$1)" = "$2" ] || { echo "$1 is '$(cat $sys/$1)'"; false; }; }
check "it is $(cat $sys/identity), $(cat $sys/timeout) s" [ "$(cat $sys/identity)" = "i6300ESB timer" ]
if is bootstatus 0; then
	(while sleep 0.4; do echo; done) >/dev/watchdog &
	sleep 5
	check "it runs" is state active
	check "it does not expire while it is fed" true
	stty sane # waits until the line is sent
	kill -STOP $!
	sleep 10
	check "nothing happened after it was left alone" false
	finish
	exit
fi
check "it tells that it ended the run before" is bootstatus 32 # WDIOF_CARDRESET
(for i in 1 2; do echo; sleep 0.5; done; printf V) >/dev/watchdog
check "a program that closes it properly stops it" is state inactive
sleep 4
check "then it does not expire" true
check "no warnings in the kernel's log" clean_log
finish
