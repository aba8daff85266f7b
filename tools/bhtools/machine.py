"""Emulators: starts QEMU or Bochs with the machine's serial ports on pseudo-terminals of ours, and says how it
ended."""
import ctypes
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time
import tty
from dataclasses import dataclass
from pathlib import Path

from . import dtb, gdbstub, screen

BOCHS_MODEL = "corei7_skylake_x"
BOCHS_IPS = 50_000_000  # the emulated time stamp counter's frequency; one tick is one instruction
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS.fd"
PR_SET_PDEATHSIG = 1


class MachineError(Exception):
    pass


@dataclass
class Settings:
    accel: str = "auto"  # auto, kvm, bochs, tcg
    cpus: int = 1
    memory: int = 1024  # MiB
    cpu_model: str = ""  # of the emulator's list; '' for its default
    firmware: str = "bios"  # bios, uefi (QEMU only)
    # Bochs: MSRs it does not know read as 0 (a bare Linux wants them so early that #GP kills it)
    ignore_bad_msrs: bool = False
    com2: bool = False  # it has a second serial port
    rtc: str = "now"  # or seconds since 1970: a repeatable run
    debugger: str = "c\n"  # Bochs: commands for its debugger
    stub: callable = None  # QEMU: stub(gdbstub.Stub) drives the machine from before its first instruction; ends by itself
    options: tuple = ()  # QEMU: more of them
    kernel: str = ""  # QEMU starts this multiboot1 program itself, or the machine …
    console: tuple = ("-serial", "chardev:com1")  # QEMU: what the console's line, chardev com1, is connected to
    disk: str = ""  # boots from this image …
    iso: str = ""  # … or from this CD


@dataclass
class Outcome:
    kind: str  # poweroff, shutdown (port 8900h), triple-fault, killed, failed
    ticks: int = 0  # Bochs only
    detail: str = ""  # of "failed"


def have_vtx():
    """True when QEMU with KVM can offer VT-x to its guest."""
    try:
        return re.search(r"^flags.*\bvmx\b", Path("/proc/cpuinfo").read_text(), re.M) is not None and \
            os.access("/dev/kvm", os.R_OK | os.W_OK) and shutil.which("qemu-system-x86_64") is not None
    except OSError:
        return False


def pick_accel(accel):
    """auto: KVM where the host has VT-x, else Bochs, which emulates it."""
    return ("kvm" if have_vtx() else "bochs") if accel == "auto" else accel


