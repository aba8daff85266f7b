"""One run: image, emulator, console; used by tools/run, tests/run and tools/bench."""
import os
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from . import host, image
from .line import Line
from .machine import Machine
from .verdict import Verdict, clean

OK, USAGE, REFUSED, CRASHED, TIMEOUT, ENDED = 0, 2, 4, 6, 124, 130

# GRUB's words, and that it waits; alone they may be no more than a warning. Or its prompt, for want of a menu.
LOADER_ERROR = re.compile(r"^error: \S.*|^grub(?: rescue)?> *$", re.M)
LOADER_WAITS = re.compile(r"^Press any key to continue|^grub(?: rescue)?> *$", re.M)


def run_folder():
    """A folder for the files of one run, removed by the caller."""
    top = image.BUILD / "run"
    top.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="run-", dir=top))


def hypervisor_image(path=None):
    """Bulkhead's ELF image without debugging sections, which GRUB would read for nothing."""
    src = Path(path) if path else image.BUILD / "bulkhead.elf"
    if not src.is_file():
        raise image.ImageError(f"{src} is not there: build it with 'make'")
    out = image.BUILD / "run" / (src.stem + ".boot.elf")
    if out.exists() and out.stat().st_mtime >= src.stat().st_mtime:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    tmp = out.with_name(f"{out.name}.{os.getpid()}.{threading.get_ident()}")  # tests run in threads
    subprocess.run(["objcopy", "--strip-all", str(src), str(tmp)], check=True)
    os.replace(tmp, out)
    return out


def with_default(cmdline, word):
    """cmdline, and word (KEY=VALUE) unless it has that key."""
    key = word.split("=")[0]
    if any(w.split("=")[0] == key for w in cmdline.split()):
        return cmdline
    return f"{cmdline} {word}".strip()


def config_blob(name, folder):
    """The blob of boot/configs/NAME.dts, of a .dts file, or a .dtb as it is."""
    path = Path(name)
    if path.suffix in (".dts", ".dtb") and not path.is_file():
        raise image.ImageError(f"{name} is not there")
    if path.suffix == ".dtb":
        return path
    if path.suffix != ".dts":
        path = image.ROOT / "boot/configs" / f"{name}.dts"
    if not path.is_file():
        have = ", ".join(sorted(p.stem for p in (image.ROOT / "boot/configs").glob("*.dts")))
        raise image.ImageError(f"{name} is no configuration of boot/configs ({have}) and no .dts or .dtb file")
    return image.compile_dts(path, folder / "config.dtb")


def payload_blob(folder, memory="128M", cpus=1, append="", modules=(), properties=()):
    """A blob with one multiboot1 guest and all debug devices. modules: strings; properties: lines of device tree text
    that replace or add to the guest's."""
    text = lambda s: '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'
    guest = {
        "memory": text(memory), "vcpus": f"<{cpus}>", "protocol": text("multiboot1"), "kernel": text("payload"),
        "com1": text("console"), "on-reset": text("stop"), "on-crash": text("stop"),
        "debug-exit": None, "testdev": None, "forced-emulation": None,
    }
    if append:
        guest["cmdline"] = text(append)
    if modules:
        guest["modules"] = ", ".join(text(m) for m in modules)
    for line in properties:
        key, _, value = line.strip().rstrip(";").partition("=")
        if key.strip().startswith("!"):
            guest.pop(key.strip()[1:], None)
        else:
            guest[key.strip()] = value.strip() or None
    body = "".join(f"\t\t\t{k}{'' if v is None else ' = ' + v};\n" for k, v in guest.items())
    dts = folder / "payload.dts"
    dts.write_text(
        '/dts-v1/;\n/ {\n\tcompatible = "bulkhead,config-1";\n\thypervisor {\n\t\ton-idle = "poweroff";\n\t};\n'
        f"\tguests {{\n\t\tpayload {{\n{body}\t\t}};\n\t}};\n}};\n",
    )
    return image.compile_dts(dts, folder / "config.dtb")


def _open_log(path):
    try:
        return open(path, "wb")
    except OSError as e:
        raise image.ImageError(f"cannot write the log {path}: {e.strerror}")


