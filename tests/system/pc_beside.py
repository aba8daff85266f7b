"""What a PC costs beside the one that QEMU gives with KVM: the same disks time themselves on both, in the same emulator.
Minutes each, and an image with QEMU to be made: run when named."""
import re

# QEMU's port tells the same of the retrace each time it is asked, whatever the time.
NOT_COMPARED = ("from retrace to retrace",)
NOISE = 10  # ticks, of a measurement
# What does cost more, and at most how many times as much.
DEARER = {"mode 12h, REP STOSB of a row": 3, "mode 12h, a row copied in write mode 1": 1.25}


def ticks(text):
    """{what a disk's program timed: ticks}"""
    return {name: int(value) for name, value in re.findall(r"^(?:pc-costs|bootdisk): (\w.*): (\d+) ticks", text, re.M)}


def cheaper(ours, theirs):
    """compare of a Boot: nothing but that costs more under Bulkhead."""
    here, there = ticks(ours), ticks(theirs)
    told = ", ".join(f"{name} {value} (KVM {there.get(name)})" for name, value in here.items())
    if not here or here.keys() != there.keys():
        return "not the same things were timed:", f"{told}; KVM: {', '.join(there)}"
    dearer = [name for name in here if name not in NOT_COMPARED and here[name] > there[name] * DEARER.get(name, 1) + NOISE]
    return (f"dearer than with KVM: {', '.join(dearer)};" if dearer else None), told


def tests(boot, memory, **ours):
    """boot: cases.Boot. memory: of the machine whose Linux has KVM, in MiB. ours: {name: the test of a disk's program}"""
    for name, under_bulkhead in ours.items():
        disk = {"costs": "pccosts", "disk": "bootdisk"}[name]
        yield boot(
            f"nested-pc-{name}",
            f"system/{under_bulkhead.name}, and the same disk on QEMU's PC with KVM: what costs more under Bulkhead is known",
            14400,
            of_qemu=disk,
            memory=memory,
            needs=[f"build/guest/{disk}"],
            want=(r"^nested: ended with status",),
            forbid=(r"bootdisk: FAILED", r"there is no /dev/kvm", r"qemu-system-x86_64: "),
            beside=under_bulkhead,
            compare=cheaper,
            by_default=False,
        )
