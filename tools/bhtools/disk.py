"""Bootable disk images, made without root: partition table, GRUB for BIOS, an EFI system partition, an ext4 root.

What grub-install does through a device is done to the file: boot.img goes into the first sector and is told where the
core image lies, which goes behind an MBR or into a GPT's BIOS boot partition and is told where its own rest lies. File
systems are made in files of their own by mke2fs and mtools. Same input, same bytes.
"""
import os
import shutil
import struct
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import parttable
from .image import GRUB_BIOS, ImageError
from .parttable import ALIGN, SECTOR, Partition

MIB = 1 << 20
TIME = "1700000000"  # when everything was made
SPACE = uuid.UUID("6c2c9c1e-3a0b-5d0e-9d57-62756c6b6864")  # identities are made from names in it
CORE_MODULES = ("part_msdos", "part_gpt", "ext2", "fat", "search", "search_fs_uuid", "normal", "configfile", "linux",
                "boot", "echo", "test", "ls", "cat", "sleep", "serial", "terminal", "reboot", "halt", "minicmd")
# boot.img, from GRUB's include/grub/i386/pc/boot.h: where it has the core's first sector (64 bits), and two bytes of a
# check of the drive's number that are to be no-operations on anything but a floppy.
BOOT_SECTOR, BOOT_CHECK = 0x5C, 0x66
# The core's first sector ends with a list of what lies where: sector (64 bits), sectors, segment (16 bits each).
CORE_LIST = SECTOR - 12
# Without what old readers (GRUB, kernels of ten years ago) do not know, whatever mke2fs.conf has.
EXT4 = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file," \
    "huge_file,dir_nlink,extra_isize,metadata_csum"


@dataclass
class Spec:
    """What a disk is to have. root: a folder. identity: what UUIDs are made from."""

    root: Path
    table: str = "mbr"
    boot: tuple = ("bios",)  # and "efi": GRUB; "efi-stub": the kernel itself
    size: int = 0  # bytes; 0: as much as it takes and a bit
    free: int = 16 * MIB  # of the root, when the size is not given
    esp: int = 0  # bytes of the EFI system partition; 0: what it takes
    kernel: Path = None  # copied into /boot of the root, and to the EFI system partition for the stub
    initrd: Path = None
    cmdline: str = ""  # besides root=
    config: str = ""  # a grub.cfg instead of ours
    timeout: int = 2
    identity: str = "disk"
    label: str = "root"
    modules: tuple = ()  # of GRUB, that config names besides CORE_MODULES

    def uuid(self, what):
        return uuid.uuid5(SPACE, f"{self.identity} {what}")


def run(*cmd, **env):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # mke2fs is not in a user's
    try:
        return subprocess.run([str(c) for c in cmd], check=True, capture_output=True, text=True,
                              env={**os.environ, "PATH": path, "LC_ALL": "C", **env}).stdout
    except FileNotFoundError:
        raise ImageError(f"{cmd[0]} is not installed: see tools/setup")
    except subprocess.CalledProcessError as e:
        raise ImageError(f"{cmd[0]} failed: {(e.stderr or e.stdout).strip()}")


# ---- GRUB ----


def core_config(spec):
    """What a core image runs: it finds the root by its UUID, on whatever drive."""
    return f"search.fs_uuid {spec.uuid('root')} root\nset prefix=($root)/boot/grub\nconfigfile /boot/grub/grub.cfg\n"


def grub_core(spec, target, folder, *modules):
    """A core image for i386-pc or x86_64-efi."""
    if not (GRUB_BIOS.parent / target).is_dir():
        raise ImageError(f"GRUB for {target} is not installed: see tools/setup")
    config, out = folder / f"{target}.cfg", folder / f"{target}.img"
    config.write_text(core_config(spec))
    run("grub-mkimage", "-O", target, "-o", out, "-p", "/boot/grub", "-c", config, *CORE_MODULES, *spec.modules, *modules)
    return out.read_bytes()


