# Waits for the power button (the monitor's "shutdown" presses it), as the kernel's driver tells programs of it, and
# powers off.
. /tests/lib.sh
check "the driver of the button loads" insmod /lib/modules/button.ko
check "that of /dev/input/event* loads" insmod /lib/modules/evdev.ko
for sys in /sys/class/input/event*; do
	[ "$(cat $sys/device/name)" = "Power Button" ] && device=/dev/input/${sys##*/}
done
check "the kernel has found a power button: $device" [ -c "$device" ]
echo "it may be pressed now"
# One struct input_event: the time, then type (1: a key), code (116: KEY_POWER) and value (1: pressed).
event=$(dd if=$device bs=24 count=1 2>/dev/null | tail -c 8 | hexdump -v -e '4/2 "%u "')
check "what a program reads: $event" [ "$event" = "1 116 1 0" ]
check "no warnings in the kernel's log" clean_log
finish
stty sane # waits until the line is sent
exec busybox poweroff -f
