"""The system tests: what is booted, what is typed, what must and must not be seen.

A test is a Boot. Its run succeeds when the dialogue went through, every pattern of `want` and none of `forbid` is found
in the console's text, and the end is the one expected (`status`, as tools/run gives it; `code`, the guest's exit code).
"""
import re
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from bhtools import gdbstub, nested, session  # noqa: E402
import longest  # noqa: E402
import many  # noqa: E402
import pc_old  # noqa: E402
import pc_beside  # noqa: E402
import pc_disk  # noqa: E402
import pc_screen  # noqa: E402
import pc_smp  # noqa: E402
import pc_systems  # noqa: E402
import pc_uefi  # noqa: E402

NEW_CPU = "corei7_skylake_x"  # APICv and all else
OLD_CPU = "corei5_arrandale_m520"  # the oldest that can run Bulkhead: no APICv, no EPT A/D
PROMPT = r"guest:\S*# "
PASS_CODE = 1  # the exit port's 2n + 1 for n = 0

# Nothing of it may be seen in any run that should go well.
TROUBLE = (r"bulkhead: panic", r"vCPU \d+ crashed")
# What a kernel says when its machine is not right. RETBleed: what it says on every such processor.
KERNEL_TROUBLE = (
    r"(?<!RETBleed: )WARNING: ",
    r"BUG: ",
    r"Oops",
    r"Call Trace",
    r"unchecked MSR",
    r"nobody cared",
    r"soft lockup",
    r"rcu.*stall",
    r"Kernel panic",
    r"[Ff]irmware [Bb]ug",
    r"not responding",
    r"timed out",
)


@dataclass
class Program:
    """In a dialogue, instead of text to type: a program of this host that must end with status 0. DEVICE among its
    words is the terminal on which it finds the machine's second serial port (Boot's com2)."""

    words: tuple
    DEVICE = "{com2}"


@dataclass
class Boot:
    name: str
    summary: str
    seconds: float = 120  # wall time, generous: emulators share this host with other tests
    # The machine
    accel: str = "bochs"
    firmware: str = "bios"
    iso: bool = False  # boot the ISO, not the quick disk
    cpu: str = ""
    cpus: int = 1
    memory: int = 1024
    com2: bool = False  # a second serial port, for programs of this host
    # What it boots: a configuration (name, or its text), or a payload, or neither (no blob)
    config: str = ""
    config_text: str = ""
    blob: bytes = b""  # a blob as it is
    guest: str = ""  # NAME: build/guest-tests/NAME.elf, loaded through multiboot1
    append: str = ""  # its arguments
    properties: tuple = ()  # of the payload's node
    bare: bool = False  # no Bulkhead: GRUB starts the untouched kernel itself, with `append`
    hypervisor: str = ""  # build/bulkhead-NAME.elf instead of build/bulkhead.elf
    cmdline: str = ""  # Bulkhead's
    debugger: callable = None  # debugger() gives commands for Bochs' debugger
    stub: callable = None  # stub(gdbstub.Stub) drives QEMU's machine from before its first instruction on
    options: tuple = ()  # more of QEMU's
    direct: bool = False  # QEMU loads the hypervisor, alone: no boot loader, no blob
    inner: nested.Inner = None  # Bulkhead in that virtual machine of Linux' KVM on the machine (iso: through OVMF)
    of_qemu: str = ""  # no Bulkhead: QEMU's own PC with KVM in that Linux boots this disk, a module
    console: tuple = ()  # QEMU: what the console's line, chardev com1, is connected to instead of the first serial port
    acpi: bytes = b""  # QEMU: one more ACPI table
    leave_out: tuple = ()  # modules not loaded
    # What must happen
    dialogue: tuple = ()  # (pattern to wait for, text to type, or Program to run, then); many.OnScreen, many.Keys
    want: tuple = ()
    forbid: tuple = TROUBLE
    status: int = session.OK
    enough: str = ""  # when this is seen the run is stopped: for guests that never end by themselves
    code: int = None
    figures: tuple = ()  # patterns with groups "name" and "value" to show beside the result
    beside: "Boot" = None  # runs first; compare(its text, this run's text) gives (what is wrong or None, figures)
    compare: callable = None
    check: callable = None  # check(text) gives (what is wrong or None, figures)
    by_default: bool = True  # False: runs only when its name is asked for
    skip: callable = None  # skip() gives why this host cannot run it, or None
    needs: list = field(default_factory=list)  # targets of make

    def __post_init__(self):
        self.needs = [
            *(["guest-images"] if self.bare else [f"{self.hypervisor}-hypervisor" if self.hypervisor else "hypervisor"]),
            *self.needs,
            *(self.beside.needs if self.beside else []),
        ]
        if self.guest:
            self.needs.append(f"build/guest-tests/{self.guest}.elf")
        if self.config or self.config_text:
            self.needs.append("guest-images")
        if self.inner or self.of_qemu:
            self.needs += ["nested-image", "build/guest-tests/pvhboot.elf"]

    @property
    def weight(self):
        return self.seconds


def demo_with(words, config="demo"):
    """That configuration with more words on the kernel's command line, and repeatable: without the random numbers of
    RDRAND and RDSEED a kernel does the same in every run, to the tick (but for what is typed)."""
    text = (ROOT / f"boot/configs/{config}.dts").read_text()
    old = 'cmdline = "console=ttyS0"'
    assert old in text
    return text.replace(old, f'cpu-disable = {many.strings(many.HIDDEN)}; cmdline = "console=ttyS0 {words}"')