def place_core(boot, core, sector):
    """boot.img and a core image for a core that lies at that sector, in one piece."""
    boot, core = bytearray(boot), bytearray(core)
    core += bytes(-len(core) % SECTOR)
    struct.pack_into("<Q", boot, BOOT_SECTOR, sector)
    boot[BOOT_CHECK:BOOT_CHECK + 2] = b"\x90\x90"
    struct.pack_into("<QH", core, CORE_LIST, sector + 1, len(core) // SECTOR - 1)
    return bytes(boot), bytes(core)


def grub_config(spec):
    """The menu, on screen and serial line; entered after a while by itself."""
    if spec.config:
        return spec.config
    lines = ["serial --unit=0 --speed=115200", "terminal_input console serial", "terminal_output console serial",
             f"set timeout={spec.timeout}", "set default=0"]
    if spec.kernel:
        lines += ["menuentry 'Linux' {", "\techo 'Loading Linux'", f"\tlinux /boot/vmlinuz {kernel_words(spec)}"]
        lines += ["\tinitrd /boot/initrd.img"] if spec.initrd else []
        lines += ["}"]
    return "\n".join(lines) + "\n"


def kernel_words(spec):
    return f"root=UUID={spec.uuid('root')} {spec.cmdline}".strip()


# ---- file systems ----


def prepare_root(spec, folder):
    """A copy of the root's folder with kernel, initrd and GRUB's menu in /boot."""
    top = folder / "root"
    try:
        shutil.copytree(spec.root, top, symlinks=True)
    except shutil.Error as e:
        raise ImageError(f"{spec.root} cannot be copied: {e.args[0][0][2]}")
    (top / "boot/grub").mkdir(parents=True, exist_ok=True)
    for source, name in ((spec.kernel, "vmlinuz"), (spec.initrd, "initrd.img")):
        if source:
            shutil.copyfile(source, top / "boot" / name)
    (top / "boot/grub/grub.cfg").write_text(grub_config(spec))
    for path in (top / "boot", *(top / "boot").rglob("*")):
        os.utime(path, (int(TIME), int(TIME)), follow_symlinks=False)
    return top


def size_of(top):
    """(bytes, files) of a tree, in blocks of 4 KiB."""
    paths = [Path(at) / name for at, folders, files in os.walk(top) for name in folders + files]
    return sum(-(-p.lstat().st_size // 4096) * 4096 for p in paths), len(paths)


def make_ext4(spec, top, out, size):
    out.touch()
    os.truncate(out, size)
    own = spec.uuid("root")
    # Times of its own would make every disk another one.
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", EXT4, "-b", "4096", "-I", "256", "-m", "0", "-L", spec.label, "-U", own,
        "-E", f"hash_seed={spec.uuid('hash')},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0", "-d", top, out,
        E2FSPROGS_FAKE_TIME=TIME)
    settle_inodes(top, out)
    run("e2fsck", "-f", "-n", out, E2FSPROGS_FAKE_TIME=TIME)


def settle_inodes(top, out):
    """mke2fs takes over from the copied files whose they are, and when they were copied: all are root's, and only the time
    of the last change stays."""
    names = ["/" + str((Path(at) / name).relative_to(top)) for at, folders, files in os.walk(top)
             for name in folders + files]
    script = out.with_name(out.name + ".inodes")
    with open(script, "w") as f:
        for name in sorted(names) + ["/", "/lost+found"]:
            for key, value in (("uid", 0), ("gid", 0), *((t, f"@{TIME}") for t in ("atime", "ctime", "crtime"))):
                f.write(f'set_inode_field "{name}" {key} {value}\n')
        for name in ("/", "/lost+found"):
            f.write(f'set_inode_field "{name}" mtime @{TIME}\n')
    told = run("debugfs", "-w", "-f", script, out, E2FSPROGS_FAKE_TIME=TIME)
    wrong = [line for line in told.splitlines() if line and not line.startswith("debugfs: ")]
    if wrong:
        raise ImageError(f"debugfs: {wrong[0]}")


def esp_files(spec, folder):
    """{path in the EFI system partition: file}"""
    files = {}
    if "efi" in spec.boot:
        path = folder / "bootx64.efi"
        path.write_bytes(grub_core(spec, "x86_64-efi", folder))
        files["EFI/BOOT/BOOTX64.EFI"] = path
    if "efi-stub" in spec.boot:
        # The shell of the firmware runs startup.nsh when nothing else boots; boot entries can name the kernel, too.
        script = folder / "startup.nsh"
        words = kernel_words(spec) + (r" initrd=\EFI\Linux\initrd.img" if spec.initrd else "")
        script.write_bytes(f"\\EFI\\Linux\\vmlinuz.efi {words}\r\n".encode())
        files |= {"EFI/Linux/vmlinuz.efi": spec.kernel, "startup.nsh": script}
        files |= {"EFI/Linux/initrd.img": spec.initrd} if spec.initrd else {}
    return files


def esp_size(spec, files):
    need = sum(f.stat().st_size for f in files.values()) * 9 // 8 + MIB
    if spec.esp and spec.esp < need:
        raise ImageError(f"an EFI system partition of {spec.esp >> 20} MiB is too small: it takes {-(-need // MIB)} MiB")
    return spec.esp or max(-(-need // MIB) * MIB, 5 * MIB)  # from there on it is FAT16


def make_esp(spec, files, out, size, start):
    out.touch()
    os.truncate(out, size)
    serial = f"{spec.uuid('esp').int >> 96:08x}"
    env = dict(MTOOLS_SKIP_CHECK="1", SOURCE_DATE_EPOCH=TIME, TZ="UTC")
    run("mformat", "-i", out, "-T", size // SECTOR, "-h", 16, "-s", 63, "-H", start, "-N", serial, "-v", "ESP", "::", **env)
    done = set()
    for name, source in files.items():
        for parent in list(Path(name).parents)[-2::-1]:
            if parent not in done:
                run("mmd", "-i", out, f"::{parent}", **env)
                done.add(parent)
        run("mcopy", "-i", out, source, f"::{name}", **env)


# ---- the disk ----


def root_size(spec, top, before, after):
    """Bytes of the root's partition, of which that many sectors lie before and behind it."""
    used, files = size_of(top)
    need = used + files * 512 + 4 * MIB + used // 64  # inodes, journal, tables
    if not spec.size:
        return -(-(need + spec.free) // MIB) * MIB
    left = (spec.size // SECTOR - before - after) // 8 * 8 * SECTOR
    if left < need:
        more = (need - left + MIB - 1) // MIB
        raise ImageError(f"a disk of {spec.size >> 20} MiB is too small for what is to be on it: {more} MiB more")
    return left


def plan(spec, top, esp):
    """Partitions, and how many sectors the disk has. esp: bytes, 0 for none."""
    parts, at = [], ALIGN

    def add(kind, name, size, **more):
        nonlocal at
        parts.append(Partition(kind, name, at, size // SECTOR, spec.uuid(f"partition {name}"), **more))
        at = -(-parts[-1].end // ALIGN) * ALIGN

    if spec.table == "gpt" and "bios" in spec.boot:
        add(parttable.BIOS_BOOT, "BIOS boot", MIB)
    if esp:
        add(parttable.ESP, "EFI system", esp)
    after = parttable.GPT_TAIL if spec.table == "gpt" else 0
    add(parttable.LINUX, "root", root_size(spec, top, at, after), active=True)
    return parts, spec.size // SECTOR if spec.size else parts[-1].end + (ALIGN if after else 0)


def copy_sparse(source, out, offset):
    """Zeros stay holes."""
    with open(source, "rb") as src:
        while data := src.read(65536):
            if data.count(0) != len(data):
                out.seek(offset)
                out.write(data)
            offset += len(data)


def check(spec):
    if spec.table not in ("mbr", "gpt"):
        raise ImageError(f"a table is mbr or gpt, not {spec.table}")
    for way in spec.boot:
        if way not in ("bios", "efi", "efi-stub"):
            raise ImageError(f"a disk boots by bios, efi or efi-stub, not by {way}")
    if "efi-stub" in spec.boot and not spec.kernel:
        raise ImageError("efi-stub boots a kernel, and none is given")
    if spec.size % SECTOR or spec.size >> 41:
        raise ImageError("a disk is of whole sectors of 512 bytes, and below 2 TiB")
    for path in (spec.kernel, spec.initrd):
        if path and not Path(path).is_file():
            raise ImageError(f"{path} is not there")
    if not Path(spec.root).is_dir():
        raise ImageError(f"{spec.root} is no folder")


def grub_for_bios(spec, parts, folder):
    """(code of the first sector, core image, the sector where it goes)"""
    if "bios" not in spec.boot:
        return b"", b"", 0
    gpt = spec.table == "gpt"
    at, room = (parts[0].start, parts[0].sectors) if gpt else (1, parts[0].start - 1)
    boot = GRUB_BIOS / "boot.img"
    if not boot.is_file():
        raise ImageError("GRUB for BIOS is not installed: see tools/setup")
    boot, core = place_core(boot.read_bytes(), grub_core(spec, "i386-pc", folder, "biosdisk"), at)
    if len(core) > room * SECTOR:
        raise ImageError(f"GRUB's core image of {len(core)} bytes is too large for {room} sectors")
    return boot, core, at


def write(spec, f, parts, sectors, top, files, folder):
    """All of the disk into an empty file."""
    boot, core, at = grub_for_bios(spec, parts, folder)
    if spec.table == "gpt":
        head, tail = parttable.gpt(boot, parts, spec.uuid("disk"), sectors)
    else:
        head, tail = parttable.mbr(boot, parts, spec.uuid("disk").int & 0xFFFFFFFF)
    f.truncate(sectors * SECTOR)
    for data, sector in ((head, 0), (core, at), (tail, sectors - len(tail) // SECTOR)):
        if data:
            f.seek(sector * SECTOR)
            f.write(data)
    for p in parts:
        image = folder / "partition"
        image.unlink(missing_ok=True)
        if p.kind == parttable.LINUX:
            make_ext4(spec, top, image, p.sectors * SECTOR)
        elif p.kind == parttable.ESP:
            make_esp(spec, files, image, p.sectors * SECTOR, p.start)
        else:
            continue
        copy_sparse(image, f, p.start * SECTOR)


def make(spec, out):
    """Writes the image of a disk, to the file's name only when it is whole. Gives its partitions."""
    check(spec)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".tmp")
    try:
        with tempfile.TemporaryDirectory(prefix="mkdisk-") as tmp, open(part, "wb") as f:
            folder = Path(tmp)
            top = prepare_root(spec, folder)
            files = esp_files(spec, folder)
            parts, sectors = plan(spec, top, esp_size(spec, files) if files else 0)
            write(spec, f, parts, sectors, top, files, folder)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return parts
