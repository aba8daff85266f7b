"""Archives that Linux unpacks as its first file system."""
import stat


class Cpio:
    """A "newc" archive (Documentation/driver-api/early-userspace/buffer-format.rst) without times and owners."""

    def __init__(self):
        self.data = bytearray()
        self.ino = 0

    def add(self, name, mode, body=b"", rdev=(0, 0)):
        self.ino += 1
        name = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(body), 0, 0, *rdev, len(name), 0)
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self.data += bytes(-len(self.data) % 4)
        self.data += body
        self.data += bytes(-len(self.data) % 4)

    def folder(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def file(self, name, body, mode=0o644):
        self.add(name, stat.S_IFREG | mode, body)

    def link(self, name, target):
        self.add(name, stat.S_IFLNK | 0o777, target.encode())

    def console(self):
        """The kernel opens it for /init before /init can mount anything."""
        self.add("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data) + bytes(-len(self.data) % 4096)
