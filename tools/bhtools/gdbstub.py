"""A client of QEMU's gdb stub, as much of it as tests need: what a loader or a machine does that cannot be had by options.
GDB manual, "GDB Remote Serial Protocol"."""
import os
import re
import select
import time


class StubError(Exception):
    pass


class Stub:
    """fd: the terminal of which the emulator has the other end; the machine stands still before its first instruction."""

    def __init__(self, fd, seconds=120):
        self.fd = fd
        self.end = time.monotonic() + seconds
        self.buffer = b""
        self.numbers = {}

    def _byte(self):
        while not self.buffer:
            left = self.end - time.monotonic()
            if left <= 0:
                raise StubError("no answer")
            if select.select([self.fd], [], [], min(left, 1))[0]:
                try:
                    self.buffer = os.read(self.fd, 65536)
                except BlockingIOError:
                    continue
                except OSError as e:
                    raise StubError("the emulator has ended") from e
        byte, self.buffer = self.buffer[:1], self.buffer[1:]
        return byte

    def _answer(self):
        while self._byte() != b"$":
            pass
        text = b""
        while (byte := self._byte()) != b"#":
            text += byte
        self._byte(), self._byte()  # the checksum: nothing gets lost on this line
        os.write(self.fd, b"+")
        return text.decode("latin-1")

    def _send(self, text):
        data = text.encode("latin-1")
        os.write(self.fd, b"$%b#%02x" % (data, sum(data) & 255))

    def command(self, text):
        self._send(text)
        return self._answer()

    def _number(self, register):
        """The stub tells its registers in XML, a file for each group, numbered from the first on."""
        if not self.numbers:
            files = re.findall(r'<xi:include href="([^"]+)"', self._xml("target.xml"))
            text = re.sub(r"<!--.*?-->", "", "".join(self._xml(name) for name in files), flags=re.S)
            names = re.findall(r'<reg name="([^"]+)"', text)
            self.numbers = {name: number for number, name in enumerate(names)}
        return self.numbers[register]

    def _xml(self, name):
        text = ""
        while True:
            part = self.command(f"qXfer:features:read:{name}:{len(text):x},800")
            text += part[1:]
            if part[:1] != "m":
                return text

    def read(self, register):
        return int.from_bytes(bytes.fromhex(self.command(f"p{self._number(register):x}")), "little")

    def write(self, register, value):
        number = self._number(register)
        size = len(self.command(f"p{number:x}")) // 2  # of 32-bit code, 4 bytes
        if self.command(f"P{number:x}={value.to_bytes(size, 'little').hex()}") != "OK":
            raise StubError(f"{register} cannot be written")

    def run_to(self, address):
        """Until the processor comes there."""
        if self.command(f"Z1,{address:x},1") != "OK":
            raise StubError("no breakpoint")
        self.command("c")
        if self.command(f"z1,{address:x},1") != "OK":
            raise StubError("the breakpoint stays")

    def monitor(self, words):
        """A command of QEMU's own monitor."""
        answer = self.command(f"qRcmd,{words.encode().hex()}")
        while answer.startswith("O") and answer != "OK":
            answer = self._answer()
        if answer != "OK":
            raise StubError(f"{words}: {answer}")

    def leave(self):
        """The machine runs on alone."""
        self.command("D")