def memory_for(blob):
    """MiB of a machine for the guests of that blob (a path, or None) beside Bulkhead and its modules."""
    try:
        guests = dtb.guest_memory(Path(blob).read_bytes()) >> 20 if blob else 0
    except dtb.DtbError:
        guests = 0
    need = guests + guests // 32 + 256
    if need > 3072:
        need += 1024  # Bochs: what would lie at 3 to 4 GiB is not there
    # What is absurd is for Bulkhead to refuse, which names it.
    return min(max(1024, (need + 255) // 256 * 256), 16384)


def _check_bochs(s):
    """Bochs' own words for these mistakes tell little."""
    if not 1 <= s.cpus <= 255:
        raise MachineError(f"{s.cpus} processors: Bochs has 1 to 255")
    if not 1 <= s.memory <= 1 << 20:
        raise MachineError(f"{s.memory} MiB of memory: Bochs has 1 to {1 << 20}")
    if not s.cpu_model:
        return
    p = subprocess.run(["bochs", "--help", "cpu"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    models = re.findall(r"^(\w+)(?:\s|$)", p.stdout + p.stderr, re.M)
    if models and s.cpu_model not in models:
        raise MachineError(f"there is no CPU model {s.cpu_model}: 'bochs --help cpu' lists them")


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def raw_pty(rows=screen.ROWS, columns=screen.COLUMNS):
    """(our end, the other end, its name): a terminal that passes bytes unchanged."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.set_blocking(ours, False)
    return ours, theirs, os.ttyname(theirs)


class Machine:
    """A running emulator. console, com2: file descriptors of its serial ports, to read and write without blocking."""

    def __init__(self, settings, folder):
        self.settings = settings
        self.folder = Path(folder)
        self.accel = pick_accel(settings.accel)
        self.killed = False
        self.console, self._slave, self._tty = raw_pty()
        self.com2 = None
        if settings.com2:
            self.com2, self._com2_slave, self._com2_tty = raw_pty()
        if settings.stub:
            self._gdb, self._gdb_slave, self._gdb_tty = raw_pty()
        self.stub_trouble = ""
        self._screen = None
        self._keyboard = None
        self.screen = screen.Screen()  # what Bochs shows of the VGA's text
        self._out = open(self.folder / "emulator.out", "wb")
        try:
            cmd, stdio = self._bochs() if self.accel == "bochs" else self._qemu()
            self.process = subprocess.Popen(cmd, cwd=self.folder, start_new_session=True, preexec_fn=_die_with_parent,
                                            env=self._environment(), **stdio)
        except FileNotFoundError as e:
            self.close()
            raise MachineError(f"{e.filename} is not installed: see tools/setup")
        except BaseException:
            self.close()
            raise
        if self._screen:
            threading.Thread(target=self._drop_screen, daemon=True).start()
        if settings.stub:
            threading.Thread(target=self._drive, daemon=True).start()

    def _drive(self):
        stub = gdbstub.Stub(self._gdb)
        try:
            self.settings.stub(stub)
            stub.leave()
        except (gdbstub.StubError, OSError, KeyError) as e:
            self.stub_trouble = f"gdb stub: {e}"

    @staticmethod
    def _environment():
        """Bochs opens the terminal that it paints on itself, with no size: it would be of 24 lines. And it makes local
        time of the seconds that its clock is told to start at."""
        return {**os.environ, "TERM": "xterm", "LC_ALL": "C", "LINES": str(screen.ROWS), "COLUMNS": str(screen.COLUMNS),
                "TZ": "UTC0"}

    def _bochs(self):
        s = self.settings
        if s.firmware != "bios":
            raise MachineError("Bochs has BIOS firmware only; take --accel tcg for UEFI")
        _check_bochs(s)
        for path, package in (("/usr/share/bochs/BIOS-bochs-latest", "bochsbios"),
                              ("/usr/share/vgabios/vgabios.bin", "vgabios"),
                              ("/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so", "bochs-term")):
            if not Path(path).exists():
                raise MachineError(f"Debian's package {package} is not installed: see tools/setup")
        rtc = "utc" if s.rtc == "now" else s.rtc
        if s.disk:
            boot = f"ata0-master: type=disk, path={s.disk}, mode=volatile, journal={self.folder}/journal\nboot: disk\n"
        else:
            boot = f"ata0-master: type=cdrom, path={s.iso}, status=inserted\nboot: cdrom\n"
        # The text display wants a terminal; the other one, rfb, would open a network port to everybody.
        (self.folder / "bochsrc").write_text(
            "romimage: file=/usr/share/bochs/BIOS-bochs-latest\n"
            "vgaromimage: file=/usr/share/vgabios/vgabios.bin\n"
            "vga: extension=vbe, update_freq=1, realtime=0\n"
            "display_library: term\n"
            f"memory: guest={s.memory}, host={min(s.memory, 2048)}\n"  # host: its own limit; the rest is in a file
            f"cpu: model={s.cpu_model or BOCHS_MODEL}, count={s.cpus}, ips={BOCHS_IPS}, reset_on_triple_fault=0, "
            f"ignore_bad_msrs={int(s.ignore_bad_msrs)}\n"
            f"clock: sync=none, time0={rtc}\n"
            f"{boot}"
            f"com1: enabled=1, mode=term, dev={self._tty}\n"
            + (f"com2: enabled=1, mode=term, dev={self._com2_tty}\n" if s.com2 else "") +
            "sound: driver=dummy\n"
            "log: emulator.log\n"
            "info: action=ignore\ndebug: action=ignore\nerror: action=report\npanic: action=fatal\n")
        # Debian's Bochs has the debugger compiled in: it waits for commands at the start and at the end.
        (self.folder / "debugger").write_text(s.debugger + "quit\n")
        self._screen, self._screen_slave, _ = raw_pty()
        return ["bochs", "-q", "-f", "bochsrc", "-rc", "debugger"], {
            "stdin": self._screen_slave, "stdout": self._screen_slave, "stderr": self._out}

    def _qemu(self):
        s = self.settings
        if self.accel == "kvm" and not have_vtx():
            raise MachineError("no VT-x through KVM here (vmx in /proc/cpuinfo, access to /dev/kvm, "
                               "qemu-system-x86_64); --accel bochs emulates it")
        model = s.cpu_model or ("host,+vmx" if self.accel == "kvm" else "max")
        cmd = ["qemu-system-x86_64", "-nodefaults", "-accel", self.accel, "-cpu", model, "-smp", str(s.cpus),
               "-m", str(s.memory), "-display", "none", "-vga", "std",
               "-chardev", f"tty,id=com1,path={self._tty}", *s.console]
        if s.com2:
            cmd += ["-chardev", f"tty,id=com2,path={self._com2_tty}", "-serial", "chardev:com2"]
        if s.stub:  # a triple fault ends it
            cmd += ["-S", "-no-reboot", "-chardev", f"tty,id=gdb,path={self._gdb_tty}", "-gdb", "chardev:gdb"]
        cmd += s.options
        if s.rtc != "now":
            cmd += ["-rtc", time.strftime("base=%Y-%m-%dT%H:%M:%S,clock=vm", time.gmtime(int(s.rtc)))]
        if s.firmware == "uefi":
            if not Path(OVMF_CODE).exists():
                raise MachineError("Debian's package ovmf is not installed: see tools/setup")
            shutil.copyfile(OVMF_VARS, self.folder / "vars.fd")
            cmd += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
                    "-drive", "if=pflash,format=raw,file=vars.fd"]
        if s.kernel:
            cmd += ["-kernel", s.kernel, "-append", "kernel on-fatal=poweroff"]
        elif s.disk:
            cmd += ["-drive", f"file={s.disk},format=raw,if=ide,snapshot=on"]
        else:
            cmd += ["-cdrom", s.iso, "-boot", "d"]
        return cmd, {"stdin": subprocess.DEVNULL, "stdout": self._out, "stderr": self._out}

    def _drop_screen(self):
        """What the emulator paints must be read, or it stops."""
        threading.Thread(target=self._drop_own_screen, daemon=True).start()
        try:
            os.set_blocking(self._screen, True)
            while os.read(self._screen, 65536):
                pass
        except OSError:
            pass

    def _drop_own_screen(self):
        """With the debugger built in, Bochs paints on a terminal of its own, whose name is among its messages."""
        while self.running():
            m = re.search(rb'connected to screen "(/dev/pts/\d+)"', (self.folder / "emulator.out").read_bytes())
            if not m:
                time.sleep(0.02)
                continue
            try:
                fd = os.open(m[1], os.O_RDWR | os.O_NOCTTY)
                tty.setraw(fd, termios.TCSANOW)  # what is painted already remains to be read
            except (OSError, termios.error):
                return  # it has ended
            self._keyboard = fd
            self._watch_screen(fd)
            return

    def _watch_screen(self, fd):
        """Reads until the other end is gone."""
        try:
            while data := os.read(fd, 65536):
                self.screen.feed(data)
        except OSError:
            pass
        finally:
            self._keyboard = None
            os.close(fd)

    def press(self, keys):
        """Types on the PS/2 keyboard: characters, and what an xterm sends for other keys. Bochs only."""
        if self._keyboard is None:
            raise MachineError("this machine's keyboard cannot be typed on")
        tty.setraw(self._keyboard, termios.TCSANOW)  # curses may have set the terminal up after we did
        os.write(self._keyboard, keys)

    def read(self):
        """Bytes that the serial port has sent; b'' when there are none now."""
        try:
            return os.read(self.console, 65536)
        except (BlockingIOError, OSError):
            return b""

    def write(self, data):
        """Types data. Gives what was not taken yet."""
        try:
            return data[os.write(self.console, data):]
        except BlockingIOError:
            return data

    def running(self):
        return self.process.poll() is None

    def kill(self):
        if self.running():
            self.killed = True
            try:
                os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own: only the emulator
            except ProcessLookupError:
                pass
        self.process.wait()

    def close(self):
        for name in ("console", "_slave", "com2", "_com2_slave", "_screen", "_screen_slave", "_gdb", "_gdb_slave"):
            fd = getattr(self, name, None)
            if isinstance(fd, int):
                os.close(fd)
                setattr(self, name, None)
        self._out.close()

    def log_text(self, last=200_000):
        """The last bytes, or all, of what the emulator itself had to say."""
        text = ""
        for name in ("emulator.log", "emulator.out"):
            path = self.folder / name
            if path.exists():
                text += path.read_bytes()[-last if last else 0:].decode("latin-1")
        return text

    def complaints(self):
        """What the emulator itself had to say, without what it says of every emulated access to a device's memory."""
        return "".join(line for line in self.log_text(None).splitlines(True) if "VMEXIT: EPT violation" not in line)

    def outcome(self):
        """How it ended; only when it did."""
        text = self.log_text()
        if self.stub_trouble:
            return Outcome("failed", 0, self.stub_trouble)
        stamps = re.findall(r"^(\d{11})[pe]\[", text, re.M)
        ticks = int(stamps[-1]) if stamps and self.accel == "bochs" else 0
        if self.killed:
            return Outcome("killed", ticks)
        if self.accel != "bochs":
            if self.process.returncode == 0:
                return Outcome("poweroff")
            return Outcome("failed", 0, text.strip()[-500:] or f"exit status {self.process.returncode}")
        if "soft power off" in text:
            return Outcome("poweroff", ticks)
        if "hutdown port" in text:
            return Outcome("shutdown", ticks)
        if re.search(r"triple fault|3rd .*exception with no resolution", text, re.I):
            return Outcome("triple-fault", ticks)
        panics = re.findall(r"^\d{11}p(\[.*)$|>>PANIC<< (.*)", text, re.M)
        detail = " ".join(panics[-1]).strip() if panics else f"exit status {self.process.returncode}"
        return Outcome("failed", ticks, detail)