class Session:
    """A machine from start to end. Collects the console's text and what it says about the run. line: its second serial
    port, if it has one; line.name is the terminal that programs open."""

    def __init__(self, settings, folder, log=None):
        self.log = _open_log(log) if log else None
        self.machine = Machine(settings, folder)
        self.console = self.machine.console
        self.line = Line(self.machine.com2) if settings.com2 else None
        self.verdict = Verdict()
        self.text = bytearray()
        self.started = time.monotonic()
        self.pending = b""
        self._halted_at = None
        self.refusal = ""  # the screen's text, when all that was to be seen is an error of the boot loader there
        self._error_at = None
        self._error = ""

    def seconds(self):
        return time.monotonic() - self.started

    def pump(self, wait=0.1, extra=()):
        """Moves bytes for up to wait seconds. Gives (new bytes of the console, those of extra's files that can be
        read)."""
        out = [self.console] if self.pending else []
        more_in, more_out = self.line.files() if self.line else ([], [])
        ready, writable, _ = select.select([self.console, *extra, *more_in], [*out, *more_out], [], wait)
        if self.line:
            self.line.move()
        if self.console in writable:
            self.pending = self.machine.write(self.pending)
        data = self.machine.read() if self.console in ready else b""
        if data:
            self._take(data)
        return data, [f for f in ready if f in extra]

    def _take(self, data):
        self.text += data
        self.verdict.feed(data)
        if self.log:
            self.log.write(data)
            self.log.flush()

    def type(self, data):
        self.pending += data

    def ended(self):
        """True when the machine is off, or will not do anything any more."""
        if not self.machine.running():
            return True
        if self.verdict.halted and self._halted_at is None:
            self._halted_at = self.seconds()
        if not self.text and self._loader_refuses():
            return True
        return self._halted_at is not None and self.seconds() > self._halted_at + 1

    def _loader_refuses(self):
        """GRUB tells on the screen alone why it boots nothing, and waits for a key or at its prompt. The longest text with
        an error is kept: an old one's menu may take the screen again, with no word of it."""
        text = self.machine.screen.text().strip()
        if LOADER_ERROR.search(text) and LOADER_WAITS.search(text):
            self._error_at = self.seconds() if self._error_at is None else self._error_at
            self._error = max(self._error, text, key=len)
        if self._error_at is not None and self.seconds() > self._error_at + 2:
            self.refusal = self._error
        return bool(self.refusal)

    def finish(self):
        """Ends the machine if it runs, reads the rest. Gives the bytes not seen so far, and the outcome."""
        self.machine.kill()
        rest = b""
        while data := self.machine.read():
            rest += data
        self._take(rest)
        if self.log:
            self.log.close()
        if self.line:
            self.line.move()
            self.line.close()
        outcome = self.machine.outcome()
        self.machine.close()
        return rest, outcome

    def output(self):
        """All of the console's text so far, without control sequences."""
        return clean(self.text.decode("utf-8", "replace"))

    def expect(self, pattern, seconds):
        """Waits until the console's text behind the last match has pattern. None: it ended or time was up."""
        start = getattr(self, "_seen", 0)
        end = self.seconds() + seconds
        while True:
            text = clean(self.text[start:].decode("latin-1"))
            m = re.search(pattern, text)
            if m:
                self._seen = len(self.text)
                return m
            if self.seconds() > end or not self.machine.running() and not self.pump(0)[0]:
                return None
            self.pump(0.1)


def judge(session, outcome, timed_out=False):
    """(exit status, words) for a run that is over."""
    v = session.verdict
    if session.refusal:
        return REFUSED, f"the boot loader refused: {LOADER_ERROR.search(session.refusal)[0]}"
    if v.panic:
        return CRASHED, f"Bulkhead panicked: {v.panic}"
    if v.fatal:
        return REFUSED, f"Bulkhead could not start: {v.fatal}"
    if v.not_started:
        return REFUSED, f"guest not started: {v.not_started}"
    if timed_out:
        return TIMEOUT, "time is up"
    if outcome.kind == "triple-fault":
        return CRASHED, "the machine's processor shut down (triple fault)"
    if outcome.kind == "failed":
        return CRASHED, ": ".join(w for w in ("the emulator stopped", outcome.detail, host.lack_of_space()) if w)
    if v.crash:
        return CRASHED, f"guest crashed: {v.crash}"
    if outcome.kind == "killed" and not v.halted:
        return ENDED, "ended by the user"
    return OK, "the machine halted" if outcome.kind == "killed" else "the machine powered off"


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
