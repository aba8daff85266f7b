"""Bulkhead in a virtual machine: Linux with KVM on the machine, QEMU there (build/guest/host, which tools/nested-image
makes), Bulkhead in it."""
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from . import dtb, image
from .cpio import Cpio
from .machine import BOCHS_IPS

HOST_MEMORY = 2048  # MiB: what Bochs keeps in memory
# tsc_early_khz: CPUID names the modelled chip's clock, not the emulated TSC's. clearcpuid: the emulator's XSAVES is
# wrong, and Linux finds that out too late (docs/testing.md, "The test bed"). The rest makes the host quick: tests of its
# ciphers and of its page tables are half of its start.
HOST_CMDLINE = (f"console=ttyS0,115200 quiet loglevel=1 tsc_early_khz={BOCHS_IPS // 1000} clearcpuid=xsavec,xsaves "
                "mitigations=off nokaslr rodata=off cryptomgr.notests initcall_blacklist=crypto_kdf108_init")


@dataclass
class Inner:
    """QEMU's machine."""

    cpus: int = 1
    memory: int = 512  # MiB
    uefi: bool = False  # boots an ISO through OVMF; else Bulkhead's ELF image by QEMU's own loader
    cpu: str = "host,+vmx"
    kvm: str = ""  # parameters of the module kvm-intel, NAME=VALUE[,…]


def _qemu(inner):
    words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "kvm", "-cpu", inner.cpu,
             "-smp", str(inner.cpus), "-m", str(inner.memory), "-display", "none",
             "-chardev", "stdio,id=com1,signal=off", "-serial", "chardev:com1"]
    return words


def _line(words):
    return " ".join(shlex.quote(w) for w in words) + "\n"


def _script(words):
    return "exec " + _line(words)


def _archive(files, script):
    """files: {name: path}"""
    ar = Cpio()
    for name, path in files.items():
        ar.file(f"nested/{name}", Path(path).read_bytes())
    ar.file("nested/run", script.encode())
    return ar.finish()


def _modules(blob, known):
    """{name: path} of the configuration's modules. QEMU cuts its list at commas; the names are those of files."""
    names = dtb.module_names(Path(blob).read_bytes())
    for name in names:
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise image.ImageError(f"a module called {name} cannot be handed on by QEMU")
    return {name: known.get(name) or image.module_path(name) for name in names}


def by_qemu(inner, hypervisor, blob, cmdline, modules=None):
    """Bulkhead's image and its modules through QEMU's -kernel, which is a multiboot1 loader. Gives the archive."""
    files = {"config": blob, **_modules(blob, modules or {})}
    words = [*_qemu(inner), "-vga", "none", "-kernel", "bulkhead.elf", "-append", cmdline, "-initrd", ",".join(files)]
    return _archive({"bulkhead.elf": hypervisor, **files}, _script(words))


def by_uefi(inner, iso):
    """The ISO through OVMF and GRUB for EFI. Gives the archive."""
    words = [*_qemu(inner), "-vga", "std",
             "-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd",
             "-drive", "if=pflash,format=raw,file=/usr/share/OVMF/OVMF_VARS.fd",
             "-cdrom", "boot.iso", "-boot", "d"]
    return _archive({"boot.iso": iso}, _script(words))


def of_qemu(disk):
    """No Bulkhead: SeaBIOS boots the disk on QEMU's own PC with KVM, with the debug exit port; on its serial line a byte
    always waits. Gives the archive. The status of its run is the exit port's."""
    words = [*_qemu(Inner(memory=64, cpu="host")), "-vga", "std", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
             "-drive", "if=ide,format=raw,file=disk.img"]
    return _archive({"disk.img": disk}, "yes n | " + _line(words))


def host_entry(inner, archive, folder):
    """What GRUB boots on the machine: the host's kernel through its PVH entry, its initramfs with that archive."""
    host = image.BUILD / "guest/host"
    if not host.is_file():
        raise image.ImageError(f"{host} is not there: tools/nested-image makes it")
    initrd = folder / "host-initrd"
    initrd.write_bytes(host.read_bytes() + archive)
    cmdline = HOST_CMDLINE + (f" bh.kvm={inner.kvm}" if inner.kvm else "")
    return image.multiboot1_entry(image.BUILD / "guest-tests/pvhboot.elf", f"pvhboot {cmdline}",
                                  [(image.module_path("vmlinux"), "vmlinux"), (initrd, "initrd")])
