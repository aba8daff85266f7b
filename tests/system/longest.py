"""How long root mode lasts in one piece: the payload `longest` and others under a hypervisor that measures itself
(`make STRETCH=1 hypervisor`, vmm/cpu/stretch.h).

A row is a kind of operation with the ticks of its longest stretch. None may be above LIMIT: nothing that a guest causes
holds a processor or a lock for more than 50 us. What is known to be above has a ceiling of its own in OVER, with why;
it may become less, not more."""
import re
from pathlib import Path

LOGS = Path(__file__).resolve().parent.parent.parent / "build/logs"
LIMIT = 2500  # ticks, 50 us
SHOWN = 20
NEW_CPU = "corei7_skylake_x"
OLD_CPU = "corei5_arrandale_m520"

# (rows, ceiling, why[, of this test alone])
OVER = (
    (r"(crash|triple fault)", 3100, "a line of the dump"),
    (r"poll, longest-bios", 2600, "the console's piece"),
    (r"4 vCPUs at the longest", 5000, "each waits for the VM's lock while the others are at devices"),
    (r"control request top", 2600, "a piece of the console's, which shows this guest's text"),
    (r"FXSAVE ", 2800, "the log's line about an instruction that is not emulated, ten a second"),
    (r"REP OUTS pit", 3000, "4 bytes at once for a device of four registers"),
    (r"REP MOVS from local APIC", 2550, "an iteration that begins in time"),
    (r"WRMSR APIC_BASE, ", 2550, "the piece that maps the page, with its tables"),
)

ROW = re.compile(r"^row: (\d+) (.*?) \| (.*)$", re.M)
REPORT = re.compile(r"stretch: (\S+) +(\d+) ticks at most of (\d+)")


def ceiling(test, name):
    for pattern, most, _, *only in OVER:
        if re.match(pattern, name) and test in (only or [test]):
            return most
    return LIMIT


def judge(test, rows):
    """(what is wrong or None, figures) of [(ticks, name, where)]. The longest ones go to build/logs/TEST.txt."""
    if not rows:
        return "nothing was measured", ""
    rows = sorted(rows, reverse=True)
    (LOGS / f"{test}.txt").write_text("".join(f"{t:8} {n:55} {w}\n" for t, n, w in rows[:SHOWN]))
    wrong = [f"{n}: {t} ticks ({w})" for t, n, w in rows if t > ceiling(test, n)]
    above = [n for t, n, _ in rows if t > LIMIT]
    figures = f"{len(rows)} rows, longest {rows[0][0]} ticks, {len(above)} above {LIMIT}"
    return (f"{len(wrong)} above their limit: " + "; ".join(wrong[:3]) if wrong else None), figures


def rows_of(test):
    """check() for the payload `longest`"""
    return lambda text: judge(test, [(int(t), n, w) for t, n, w in ROW.findall(text.replace("\r", ""))])


def report_of(test, *needed):
    """check() for others: what the summary says of each exit reason"""

    def check(text):
        rows = [(int(t), n, f"of {c}") for n, t, c in REPORT.findall(text)]
        missing = [n for n in needed if n not in [r[1] for r in rows]]
        wrong, figures = judge(test, [r for r in rows if r[1].isupper()])
        return (f"no exit of {', '.join(missing)}" if missing else wrong), figures

    return check


def kinds_of(test):
    """check() of a guest that is no payload: exits, and what comes between them; not its end, which tells this."""

    def check(text):
        rows = [(int(t), f"{n}, {test}", f"of {c}") for n, t, c in REPORT.findall(text) if n != "stop"]
        return judge(test, rows)

    return check


def tests(payload):
    restarts = ('!testdev', '!on-reset', 'on-reset = "restart"', '!on-crash', 'on-crash = "restart"')
    common = dict(hypervisor="stretch", seconds=1800, status=None, forbid=(r"bulkhead: panic", r"^FAIL: "),
                  want=(r"SUMMARY longest: \d+ passed, 0 failed",))
    for cpu, short in ((NEW_CPU, "new"), (OLD_CPU, "old")):
        yield payload(
            "longest", "", f"every exit, port, MMIO region, MSR, request and end of a guest, {cpu}", None,
            as_name=f"longest-{short}", cpu=cpu, check=rows_of(f"longest-{short}"), by_default=short == "new",
            properties=(*restarts, 'com2 = "control"', 'control = "all"'), **common)
    yield payload(
        "longest", "", "messages to 63 other vCPUs", None, as_name="longest-many", cpu=NEW_CPU, check=rows_of("longest-many"),
        append="many", properties=(*restarts, "vcpus = <64>"), **common)
    yield payload(
        "longest", "", "4 vCPUs on 4 processors, all at the VM's lock", None, as_name="longest-4on4", cpu=NEW_CPU, cpus=4,
        check=rows_of("longest-4on4"), append="together", by_default=False, properties=("vcpus = <4>",), **common)
    for guest, needed in (("task", ("TASK_SWITCH",)), ("irq", ("INTERRUPT_WINDOW",)), ("inject", ("NMI_WINDOW",)),
                          ("notsc", ("RDTSC",)), ("devops", ()), ("edges", ()), ("exceptions", ())):
        yield payload(
            guest, "", f"tests/guest/{guest}.c, each exit measured", None, as_name=f"longest-{guest}", cpu=OLD_CPU,
            hypervisor="stretch", check=report_of(f"longest-{guest}", *needed), by_default=guest == "task")
