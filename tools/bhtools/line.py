"""The machine's second serial port, handed on to a pseudo-terminal that programs of this host open and close as they
like."""
import os
import select

from .machine import raw_pty

LIMIT = 65536  # bytes kept for a program that does not read


class Line:
    """What the machine sends while no program has the terminal open is dropped, as on a cable that leads nowhere."""

    def __init__(self, machine_fd):
        self.machine = machine_fd
        self.program, theirs, self.name = raw_pty()
        os.close(theirs)  # so that it shows when nobody else has it open
        self.up = self.down = b""  # on their way to the machine, to the program

    def _state(self):
        p = select.poll()
        p.register(self.program, select.POLLIN)
        return dict(p.poll(0)).get(self.program, 0)

    def files(self):
        """(files to wait for until they can be read, until they can be written)"""
        state = self._state()
        is_open = not state & select.POLLHUP
        if not is_open:
            self.down = b""
        readable = [self.machine] if len(self.down) < LIMIT else []
        if not self.up and (is_open or state & select.POLLIN):
            readable.append(self.program)
        return readable, [self.machine] * bool(self.up) + [self.program] * bool(self.down)

    def move(self):
        """Moves what can be moved without waiting."""
        if len(self.down) < LIMIT:
            self.down += _read(self.machine)
        if not self.up:
            self.up = _read(self.program)
        self.up = _write(self.machine, self.up)
        self.down = b"" if self._state() & select.POLLHUP else _write(self.program, self.down)

    def close(self):
        os.close(self.program)


def _read(fd):
    try:
        return os.read(fd, 4096)
    except OSError:  # nothing there, or nobody
        return b""


def _write(fd, data):
    try:
        return data[os.write(fd, data):] if data else data
    except OSError:
        return data
