# Runs as the guest's only program. Each check prints "PASS: …" or "FAIL: …"; the last line is the count.
. /tests/lib.sh
timer_count() { # interrupts of the local APIC timer plus those of IRQ 0, all CPUs
	awk '$1 == "LOC:" || $1 == "0:" { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' \
		/proc/interrupts
}
uptime_cs() { # uptime in 1/100 s
	tr -d . </proc/uptime | cut -d' ' -f1
}

uname -a
check "the processor is there" grep -q '^processor' /proc/cpuinfo
check "the guest knows that it is one" grep -q '^flags.* hypervisor' /proc/cpuinfo
vmx_hidden() { ! grep -q '^flags.* vmx' /proc/cpuinfo; }
check "VT-x is hidden from it" vmx_hidden
if [ "$(word topology)" ]; then
	check "its processors are $(topology): sockets, cores, threads" [ "$(topology)" = "$(word topology)" ]
fi
echo "cpu: $(grep -m1 '^model name' /proc/cpuinfo | cut -d: -f2), $(grep -m1 MHz /proc/cpuinfo | cut -d: -f2) MHz"

src=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)
echo "clocksource: $src of $(cat /sys/devices/system/clocksource/clocksource0/available_clocksource)"
good_clock() { [ "$src" = tsc ] || [ "$src" = kvm-clock ]; }
check "the clock source is the TSC" good_clock

irq0=$(timer_count)
up0=$(uptime_cs)
date0=$(date +%s)
sleep 1
irq1=$(timer_count)
up1=$(uptime_cs)
date1=$(date +%s)
cat /proc/interrupts
more_irqs() { [ "$irq1" -gt "$irq0" ]; }
check "timer interrupts arrive ($irq0, then $irq1)" more_irqs
slept() { d=$((up1 - up0)) && [ "$d" -ge 98 ] && [ "$d" -le 200 ]; }
check "sleep 1 takes about a second ($((up1 - up0)) hundredths)" slept
date_moves() { d=$((date1 - date0)) && [ "$d" -ge 1 ] && [ "$d" -le 3 ]; }
check "the date moves with it" date_moves
plausible() { [ "$date1" -gt 1735689600 ] && [ "$date1" -lt 4102444800 ]; } # 2025 to 2100
check "the date is plausible: $(date)" plausible
rtc_near() {
	r=$(cat /sys/class/rtc/rtc0/since_epoch 2>/dev/null) && d=$((r - date1)) && [ "$d" -ge -3 ] && [ "$d" -le 3 ]
}
if [ -e /sys/class/rtc/rtc0/since_epoch ]; then
	check "the RTC agrees" rtc_near
fi
check "the serial port is a 16550A" sh -c 'dmesg | grep -q "ttyS0 at I/O 0x3f8.*16550A"'

busy() { i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; [ $i = 20000 ]; }
check "a busy loop ends" busy
files() { dd if=/dev/zero of=/tmp/f bs=64k count=64 2>/dev/null && [ "$(md5sum </tmp/f | cut -c1-8)" = b5cfa9d6 ]; }
check "memory holds what is written" files
lost=$(vectors)
kept=$?
check "two processes keep their vector registers: $lost" [ "$kept" = 0 ]

# What the kernel itself complains about; the few known lines are also printed by the same kernel on the bare emulator.
dmesg -r | grep -E '^<[0-4]>' | sed 's/^/dmesg: /'
check "no warnings in the kernel's log" clean_log
finish
