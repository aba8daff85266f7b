# Reports from userspace and is done: one of many.
. /tests/lib.sh
after=$(cut -d' ' -f1 /proc/uptime)
memory=$(grep -o '[0-9]* kB' /proc/meminfo | head -n 1)
check "userspace is reached after $after s with $(nproc) CPU and $memory" true
check "no warnings in the kernel's log" clean_log
finish
