"""System tests of PCs that boot from a disk of tools/mkdisk, and of Linux without this or that part of the PC.

All but the first boot Debian's own kernel, unpacked by itself: minutes in Bochs, so that they run when named."""
import re
from pathlib import Path

import many

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS = r"guest pc: (?P<name>summary): (?P<value>\d+) ticks"
DISK_TICKS = r"(?P<name>DISK: 4 MiB by DMA): (?P<value>\d+) ticks"
MENU = (r"will be executed automatically", "\r")  # GRUB's, on the serial line


def config(disk):
    """boot/configs/pc-debian.dts with that disk, and the same in every run."""
    text = (ROOT / "boot/configs/pc-debian.dts").read_text()
    assert "module:disk-mbr" in text
    text = text.replace("module:disk-mbr", f"module:{disk}")
    return text.replace('firmware = "bios";', f'firmware = "bios"; cpu-disable = {many.strings(many.HIDDEN)};')


def both_passes(text):
    """The script counts its checks once before and once after the reboot."""
    passes = re.findall(r"^SUMMARY: (\d+) passed, 0 failed", text, re.M)
    return (None if len(passes) == 2 else f"{len(passes)} of 2 passes of the script went well"), \
        " and ".join(passes) + " checks"


def tests(boot, prompt, forbid, linux_pc):
    """boot: cases.Boot. linux_pc(words): boot/configs/pc-linux.dts with more words on the kernel's command line."""
    yield boot(
        "disk-grub",
        "SeaBIOS boots GRUB from the GPT disk that tools/mkdisk made: partitions and files of the root, on the serial line",
        900,
        config_text=config("grubdisk"),
        needs=["build/guest/grubdisk", "images-of-pc-bios"],
        dialogue=(
            (r"grub> ", "ls\r"),
            (r"\(hd0,gpt2\) \(hd0,gpt1\)", "cat /hello.sh\r"),
            (re.escape((ROOT / "tests/linux/hello.sh").read_text().splitlines()[0]), ""),
            (r"grub> ", "halt\r"),  # `cat` takes what is typed before
        ),
        want=("pc: powered off",),
        forbid=forbid,
        figures=(TICKS,),
    )
    for table in ("mbr", "gpt"):
        yield boot(
            f"disk-{table}",
            f"SeaBIOS, GRUB, Linux from an IDE disk ({table.upper()}): root by DMA, writes, reboots, finds its data",
            3600,
            config_text=config(f"disk-{table}"),
            needs=[f"image-disk-{table}", "images-of-pc-bios"],
            dialogue=(
                MENU,
                (prompt, "sh /tests/disk.sh\n"),
                (r"SUMMARY: \d+ passed, \d+ failed", ""),
                (prompt, "reboot\n"),
                ("restart 1", ""),
                MENU,
                (prompt, "sh /tests/disk.sh\n"),
                (r"SUMMARY: \d+ passed, \d+ failed", ""),
                (prompt, "poweroff\n"),
            ),
            want=(r"PASS: the journal that the reboot left", r"PASS: what was written before the reboot", "pc: powered off"),
            forbid=(*forbid, r"^FAIL: "),
            figures=(DISK_TICKS, TICKS),
            check=both_passes,
            by_default=False,
        )
    for kernel, told in (("686-pae", r"6\.\S+-686-pae"), ("686", r"6\.[\d.]+-\d+-686")):
        yield boot(
            f"disk-{kernel}",
            f"Debian's {kernel} kernel through SeaBIOS and GRUB from its disk to a shell",
            2400,
            config_text=config(f"disk-{kernel}"),
            needs=[f"image-disk-{kernel}", "images-of-pc-bios"],
            dialogue=(
                MENU,
                (prompt, "uname -rm\n"),
                (rf"\n{told} i686\n", ""),
                (prompt, "sh /tests/disk.sh\n"),
                (r"SUMMARY: \d+ passed, 0 failed", ""),
                (prompt, "poweroff\n"),
            ),
            want=("pc: powered off",),
            forbid=(*forbid, r"^FAIL: "),
            figures=(TICKS,),
            by_default=False,
        )
    # Without ACPI nothing switches off: there its end is a reset.
    for word, end in (("acpi=off", "reboot"), ("noapic", "poweroff"), ("nosmp", "poweroff")):
        yield boot(
            f"bios-linux-{word.replace('=', '-')}",
            f"Linux with {word} on the PC: its script passes",
            2400,
            config_text=linux_pc(f"bh.test=basic bh.end={end} {word}"),
            needs=["images-of-pc-linux"],
            want=(r"^SUMMARY: \d+ passed, 0 failed", "pc: powered off" if end == "poweroff" else "pc: reset: "),
            forbid=(*forbid, r"^FAIL: "),
            figures=(TICKS,),
            by_default=False,
        )
