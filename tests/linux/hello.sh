# Reports from userspace and is done: one of many.
. /tests/lib.sh
check "userspace is reached after $(cut -d' ' -f1 /proc/uptime) s with $(nproc) CPU and $(grep -o '[0-9]* kB' /proc/meminfo | head -n 1)" true
check "no warnings in the kernel's log" clean_log
finish
