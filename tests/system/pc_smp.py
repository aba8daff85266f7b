"""System tests of a PC with several processors and a network card: what Linux makes of its firmware's tables."""
from pathlib import Path

import many

ROOT = Path(__file__).resolve().parent.parent.parent
MAC = "52:54:00:12:34:56"  # in pc-nic.dts


def pc_linux(words):
    """boot/configs/pc-nic.dts with more words on the kernel's command line."""
    text = (ROOT / "boot/configs/pc-nic.dts").read_text()
    old = 'cmdline = "console=ttyS0"'
    assert old in text
    return text.replace(old, f'cpu-disable = {many.strings(many.HIDDEN)}; cmdline = "console=ttyS0 {words}"')


def tests(boot, forbid):
    """boot: cases.Boot."""
    # SeaBIOS lists one processor a package. Without ACPI nothing switches off: its end is a reset.
    for tables, words, end in (
        ("madt", "bh.end=poweroff", "powered off"),
        ("mptable", "acpi=off bh.end=reboot", "reset: "),
    ):
        yield boot(
            f"bios-smp-{tables}",
            f"SeaBIOS, then Linux: 2 vCPUs and the interrupts' ways by the {tables}; they come, go, work",
            3600,
            cpus=2,
            config_text=pc_linux(f"bh.test=processors bh.tables={tables} bh.cpus=2 bh.topology=2.1.1 bh.mac={MAC} {words}"),
            needs=["images-of-pc-nic"],
            leave_out=("e1000-rom",),
            want=(r"pc: handle_smp: apic_id=0x1", r"smp: Brought up 1 node, 2 CPUs", r"^SUMMARY: \d+ passed, 0 failed",
                  f"guest pc: {end}"),
            forbid=(*forbid, r"^FAIL: "),
            figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
            by_default=False,
        )
    bios = (ROOT / "boot/configs/pc-bios.dts").read_text()
    old = 'on-reset = "stop";'
    assert old in bios
    yield boot(
        "bios-ipxe",
        "SeaBIOS runs iPXE from an e1000's option ROM: Ctrl-B leads to its prompt, ifstat shows the card without link",
        900,
        config_text=bios.replace(old, f'{old} nic0 {{ mac = "{MAC}"; boot-order = <1>; }};'),
        needs=["images-of-pc-nic"],
        forbid=(r"panic", r"EPT violation in RAM", r"refused", r"dropped"),
        dialogue=(
            (r"pc: Running option rom at c\w+", many.ESCAPE),
            (many.MON, ""),
            (many.Look("pc", r"Press Ctrl-B for"), "sendkey pc ctrl-b\n"),
            (many.MON, ""),
            (many.Look("pc", r"^iPXE>"), "sendkey pc i f s t a t ret\n"),
            (many.MON, ""),
            (many.Look("pc", rf"^net0: {MAC} using 82540em on \S*00:03\.0"), "screen pc\n"),
            (r"Link:down", ""),
            (many.MON, "poweroff\n"),
        ),
        by_default=False,
    )
