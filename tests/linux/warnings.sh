# Prints what the kernel itself complains about, for a comparison with the same kernel on the bare machine.
dmesg -r | grep -E '^<[0-4]>' | sed 's/^/dmesg: /'
