# Ends the machine as soon as there is a shell: for tools/bench, which compares boots. ticks: the processor's TSC.
echo "BOOT shell at tick $(ticks)"
stty sane # waits until the line is sent
