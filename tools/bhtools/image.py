"""Boot images: a hard disk for BIOS (what emulators boot fastest) and an ISO for BIOS and UEFI (what people use).

Both hold the same files and the same GRUB entry. The disk image is put together here: MBR, GRUB's core image behind it,
one partition that is a tar archive (GRUB reads it like any file system). The ISO is made by grub-mkrescue.
"""
import fcntl
import io
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
from pathlib import Path

from . import dtb

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
GRUB_BIOS = Path("/usr/lib/grub/i386-pc")
DISK_MODULES = ["biosdisk", "part_msdos", "tar", "multiboot", "multiboot2", "linux", "boot", "echo"]
SECTOR = 512
PART_START = 2048  # sectors; GRUB's core image lies before it
CYLINDER = 16 * 63 * SECTOR  # the disk's size is a multiple, as emulators want it


class ImageError(Exception):
    pass


def _maker(path):
    """What makes a file that is not there."""
    folder = path.resolve().parent
    if folder == BUILD / "guest":
        return ": 'make guest-images' makes it"
    if folder == BUILD / "guest-tests":
        if (ROOT / "tests/guest" / path.stem).with_suffix(".c").is_file():
            return ": 'make guests' makes it"
        return f": a module's file lies in build/guest or build/guest-tests, none is called {path.stem}"
    return ""


class Entry:
    """What GRUB boots: files = {path in the image: path on this host}, script = GRUB commands ('' ends with boot)."""

    def __init__(self, files, script):
        self.files = {name: Path(path) for name, path in files.items()}
        self.script = script
        for name, path in self.files.items():
            if not path.is_file():
                raise ImageError(f"{path} is not there (wanted as {name}){_maker(path)}")


def _run(*cmd, **kw):
    try:
        subprocess.run([str(c) for c in cmd], check=True, capture_output=True, text=True, **kw)
    except FileNotFoundError:
        raise ImageError(f"{cmd[0]} is not installed: see tools/setup")
    except subprocess.CalledProcessError as e:
        raise ImageError(f"{Path(str(cmd[0])).name} failed: {(e.stderr or e.stdout).strip()}")


def compile_dts(dts, out):
    """Compiles a .dts with dtc."""
    out.parent.mkdir(parents=True, exist_ok=True)
    _run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", out, dts)
    return out


def module_path(name):
    """The file behind the name of a boot module."""
    known = {"bzimage": "bzImage", "bzImage": "bzImage", "vmlinux": "vmlinux", "initrd": "initrd",
             "bios": "bios-256k.bin", "vgabios": "vgabios-stdvga.bin", "linuxboot": "linuxboot_dma.bin",
             "e1000-rom": "pxe-e1000.rom",
             "uefi": "OVMF_CODE_4M.fd", "uefi-vars": "OVMF_VARS_4M.fd"}
    if name in known:
        return BUILD / "guest" / known[name]
    for folder, suffix in (("guest-tests", ".elf"), ("bench", ".elf"), ("guest", "")):
        path = BUILD / folder / (name + suffix)
        if path.is_file():
            return path
    return BUILD / "guest-tests" / (name + ".elf")


def _quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def bulkhead_entry(hypervisor, blob, cmdline, modules=None, gfx_text=True):
    """
    Bulkhead with a blob (a path, or None for none) and its modules. modules: {name: path} for those whose files the
    caller knows; the others are looked up, and one mapped to None is left out.
    """
    modules = dict(modules or {})
    files = {"boot/bulkhead.elf": hypervisor}
    lines = [f"multiboot2 /boot/bulkhead.elf {cmdline}"]
    if blob:
        files["boot/config.dtb"] = blob
        lines.append("module2 /boot/config.dtb config")
        try:
            wanted = dtb.module_names(Path(blob).read_bytes())
        except dtb.DtbError:
            wanted = []  # a broken blob is for Bulkhead to refuse
        for name in wanted:
            modules.setdefault(name, module_path(name))
    for name, path in modules.items():
        if path is None:
            continue
        inside = "boot/" + "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        files[inside] = path
        lines.append(f"module2 /{inside} {_quote(name)}")
    return Entry(files, "\n".join(lines) + "\n")


