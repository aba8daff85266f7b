"""Partition tables: MBR, and GPT with its copy at the disk's end. Pure: bytes out, nothing is read or written.

Sources: UEFI specification 2.9, chapter 5 ("GUID Partition Table (GPT) Disk Layout"); the MBR's layout is in there, too.
All sizes and places are in sectors of 512 bytes.
"""
import struct
import uuid
import zlib
from dataclasses import dataclass

SECTOR = 512
ALIGN = 2048  # partitions begin at whole MiB
HEADS, TRACK = 255, 63  # of the addresses by cylinder, which nothing has looked at for long
ENTRIES, ENTRY_SIZE = 128, 128
GPT_HEAD = 2 + ENTRIES * ENTRY_SIZE // SECTOR  # protective MBR, header, entries
GPT_TAIL = GPT_HEAD - 1
HYBRID = 0xEE

# What a partition is for: (type in an MBR, type GUID of a GPT)
BIOS_BOOT = (None, uuid.UUID("21686148-6449-6e6f-744e-656564454649"))  # GRUB's core image; an MBR has a gap for it
ESP = (0xEF, uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"))
LINUX = (0x83, uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4"))


@dataclass
class Partition:
    kind: tuple
    name: str
    start: int
    sectors: int
    guid: uuid.UUID = None
    active: bool = False  # MBR: the one that is booted from

    @property
    def end(self):
        return self.start + self.sectors


def chs(lba):
    """The three bytes of an address by cylinder; what is out of reach has them at their ends."""
    cylinder, rest = divmod(lba, HEADS * TRACK)
    if cylinder > 1023:
        return b"\xfe\xff\xff"
    head, sector = divmod(rest, TRACK)
    return bytes((head, sector + 1 | cylinder >> 2 & 0xC0, cylinder & 0xFF))


def mbr_entry(kind, start, sectors, active=False):
    return struct.pack("<B3sB3sII", 0x80 if active else 0, chs(start), kind, chs(start + sectors - 1), start, sectors)


def into_mbr(code, entries, signature):
    """The first sector: up to 440 bytes of code, a signature of the disk (32 bits), up to four entries."""
    return code[:440].ljust(440, b"\0") + struct.pack("<IH", signature, 0) + b"".join(entries).ljust(64, b"\0") + \
        b"\x55\xaa"


def mbr(code, partitions, signature):
    """(sectors at the disk's begin, sectors at its end)"""
    return into_mbr(code, [mbr_entry(p.kind[0], p.start, p.sectors, p.active) for p in partitions], signature), b""


def gpt_header(place, other, first, last, table, guid, entries):
    def header(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, place, other, first, last,
                           guid.bytes_le, table, ENTRIES, ENTRY_SIZE, zlib.crc32(entries))
    return header(zlib.crc32(header(0))).ljust(SECTOR, b"\0")


def gpt(code, partitions, guid, sectors):
    """The same of a GPT, whose disk has that many sectors. code: of the protective MBR."""
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", p.kind[1].bytes_le, p.guid.bytes_le, p.start, p.end - 1, 0,
                    p.name.encode("utf-16-le"))
        for p in partitions
    ).ljust(ENTRIES * ENTRY_SIZE, b"\0")
    first, last = GPT_HEAD, sectors - GPT_TAIL - 1
    protective = into_mbr(code, [mbr_entry(HYBRID, 1, min(sectors - 1, 0xFFFFFFFF))], 0)
    head = protective + gpt_header(1, sectors - 1, first, last, 2, guid, entries) + entries
    return head, entries + gpt_header(sectors - 1, 1, first, last, last + 1, guid, entries)


# ---- reading ----


class TableError(Exception):
    pass


NAMES = {kind[0]: name for kind, name in ((ESP, "EFI system"), (LINUX, "Linux"))}


def read(data):
    """The partitions of a disk's image. Raises TableError for what is wrong with its table."""
    if len(data) < SECTOR or data[510:512] != b"\x55\xaa":
        raise TableError("there is no partition table: the first sector does not end with 55 AA")
    parts = []
    for i in range(4):
        active, _, kind, _, start, sectors = struct.unpack_from("<B3sB3sII", data, 446 + 16 * i)
        if kind == HYBRID:
            return read_gpt(data)
        if kind:
            parts.append(Partition((kind, None), NAMES.get(kind, f"type {kind:02x}"), start, sectors, active=active == 0x80))
    return inside(parts, 1, len(data) // SECTOR)


def inside(parts, first, end):
    """parts, when they are there and do not overlap."""
    before = None
    for p in sorted(parts, key=lambda p: p.start):
        if p.start < first or p.end > end:
            raise TableError(f"partition {p.name} (sectors {p.start} to {p.end - 1}) is not all within {first} to {end - 1}")
        if before and p.start < before.end:
            raise TableError(f"partitions {before.name} and {p.name} overlap")
        before = p
    return parts


def read_gpt(data):
    last = len(data) // SECTOR - 1
    first, table = gpt_entries(data, 1)
    second, copy = gpt_entries(data, last)
    if first["other"] != last or second["other"] != 1:
        raise TableError(f"a header says that the other one is in sector {first['other']}, not {last}")
    if table != copy or first["first"] != second["first"] or first["last"] != second["last"]:
        raise TableError("the copy at the disk's end is another table")
    parts = []
    for i in range(first["count"]):
        kind, guid, start, end, _, name = struct.unpack_from("<16s16sQQQ72s", table, i * first["size"])
        if any(kind):
            parts.append(Partition((None, uuid.UUID(bytes_le=kind)), name.decode("utf-16-le").rstrip("\0"), start,
                                   end - start + 1, uuid.UUID(bytes_le=guid)))
    return inside(parts, first["first"], first["last"] + 1)


def gpt_entries(data, sector):
    """(a header's fields, the table that it names), both with their sums right."""
    raw = data[sector * SECTOR:sector * SECTOR + 92]
    if len(raw) < 92 or raw[:8] != b"EFI PART":
        raise TableError(f"sector {sector} has no header of a GPT")
    crc, place, other, first, last, table, count, size, sum_ = struct.unpack_from("<16xI4xQQQQ16xQIII", raw)
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:]) != crc:
        raise TableError(f"the sum of the header in sector {sector} is wrong")
    if place != sector:
        raise TableError(f"the header in sector {sector} says that it is in {place}")
    if size != ENTRY_SIZE or not 0 < count <= 1024:
        raise TableError(f"a table of {count} entries of {size} bytes")
    entries = data[table * SECTOR:table * SECTOR + count * size]
    if zlib.crc32(entries) != sum_:
        raise TableError(f"the sum of the table in sector {table} is wrong")
    return {"other": other, "first": first, "last": last, "count": count, "size": size}, entries
