"""The ELF image inside a Linux bzImage: unpacked, whatever it was packed with, and without what only costs time.

Source: Linux, Documentation/arch/x86/boot.rst (payload_offset, payload_length), scripts/Makefile.lib (how each packing
is made: all but gzip's have the unpacked length behind them).
"""
import bz2
import lzma
import struct
import subprocess
import zlib


class KernelError(Exception):
    pass


def _gzip(data):
    return zlib.decompressobj(31).decompress(data)


def _bzip2(data):
    return bz2.BZ2Decompressor().decompress(data)


def _lzma(data):
    return lzma.LZMADecompressor().decompress(data)


def _program(*cmd):
    def unpack(data):
        try:
            done = subprocess.run(cmd, input=data[:-4], capture_output=True)
        except FileNotFoundError:
            raise KernelError(f"{cmd[0]} is not installed: see tools/setup")
        if done.returncode:
            raise ValueError(done.stderr.decode(errors="replace").strip().splitlines()[-1:] or "failed")
        return done.stdout

    return unpack


# What the payload begins with (lib/decompress.c), its name, how it is unpacked.
PACKINGS = (
    (b"\x1f\x8b", "gzip", _gzip),
    (b"\x1f\x9e", "gzip", _gzip),
    (b"BZh", "bzip2", _bzip2),
    (b"\x5d\0\0", "lzma", _lzma),
    (b"\xfd7zXZ\0", "xz", _lzma),
    (b"\x89LZO\0\r\n\x1a\n", "lzo", _program("lzop", "-dc")),
    (b"\x02\x21\x4c\x18", "lz4", _program("lz4", "-dc")),
    (b"\x28\xb5\x2f\xfd", "zstd", _program("zstd", "-dcq")),
)


def _u32(data, off):
    return int.from_bytes(data[off : off + 4], "little")


def payload(bz):
    """The packed part of a bzImage."""
    if len(bz) < 0x250 or bz[0x202:0x206] != b"HdrS":
        raise KernelError("is no bzImage")
    version = int.from_bytes(bz[0x206:0x208], "little")
    if version < 0x208:
        known = f"{version >> 8}.{version & 255:02}"
        raise KernelError(f"has boot protocol {known}, which does not tell where its payload is")
    start = ((bz[0x1F1] or 4) + 1) * 512 + _u32(bz, 0x248)
    length = _u32(bz, 0x24C)
    if not length or start + length > len(bz):
        raise KernelError(f"is cut off: {len(bz)} bytes, and the payload ends at {start + length}")
    return bz[start : start + length]


def unpack(bz):
    """The ELF image inside a bzImage, as the kernel's build packed it."""
    packed = payload(bz)
    for magic, name, unpack_one in PACKINGS:
        if packed.startswith(magic):
            break
    else:
        raise KernelError(f"has a payload of no packing that Linux has: it begins with {packed[:8].hex(' ')}")
    try:
        elf = unpack_one(packed)
    except (ValueError, EOFError, OSError, lzma.LZMAError, zlib.error) as e:
        raise KernelError(f"has a payload that cannot be unpacked by {name}: {e}")
    # gzip ends with the length, too.
    told = _u32(packed, len(packed) - 4)
    if len(elf) != told:
        raise KernelError(f"has a payload, packed by {name}, of {len(elf)} bytes instead of {told}")
    if elf[:4] != b"\x7fELF":
        raise KernelError(f"has a payload, packed by {name}, that is no ELF image")
    return elf


class _Layout:
    """Where an ELF image of a class has what, and the order of a program header's fields."""

    def __init__(self, header, words, shoff, halves, fields, form):
        self.header = header  # bytes
        self.phoff, self.shoff = (slice(off, off + words) for off in shoff)
        self.phnum, self.sections = halves  # of e_phnum; of e_shentsize, e_shnum and e_shstrndx
        self.fields = fields  # type, offset, size in the file, alignment: their numbers
        self.form = form


LAYOUTS = {
    1: _Layout(52, 4, (28, 32), (slice(44, 46), slice(46, 52)), (0, 1, 4, 7), "<IIIIIIII"),
    2: _Layout(64, 8, (32, 40), (slice(56, 58), slice(58, 64)), (0, 2, 5, 7), "<IIQQQQQQ"),
}
PT_LOAD = 1
PAGE = 4096


def compact(elf):
    """The same program without alignment holes, zeros at segments' ends and sections: the same memory after loading."""
    lay = LAYOUTS.get(elf[4])
    if not lay or elf[5] != 1:
        raise KernelError(f"is an ELF image of class {elf[4]} and byte order {elf[5]}, not of this architecture")
    kind, offset, size, align = lay.fields
    phoff, phnum = (int.from_bytes(elf[where], "little") for where in (lay.phoff, lay.phnum))
    entry = struct.calcsize(lay.form)
    head = bytearray(elf[: lay.header])
    head[lay.phoff] = lay.header.to_bytes(lay.phoff.stop - lay.phoff.start, "little")
    head[lay.shoff] = bytes(lay.shoff.stop - lay.shoff.start)
    head[lay.sections] = (40 if elf[4] == 1 else 64).to_bytes(2, "little") + bytes(4)
    segments = [list(struct.unpack_from(lay.form, elf, phoff + i * entry)) for i in range(phnum)]
    out = bytearray(PAGE)
    moved = []  # (old offset, size, new offset) of each LOAD segment
    for seg in segments:
        if seg[kind] != PT_LOAD:
            continue
        body = elf[seg[offset] : seg[offset] + seg[size]].rstrip(b"\0")
        moved.append((seg[offset], len(body), len(out)))
        seg[size], seg[offset] = len(body), len(out)
        seg[align] = PAGE  # the offsets are now congruent to the addresses modulo a page only
        out += body + bytes(-len(body) % PAGE)
    for seg in segments:
        for old, length, new in moved:
            if seg[kind] != PT_LOAD and old <= seg[offset] and seg[offset] + seg[size] <= old + length:
                seg[offset] += new - old
                break
    table = b"".join(struct.pack(lay.form, *seg) for seg in segments)
    if lay.header + len(table) > PAGE:
        raise KernelError(f"has {phnum} segments, too many")
    out[: lay.header + len(table)] = head + table
    return bytes(out)
