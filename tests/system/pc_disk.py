"""System tests of PCs that boot from a disk of tools/mkdisk."""
import re
from pathlib import Path

import many

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS = r"guest pc: (?P<name>summary): (?P<value>\d+) ticks"


def config(disk):
    """boot/configs/pc-debian.dts with that disk, and the same in every run."""
    text = (ROOT / "boot/configs/pc-debian.dts").read_text()
    assert "module:disk-mbr" in text
    text = text.replace("module:disk-mbr", f"module:{disk}")
    return text.replace('firmware = "bios";', f'firmware = "bios"; cpu-disable = {many.strings(many.HIDDEN)};')


def tests(boot, forbid):
    """boot: cases.Boot. forbid: what no such run may say."""
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
