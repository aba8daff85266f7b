"""System tests of PCs that are old: floppies, media that come and go, systems that nobody here wrote, an 80286's ways.

What they show is read from the guest's own screen by the monitor (`screen`), what is typed goes to its keyboard
(`sendkey`).
"""
import many

TROUBLE = (r"panic", r"EPT violation in RAM", r"refused", r"vCPU \d+ crashed")


def at_the_screen(*steps):
    """The dialogue that begins when the firmware boots: (pattern on the guest's screen, what the monitor is told)."""
    lines = [(r"pc: Booting from 0000:7c00", many.ESCAPE)]
    for pattern, then in steps:
        lines += [(many.MON, ""), (many.Look("pc", pattern), then)]
    return tuple(lines)


def from_floppy(module, memory="16M"):
    """A PC with nothing but that floppy."""
    return many.machine(
        f'pc {{ memory = "{memory}"; firmware = "bios"; on-reset = "stop"; floppy0 {{ source = "module:{module}"; }}; }};'
    )


def tests(boot):
    """boot: cases.Boot."""
    yield boot(
        "floppy-grub",
        "SeaBIOS boots Debian's GRUB rescue floppy, shorter than its floppy is: its menu and prompt answer what is typed",
        900,
        config="floppy",
        needs=["images-of-floppy"],
        forbid=TROUBLE,
        want=(r"guest pc: floppy0: module \"grub-rescue-floppy\", at offset 0x13c800: the image ends here",
              r"guest pc: powered off"),
        dialogue=at_the_screen(
            (r"executed automatically", "sendkey pc c\n"),
            (r"^grub>", "sendkey pc l s ret\n"),
            (r"^grub> ls *\n.*\(fd0\)", "sendkey pc h a l t ret\n"),
        ),
        figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
        by_default=False,
    )
    # Our own: both floppies are put in by the monitor's commands as well.
    yield boot(
        "floppy-16",
        "a 16-bit program on a floppy: INT 10h, 13h, 15h, 16h, planes, A20, 4-GiB segments, a change of floppies",
        900,
        config_text=many.machine(
            'pc { memory = "16M"; firmware = "bios"; on-reset = "stop"; debug-exit;\n'
            '  floppy0 { source = "module:floppy16"; }; floppy1 { source = "module:floppytwo"; }; cd0 { }; };'
        ),
        needs=["images-of-floppy", "build/guest/floppy16", "build/guest/floppytwo"],
        forbid=TROUBLE + (r"FAIL: ",),
        dialogue=(
            *at_the_screen((r"^type: go", "sendkey pc g o ret\n")),
            (many.MON, ""),
            (many.Look("pc", r"^now the other floppy"), "insert pc floppy0 floppytwo\n"),
            (r"there is a medium in floppy0: eject it first", "eject pc floppy0\n"),
            (r"^medium:", ""),
            (many.MON, "insert pc cd0 floppytwo\n"),
            (r"pc: at offset 0x8001 there is no volume descriptor", "insert pc floppy0 bios\n"),
            (r"pc: at offset 0x\d+ the image ends where no floppy does", "eject pc disk0\n"),
            (r'it has no drive "disk0"', "insert pc floppy0 nothing\n"),
            (r"there is no such boot module", "info pc\n"),
            (r"^floppy0: +empty", ""),
            (r"^floppy1: +floppytwo", ""),
            (many.MON, "insert pc floppy0 floppytwo\n"),
            (r"^medium: +floppytwo", ""),
            (many.MON, ""),
            (many.Look("pc", r"^all as it should be"), "sendkey pc ret\n"),
        ),
        code=1,
        figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
    )
    yield boot(
        "floppy-syslinux",
        "SeaBIOS boots a floppy with syslinux: its prompt answers what is typed",
        900,
        config_text=from_floppy("syslinux-floppy"),
        needs=["images-of-floppy", "image-syslinux-floppy"],
        forbid=TROUBLE,
        dialogue=(
            *at_the_screen(
                (r"^boot:", "sendkey pc n o t h i n g ret\n"),
                (r"^boot: nothing *\nLoading nothing\.\.\. failed", "poweroff\n"),
            ),
        ),
        by_default=False,
    )
    yield boot(
        "floppy-memtest",
        "memtest86+ from a floppy: its first pass over 6 MiB without an error",
        3600,
        config_text=from_floppy("memtest86+", memory="6M"),
        needs=["images-of-floppy", "image-memtest86+"],
        forbid=TROUBLE,
        dialogue=at_the_screen(
            (r"Memtest86\+ v.*\n[\s\S]*Pass: +[1-9]\d* +Errors: 0 *$", "poweroff\n"),
        ),
        figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
        by_default=False,
    )
    yield boot(
        "bios-return",
        "back to real mode as on an 80286: shutdown codes in CMOS memory, resets of the processor, SeaBIOS",
        400,
        # A reset of the whole machine would stop it: with a shutdown code set it is the processor's alone.
        config_text=many.machine(
            'pc { memory = "64M"; firmware = "bios"; on-reset = "stop"; debug-exit;\n'
            '  disk0 { source = "module:return286"; overlay = "1M"; }; };'
        ),
        needs=["images-of-pc-bios", "build/guest/return286"],
        want=(
            r"PASS: 0Ah, 8042",
            r"PASS: 05h, shutdown",
            r"PASS: 0Bh, port 92h",
            r"PASS: 0Ch, 8042",
            r"SUMMARY return286",
            r"guest pc: ended by the debug exit port",
        ),
        forbid=(r"panic", r"FAIL: ", r"refused"),
        by_default=False,
    )