def multiboot1_entry(elf, cmdline="", modules=()):
    """A multiboot1 payload started by GRUB itself, on the bare machine. modules: (file, command line) each."""
    files = {"boot/payload.elf": elf}
    script = f"multiboot /boot/payload.elf {cmdline}\n"
    for i, (path, args) in enumerate(modules):
        files[f"boot/module{i}"] = path
        script += f"module /boot/module{i} {args}\n"
    return Entry(files, script)


def linux_entry(kernel, initrd, cmdline):
    """A bzImage started by GRUB itself, on the bare machine."""
    return Entry({"boot/kernel": kernel, "boot/initrd": initrd}, f"linux /boot/kernel {cmdline}\ninitrd /boot/initrd\n")


def _core_image():
    """GRUB's core image for the disk, made once. It runs /boot/grub.cfg of the first partition."""
    core = BUILD / "grub" / "core.img"
    config = BUILD / "grub" / "core.cfg"
    wanted = "set root=(hd0,msdos1)\nset prefix=(hd0,msdos1)/boot\nconfigfile /boot/grub.cfg\n"
    core.parent.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "grub" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if core.exists() and config.exists() and config.read_text() == wanted:
            return core.read_bytes()
        if not GRUB_BIOS.is_dir():
            raise ImageError("GRUB for BIOS is not installed: see tools/setup")
        config.write_text(wanted)
        _run("grub-mkimage", "-O", "i386-pc", "-o", core, "-p", "(hd0,msdos1)/boot", "-c", config, "configfile",
             "minicmd", *DISK_MODULES)
    return core.read_bytes()


def make_disk(entry, out):
    """Writes the disk image. boot.img and the core image need no installation when the core follows the MBR."""
    core = _core_image()
    mbr = bytearray((GRUB_BIOS / "boot.img").read_bytes())
    if SECTOR + len(core) > PART_START * SECTOR:
        raise ImageError("GRUB's core image is too large")
    out.parent.mkdir(parents=True, exist_ok=True)
    tmp = out.with_name(out.name + ".tmp")
    with open(tmp, "wb") as f:
        f.seek(PART_START * SECTOR)
        with tarfile.open(fileobj=f, mode="w", format=tarfile.USTAR_FORMAT) as tar:

            def add(name, stream, size):
                info = tarfile.TarInfo(name)
                info.size = size
                tar.addfile(info, stream)

            script = (entry.script + "set gfxpayload=text\nboot\n").encode()  # not what the kernel's header asks for
            add("boot/grub.cfg", io.BytesIO(script), len(script))
            for name, path in entry.files.items():
                with open(path, "rb") as src:
                    add(name, src, path.stat().st_size)
        size = -(-f.tell() // CYLINDER) * CYLINDER
        f.truncate(size)
        mbr[446:510] = bytes(64)  # boot.img has code for floppies there
        struct.pack_into("<B3sB3sII", mbr, 446, 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PART_START,
                         size // SECTOR - PART_START)
        mbr[510:512] = b"\x55\xaa"
        f.seek(0)
        f.write(mbr)
        f.write(core)
    os.replace(tmp, out)
    return out


def make_iso(entry, out):
    """Writes an ISO that boots by BIOS and by UEFI, from CD and from a stick."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        top = Path(tmp) / "iso"
        (top / "boot/grub").mkdir(parents=True)
        body = "".join(f"\t{line}\n" for line in entry.script.splitlines())
        # On BIOS stay in text mode; on UEFI a graphics mode is all there is ("keep" would keep text there, which is
        # nothing). Commands that load a kernel set gfxpayload to what its header asks for: what is to be otherwise
        # comes behind them.
        cfg = ("set timeout=0\nset default=0\n"
               "if [ \"$grub_platform\" != pc ]; then insmod all_video; fi\n"
               f"menuentry 'Bulkhead' {{\n{body}"
               "\tif [ \"$grub_platform\" = pc ]; then set gfxpayload=text; fi\n}\n")
        (top / "boot/grub/grub.cfg").write_text(cfg)
        for name, path in entry.files.items():
            target = top / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target)
            except OSError:
                shutil.copyfile(path, target)
        part = Path(tmp) / "out.iso"
        _run("grub-mkrescue", "-o", part, top)
        os.replace(part, out)
    return out
