"""Reads what the tools must know out of a configuration blob (Devicetree Specification, "Flattened Devicetree")."""
import re
import struct

VIDEO_MEMORY = 26 << 20  # of a guest that is a PC: of its VGA, and for a screenshot
FLASH_MEMORY = 1 << 20
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


class DtbError(Exception):
    pass


def _strings(value):
    return [s.decode("ascii", "replace") for s in value.rstrip(b"\0").split(b"\0") if s]


def properties(blob):
    """Yields (path, property name, value) for every property, and (path, "", b"") for every node before them."""
    if len(blob) < 40 or struct.unpack_from(">I", blob)[0] != 0xD00DFEED:
        raise DtbError("not a device tree blob")
    off_struct, off_strings = struct.unpack_from(">II", blob, 8)
    pos, path = off_struct, []
    try:
        while True:
            (token,) = struct.unpack_from(">I", blob, pos)
            pos += 4
            if token == BEGIN_NODE:
                end = blob.index(b"\0", pos)
                path.append(blob[pos:end].decode("ascii", "replace"))
                pos = (end + 4) & ~3
                yield "/".join(path) or "/", "", b""
            elif token == END_NODE:
                path.pop()
            elif token == PROP:
                size, name = struct.unpack_from(">II", blob, pos)
                start = off_strings + name
                value = blob[pos + 8 : pos + 8 + size]
                yield "/".join(path) or "/", blob[start : blob.index(b"\0", start)].decode("ascii", "replace"), value
                pos = (pos + 8 + size + 3) & ~3
            elif token == END:
                return
            elif token != NOP:
                raise DtbError("bad token")
    except (struct.error, ValueError, IndexError):
        raise DtbError("damaged")


def module_names(blob):
    """Names of the boot modules that the guests of the blob need, each once, in order."""
    names = []
    props = list(properties(blob))
    with_image = {path for path, prop, _ in props if prop == "firmware-image"}
    with_bios = {path for path, prop, value in props if prop == "firmware" and _strings(value)[:1] == ["bios"]}
    for path, prop, value in props:
        if not path.startswith("/guests/"):
            continue
        if prop in ("kernel", "initrd", "firmware-image"):
            found = _strings(value)[:1]
        elif prop == "firmware":
            found = [] if path in with_image else _strings(value)[:1]
        elif prop == "source":
            found = [s.removeprefix("module:") for s in _strings(value)[:1] if s.startswith("module:")]
        elif prop == "modules":
            found = [s.split(" ")[0] for s in _strings(value)]
        elif not prop and path.count("/") == 3 and re.fullmatch(r"nic\d+", path.rsplit("/", 1)[1]):
            found = ["e1000-rom"]
        else:
            continue
        if prop == "firmware":
            found += {"bios": ["vgabios"], "uefi": ["uefi-vars"]}.get("".join(_strings(value)[:1]), [])
        if prop == "kernel" and path in with_bios:
            found.append("linuxboot")
        names += [n for n in found if n and n not in names]
    return names


def _size(value):
    """Bytes: a string with an optional suffix, or one or two cells. What makes no sense counts as nothing: Bulkhead has
    the words for it."""
    m = re.fullmatch(rb"(0x[0-9a-fA-F]+|\d+)([KMG]?)\0", value, re.I)
    if m:
        return int(m[1], 16 if m[1][:2].lower() == b"0x" else 10) << b" KMG".index(m[2].upper() or b" ") * 10
    return int.from_bytes(value, "big") if len(value) in (4, 8) else 0


def guest_memory(blob):
    """Bytes that all guests of the blob have together: their memory, what their drives write to, PCs' video memory, the
    flash of those with UEFI."""
    props = [p for p in properties(blob) if p[0].startswith("/guests/")]
    pcs = {path for path, prop, value in props
           if prop == "firmware" or (prop, _strings(value)[:1]) == ("platform", ["pc"])}
    uefi = {path for path, prop, value in props if (prop, _strings(value)[:1]) == ("firmware", ["uefi"])}
    return len(pcs) * VIDEO_MEMORY + len(uefi) * FLASH_MEMORY + sum(
        _size(value) for path, prop, value in props if (path.count("/"), prop) in ((2, "memory"), (3, "overlay")))
