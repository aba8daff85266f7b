"""Reads Bulkhead's log as it comes out of the serial port: what happened, in the words of the hypervisor."""
import re

_ANSI = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-B]|.)")


def clean(text):
    """The text without control sequences and carriage returns."""
    return _ANSI.sub("", text).replace("\r", "")


class Verdict:
    def __init__(self):
        self._tail = ""
        self.fatal = ""  # Bulkhead could not start: why
        self.panic = ""
        self.crash = ""  # a guest was stopped for what it did
        self.not_started = ""  # a guest that could not be: its name and why
        self.halted = False
        self.exit_code = None  # of the debug exit port
        self.first_ticks = {}  # guest name: tick of its first instruction
        self.start_tick = None  # tick of Bulkhead's first instruction
        self.summaries = {}  # guest name: its summary line

    def feed(self, data):
        self._tail += data.decode("latin-1")
        *lines, self._tail = self._tail.split("\n")
        self._tail = self._tail[-2000:]
        for line in lines:
            self._line(clean(line))

    def _line(self, line):
        # At the monitor's prompt lines of the log have it and a mark in front.
        m = re.match(r"(?:bulkhead> )?(?:\* )?(\[ *\d+\.\d+\] )?(?:error: )?(.*)", line)
        text = m.group(2)
        if not m.group(1) and not text.startswith("bulkhead: "):  # no time after a panic
            return
        if m := re.match(r"bulkhead: cannot start: (.*)", text):
            self.fatal = m.group(1)
        elif m := re.match(r"bulkhead: panic: (.*)", text):
            self.panic = m.group(1) or "?"
        elif text.startswith("bulkhead: halted"):
            self.halted = True
            if "panic" in text:
                self.panic = self.panic or "see the log"
        elif m := re.match(r"guest (\S+): vCPU (\d+) crashed: (.*)", text):
            self.crash = f"{m.group(1)}: {m.group(3)}"
        elif m := re.match(r"guest (\S+): (cannot be created: .*|firmware tables: .*|kernel .* refused: .*)", text):
            self.not_started = self.not_started or f"{m.group(1)}: {m.group(2)}"
        elif m := re.match(r"guest \S+: exit code (\d+)", text):
            self.exit_code = int(m.group(1))
        elif m := re.match(r"guest (\S+): first instruction at tick (\d+)", text):
            self.first_ticks.setdefault(m.group(1), int(m.group(2)))
        elif m := re.match(r"guest (\S+): summary: (.*)", text):
            self.summaries[m.group(1)] = m.group(2)
        elif m := re.match(r"Bulkhead \S+, started by .* at tick (\d+)", text):
            self.start_tick = int(m.group(1))
