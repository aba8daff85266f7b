"""A small system around Debian's kernels: busybox, an init, the tests' scripts; as an initramfs, or as the root of a disk
with an initramfs that has the drivers for it. Nothing is installed; see debian.py.
"""
import os
import re
import subprocess
import tarfile
from pathlib import Path

from . import debian
from .cpio import Cpio
from .debian import files_of, output

ROOT = Path(__file__).resolve().parent.parent.parent
# {what an image's name ends with: (architecture of the packages, the kernel's package, its meta package)}
KERNELS = {
    "": ("", r"linux-image-[\d.]+-\d+-amd64", "linux-image-amd64"),
    "-cloud": ("", r"linux-image-6\.12\.\S+-cloud-amd64", None),
    "-686": ("i386", r"linux-image-[\d.]+-\d+-686-pae", "linux-image-686-pae"),
    "-686-nopae": ("i386", r"linux-image-[\d.]+-\d+-686", "linux-image-686"),
}

INIT = """\
#!/bin/sh
# First process of the demo guest, or of a disk's root: a shell on the console, or one script of /tests when the
# kernel's command line says bh.test=NAME; bh.end=reboot then ends it, where nothing can switch off.
export PATH=/bin HOME=/root TERM=linux ENV=/etc/shrc PS1='guest:\\w# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp
hostname guest
cd /root
for word in $(cat /proc/cmdline); do
	case $word in
	bh.test=*) test=${word#bh.test=} ;;
	bh.end=*) end=${word#bh.end=} ;;
	esac
done
if [ -n "$test" ]; then
	echo "TEST $test: start"
	setsid cttyhack sh "/tests/$test.sh"
	echo "TEST $test: status $?"
	sleep 1 # what is still on its way to the terminal
	exec "${end:-poweroff}" -f
fi
echo
echo "This is $(uname -sr) in a Bulkhead guest. 'poweroff' ends it, 'reboot' starts it afresh."
while true; do
	setsid cttyhack sh
done
"""

# There is no init daemon to ask politely: act at once.
SHRC = """\
poweroff() { busybox poweroff -f; }
halt() { busybox poweroff -f; }
reboot() { busybox reboot -f; }
"""

# What mounts a disk's root: drivers of the machine's IDE controller and of disks, a file system, what these ask for by
# algorithm. What they depend on is found in them.
DISK_MODULES = ("crc32c_generic", "crct10dif_generic", "ata_piix", "sd_mod", "ext4")
DISK_PLACES = r"\./lib/modules/[^/]+/kernel/((drivers/(ata|scsi)|fs/(ext4|jbd2)|block|crypto|lib)/|fs/mbcache)[^/]*\.ko"

DISK_INIT = """\
#!/bin/sh
# First process of the initramfs: loads the disk's drivers and starts the system on the root of the kernel's command line.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for word in $(cat /proc/cmdline); do
	case $word in
	root=*) root=${word#root=} ;;
	rootflags=*) flags=,${word#rootflags=} ;;
	ro) mode=ro ;;
	esac
done
for module in $(cat /modules/order); do
	insmod /modules/$module.ko || echo "initrd: $module cannot be loaded"
done
device() {
	case $root in
	UUID=* | LABEL=*) findfs "$root" 2>/dev/null ;;
	*) [ -b "$root" ] && echo "$root" ;;
	esac
}
tries=0
until found=$(device) || [ $tries = 300 ]; do
	usleep 100000
	tries=$((tries + 1))
done
if mount -t ext4 -o "${mode:-rw}$flags" "$found" /root; then
	umount /sys /dev /proc
	exec switch_root /root /sbin/init
fi
echo "initrd: no root ($root) could be mounted; a shell to find out why"
exec sh
"""


def kernel_deb(suffix):
    """The package of a kernel."""
    arch, pattern, meta = KERNELS[suffix]
    packages = debian.Packages(arch)
    name = packages.behind(meta, pattern) if meta else packages.newest(pattern)
    if not name:
        raise debian.DebianError(f"apt knows no kernel whose package is called {pattern}")
    return packages.fetch(name)


