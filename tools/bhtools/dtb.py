"""Reads the names of boot modules out of a configuration blob (Devicetree Specification, "Flattened Devicetree")."""
import struct

BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


class DtbError(Exception):
    pass


def _strings(value):
    return [s.decode("ascii", "replace") for s in value.rstrip(b"\0").split(b"\0") if s]


def properties(blob):
    """Yields (path, property name, value) for every property."""
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
    for path, prop, value in properties(blob):
        if not path.startswith("/guests/"):
            continue
        if prop in ("kernel", "initrd"):
            found = _strings(value)[:1]
        elif prop == "modules":
            found = [s.split(" ")[0] for s in _strings(value)]
        else:
            continue
        names += [n for n in found if n and n not in names]
    return names
