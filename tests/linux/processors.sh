# The processors and interrupts of a PC, as the firmware's tables tell of them: ACPI's MADT, or with acpi=off the MP
# tables.
. /tests/lib.sh
want=$(word cpus)
check "nproc is $want ($(nproc))" [ "$(nproc)" = "$want" ]
madt() { dmesg | grep -q 'Using ACPI (MADT) for SMP configuration information'; }
mp() { dmesg | grep -q 'Intel MultiProcessor Specification v1.4'; }
by_madt() { madt; }
by_mptable() { mp && ! madt; }
tables=$(word tables)
check "it knows them by the $tables" "by_$tables"

irqs() { # interrupts of the line "$1:", all processors
	awk -v n="$1:" '$1 == n { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' /proc/interrupts
}
ioapic() { grep -q "^ *$1: .*IO-APIC" /proc/interrupts; }
check "the serial port interrupts through the I/O APIC" ioapic 4
com=$(irqs 4)
echo "a line for the serial port's interrupt"
sleep 1
more() { [ "$(irqs 4)" -gt "$com" ]; }
check "and does so ($com, then $(irqs 4))" more
ticks_of() { awk -v c="$1" '$1 == "LOC:" { print $(c + 2) }' /proc/interrupts; }
i=0
while [ $i -lt "$want" ]; do
	loc=$(ticks_of $i)
	taskset $((1 << i)) sh -c 'i=0; while [ $i -lt 5000 ]; do i=$((i + 1)); done'
	went_on() { [ "$(ticks_of $i)" -gt "$loc" ]; }
	check "processor $i has its timer" went_on
	i=$((i + 1))
done
# The interrupt of a PCI function: the driver raises one by itself when its interface comes up.
eth=/sys/class/net/eth0
if [ "$(word mac)" ]; then
	check "the network card's driver loads" insmod /lib/modules/e1000.ko
	check "it finds the address $(cat $eth/address)" [ "$(cat $eth/address)" = "$(word mac)" ]
	check "it comes up" ip link set eth0 up
	sleep 1
	irq=$(awk '$NF == "eth0" { sub(":", "", $1); print $1 }' /proc/interrupts)
	check "its interrupt $irq goes through the I/O APIC" ioapic "$irq"
	came() { [ "$(irqs "$irq")" -gt 0 ]; }
	check "and comes ($(irqs "$irq"))" came
	check "there is no link" [ "$(cat $eth/carrier)" = 0 ]
	check "it goes down" ip link set eth0 down
	check "and can be unplugged" rmmod e1000
fi
cat /proc/interrupts
check "all processors work, go and come back" sh /tests/smp.sh
finish
