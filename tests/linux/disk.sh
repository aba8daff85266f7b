# A PC's IDE disk with the root on it. Run twice: the first time it writes, and after a reboot it looks for that.
. /tests/lib.sh
device=$(readlink -f /sys/block/sda/device/../../../..)
mode=$(cat /sys/class/ata_device/dev1.0/xfer_mode)
root=$(sed -n 's/^\([^ ]*\) \/ ext4 \(rw\).*/\1/p' /proc/mounts)

check "$device is an IDE controller with ata_piix" [ "$(basename "$(readlink "$device/driver")")" = ata_piix ]
check "its disk is used by DMA: $mode" sh -c "echo $mode | grep -q DMA"
check "the root is an ext4 on it, $root" sh -c "echo $root | grep -q ^/dev/sda"

copy() { cat /bin/busybox /bin/busybox >/root/copy && md5sum /root/copy /bin/busybox >/root/sums && sync; }
from_disk() { echo 3 >/proc/sys/vm/drop_caches && md5sum -c /root/sums; }
if [ -e /root/sums ]; then
	check "the journal that the reboot left is played back" sh -c "dmesg | grep -q 'EXT4-fs (sda.*recovery complete'"
	check "what was written before the reboot is there" from_disk
else
	check "4 MB are written" copy
	check "and read back from the disk" from_disk
fi
if [ -x /bin/ticks ]; then
	echo 3 >/proc/sys/vm/drop_caches
	t=$(ticks)
	dd if=/dev/sda of=/dev/null bs=64k count=64 2>/dev/null
	echo "DISK: 4 MiB by DMA: $(($(ticks) - t)) ticks"
fi
grep -E 'ata_piix' /proc/interrupts
check "interrupts tell when" sh -c "awk '/ata_piix/ { n += \$2 } END { exit n < 10 }' /proc/interrupts"
no_errors() { ! dmesg | grep -E 'ata[0-9.]+: .*(exception|failed|timeout|lost|limiting|error)|I/O error|EXT4-fs error'; }
check "no error of the disk" no_errors
check "no warnings in the kernel's log" clean_log
finish
