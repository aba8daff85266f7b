"""System tests of systems that are no Linux by themselves, from the GRUB menu of a disk (tools/guest-images disk-systems).

The menu is answered by the PC's keyboard. All are run when named: minutes in Bochs.
"""
import many

TROUBLE = (r"EPT violation in RAM", r"refused", r"vCPU \d+ crashed", r"bulkhead: panic")
TICKS = r"guest pc: (?P<name>summary): (?P<value>\d+) ticks"
MAC = "52:54:00:12:34:56"
CONFIG = many.machine(
    'pc { memory = "512M"; firmware = "bios"; com1 = "console"; on-reset = "stop";\n'
    f'  disk0 {{ source = "module:disk-systems"; overlay = "16M"; }}; nic0 {{ mac = "{MAC}"; }}; }};'
)


def tests(boot, prompt):
    """boot: cases.Boot. prompt: of the shell."""
    common = dict(config_text=CONFIG, needs=["image-disk-systems", "images-of-pc-bios"], leave_out=("e1000-rom",),
                  forbid=TROUBLE, by_default=False)

    def menu(key):
        return (r"Use the .* keys", many.ESCAPE), (many.MON, f"sendkey pc {key}\n")

    # Its first task is the Hurd's, which is for another architecture of Debian's.
    yield boot(
        "systems-gnumach", "SeaBIOS, GRUB, GNU Mach, to where it misses its first task", 1800,
        dialogue=(
            *menu("g"),
            (many.MON, "console pc\n"),
            (r"GNU Mach 1\.\d+", ""),
            (r"bootstrap_create: No bootstrap code loaded with the kernel!", many.ESCAPE),
            (many.MON, "poweroff\n"),
        ),
        **common,
    )
    yield boot(
        "systems-xen", "SeaBIOS, GRUB, Xen, Linux as its dom0 from the disk's root, to its shell", 3600,
        dialogue=(
            *menu("x"),
            (many.MON, "console pc\n"),
            (r"Dom0 has maximum 1 VCPUs", ""),
            (prompt, "dd if=/dev/zero of=/new bs=64k count=16 && sync; cat /sys/hypervisor/type\n"),
            (r"\nxen\n", ""),
            (prompt, "poweroff\n"),
        ),
        want=(r"Xen version 4\.\d+", r"16\+0 records out", "pc: powered off"),
        figures=(TICKS,),
        **common,
    )
    yield boot(
        "systems-ipxe", "SeaBIOS, GRUB, iPXE as a kernel: its prompt, what it finds of the network card", 1800,
        dialogue=(
            *menu("i"),
            (many.MON, ""),
            (many.Look("pc", r"Press Ctrl-B"), "sendkey pc ctrl-b\n"),
            (many.MON, ""),
            (many.Look("pc", r"^iPXE>"), "sendkey pc i f s t a t ret\n"),
            (many.MON, ""),
            (many.Look("pc", rf"^net0: {MAC} using 82540em"), "poweroff\n"),
        ),
        **common,
    )