def linux_tests():
    first = (
        (PROMPT, "echo sum $((6 * 7))\n"),
        (r"\nsum 42\n", ""),
        (PROMPT, "uname -r; id -u\n"),
        (r"\n6\.\d+\.\d+\S*-amd64\n0\n", ""),
        (PROMPT, "echo typed slowly; read x; echo got $x\n"),
        (r"typed slowly\n", "abc\x7fd\n"),
        (r"\ngot abd\n", ""),
        # Only a program that runs has the terminal where Ctrl-C interrupts.
        (PROMPT, "sh -c 'echo asleep; exec sleep 100000'\n"),
        (r"\nasleep\n", "\x03"),
        (PROMPT, "echo interrupted: $?\n"),
        (r"\ninterrupted: 130\n", ""),
        # More than a FIFO holds, both ways.
        (PROMPT, "seq 1 200 | tr '\\n' ,; echo\n"),
        (r"\n1,2,3,.*,199,200,\n", ""),
        (PROMPT, "reboot\n"),
        ("restart 1", ""),
        # The kernel's own driver of the power button, and a program that obeys it.
        (PROMPT, "sh /tests/button.sh\n"),
        (r"^it may be pressed now\n", many.ESCAPE),
        (many.MON, "shutdown linux\n"),
        (r"state: +running", "console linux\n"),
    )
    ticks = r"guest linux: (?P<name>summary): (?P<value>\d+) ticks"
    yield Boot(
        "linux-shell",
        "the demo: typed commands answer, reboot starts it afresh, the power button ends it",
        1000,
        config_text=demo_with(""),
        dialogue=first,
        forbid=(*TROUBLE, *KERNEL_TROUBLE, r"^FAIL: "),
        want=(r"^SUMMARY: 5 passed, 0 failed", "guest linux: powered off"),
        figures=(ticks,),
    )
    # The boot-time check hides what this emulator does wrong; believed, it loses registers at every second switch.
    yield Boot(
        "linux-vectors-unchecked",
        "noxsavec-check: two processes of Linux lose their vector registers, which the check prevents",
        700,
        cmdline="noxsavec-check",
        config_text=demo_with("init=/bin/sh"),
        dialogue=(
            (r"# ", "vectors; echo status $?\n"),
            (r"YMM: 800 rounds, [1-9]\d* wrong\n", "poweroff -f\n"),
        ),
        want=(r"(?m)YMM: 800 rounds, [1-9]\d* wrong", ),
        figures=(r"(?P<name>YMM: 800 rounds), (?P<value>\d+) wrong",),
        by_default=False,
    )
    yield Boot(
        "linux-smp-reboot",
        "a guest of two vCPUs on two processors restarts",
        700,
        cpus=2,
        config_text=demo_with("").replace("vcpus = <1>", "vcpus = <2>"),
        dialogue=(
            (PROMPT, "nproc\n"),
            (r"\n2\n", ""),
            (PROMPT, "reboot\n"),
            ("restart 1", ""),
            (PROMPT, "nproc\n"),
            (r"\n2\n", ""),
            (PROMPT, "poweroff\n"),
        ),
        forbid=TROUBLE + KERNEL_TROUBLE,
        want=("guest linux: powered off",),
        figures=(ticks,),
        by_default=False,
    )
    restarts = demo_with("bh.test=watchdog").replace(
        'on-reset = "restart"',
        'on-crash = "restart"; watchdog = "i6300esb"',
    )
    yield Boot(
        "linux-watchdog",
        "Linux' own driver of the watchdog: fed, left alone, the guest crashes and restarts",
        900,
        by_default=False,
        config_text=restarts,
        want=(
            "error: guest linux: vCPU 0 crashed: watchdog expired",
            "guest linux: crashed: watchdog",
            "restart 1",
            r"PASS: it tells that it ended the run before",
            "TEST watchdog: status 0",
            "guest linux: powered off",
        ),
        forbid=(r"bulkhead: panic", r"^FAIL: ", "restart 2", *KERNEL_TROUBLE),
        status=session.CRASHED,
        figures=(ticks,),
    )
    good = ("TEST basic: status 0", "guest linux: powered off")
    bare = Boot(
        "linux-bare",
        "the same kernel on the bare machine",
        1500,
        bare=True,
        want=("TEST warnings: status 0",),
        memory=256,
        forbid=(),
        append="console=ttyS0 bh.test=warnings",
    )
    compared = {"new": dict(beside=bare, compare=no_new_complaints), "old": {}}
    for name, cpu in (("new", NEW_CPU), ("old", OLD_CPU)):
        yield Boot(
            f"linux-script-{name}",
            f"tests/linux/basic.sh in the guest, on {cpu}" + (
                "; the kernel warns of nothing that it does not on the bare machine" if compared[name] else ""
            ),
            1500,
            cpu=cpu,
            by_default=name == "new",
            config_text=demo_with("bh.test=basic"),
            want=good,
            forbid=TROUBLE + (r"^FAIL: ",),
            figures=(ticks,),
            **compared[name],
        )
    yield Boot(
        "linux-bzimage",
        "the untouched bzImage, through the 64-bit boot protocol",
        1500,
        config_text=demo_with("bh.test=basic", "bzimage"),
        want=good,
        forbid=TROUBLE + (r"^FAIL: ",),
        figures=(ticks,),
    )


def other_kernel_tests():
    """What 'make run CONFIG=…' boots beside the demo."""
    ticks = r"guest linux: (?P<name>summary): (?P<value>\d+) ticks"
    kernels = (
        ("cloud", "Debian's newest cloud kernel of 6.12, by its PVH entry", r"\n6\.12\.\S+-cloud-amd64 x86_64\n"),
        ("i686", "Debian's 32-bit kernel, unpacking itself, by its 32-bit entry", r"\n6\.\S+-686-pae i686\n"),
    )
    for config, summary, told in kernels:
        yield Boot(
            f"linux-{config}",
            summary,
            1500,
            config=config,
            needs=[f"images-of-{config}"],
            dialogue=((PROMPT, "uname -rm\n"), (told, ""), (PROMPT, "poweroff\n")),
            want=("guest linux: powered off",),
            forbid=TROUBLE + KERNEL_TROUBLE,
            figures=(ticks,),
            by_default=False,
        )
    yield Boot(
        "screen",
        "a multiboot program that prints to B8000h",
        500,
        config="screen",
        needs=["images-of-screen"],
        want=(r"PASS: a word to the screen costs \d+ ticks", r"SUMMARY vga: \d+ passed, 0 failed"),
        forbid=TROUBLE + (r"^FAIL: ",),
        code=PASS_CODE,
        by_default=False,
    )


def ticks_of_firmware(text, last, what):
    """(what is wrong, ticks from a guest's first instruction to this line of its firmware): the log has microseconds."""
    stamp = r"^(?:\x1b\S*?m)?\[ *(\d+\.\d+)\] "
    first = re.search(stamp + r"guest pc: first instruction", text, re.M)
    spoke = re.search(stamp + last, text, re.M)
    if not first or not spoke:
        return f"its first instruction or {what} is not in the log", ""
    return None, f"{round((float(spoke[1]) - float(first[1])) * 1e6) * 50} ticks to {what}"


def until_firmware_speaks(text):
    return ticks_of_firmware(text, r"pc: SeaBIOS", "its first line")


def until_firmware_boots(text):
    return ticks_of_firmware(text, r"pc: enter handle_19", "its boot")


def timed_disk():
    return Boot(
        "bios-disk",
        "SeaBIOS boots a disk that reads, writes and times itself",
        400,
        config="pc-disk",
        needs=["images-of-pc-disk", "build/guest/bootdisk"],
        want=(r"bootdisk: all as it should be",),
        forbid=(r"panic", r"EPT violation in RAM", r"refused", r"bootdisk: FAILED"),
        figures=tuple(
            rf"bootdisk: (?P<name>{name}): (?P<value>\d+) ticks"
            for name in ("INT 13h, 64 sectors", "REP INSW, 4096 words", "one sector by PIO", "16 sectors by DMA")
        ),
        status=session.ENDED,
        enough=r"bootdisk: all as it should be",
    )


