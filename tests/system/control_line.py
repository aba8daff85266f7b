"""bhctl on this host, at the control channel on a machine's second serial port; for the programs beside system tests."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BHCTL = ROOT / "build/host-tests/bhctl"
KEPT = ROOT / "build/logs"
PATIENCE = 240  # s: the machine is emulated, beside other tests
NO_ANSWER = 3


def bhctl(device, *args):
    """The line has no flow control: a request of which a byte was lost gets no answer, and is repeated."""
    for _ in range(3):
        p = subprocess.run([BHCTL, "-d", device, "-t", str(PATIENCE), *args], capture_output=True,
                           stdin=subprocess.DEVNULL, timeout=4 * PATIENCE)
        if p.returncode != NO_ANSWER:
            break
    if p.returncode:
        sys.exit(f"{args}: status {p.returncode}: {p.stdout[:200]}{p.stderr}")
    return p.stdout