def system(busybox, applets, programs=None):
    """All but /init: [(kind, path, what it holds or names, mode)]. programs: {path: what it holds}"""
    tree = [("folder", d, None, 0o755) for d in
            ("bin", "dev", "etc", "lib", "lib/modules", "proc", "root", "sys", "tests", "tmp")]
    tree.append(("file", "bin/busybox", busybox, 0o755))
    tree += [("link", f"bin/{applet}", "busybox", 0o777) for applet in applets]
    tree += [("file", name, data, 0o644 if name.endswith(".ko") else 0o755) for name, data in (programs or {}).items()]
    tree.append(("file", "etc/shrc", SHRC.encode(), 0o644))
    return tree + [("file", f"tests/{script.name}", script.read_bytes(), 0o755)
                   for script in sorted((ROOT / "tests/linux").glob("*.sh"))]


def archive(tree):
    """It as an initramfs."""
    ar = Cpio()
    for kind, name, what, mode in tree:
        if kind == "folder":
            ar.folder(name)
        elif kind == "link":
            ar.link(name, what)
        else:
            ar.file(name, what, mode)
        if name == "dev":
            ar.console()
    return ar.finish()


def unfold(tree, top):
    """It as files in a folder."""
    for kind, name, what, mode in tree:
        path = Path(top) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "folder":
            path.mkdir(exist_ok=True)
        elif kind == "link":
            path.symlink_to(what)
        else:
            path.write_bytes(what)
        if kind != "link":
            path.chmod(mode)
    for path in Path(top).rglob("*"):
        os.utime(path, (1700000000, 1700000000), follow_symlinks=False)  # the same every time


# ---- modules ----


def module_info(data, key):
    """Values of a key of a module's .modinfo section, which is a list of strings."""
    return [v.decode() for v in re.findall(rb"\0" + key.encode() + rb"=([^\0]*)\0", data)]


def modules_in(deb, places=DISK_PLACES):
    """{name: file} of a kernel's modules in these places; - is _ in names."""
    found = {}
    proc = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        with tarfile.open(fileobj=proc.stdout, mode="r|") as tar:
            for member in tar:
                if member.isfile() and re.fullmatch(places, member.name):
                    found[Path(member.name).stem.replace("-", "_")] = tar.extractfile(member).read()
    except tarfile.TarError as e:
        raise debian.DebianError(f"{deb.name}: {e}")
    finally:
        proc.stdout.close()
        proc.wait()
    return found


def load_order(modules, wanted):
    """Names of those wanted and of all that they need, in an order in which they can be loaded."""
    order = []

    def add(name, by):
        if name in order:
            return
        if name not in modules:
            raise debian.DebianError(f"the kernel's package has no module {name}, which {by} needs")
        for need in ",".join(module_info(modules[name], "depends")).split(","):
            if need:
                add(need.replace("-", "_"), name)
        order.append(name)

    for name in wanted:
        add(name, "the disk's system")
    return order


# ---- a system on a disk ----


def on_disk(suffix, folder, busybox, applets, programs=None):
    """
    A root's files into folder/tree, the kernel and its initramfs beside it: (tree, kernel, initrd). suffix: of KERNELS.
    busybox: that of the kernel's architecture. programs: more files, {path: what they hold}.
    """
    deb = kernel_deb(suffix)
    modules = modules_in(deb)
    order = load_order(modules, DISK_MODULES)
    unfold([*system(busybox, applets, programs), ("file", "sbin/init", INIT.encode(), 0o755)], folder / "tree")
    (folder / "vmlinuz").write_bytes(files_of(deb, r"\./boot/vmlinuz-.*")[0])
    tree = [("folder", d, None, 0o755) for d in ("bin", "dev", "modules", "proc", "root", "sys")]
    tree.append(("file", "bin/busybox", busybox, 0o755))
    tree += [("link", f"bin/{a}", "busybox", 0o777) for a in applets]
    tree += [("file", f"modules/{name}.ko", modules[name], 0o644) for name in order]
    tree.append(("file", "modules/order", "".join(f"{name}\n" for name in order).encode(), 0o644))
    tree.append(("file", "init", DISK_INIT.encode(), 0o755))
    (folder / "initrd.img").write_bytes(archive(tree))
    return folder / "tree", folder / "vmlinuz", folder / "initrd.img"


def busybox_of(suffix, own):
    """(busybox for a kernel, names of its commands). own: where that of this machine's architecture is written."""
    data, = files_of(debian.Packages().fetch("busybox-static"), r"\./bin/busybox")
    if not own.exists() or own.read_bytes() != data:
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_bytes(data)
    own.chmod(0o755)
    applets = sorted(set(output(str(own), "--list").split()) - {"busybox"})
    arch = KERNELS[suffix][0]
    if arch:
        data, = files_of(debian.Packages(arch).fetch("busybox-static"), r"\./bin/busybox")
    return data, applets