def firmware_tests():
    """Guests that begin at the reset vector."""
    yield Boot(
        "bios-hello",
        "SeaBIOS from its reset vector to its first lines",
        240,
        config="pc-bios",
        needs=["images-of-pc-bios"],
        want=(r"pc: SeaBIOS \(version \S+\)",),
        forbid=(r"panic", r"EPT violation in RAM", r"refused"),
        enough=r"pc: BUILD: gcc",
        status=session.ENDED,
        check=until_firmware_speaks,
    )
    yield timed_disk()
    yield Boot(
        "longest-bios",
        "SeaBIOS to the boot sector of a disk that tries it, each stretch measured",
        1800,
        config="pc-disk",
        needs=["images-of-pc-disk", "build/guest/bootdisk"],
        hypervisor="stretch",
        want=(r"bootdisk: all as it should be", r"guest pc: ended by the debug exit port"),
        check=longest.kinds_of("longest-bios"),
        by_default=False,
    )
    yield Boot(
        "bios-tables",
        "SeaBIOS takes memory, tables and SMBIOS from fw_cfg, by DMA, and finds them in order",
        600,
        config="pc-bios",
        needs=["images-of-pc-bios"],
        want=(
            r"pc: QEMU fw_cfg DMA interface supported",
            r"pc: qemu/e820: addr 0x0+ len 0x0+4000000 \[RAM\]",
            r"pc: Moving pm_base to 0x600",
            r"pc: Copying SMBIOS from",
            r"pc: table\(50434146\)=0x\w+ \(via rsdt\)",
            r"pc: ACPI: parse DSDT at 0x\w+ \(len \d+\)",
        ),
        forbid=(r"panic", r"internal error", r"WARNING"),
        enough=r"pc: enter handle_19",
        status=session.ENDED,
        check=until_firmware_boots,
    )
    yield Boot(
        "bios-screen",
        "what SeaBIOS and its VGA BIOS wrote to the screen, read from there by the monitor",
        420,
        config="pc-bios",
        needs=["images-of-pc-bios"],
        forbid=(r"panic", r"EPT violation in RAM", r"refused"),
        dialogue=(
            (r"pc: No bootable device", many.ESCAPE),
            (many.MON, "screen pc\n"),
            (r"^kind: +text", ""),
            (r"^columns: +80", ""),
            (r"^SeaBIOS \(version \S+\)", ""),
            (r"^Booting from Hard Disk\.\.\.", ""),
            (r"^No bootable device\.", ""),
            (many.MON, "poweroff\n"),
        ),
    )
    # What somebody at the screen and the keyboard would do; nothing of it was made for this machine.
    yield Boot(
        "bios-cd",
        "SeaBIOS boots Debian's GRUB rescue CD from IDE: its menu is read from the screen, its commands are typed",
        600,
        config="pc-cd",
        needs=["images-of-pc-cd"],
        forbid=(r"panic", r"EPT violation in RAM", r"refused"),
        dialogue=(
            (r"pc: Booting from 0000:7c00", many.ESCAPE),
            (many.MON, ""),
            (many.Look("pc", r"executed automatically"), "sendkey pc c\n"),
            (many.MON, ""),
            (many.Look("pc", r"^grub>"), "sendkey pc l s ret\n"),
            (many.MON, ""),
            (many.Look("pc", r"^grub> ls *\n\(cd"), "sendkey pc h a l t ret\n"),
        ),
        want=(r"guest pc: powered off: ACPI S5",),
        figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
    )
    yield Boot(
        "bios-linux",
        "SeaBIOS starts Debian's kernel from fw_cfg on the PC: its script passes, ACPI switches it off",
        1000,
        config_text=demo_with("bh.test=basic", "pc-linux"),
        needs=["images-of-pc-linux"],
        forbid=TROUBLE + KERNEL_TROUBLE + (r"^FAIL: ",),
        want=(r"^SUMMARY: \d+ passed, 0 failed", "guest pc: powered off"),
        figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
    )


def kernel_complaints(text):
    """The kernel's warnings and worse, without their times."""
    return [re.sub(r"^\[ *[\d.]+\] ", "", m) for m in re.findall(r"^dmesg: <[0-4]>(.*)$", text, re.M)]


def no_new_complaints(bare, guest):
    """bare: all that the same kernel printed there, whatever its level."""
    new = [c for c in kernel_complaints(guest) if c not in bare]
    return (f"only in the guest: {new[0]}" if new else None), ""


# Whatever a guest does takes none of the hypervisor's memory.
POOL_AS_BEFORE = r"hypervisor memory free: (\d+) bytes, at its start \1\b"

