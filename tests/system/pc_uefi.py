"""System tests of PCs that OVMF starts: unpatched, from Debian. All are run when named: Bochs needs minutes for each.

OVMF shows its consoles on the screen, as pixels, and as text on COM1, where it is read; it takes both keyboard and COM1.
"""
import re
from pathlib import Path

import many

ROOT = Path(__file__).resolve().parent.parent.parent
PROMPT = r"Shell> "
SKIP = (r"in \d seconds to skip", "\r")  # the shell's start script, for which it waits
SCREEN = ("UEFI Interactive Shell v2.2", "EDK II", "map: No mapping found.", PROMPT.strip())
TROUBLE = (r"panic", r"EPT violation in RAM", r"refused", r"X64 Exception Type")


def until_prompt(text):
    """A check: from the first instruction to the first prompt, by the first `info`."""
    figures = re.search(r"^cpu time: +([\d.]+) s[\s\S]*?^exits: +(\d+)", text, re.M)
    if not figures:
        return "no figures at the prompt", ""
    return None, f"{round(float(figures[1]) * 50)} million ticks and {figures[2]} exits to the shell's prompt"


def example(name, old, new):
    """A configuration of boot/configs, changed."""
    text = (ROOT / f"boot/configs/{name}.dts").read_text()
    assert old in text
    return text.replace(old, new)


def disk(module="disk-gpt", vcpus=1):
    """The example with a disk; runs are to be repeatable."""
    text = example("pc-uefi-disk", "disk-gpt", module)
    return text.replace("on-reset", f"vcpus = <{vcpus}>; cpu-disable = {many.strings(many.HIDDEN)}; on-reset")


def tests(boot, program):
    """boot, program: cases.Boot, cases.Program."""
    common = dict(seconds=1500, needs=["images-of-pc-uefi"], by_default=False, forbid=TROUBLE)
    # Flash outlives what ends a guest, as long as the machine runs: another guest keeps it up.
    keeper = many.guest("keeper", "idle", com1="null")
    yield boot(
        "uefi-shell",
        "OVMF to its shell, on its screen, too; a variable outlives its reset, and the operator's stop and start",
        com2=True,
        cmdline="control=uart,com2,115200",
        config_text=example("pc-uefi", "guests {", "guests { " + keeper),
        dialogue=(
            SKIP,
            (PROMPT, program(("tests/system/text_screen_client", program.DEVICE, "pc", *SCREEN))),
            ("", many.ESCAPE),
            (many.MON, "info pc\n"),
            # By the keyboard; all of it is there when the shell asks again.
            (many.MON, 'sendkey pc "set bh kept" ret\n'),
            (r"events: +\d+", ""),
            (many.MON, "console pc\n"),
            (rf"kept[\s\S]*{PROMPT}", "set bh\r"),
            (r"bh .*= .*kept", ""),
            (PROMPT, "reset\r"),
            (r"guest pc: restarting \(restart 1\)", ""),
            SKIP,
            (PROMPT, "set bh\r"),
            (r"bh .*= .*kept", many.ESCAPE),
            # Its console shows the old shell's lines once more: the whole of the script's wait is the new one's.
            (many.MON, "destroy pc\n"),
            (r"state: +stopped", "start pc\n"),
            (many.MON, "console pc\n"),
            (rf"in 1 seconds to skip[\s\S]*{PROMPT}", "set bh\r"),
            (r"bh .*= .*kept", ""),
            (PROMPT, "reset -s\r"),
            (r"guest pc: powered off", many.ESCAPE),
            (many.MON, "poweroff\n"),
        ),
        check=until_prompt,
        **dict(common, needs=[*common["needs"], "build/guest-tests/load.elf", "build/host-tests/bhctl"]),
    )
    linux = dict(common, forbid=(*TROUBLE, r"no root .* could be mounted", r"BUG: ", r"Oops", r"^FAIL: "), seconds=3600)
    yield boot(
        "uefi-grub",
        "OVMF, GRUB for EFI from a GPT disk, Debian's kernel: its root by DMA, writes, reboots, finds its data; ticks",
        config_text=disk(),
        dialogue=(
            (r"Loading Linux", ""),
            (r"guest:\S*# ", "sh /tests/disk.sh; ls /sys/firmware/efi\n"),
            (r"SUMMARY: \d+ passed, 0 failed", ""),
            (r"guest:\S*# ", "reboot\n"),
            (r"guest pc: restarting \(restart 1\)", ""),
            (r"Loading Linux", ""),
            (r"guest:\S*# ", "sh /tests/disk.sh\n"),
            (r"SUMMARY: \d+ passed, 0 failed", ""),
            (r"guest:\S*# ", "poweroff\n"),
        ),
        want=(r"fw_platform_size", r"PASS: what was written before the reboot", r"guest pc: powered off"),
        figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
        **dict(linux, needs=["images-of-pc-uefi-disk"]),
    )
    yield boot(
        "uefi-stub",
        "OVMF with 4 vCPUs, its shell's startup.nsh, the kernel as an EFI program: 4 processors online; ticks",
        config_text=disk("disk-efi-stub", vcpus=4),
        dialogue=(
            (r"startup\.nsh", ""),
            (r"guest:\S*# ", "grep -c ^processor /proc/cpuinfo; ls /sys/firmware/efi\n"),
            (r"^4\n", ""),
            (r"fw_platform_size", "poweroff\n"),
        ),
        want=(r"guest pc: powered off",),
        figures=(r"guest pc: (?P<name>summary): (?P<value>\d+) ticks",),
        **dict(linux, needs=["images-of-pc-uefi", "image-disk-efi-stub"]),
    )