# Payloads that end in their own way; all others end through the exit port with PASS_CODE.
# The payload is the image of a firmware.
FIRMWARE = dict(
    properties=("!kernel", "!protocol", 'firmware = "bios"', 'firmware-image = "payload"', 'on-reset = "restart"'),
    leave_out=("vgabios",),
    code=PASS_CODE,
)
SPECIAL = {
    "poweroff": dict(want=("guest payload: powered off",)),
    "triplefault": dict(
        want=("triple fault follows", "guest payload: reset: .*triple fault"),
        forbid=(r"bulkhead: panic",),
    ),
    "a20": dict(
        properties=('platform = "pc"', "vcpus = <2>"),
        cpus=2,
        code=PASS_CODE,
        want=(r"SUMMARY a20: \d+ passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "biosreset": dict(
        properties=('on-reset = "restart"',),
        code=PASS_CODE,
        want=("reset follows", "restart 1", r"SUMMARY biosreset: 1 passed, 0 failed"),
        forbid=TROUBLE + (r"^FAIL: ", "restart 2"),
    ),
    "chipreset": dict(
        **FIRMWARE,
        want=("restart 2", r"SUMMARY chipreset: 12 passed, 0 failed"),
        forbid=TROUBLE + (r"^FAIL: ", "restart 3"),
    ),
    "pam": dict(
        **FIRMWARE,
        want=("restart 1", r"SUMMARY pam: 12 passed, 0 failed"),
        forbid=TROUBLE + (r"^FAIL: ", "restart 2"),
    ),
    "multiboot2": dict(
        properties=(
            'protocol = "multiboot2"',
            'cmdline = "one two=2"',
            'modules = "payload with arguments"',
        ),
        code=PASS_CODE,
        want=(r"SUMMARY multiboot2: 12 passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "planar": dict(
        properties=('platform = "pc"',),
        code=PASS_CODE,
        want=(r"SUMMARY planar: 2 passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "rates": dict(
        properties=('platform = "pc"',),
        code=PASS_CODE,
        want=(r"SUMMARY rates: 17 passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "reset": dict(properties=('on-reset = "restart"',), want=("boot 2", "guest payload: restarting"), code=PASS_CODE),
    "vgamodes": dict(
        properties=('platform = "pc"',),
        code=PASS_CODE,
        want=(r"SUMMARY vgamodes: 6 passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "watchdog": dict(
        properties=('watchdog = "i6300esb"',),
        code=PASS_CODE,
        want=(r"SUMMARY watchdog: \d+ passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "e1000": dict(
        properties=('platform = "pc"', 'nic0 { mac = "52:54:00:12:34:56"; }'),
        leave_out=("e1000-rom",),
        code=PASS_CODE,
        want=(r"SUMMARY e1000: 14 passed, 0 failed", r"warning: .*transmit descriptor \(TDBAL\) is no RAM at 0xff"),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "notsc": dict(
        properties=('cpu-disable = "tsc"',),
        code=PASS_CODE,
        want=(r"SUMMARY notsc: \d+ passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "held": dict(
        code=PASS_CODE,
        dialogue=tuple((rf"^{m}: type now\n", "k" * 24) for m in 3 * ["xAPIC"] + 3 * ["x2APIC"] + ["SELF_IPI"]),
        want=(r"SUMMARY held: \d+ passed, 0 failed",),
        forbid=TROUBLE + (r"^FAIL: ",),
    ),
    "hostile": dict(
        forbid=(r"bulkhead: panic", r"error: .*assertion"),
        status=None,
        want=(r"guest payload: (ended by|crashed|reset|powered off)",),
        seconds=300,
    ),
}
MULTI = ("smp", "ipi", "ioapic")  # payloads for several vCPUs
MULTI_DEFAULT = (("new", 2, 2), ("new", 4, 4), ("old", 4, 4), ("old", 3, 1))
MORE_RUNS = (
    ("reset", "kbc", "reset-kbc"),
    ("reset", "triple", "reset-triple"),
    ("watchdog", "expire", "watchdog-expiry"),
    ("poweroff", "fixed", "poweroff-fixed"),
)
# What such a run has instead of its payload's.
MORE_SPECIAL = {
    "watchdog-expiry": dict(
        properties=('watchdog = "i6300esb"', '!on-crash', 'on-crash = "restart"'),
        want=(
            "error: guest payload: vCPU 0 crashed: watchdog expired",
            "guest payload: crashed: watchdog",
            "restart 1",
            r"PASS: .*survives",
            r"SUMMARY watchdog: \d+ passed, 0 failed",
        ),
        forbid=(r"bulkhead: panic", r"^FAIL: ", "restart 2"),
        status=session.CRASHED,
        code=PASS_CODE,
    ),
}


def payload(guest, suffix, summary, name=None, **kw):
    special = dict(
        SPECIAL.get(
            guest,
            dict(code=PASS_CODE, want=(rf"SUMMARY {guest}: \d+ passed, 0 failed",), forbid=TROUBLE + (r"^FAIL: ",)),
        ),
    )
    special.update(MORE_SPECIAL.get(name, {}))
    special.update(kw)
    special.setdefault("seconds", 500)
    special["want"] = (*special["want"], POOL_AS_BEFORE)
    if guest != "hostile":
        special["figures"] = (
            r"SUMMARY \S+: (?P<value>\d+) (?P<name>passed)",
            r"guest payload: (?P<name>summary): (?P<value>\d+) ticks",
        )
    return Boot(special.pop("as_name", f"guest-{name or guest}{suffix}"), summary, guest=guest, **special)


def payload_tests():
    names = sorted(p.stem for p in (ROOT / "tests/guest").glob("*.c") if not p.stem.endswith("_32"))
    names += sorted(p.stem for p in (ROOT / "tests/guest").glob("*.asm") if not p.stem.endswith("_asm"))
    names.remove("neighbours")  # see neighbour_tests()
    names.remove("load")  # many.py's
    names.remove("late")
    names.remove("control")
    names.remove("longest")  # longest.py's
    names = [n for n in names if n not in MULTI]
    runs = [(n, "", n) for n in names] + [m for m in MORE_RUNS if m[0] in names]
    for cpu, short in ((NEW_CPU, "new"), (OLD_CPU, "old")):
        for guest, append, name in runs:
            yield payload(
                guest,
                f"-{short}",
                f"tests/guest/{guest}.c {append} on {cpu}",
                name,
                cpu=cpu,
                append=append,
                by_default=(guest, short) != ("matrix", "old"),
            )
    # Several vCPUs: on as many processors, on fewer, on one.
    for guest in MULTI:
        for vcpus, cpus in ((2, 2), (4, 4), (4, 2), (3, 1)):
            for cpu, short in ((NEW_CPU, "new"), (OLD_CPU, "old")):
                yield payload(
                    guest,
                    f"-{vcpus}on{cpus}-{short}",
                    f"tests/guest/{guest}.c, {vcpus} vCPUs on {cpus}, {cpu}",
                    cpu=cpu,
                    cpus=cpus,
                    properties=(f"vcpus = <{vcpus}>",),
                    seconds=300,
                    by_default=(short, vcpus, cpus) in MULTI_DEFAULT,
                )
    many_vcpus = dict(
        cpu=NEW_CPU,
        cpus=2,
        properties=("vcpus = <16>", "cpu-topology = <2 4 2>"),
        seconds=600,
    )
    yield payload("smp", "-16on2-start", "16 vCPUs on 2 start", append="start", **many_vcpus)
    yield payload("smp", "-16on2-new", "tests/guest/smp.c, 16 vCPUs on 2", by_default=False, **many_vcpus)
    # What shows it when an optional control is missed: the interrupt paths, exceptions, memory accesses.
    telling = [n for n in ("apic", "inject", "irq", "cr", "mmio") if n in names]
    for control in optional_controls():
        for guest in names:
            if guest in ("hello", "hostile"):
                continue
            yield payload(
                guest,
                f"-without-{control}",
                f"tests/guest/{guest}.c with disable={control}",
                cpu=NEW_CPU,
                cmdline=f"disable={control}",
                by_default=guest in telling[:2],
            )
    # Everything optional away at once: what an early VT-x machine would have.
    both = {"invept-single"}  # one INVEPT type must stay
    all_off = ",".join(c for c in optional_controls() if c not in both and c not in GROUPS)
    for guest in names:
        if guest != "hostile":
            yield payload(
                guest,
                "-without-all",
                f"tests/guest/{guest}.c without all optional controls",
                cpu=NEW_CPU,
                cmdline=f"disable={all_off}",
                by_default=guest in telling,
            )


def xsave_tests():
    wrong = r"warning: cpu: this processor's XSAVEC puts state component 2 at byte 416 instead of 576: hidden"
    good = r"SUMMARY xsave: \d+ passed, 0 failed"
    yield payload(
        "xsave",
        "-icelake",
        "a CPU whose PKRU has no size",
        cpu="corei7_icelake_u",
        want=(r"warning: cpu: CPUID gives state component 9 no size: hidden from guests", wrong, good),
    )
    yield payload(
        "xsave",
        "-unchecked",
        "noxsavec-check: the emulator's XSAVEC as it is",
        cpu=NEW_CPU,
        cmdline="noxsavec-check",
        want=(r"FAIL: XSAVEC of 0xe7: AVX at 576 \(it begins at 416\)",),
        forbid=(*TROUBLE, "warning: cpu: "),
        code=3,
        by_default=False,
    )
    for cpu, short in ((NEW_CPU, "new"), (OLD_CPU, "old")):
        yield payload(
            "xsave",
            f"-{short}",
            f"5 vCPUs with different XCR0 on one CPU keep their registers, {cpu}",
            "xsave-switch",
            cpu=cpu,
            properties=("vcpus = <5>",),
            append="switch",
            by_default=short == "new",
        )


GROUPS = ("apicv", "large-pages")


def optional_controls():
    """The names of VMX_FEATURES, and the groups."""
    text = (ROOT / "arch/x86/vmx/caps.h").read_text()
    table = re.search(r"#define VMX_FEATURES\(X\)(.*?[^\\])\n", text, re.S).group(1)
    return re.findall(r'X\(\w+,\s*"([^"]+)"\)', table) + list(GROUPS)


def pv_tests():
    for cpu, short in ((NEW_CPU, "new"), (OLD_CPU, "old")):
        yield payload(
            "pv",
            f"-{short}",
            f"paravirtual interfaces between 2 vCPUs on 2 CPUs, {cpu}",
            "pv-smp",
            cpu=cpu,
            cpus=2,
            properties=("vcpus = <2>",),
            append="smp",
        )
    # What a stock kernel makes of them.
    yield Boot(
        "linux-pv",
        "2 vCPUs on 2 CPUs: the kernel takes all paravirtual interfaces",
        900,
        cpus=2,
        cpu=OLD_CPU,
        config_text=demo_with("bh.test=basic bh.topology=1.1.2").replace(
            "vcpus = <1>",
            "vcpus = <2>; cpu-topology = <1 1 2>",
        ),
        want=(
            "PASS: its processors are 1.1.2",
            r"kvm-clock: Using msrs 4b564d01 and 4b564d00",
            r"KVM setup pv remote TLB flush",
            r"setup PV sched yield",
            r"PV spinlocks enabled",
            r"setup PV IPIs",
            r"smp: Brought up 1 node, 2 CPUs",
            r"Switched to clocksource tsc",
            "TEST basic: status 0",
            "guest linux: powered off",
        ),
        forbid=TROUBLE + (r"^FAIL: ", r"Marking TSC unstable", r"TSC warp", r"failed to send PV IPI"),
    )
    yield payload(
        "pv",
        "",
        "2 vCPUs on one CPU: steal time",
        "pv-shared",
        properties=("vcpus = <2>",),
        append="smp shared",
    )
    yield payload(
        "pv",
        "",
        'hypervisor-signature = "none"',
        "pv-hidden",
        properties=('hypervisor-signature = "none"',),
        append="hidden",
    )
    yield payload("pv", "", "a TSC of the guest's own frequency", "pv-tsc", properties=('tsc-frequency = "33000000"',))
    yield payload(
        "apic",
        "",
        "x2APIC and TSC-deadline hidden",
        "apic-hidden",
        properties=('cpu-disable = "x2apic", "tsc_deadline_timer"',),
    )
    yield payload("tsc", "", "the same", "tsc-scaled", properties=('tsc-frequency = "33000000"',))
    # 42 times 2 MiB of its own, and where the payload lies.
    yield payload(
        "exec",
        "",
        "code runs from small EPT pages only: one exit for each 2 MiB",
        "exec-small",
        want=(r"SUMMARY exec: 1 passed, 0 failed", r"EPT_VIOLATION +4[2-9] exits"),
    )
    yield payload(
        "exec",
        "",
        "nosmall-code-pages: from large ones",
        "exec-large",
        cmdline="nosmall-code-pages",
        want=(r"SUMMARY exec: 1 passed, 0 failed", "warning: guests: this processor has the iTLB multihit erratum"),
        forbid=TROUBLE + (r"^FAIL: ", r"EPT_VIOLATION"),
    )
    yield Boot(
        "no-tsc-scaling",
        "tsc-frequency on a CPU that cannot scale",
        cpu=OLD_CPU,
        guest="hello",
        properties=('tsc-frequency = "33000000"',),
        want=(r"tsc-frequency: this CPU cannot scale",),
        status=session.REFUSED,
    )


def refusal(name, summary, *want, **kw):
    return Boot(
        name,
        summary,
        want=(r"bulkhead: cannot start: ", r"bulkhead: what to do: \S", *want),
        status=session.REFUSED,
        forbid=(r"bulkhead: panic",),
        **kw,
    )


GUEST = '/dts-v1/;\n/ { compatible = "bulkhead,config-1"; guests { test { memory = "64M"; kernel = "%s"; %s }; }; };\n'


def refusal_tests():
    payload_kw = dict(guest="hello")
    yield refusal(
        "no-vtx-bios",
        "QEMU without VT-x, SeaBIOS",
        r"cannot start: .*VT-x",
        accel="tcg",
        iso=True,
        **payload_kw,
    )
    yield refusal(
        "no-vtx-uefi",
        "QEMU without VT-x, OVMF; the text is on the framebuffer, too",
        r"cannot start: .*VT-x",
        r"screen: \d+ by \d+ characters on a framebuffer of \d+ by \d+ pixels",
        accel="tcg",
        iso=True,
        firmware="uefi",
        seconds=240,
        **payload_kw,
    )
    # A control port that cannot be had keeps nothing from starting: this goes on to the same message.
    for what, value, why in (("console", "uart,com1,9600", "that port is the console's"),
                             ("absent", "uart,com3", "no UART answers there"),
                             ("value", "uart,com9", "PORT is com1 to com4 or a number up to 0xfff8"),
                             ("speed", "uart,com2,9601", "the speed must divide 115200"),
                             ("pci", "uart,pci,0:1f.7", "there is no such PCI device"),
                             ("kind", "tcp", r"only uart\[,PORT\[,BAUD\]\], uart,pci,B:D\.F"),
                             ("long", "uart," + "0" * 80, "the value is too long")):
        yield refusal(
            f"control-port-{what}",
            f"control={value[:20]}: said so in the log, and the boot goes on",
            r"cannot start: .*VT-x",
            rf"control={value if what != 'long' else ''}: {why}",
            accel="tcg",
            cmdline=f"control={value}",
            com2=True,
            **payload_kw,
        )
    yield refusal("no-ept", "a CPU without EPT", r"cannot start: .*EPT", cpu="core2_penryn_t9600", **payload_kw)
    yield refusal(
        "no-unrestricted-guest",
        "a CPU without unrestricted guest",
        r"cannot start: .*unrestricted guest",
        cpu="corei5_lynnfield_750",
        **payload_kw,
    )
    yield refusal("no-blob", "no configuration blob", r"cannot start: no configuration blob")
    yield refusal(
        "no-module",
        "the blob names a module that is not there",
        r'config: /guests/payload: kernel: .*"payload"',
        leave_out=("payload",),
        **payload_kw,
    )
    yield refusal("bad-blob", "a blob that is none", r"config: ", blob=b"\xd0\x0d\xfe\xed" + bytes(60))
    yield refusal(
        "bad-property",
        "a property that is none",
        r"config: /guests/test: vcpu: unknown property",
        config_text=GUEST % ("vmlinux", "vcpu = <1>;"),
    )
    yield refusal(
        "too-much-memory",
        "more memory than the machine has",
        r"config: /guests/test: memory: ",
        config_text=GUEST.replace("64M", "2048M") % ("vmlinux", ""),
    )
    yield refusal(
        "bad-disable",
        "an unknown word after disable=",
        r"disable=ept-3g",
        cmdline="disable=ept-3g",
        **payload_kw,
    )
    yield refusal(
        "no-memory",
        "a machine whose memory is too little for the hypervisor alone",
        r"no usable memory: .*16 MiB.*found are \d+ KiB there, and 1[45] MiB",
        memory=16,
        iso=False,
        **payload_kw,
    )
    yield refusal(
        "little-memory",
        "a machine with too little memory",
        r"memory: 128 MiB are more than the machine has",
        memory=32,
        iso=False,
        **payload_kw,
    )


SECOND_PORT = ("-serial", "null", "-serial", "chardev:com1")
PCI_PORT = ("-device", "pci-serial,addr=5,chardev=com1")


def spcr(kind=0, space=1, address=0x2F8, baud=7):
    """Microsoft's Serial Port Console Redirection Table, revision 2; QEMU sums it up."""
    header = struct.pack("<4sIBB6s8sI4sI", b"SPCR", 80, 2, 0, b"TESTER", b"CONSOLE ", 1, b"TEST", 1)
    gas = struct.pack("<BBBBQ", space, 8, 0, 1, address)
    return header + struct.pack("<B3x", kind) + gas + struct.pack("<BBIB5xHH12x", 1, 3, 0, baud, 0xFFFF, 0xFFFF)


def serial_tests():
    """Where the console's UART may be: QEMU up to where VT-x is missed, the whole log on that line from its start on."""
    begins = r"^\[ +0\.\d+\] Bulkhead "
    common = dict(accel="tcg", guest="hello")
    yield refusal("serial-pci", "console=uart,pci,…: a UART on PCI, the only one of the machine", begins,
                  r"console: serial port 0xc\w+, 115200 baud", r"cannot start: .*VT-x", cmdline="console=uart,pci,0:5.0,115200", console=PCI_PORT, **common)
    yield refusal("serial-pci-absent", "what is wrong with values of console= is said by name, and a later one counts",
                  begins, r"cannot start: .*VT-x", r"console=uart,com1,9601: the speed must divide 115200",
                  r"console=tcp: only uart", r"console=: the value is too long", r"console=uart,pci,0:5: B:D\.F is bus",
                  cmdline="console=tcp console=uart,com1,9601 console=uart,pci,0:5 console=uart," + "0" * 80 +
                  " console=uart,pci,00:05.0", console=PCI_PORT, **common)
    for name, value, why in (("device", "uart,pci,0:1e.0", "there is no such PCI device"),
                             ("no-uart", "uart,pci,0:0.0", "that PCI device is no serial port"),
                             ("memory", "uart,mmio,0xfe000000", "no UART answers there"),
                             ("nowhere", "uart,mmio,0xf000000000000", "its memory cannot be mapped")):
        # Nobody hears it there: the control channel's line, with the same value, is as good.
        yield refusal(f"control-port-{name}", f"control={value}: {why}", r"cannot start: .*VT-x",
                      rf"control={value}: {why}", cmdline=f"control={value}", **common)
    yield refusal("serial-spcr", "the firmware's console (SPCR) is the second port: all of the log is there, too", begins,
                  r"acpi: SPCR: the console is at port 0x2f8, 57600 baud", r"cannot start: .*VT-x",
                  acpi=spcr(baud=6), console=SECOND_PORT, **common)
    yield refusal("serial-spcr-pci", "the firmware's console is a port of a PCI device",
                  begins, r"acpi: SPCR: the console is at port 0xc010, 115200 baud", r"cannot start: .*VT-x",
                  acpi=spcr(address=0xC010), console=PCI_PORT, **common)
    yield refusal("serial-spcr-same", "the firmware's console is the first port, as without it",
                  begins, r"cannot start: .*VT-x", acpi=spcr(address=0x3F8), **common)
    yield refusal("serial-spcr-over", "console= counts more than SPCR", begins, r"cannot start: .*VT-x",
                  cmdline="console=uart,com1", acpi=spcr(), **common)
    for name, table, why in (("kind", spcr(kind=3), "of a kind that is not known"),
                             ("absent", spcr(address=0x2E8), "port 0x2e8, 115200 baud is not used: no UART answers there"),
                             ("memory", spcr(space=0, address=0xFE000000),
                              "memory 0xfe000000, 115200 baud is not used: no UART answers there")):
        yield refusal(f"serial-spcr-{name}", "a firmware's console that cannot be used: said so, com1 goes on", begins,
                      rf"acpi: SPCR: .*{why}", r"cannot start: .*VT-x", acpi=table, **common)
    # Typed input whose interrupt does not come, in Bochs.
    typed = dict(
        config_text=many.machine(many.guest("clock", "idle seconds", com1="console")),
        memory=256,
        needs=["build/guest-tests/load.elf"],
        dialogue=(
            (r"^second 1\n", many.ESCAPE),
            (many.MON, "version\n"),
            (r"version: +\d[^>]*> ", "list\n"),
            (r"clock +running[^>]*> ", "console clock\n"),
            (r"clock is running", many.ESCAPE),
            (many.MON, "poweroff\n"),
        ),
    )
    yield Boot("serial-poll", "console=uart,com1,115200,poll: typed input without an interrupt",
               cmdline="console=uart,com1,115200,poll", **typed)
    yield Boot("serial-no-interrupt", "a UART whose interrupt never comes: it is looked at until one does",
               debugger=lambda: jump("uart16550_enable_interrupt", "firmware_fadt"), **typed)
    yield Boot("serial-no-route", "no I/O APIC that has its interrupt: it is looked at",
               debugger=lambda: jump("route_irq", "trap_boot_nmi"), **typed)


def other_tests():
    yield Boot(
        "smp-12",
        "all 12 processors enter VMX root operation",
        400,
        cpus=12,
        guest="hello",
        code=PASS_CODE,
        properties=("vcpus = <1>",),
        want=(r"smp: 12 of 12 processors in VMX root operation",),
    )
    yield Boot(
        "smp-4-old",
        "the same with 4, on a CPU without APICv",
        500,
        cpus=4,
        cpu=OLD_CPU,
        guest="hello",
        code=PASS_CODE,
        properties=("vcpus = <1>",),
        want=(r"smp: 4 of 4 processors in VMX root operation",),
    )
    # Memory on both sides of the hole below 4 GiB (3 to 4 GiB of the 5 are behind Bochs' hole), modules below it.
    yield Boot(
        "memory-5g",
        "a machine of 5 GiB, a guest of 1200 MiB",
        240,
        memory=5120,
        guest="hello",
        code=PASS_CODE,
        properties=('memory = "1200M"',),
        want=(r"SUMMARY hello: \d+ passed, 0 failed", r"memory: 4\d\d\d MiB for guests"),
    )
    yield Boot(
        "memory-2560m",
        "a machine of 2560 MiB, a guest of 1200 MiB",
        240,
        memory=2560,
        guest="hello",
        code=PASS_CODE,
        properties=('memory = "1200M"',),
        want=(r"SUMMARY hello: \d+ passed, 0 failed",),
    )
    yield payload(
        "reset",
        "-smp",
        "a guest of two vCPUs on two processors restarts",
        cpus=2,
        append="",
        properties=('on-reset = "restart"', "vcpus = <2>"),
    )
    yield Boot(
        "no-keyboard",
        "nokeyboard: the controller is left alone",
        guest="hello",
        code=PASS_CODE,
        cmdline="nokeyboard",
        want=(r"SUMMARY hello: \d+ passed, 0 failed",),
        forbid=TROUBLE + (r"keyboard: ",),
    )
    yield Boot(
        "iso-bochs",
        "the ISO in Bochs",
        240,
        iso=True,
        guest="hello",
        code=PASS_CODE,
        want=(r"SUMMARY hello: \d+ passed, 0 failed",),
    )


def symbols():
    """{name: address} of the hypervisor"""
    out = subprocess.run(["nm", ROOT / "build/bulkhead.elf"], capture_output=True, text=True, check=True).stdout
    return {name: int(address, 16) for address, name in re.findall(r"^([0-9a-f]+) . (\w+)$", out, re.M)}


def jump(function, to=None):
    """For Bochs' debugger: when the hypervisor comes to this function the first time, it goes to another one, or to
    nowhere."""
    at = symbols()
    return f"lb {at[function]:#x}\nc\nd 1\nset rip={at[to] if to else 0x10:#x}\nc\n"


KERNEL_VMA = 0xFFFFFFFF80000000
NOWHERE = 0x7FFF00000000
CR4_LA57 = 1 << 12


def no_overcommit():
    if Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2":
        return "this host does not overcommit memory"
    return None


def large(gib, machine):
    """QEMU's options for so much memory, which takes none of the host's until it is touched."""
    return ("-M", f"{machine},memory-backend=ram",
            "-object", f"memory-backend-ram,id=ram,size={gib}G,reserve=off")


def start_tests():
    """What loader and machine may be like before the hypervisor has made them its own: QEMU up to where VT-x is missed."""

    def inherit(register, bits):
        def stub(gdb):
            gdb.run_to(symbols()["entry32"] - KERNEL_VMA)
            gdb.write(register, gdb.read(register) | bits)
            if not gdb.read(register) & bits:
                raise gdbstub.StubError(f"{register} does not take {bits:#x}")
        return stub

    def trap(function, base=0):
        def stub(gdb):
            gdb.run_to(symbols()[function] - base)
            gdb.write("rip", NOWHERE)
        return stub

    def nmi(function, base=0):
        def stub(gdb):
            gdb.run_to(symbols()[function] - base)
            gdb.monitor("nmi")
        return stub

    payload_kw = dict(accel="tcg", guest="hello", seconds=240)
    yield refusal("start-la57", "a loader that leaves 5-level paging on in CR4", r"cannot start: .*VT-x",
                  stub=inherit("cr4", CR4_LA57), **payload_kw)
    for gib, machine, low in ((66, "q35,max-ram-below-4g=1G", "1 GiB"), (600, "q35", "2 GiB")):
        yield refusal(
            f"start-memory-{gib}g",
            f"{gib} GiB of memory, {low} of it below 4 GiB: the pool takes the rest above",
            r"cannot start: .*VT-x",
            r"memory: \d+ MiB for guests, \d{7,} KiB for the hypervisor",
            memory=gib << 10,
            options=large(gib, machine),
            skip=no_overcommit,
            **payload_kw,
        )
    yield refusal(
        "start-no-clocks",
        "a machine without PM timer, PIT and RTC: said, and not waited for",
        r"cannot start: .*VT-x",
        r"tsc: 1000000000 Hz \(from nothing \(assumed\)\)",
        r"rtc: the machine's clock tells no time",
        accel="tcg",
        direct=True,
        options=("-M", "microvm,pit=off,pic=on,rtc=off,isa-serial=on"),
    )
    for name, function, base in (("first", "entry64", KERNEL_VMA), ("main", "hv_main", 0), ("map", "e820_sanitize", 0),
                                 ("mapped", "console_screen", 0), ("firmware", "firmware_setup", 0)):
        yield Boot(
            f"start-trap-{name}",
            f"an exception at {function}: told, and the machine halts",
            want=(rf"bulkhead: panic: exception #PF error 0x\w+ on CPU 0\n.*  rip 0+{NOWHERE:x}",
                  "bulkhead: halted after a panic"),
            status=session.CRASHED,
            forbid=(),
            stub=trap(function, base),
            **payload_kw,
        )
        if name != "first":
            yield refusal(f"start-nmi-{name}", f"an NMI at {function}: told, and the boot goes on",
                          r"cannot start: .*VT-x", r"CPU 0: host NMI", stub=nmi(function, base), **payload_kw)


def previous_tests():
    """What a run leaves in memory for the next one. One processor: Bochs' BIOS does not survive a reset with more."""
    config = many.machine(many.clock(100), many.guest("beside", "spin"))
    common = dict(
        config_text=config,
        memory=256,
        seconds=120,
        needs=["build/guest-tests/load.elf"],
    )
    yield Boot(
        "previous-panic",
        "after a panic and a reset, the next run tells the last words and exits of the one before",
        debugger=lambda: jump("cmd_version"),
        cmdline="on-fatal=reset",
        status=session.CRASHED,
        forbid=(),
        dialogue=(
            (r"^second 1\n", many.ESCAPE),
            (many.MON, "version\n"),
            (r"previous run: it was cut off", ""),
            (r"\| error: bulkhead: panic: exception #PF", ""),
            (r"\| error:  .* cmd_execute_line\+", ""),
            (r"\| error:   \d+ vm\d.0 (PREEMPTION_TIMER|EXTERNAL_INTERRUPT) rip 100", ""),
            (r"previous run: [1-9]\d+ exits of 1 CPUs are kept", ""),
            (r"^second 1\n", many.ESCAPE),
            (many.MON, "previous 3\n"),
            (r"^ +\d{10} +0 +[01] +0  (PREEMPTION_TIMER|EXTERNAL_INTERRUPT) +0+100", ""),
            (many.MON, "poweroff\n"),
        ),
        **common,
    )
    yield Boot(
        "previous-cut",
        "after a reset out of the blue, the next run tells the last exits of the one before",
        debugger=lambda: jump("cmd_version", "power_reset"),
        status=None,
        forbid=(*TROUBLE, "last words"),
        dialogue=(
            (r"^second 1\n", many.ESCAPE),
            (many.MON, "version\n"),
            (r"previous run: it was cut off", ""),
            (r"previous run: last exits of CPU 0:", ""),
            (r"  \d{7} us vm[01]\.0 (PREEMPTION_TIMER|EXTERNAL_INTERRUPT) rip 100\w{3}\n", ""),
            (r"previous run: [1-9]\d+ exits of 1 CPUs are kept", ""),
            (r"^second 1\n", many.ESCAPE),
            (many.MON, "poweroff\n"),
        ),
        **common,
    )
    yield Boot(
        "previous-order",
        "after a reset by policy there is nothing to tell",
        enough=r"left no exits",
        status=None,
        forbid=(*TROUBLE, "previous run"),
        **{**common, "config_text": config.replace('on-idle = "poweroff"', 'on-idle = "reset"')},
        dialogue=(
            (r"^second 1\n", many.ESCAPE),
            (many.MON, "destroy clock\n"),
            (r"state: +stopped", "destroy beside\n"),
            (r"no guest is running; reset", ""),
            (r"^second 1\n", many.ESCAPE),
            (many.MON, "previous\n"),
        ),
    )


# Two guests on one processor: what each is told.
PAIR = """/dts-v1/;
/ {{
	compatible = "bulkhead,config-1";
	hypervisor {{ on-idle = "poweroff"; }};
	guests {{
		hog {{ memory = "32M"; kernel = "payload"; cmdline = "{hog}"; com1 = "console"; debug-exit;
			on-reset = "stop"; on-crash = "stop"; }};
		clock {{ memory = "32M"; kernel = "payload"; com1 = "log"; debug-exit; on-reset = "stop"; }};
	}};
}};
"""


def neighbour_tests():
    """A guest keeps its registers and its turn, whatever the other guest of its processor does."""
    good = (r"SUMMARY neighbours: 4 passed, 0 failed",)
    for word, summary in (
        ("run", "runs without end"),
        ("exits", "exits without end"),
        ("db", "has #DB delivered without end"),
    ):
        yield Boot(
            f"neighbours-{word}",
            f"a guest beside one that {summary}",
            120,
            guest="neighbours",
            config_text=PAIR.format(hog=f"hog={word}"),
            want=good,
            status=None,
            enough=r"guest clock: exit code",
            forbid=TROUBLE + (r"^FAIL: ",),
        )
    yield Boot(
        "neighbours-gates",
        "a guest beside one whose exceptions meet bad task gates",
        120,
        guest="neighbours",
        config_text=PAIR.format(hog="hog=gates"),
        want=good + (r"guest hog: reset: triple fault",),
        status=None,
        enough=r"guest clock: exit code",
        forbid=TROUBLE + (r"^FAIL: ",),
    )


def ticks_and_exits(text):
    """check of a Boot: what the summaries of its guests say. Other lines may be between theirs."""
    parts = re.split(r"guest (\S+): summary: (\d+) ticks", text)[1:]
    found = []
    for name, ticks, rest in zip(parts[::3], parts[1::3], parts[2::3]):
        exits = sum(int(n) for n in re.findall(r" (\d+) exits$", rest, re.M))
        found.append(f"{name}: {ticks} ticks, {exits} exits")
    return (None if found else "no summary of a guest"), "; ".join(found)


def nested_tests():
    """Bulkhead in QEMU with KVM in Linux in Bochs. Minutes of a free processor each, so that the time limit is hours; a
    guest that fails ends, and the run with it."""
    common = dict(by_default=False, seconds=14400, memory=nested.HOST_MEMORY, check=ticks_and_exits)
    ended = r"^nested: ended with status 0 "

    def payload_in(name, summary, guest, **kw):
        return Boot(
            f"nested-{name}",
            f"under Bulkhead in a virtual machine of KVM: {summary}",
            guest=guest,
            code=PASS_CODE,
            want=(rf"SUMMARY {guest}: \d+ passed, 0 failed", POOL_AS_BEFORE, ended),
            forbid=(*TROUBLE, r"^FAIL: "),
            figures=(r"SUMMARY \S+: (?P<value>\d+) (?P<name>passed)",),
            **common,
            **kw,
        )

    yield payload_in("payload", "tests/guest/exceptions.c", "exceptions", inner=nested.Inner())
    yield payload_in(
        "2cpu",
        "tests/guest/smp.c starts 2 vCPUs on 2 processors of 2",
        "smp",
        inner=nested.Inner(cpus=2),
        cpus=2,
        properties=("vcpus = <2>",),
        append="start",
    )
    yield payload_in("uefi", "the ISO through OVMF and GRUB", "exceptions", inner=nested.Inner(uefi=True), iso=True)
    yield Boot(
        "nested-linux",
        "under Bulkhead in a virtual machine of KVM: Debian's kernel to its shell",
        inner=nested.Inner(memory=768),
        config_text=demo_with("quiet"),
        dialogue=(
            (PROMPT, "echo sum $((6 * 7)); uname -r\n"),
            (r"\nsum 42\n6\.\d+\.\d+\S*-amd64\n", ""),
            (PROMPT, "poweroff\n"),
        ),
        want=("guest linux: powered off", ended),
        forbid=TROUBLE + KERNEL_TROUBLE[2:],
        **common,
    )


def all_tests():
    groups = (
        linux_tests,
        other_kernel_tests,
        firmware_tests,
        payload_tests,
        xsave_tests,
        pv_tests,
        refusal_tests,
        serial_tests,
        neighbour_tests,
        previous_tests,
        start_tests,
        other_tests,
        nested_tests,
    )
    for group in groups:
        yield from group()
    yield from many.tests(Boot, Program)
    yield from pc_beside.tests(Boot, nested.HOST_MEMORY, costs=pc_screen.timed_screen(Boot), disk=timed_disk())
    yield from pc_disk.tests(Boot, PROMPT, TROUBLE + KERNEL_TROUBLE, lambda words: demo_with(words, "pc-linux"))
    yield from longest.tests(payload)
    yield from pc_old.tests(Boot)
    yield from pc_screen.tests(Boot, Program)
    yield from pc_smp.tests(Boot, TROUBLE + KERNEL_TROUBLE)
    yield from pc_systems.tests(Boot, PROMPT)
    yield from pc_uefi.tests(Boot, Program)
