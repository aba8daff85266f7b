"""System tests of many guests on one machine: shares, isolation, life-cycle, the operator's console.

Guests are tests/guest/load.c in its several ways; the figures are those the monitor shows, so they are of virtual time.
"""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ESCAPE = "\x1d"  # Ctrl-]: from a guest's console to the monitor and back
MON = r"bulkhead> (\x1b\[K)?$"


class Keys(str):
    """In a dialogue: typed on the PS/2 keyboard. Up to seven keys, arrows counting twice; they are taken once a second
    of the machine's time."""


class Look:
    """A step that is reached when a guest's own screen shows something: the monitor is asked until it does."""

    TOLD = r"^(?:cursor row: |error: \S+ shows no text)[\s\S]*?^(?:\x1b\S*?)?bulkhead> "

    def __init__(self, guest, pattern):
        self.guest, self.pattern = guest, pattern

    def __repr__(self):
        return f"{self.pattern!r} on the screen of {self.guest}"


class OnScreen(str):
    """In a dialogue: a pattern waited for on the machine's screen (80 by 25), not on its serial line."""


# Of a Linux guest's CPUID: runs are to be repeatable, so no random numbers.
HIDDEN = ("rdrand", "rdseed")


def strings(words):
    """A string list as a .dts has it."""
    return ", ".join(f'"{w}"' for w in words)


def guest(name, what, memory="4M", **props):
    """One guest's node. props: properties, with _ for -; True is a flag, a number a cell, None takes a default away."""
    all_props = {"memory": memory, "protocol": "multiboot1", "kernel": "load", "cmdline": what, "com1": "null",
                 "on-reset": "stop", "on-crash": "stop", "debug-exit": True}
    all_props.update({k.replace("_", "-"): v for k, v in props.items()})
    lines = []
    for key, value in all_props.items():
        if value is True:
            lines.append(f"{key};")
        elif isinstance(value, int):
            lines.append(f"{key} = <{value}>;")
        elif isinstance(value, tuple):
            lines.append(f"{key} = {strings(value)};")
        elif value is not None:
            lines.append(f"{key} = {value};" if value.startswith("<") else f'{key} = "{value}";')
    label = name.replace("-", "_")
    return f"{label}: {name} {{ {' '.join(lines)} }};"


def machine(*guests, on_idle="poweroff"):
    return ('/dts-v1/;\n/ { compatible = "bulkhead,config-1"; hypervisor { on-idle = "%s"; };\nguests {\n%s\n}; };\n'
            % (on_idle, "\n".join(guests)))


def listings(text):
    """The tables that `list` printed: [{name: (state, CPU seconds)}]."""
    tables = []
    for block in re.split(r"^ *ID +NAME +STATE.*$", text, flags=re.M)[1:]:
        rows = {}
        for line in block.splitlines()[1:]:
            m = re.match(r" *\d+ +(\S+) +(\w+) +\d+ +\d+ MiB +\d+ +([\d.]+) s", line)
            if not m:
                break
            rows[m[1]] = (m[2], float(m[3]))
        tables.append(rows)
    return tables


def tops(text):
    """The tables that `top` printed: [(the time in seconds, {name: CPU seconds})]."""
    tables = []
    for block in re.split(r"^time: +", text, flags=re.M)[1:]:
        rows = re.findall(r"^(\S+) +\w+ +\d+ +[\d.]+ +[\d.]+ +\d+ +\d+ +([\d.]+) s", block, re.M)
        tables.append((float(block.split()[0]), {name: float(seconds) for name, seconds in rows}))
    return tables


def water_filling(weights, cpus, caps=None):
    """Ideal shares, in CPUs, of guests with one vCPU each that always want to run."""
    caps = caps or {}
    share, left, todo = {}, float(cpus), dict(weights)
    while todo:
        total = sum(todo.values())
        full = [g for g, w in todo.items() if left * w / total >= caps.get(g, 1.0)]
        if not full:
            share.update({g: left * w / total for g, w in todo.items()})
            return share
        for g in full:
            share[g] = caps.get(g, 1.0)
            left -= share[g]
            del todo[g]
    return share


def used(text):
    """CPU seconds of each guest between the last two listings."""
    before, after = listings(text)[-2:]
    return {g: after[g][1] - before[g][1] for g in after if g in before}


def shares_are(ideal, busy, percent=1.0, at_least=()):
    """A check: between the last two listings guests got what they should, in percent of a CPU."""

    def check(text):
        took = used(text)
        span = sum(took.values()) / busy
        worst, table = 0.0, []
        for g, want in ideal.items():
            got = took[g] / span
            off = want - got if g in at_least else abs(got - want)
            worst = max(worst, 100 * off)
            table.append(f"{g} {100 * got:.1f}/{100 * want:.1f}")
        if worst > percent:
            return f"off by {worst:.2f} % of a CPU: {', '.join(table)}", ""
        return None, f"got/ideal in % of a CPU: {', '.join(table)}; worst {worst:.2f}"

    return check


def cap_holds(capped, cap, others, percent=0.5):
    """A check: between the last two tables of `top` the guest got its cap of the time that they tell; the others, of
    equal weights, got the same, and what is left but for the hypervisor's part."""

    def check(text):
        (began, before), (ended, after) = tops(text)[-2:]
        got = {g: 100 * (after[g] - before[g]) / (ended - began) for g in after}
        rest = [got[g] for g in others]
        off = max(abs(got[capped] - 100 * cap), max(rest) - min(rest), sum(rest) - 100 * (1 - cap))
        told = ", ".join(f"{g} {p:.1f}" for g, p in got.items())
        if off > percent or sum(rest) < 95 - 100 * cap:
            return f"off by {off:.2f} % of a CPU: {told}", ""
        return None, f"of a CPU: {told} %; off by {off:.2f}"

    return check


def pieces_are_short(text):
    """A check: what guests ask on their control channels, and the consoles, hold a CPU for 50 us at most, in one piece."""
    m = re.search(r"monitor: its longest piece of work took (\d+) ns for a guest's control channel, (\d+) ns", text)
    lines = [(int(t), what) for what, t in re.findall(r"PASS: (.*): \d+ bytes asked, \d+ answered, (\d+) ticks", text)]
    if not m or not lines:
        return "no figures", ""
    if max(int(m[1]), int(m[2])) > 50000:
        return f"a piece of {m[1]} ns, of {m[2]} ns for consoles", ""
    return None, f"longest piece {m[1]} ns, {m[2]} ns for consoles, {len(lines)} lines, the longest {max(lines)[1]}: {max(lines)[0]} ticks"


def one_by_one(between, *checks):
    """A check: one for the text before a pattern, one for that behind it."""

    def check(text):
        figures = []
        for one, part in zip(checks, re.split(between, text)):
            trouble, figure = one(part)
            if trouble:
                return trouble, ""
            figures.append(figure)
        return None, "; then ".join(figures)

    return check


# The clock: the first guest prints a line each second of its own time, and the console is attached to it.
def measure(first=2, last=8, command="list"):
    look = (MON, f"{command}\n")
    return ((rf"^second {first}\n", ESCAPE), look, (MON, "console clock\n"), (rf"^second {last}\n", ESCAPE), look,
            (MON, "poweroff\n"))


def clock(weight, **props):
    return guest("clock", "spin seconds", com1="console", weight=weight, **props)


def tests(Boot, Program):
    yield from linux_tests(Boot)
    common = dict(
        needs=["build/guest-tests/load.elf"],
        seconds=900,
        memory=256,
        status=None,
    )
    weights = {"clock": 100, "a": 200, "b": 400, "c": 100, "d": 200, "e": 400, "f": 100, "g": 200, "h": 400, "i": 400}
    hogs = machine(clock(100), *(guest(g, "spin", weight=w) for g, w in weights.items() if g != "clock"))
    for cpus in (2, 4):
        yield Boot(
            f"share-weights-{cpus}",
            f"ten busy guests with weights 1, 2 and 4 on {cpus} CPUs",
            cpus=cpus,
            by_default=cpus == 2,
            config_text=hogs,
            dialogue=measure(),
            check=shares_are(water_filling(weights, cpus), cpus),
            **common,
        )
    capped = machine(clock(100), guest("capped", "spin", weight=10000, cap=25), guest("other", "spin", weight=100))
    yield Boot(
        "share-cap",
        "a cap of 25 % holds for the heaviest guest, one of 50 % set while it runs from then on",
        cpus=1,
        config_text=capped,
        dialogue=(*measure(2, 6, "top")[:-1], (MON, "set capped cap 50\n"), (r"cap %: +50", ""), *measure(2, 10, "top")[1:]),
        check=one_by_one(
            r"cap %: +50", cap_holds("capped", 0.25, ("clock", "other")), cap_holds("capped", 0.5, ("clock", "other"))
        ),
        **common,
    )
    stormy = machine(
        clock(100),
        guest("kept", "spin", weight=1, reservation=50),
        guest("timers", "timers", weight=10000),
        guest("ipis", "ipis", weight=10000),
        guest("exits", "exits", weight=10000),
        guest("dodge", "dodge", weight=10000, latency="low"),
    )
    yield Boot(
        "share-reservation",
        "a reservation of 50 % holds while others storm timers, IPIs and exits",
        cpus=2,
        config_text=stormy,
        dialogue=measure(2, 6),
        check=shares_are({"kept": 0.5}, 2, at_least=("kept",)),
        **common,
    )
    bad = machine(clock(100), guest("neighbour", "mark ms=9000", memory="8M", com1="log"), guest("dies", "triple"),
                  guest("cli", "cli"), guest("storm", "exits"), guest("wild", "wild"))
    yield Boot(
        "share-isolation",
        "one guest dies, one loops, one storms, one writes everywhere: neighbours go on",
        cpus=2,
        config_text=bad,
        want=("neighbour: PASS: memory is as it was written", "guest dies: reset: "),
        dialogue=(*measure(2, 6)[:-1], (r"neighbour: PASS", "poweroff\n")),
        check=shares_are({"clock": 0.4, "neighbour": 0.4}, 2, 1.0, ("clock", "neighbour")),
        forbid=("bulkhead: panic",),
        **common,
    )
    yield Boot(
        "console-flood",
        "a guest that prints without end: the log stays in sight, Ctrl-] in reach, its neighbour at work",
        config_text=machine(guest("loud", "flood", com1="console"), guest("worker", "spin seconds", com1="log")),
        dialogue=(
            (r"^ABC|^AAA", ""),
            (r"worker: second 3$", ESCAPE),
            (MON, "list\n"),
            (r"worker +running", "poweroff\n"),
        ),
        want=(r"loud +running",),
        check=worker_has(0.45),
        forbid=("bulkhead: panic",),
        **common,
    )
    yield Boot(
        "share-ready",
        "a guest that prints its ready-text without end takes nothing from the bootstrap processor's guest",
        config_text=machine(
            guest("worker", "spin seconds", com1="console", pin="0"),
            guest("says", "flood", com1="null", ready_text="A", pin="1"),
        ),
        cpus=2,
        dialogue=(
            (r"second 5$", ESCAPE),
            (MON, "info worker\n"),
            (r"restarts", "poweroff\n"),
        ),
        check=worker_has_of_machine(0.99),
        forbid=("bulkhead: panic",),
        **common,
    )
    asking = dict(kernel="control", com1="log", com2="control")
    yield Boot(
        "control-worst",
        "the worst lines on control channels, with all rights and with none: how long they hold a CPU in one piece",
        cpus=1,
        config_text=machine(
            guest("asker", "all", control="all", **asking),
            guest("none", "none", control="none", **asking),
            guest("quiet", "halt"),
            guest("busy", "exits"),
        ),
        want=("asker: SUMMARY control: [0-9]+ passed, 0 failed", "none: SUMMARY control: [0-9]+ passed, 0 failed"),
        check=pieces_are_short,
        forbid=("bulkhead: panic", "FAIL: "),
        **{**common, "needs": [*common["needs"], "build/guest-tests/control.elf"]},
    )
    session = machine(guest("clock", "spin seconds", com1="console"), guest("beside", "spin"),
                      guest("evil", "escapes"))
    yield Boot(
        "monitor-session",
        "attach, detach, pause, resume, live weights, completion, top, hostile escapes",
        cpus=1,
        config_text=session,
        forbid=("bulkhead: panic", "FORGED", "cannot-be-restored"),
        dialogue=(
            (r"^second 1\n", ESCAPE),
            (MON, "pau\tbes\t\n"),
            (r"state: +paused", "list\n"),
            (r"beside +paused", "resume beside\n"),
            (r"state: +running", "set beside weight 300\n"),
            (MON, "list\n"),
            (MON, "console clock\n"),
            (r"^second 6\n", ESCAPE),
            (MON, "list\n"),
            (MON, "top\n"),
            (MON, "console evil\n"),
            (r"evil is running", ESCAPE),
            (MON, "frobnicate\n"),
            (r"frobnicate", "pause nobody\n"),
            (r"nobody", "info clock\n"),
            (MON, "exits clock\n"),
            (r"PREEMPTION|EXTERNAL", "trace 5\n"),
            (MON, "pause clock\n"),
            (r"state: +paused", "regs clock 0\n"),
            (r"(?i)rip", "info clock state uart0\n"),
            (r"uart0 +line", "info clock state\n"),
            (r"cpu0 +rip[^>]*lapic0 +base[^>]*debug +latch", "info beside state\n"),
            (r"beside is running; pause it first", "info clock state uart9\n"),
            (r"no device .uart9", "destroy beside\n"),
            (r"state: +stopped", "poweroff\n"),
        ),
        **common,
    )
    left, up = "\x1bOD", "\x1bOA"
    idlers = machine(guest("clock", "idle seconds", com1="console"), guest("beside", "idle", no_autostart=True))
    yield Boot(
        "monitor-keyboard",
        "the monitor on screen and PS/2 keyboard: editing, history, completion, a guest's console",
        config_text=idlers,
        forbid=("bulkhead: panic",),
        want=(r"keyboard: ready",),
        dialogue=(
            (r"^second 1\n", ESCAPE),
            (MON, Keys("lst")),
            (OnScreen(r"^bulkhead> lst$"), Keys(2 * left + "i")),
            # The line is drawn anew at each key: on the screen nothing of the earlier ones may be left.
            (OnScreen(r"\n\[left the console of clock.*\nbulkhead> list$"), Keys("\n")),
            (r"beside +defined[^>]*bulkhead> ", Keys("HE\t")),
            (OnScreen(r"^bulkhead> HE$"), Keys("\x15he\t?")),
            (OnScreen(r"^bulkhead> help \?$"), Keys("\x0c")),
            (OnScreen(r"\Abulkhead> help \?$"), Keys("\x03" + up)),
            (OnScreen(r"^bulkhead> list$"), Keys("\n")),
            (r"beside +defined[^>]*bulkhead> ", Keys("con\tc\t")),
            (r"console clock $", Keys("\n")),
            (r"clock is running", ""),
            (OnScreen(r"^second \d+\n*\Z"), ESCAPE),
            (MON, Keys("power")),
            (r"power$", Keys("\t\n")),
        ),
        **dict(common, seconds=120),
    )
    pausing = machine(
        guest("clock", "spin seconds gaps", com1="console"),
        guest("beside", "spin seconds gaps", com1="log"),
    )
    yield Boot(
        "monitor-pause",
        "a paused guest's time stands still, also when it goes on where it was; a paused one can be ended",
        cpus=2,
        config_text=pausing,
        forbid=("bulkhead: panic", "FAIL"),
        dialogue=(
            (r"^second 1\n", ESCAPE),
            (MON, "pause clock\n"),
            (r"beside: second 3", "resume clock\n"),
            (r"state: +running", "console clock\n"),
            (r"^second 3\n", ESCAPE),
            (MON, "pause beside\n"),
            (r"state: +paused", "regs beside 0\n"),
            (r"(?i)rip", "destroy beside\n"),
            (r"state: +stopped", "pause clock\n"),
            (r"state: +paused", "destroy clock\n"),
            (r"no guest is running", ""),
        ),
        **common,
    )
    apart = machine(
        guest("clock", "spin seconds", com1="console"),
        guest("alone", "spin", pin="1", exclusive_cores=True),
        guest("wide", "spin", vcpus=2),
    )
    taken = "alone has some of these CPUs' cores for itself"
    others = r"it has its cores for itself, and \w+ may run on some of these"
    asked = (("clock pin 1", "clock: " + taken), ("wide pin 0-1", "wide: " + taken), ("wide pin all", r"pin: +0\b"),
             ("alone pin 0", "alone: " + others), ("alone pin all", "alone: " + others), ("alone pin 1", r"pin: +1\b"),
             ("alone reservation 96", "alone: 95 % can be reserved for its 1 vCPUs at most"),
             ("wide cap 201", "wide: a cap of 201 % is more than its 2 vCPUs can use"),
             ("alone reservation 95", "reservation %: 95"))
    yield Boot(
        "monitor-pin",
        "exclusive cores stay their guest's whatever `set` asks for, nor reserves it more than vCPUs can use",
        cpus=2,
        config_text=apart,
        forbid=("bulkhead: panic",),
        dialogue=(
            (r"^second 1\n", ESCAPE),
            *(step for what, says in asked for step in ((MON, f"set {what}\n"), (says, ""))),
            (MON, "console clock\n"),
            (r"^second 3\n", ESCAPE),
            (MON, "poweroff\n"),
        ),
        **common,
    )
    watched = machine(guest("clock", "spin seconds", com1="console"), guest("beside", "spin"),
                      guest("weak", "spin crash ms=700", on_crash="restart"))
    yield Boot(
        "control-port",
        "bhctl on another machine: the control channel on the second serial port",
        com2=True,
        cpus=1,
        config_text=watched,
        cmdline="control=uart,com2,14400",
        forbid=("bulkhead: panic",),
        dialogue=(
            (r"control channel: serial port 0x2f8, 14400 baud", ""),
            (r"^second 1\n", Program(("tests/system/com2_client", Program.DEVICE))),
        ),
        **{**common, "needs": [*common["needs"], "build/host-tests/bhctl"]},
    )
    restarts = machine(guest("keeper", "spin seconds ms=8000", com1="console"),
                       guest("weak", "triple half", on_reset="restart-backoff", restart_limit=3, backoff="100ms",
                             restart_window="60s", com1="log"))
    yield Boot(
        "life-backoff",
        "crash, restarts with growing delays, quarantine",
        config_text=restarts,
        check=backoff_doubles,
        want=(r"guest weak: restarting \(restart 3\)", r"guest weak: too many restarts in a row"),
        forbid=("bulkhead: panic", "half a line"),
        **common,
    )
    pair = machine(guest("web", "spin crash ms=500", com1="console", weight=200),
                   guest("spare", "spin seconds ms=2000", standby_for="<&web>", standby="cold", take_over="com1"))
    yield Boot(
        "life-standby-cold",
        "a standby guest is started when its primary is gone, with its console",
        config_text=pair,
        want=("guest spare: takes the place of web", r"^second 1\n"),
        forbid=("bulkhead: panic",),
        **common,
    )
    warm = machine(guest("web", "spin crash ms=1500", com1="console"),
                   guest("spare", "spin seconds ready ms=6000", standby_for="<&web>", standby="warm", take_over="com1",
                         ready_text="ready"))
    yield Boot(
        "life-standby-warm",
        "a paused standby guest goes on when its primary crashes: ticks until then",
        config_text=warm,
        want=("guest spare: takes the place of web",),
        check=takeover_is_quick,
        forbid=("bulkhead: panic",),
        **common,
    )
    # By "log" each line tells whose it is.
    again = machine(
        guest("web", "spin seconds crash ms=1500 asks=list", com1="log", com2="control", control="all"),
        guest("spare", "spin seconds asks=list", com2="control", standby_for="<&web>", take_over=("com1", "control")),
        guest("clock", "halt", com1="console"),
    )
    took = r"guest spare: takes the place of web"
    yield Boot(
        "life-standby-again",
        "the primary, started again, has its serial port and control channel back; and a second time its standby",
        config_text=again,
        forbid=("bulkhead: panic", "no answer", "not-permitted"),
        dialogue=(
            (r"web: answer: .*\"ok\":true", ESCAPE),
            (took, ""),
            (r"spare: answer: .*\"ok\":true", ""),
            (r"spare: second 1$", "destroy spare\n"),
            (MON, "start web\n"),
            (r"web: answer: .*\"ok\":true", ""),
            (r"web: second 1$", ""),
            (took, ""),
            (r"spare: answer: .*\"ok\":true", ""),
            (r"spare: second 1$", "start web\n"),
            (r"web: second 1$", "list\n"),
            (took, ""),
            (r"spare: second \d+$", "poweroff\n"),
        ),
        **dict(common, seconds=150),
    )
    def late(name, what, **props):
        return guest(name, what, **props).replace('kernel = "load"', 'kernel = "late"')

    yield Boot(
        "share-late",
        "a guest of class low waits for its timer beside each thing that others do to keep the processor",
        config_text=machine(
            late("clock", f"clock seconds={len(ATTACKS) + 3}", com1="log", latency="low", weight=1000),
            *(late(kind, f"{kind} at={i + 2}", **props) for i, (kind, props) in enumerate(ATTACKS)),
            late("victim", "victim", memory="16M"),
            on_idle="halt",
        ).replace("hypervisor {", "hypervisor { no-summary;"),
        check=lateness,
        want=("clock: PASS: watched",),
        enough="clock: PASS: watched",
        forbid=("bulkhead: panic",),
        **dict(common, needs=["build/guest-tests/late.elf"]),
    )
    yield Boot(
        "share-rates",
        "the PC's timers against the TSC, and what they interrupt, beside a guest that computes on the same processor",
        config_text=machine(
            guest("rates", "beside", "16M", kernel="rates", platform="pc", com1="log"),
            guest("spinner", "spin"),
            on_idle="halt",
        ),
        want=(r"rates: SUMMARY rates: \d+ passed, 0 failed",),
        enough=r"rates: SUMMARY rates: .* failed",
        forbid=("bulkhead: panic", "rates: FAIL: "),
        by_default=False,
        **dict(common, needs=["build/guest-tests/rates.elf", "build/guest-tests/load.elf"]),
    )
    for times in (100, 1000):
        yield Boot(
            f"life-cycles-{times}",
            f"a guest that moves its APIC about is started and destroyed {times} times: all memory is as it was",
            config_text=machine(
                guest("manager", f"cycles times={times}", com1="console", com2="control", control="all"),
                guest("victim", "moves"),
            ),
            cpus=2,
            check=memory_as_before,
            want=(r"PASS: cycles: ", rf"PASS: {times} times started and destroyed"),
            forbid=("bulkhead: panic", r"^FAIL: "),
            by_default=times == 100,
            **dict(common, seconds=900),
        )
    told = machine(
        guest("web", "spin ms=3000 crash", com1="log"),
        guest("spare", "spin seconds asks=ready", com1="log", com2="control", standby_for="<&web>", standby="warm"),
        guest("late", "spin seconds", com1="log", after="<&spare>", after_state="ready"),
        guest("clock", "halt", com1="console"),
    )
    yield Boot(
        "life-standby-told",
        "a warm standby guest says on its control channel that it is ready, and is paused then, not before",
        config_text=told,
        forbid=("bulkhead: panic", "no answer"),
        dialogue=(
            (r"spare: load spin", ""),
            (r"guest spare: paused: standby", ""),
            (r"late: second 1", ESCAPE),
            (MON, "list\n"),
            (r"spare +paused.*standby for web$", ""),
            (r"guest spare: takes the place of web", ""),
            (r"spare: answer: .*\"ok\":true", ""),
            (r"spare: second 1", "poweroff\n"),
        ),
        **dict(common, seconds=150),
    )
    huge = machine(
        guest("clock", "halt", com1="console"),
        guest("huge", "halt", "64M", com1="log", cap=5, no_autostart=True),
    )
    yield Boot(
        "life-starting",
        "a guest whose memory is still being cleared can be destroyed and reset",
        config_text=huge,
        forbid=("bulkhead: panic",),
        dialogue=(
            (r"load halt", ESCAPE),
            (MON, "start huge\n"),
            (r"state: +starting", "pause huge\n"),
            (r"huge is starting: pause it", "destroy huge\n"),
            (r"state: +stopped", "list\n"),
            (r"huge +stopped.* by command$", "start huge\n"),
            (r"state: +starting", "reset huge\n"),
            (r"state: +starting", ""),
            (r"huge: reset", ""),
            (r"huge: restarting", ""),
            (r"huge: load halt", "list\n"),
            (r"huge +running", "destroy huge\n"),
            (r"state: +stopped", "poweroff\n"),
        ),
        **dict(common, seconds=200),
    )
    yield Boot(
        "order-and-place",
        "start order, CPUs by kind, paravirtual interfaces, control rights that move, the end of all by on-crash",
        cpus=4,
        config_text=machine(*promises()),
        check=in_order,
        forbid=("bulkhead: panic", "FAIL"),
        want=(
            r"alone: hypervisor bit 1, KVM, features 0x100202b, VMCALL: vector 256, answer -1000$",
            r"pair: hypervisor bit 0, no signature, features 0x0, VMCALL: vector 6, answer 0$",
            r"guest spare: paused(?s:.*)guest spare: takes the place of primary(?s:.*)spare: answer: "
            r".*\"name\":\"primary\"",
            r"guest last: its policy halts the machine",
        ),
        dialogue=(
            (r"app: load idle$", ESCAPE),
            (MON, "info alone\n"),
            (MON, "info pair\n"),
            (MON, "info db\n"),
            (MON, "console db\n"),
            (r"spare: answer: .*\"ok\":true", ESCAPE),
            (MON, "start last\n"),
            (r"bulkhead: halted", ""),
        ),
        **common,
    )
    sleepers = machine(guest("clock", "idle seconds", com1="console"), *(guest(f"g{i}", "idle") for i in range(31)))
    # Drawing the measuring commands' output on the screen would cost as much as six guests.
    yield Boot(
        "idle-32",
        by_default=False,
        summary="32 idle guests: the processors' busy share",
        cpus=4,
        config_text=sleepers,
        check=mostly_idle,
        cmdline="screen=off",
        dialogue=(
            (r"^second 3\n", ESCAPE),
            (MON, "describe\n"),
            (MON, "console clock\n"),
            (r"^second 13\n", ESCAPE),
            (MON, "describe\n"),
            (MON, "poweroff\n"),
        ),
        **common,
    )
    for n in (1, 8, 32):
        crowd = machine(*(guest(f"g{i}", "halt", com1="log") for i in range(n)), on_idle="halt")
        yield Boot(
            f"crowd-{n}",
            by_default=n == 32,
            summary=f"{n} guests start; memory of the hypervisor a guest",
            cpus=4,
            memory=512,
            config_text=crowd,
            dialogue=tuple([(r"load halt\n", "")] * (n - 1) + [(r"load halt\n", "poweroff\n")]),
            check=memory_each,
            needs=common["needs"],
            seconds=900,
        )


def linux(name, words, vcpus=1, memory="256M", **props):
    more = {"protocol": None, "debug-exit": None, "vcpus": vcpus, "initrd": "initrd", "cpu-disable": HIDDEN, **props}
    return guest(name, f"console=ttyS0 {words}", memory, **more).replace('kernel = "load"', 'kernel = "vmlinux"')


def linux_tests(Boot):
    good = dict(
        seconds=1500,
        memory=768,
        needs=["build/guest-tests/load.elf"],
        forbid=("bulkhead: panic", r"^FAIL: "),
    )
    for cpus, topology in ((2, "2 2 1"), (4, "1 2 2")):
        words = f"bh.test=smp bh.cpus=4 bh.topology={topology.replace(' ', '.')}"
        yield Boot(
            f"linux-smp-{cpus}",
            f"a guest of 4 vCPUs on {cpus} CPUs: all online, at work, gone and back again",
            cpus=cpus,
            by_default=False,
            config_text=machine(linux("smp", words, vcpus=4, com1="console", cpu_topology=f"<{topology}>")),
            want=("TEST smp: status 0", "guest smp: powered off"),
            **good,
        )
    # A guest with an eighth of a processor of 50 MIPS is slow enough for its kernel to think that it hangs.
    words = "quiet watchdog_thresh=60 bh.test=hello"
    thirty = (ROOT / "boot/configs/thirty.dts").read_text().replace(
        'cmdline = "console=ttyS0 quiet"',
        f'cpu-disable = {strings(HIDDEN)}; cmdline = "console=ttyS0 {words}"',
    )
    for n in (1, 8, 32):
        crowd = thirty if n == 32 else machine(
            *(linux(f"g{i + 1:02}", words, memory="96M", com1="log") for i in range(n)),
        )
        yield Boot(
            f"linux-crowd-{n}",
            f"{n} Linux guests on 4 CPUs reach userspace: ticks, memory of the hypervisor a guest",
            cpus=4,
            by_default=False,
            config_text=crowd,
            check=all_reported(n, "g01" if n == 32 else None),
            **{**good, "memory": 4608, "seconds": 10000},
        )
    # Whatever the kernel or a program is at: its state is one that the hypervisor would take back.
    look = (
        (MON, "pause linux\n"),
        (r"state: +paused", "info linux state\n"),
        (r"cpu0 +rip[^>]*lapic0 +base[^>]*debug +fwcfg_at", "resume linux\n"),
        (r"state: +running", ""),
    )
    yield Boot(
        "linux-state",
        "a Linux guest paused at boot and at work, ten times: its state is always one that could be restored",
        config_text=machine(linux("linux", "", com1="console")),
        dialogue=(
            (r"Linux version ", ESCAPE),
            *look * 6,
            (MON, "console linux\n"),
            (r"guest:\S*# ", "while :; do ls -l /proc/*/maps | md5sum; done >/dev/null &\n"),
            (r"guest:\S*# ", ESCAPE),
            *look * 4,
            (MON, "console linux\n"),
            (r"linux is running", "kill $!; poweroff\n"),
        ),
        want=("guest linux: powered off",),
        **{**good, "forbid": (*good["forbid"], "cannot-be-restored")},
    )
    worker = guest("worker", "spin", on_reset="restart", cap=20)
    for rights in ("all", "self"):
        manager = linux(
            "manager",
            f"bh.test=control bh.rights={rights}",
            com1="console",
            com2="control",
            control=rights,
        )
        yield Boot(
            f"linux-control-{rights}",
            by_default=rights == "all",
            summary=f"bhctl in a management guest whose rights are \"{rights}\"",
            config_text=machine(manager, worker),
            enough=r"TEST control: status \d",
            want=("TEST control: status 0",),
            status=None,
            **good,
        )


def promises():
    """The guests of order-and-place. Those that wait come before those they wait for."""
    yield guest("app", "idle", com1="log", after="<&web>", after_state="ready")
    yield guest("web", "idle seconds", com1="log", after="<&db>", ready_text="second 1")
    yield guest("db", "idle", com1="console")
    yield guest("alone", "pv", com1="log", cores="exclusive any 1", pv=("clock", "steal-time"))
    yield guest("pair", "pv", com1="log", cores="any 2", no_pv=True)
    yield guest("primary", "spin crash ms=1500", com2="control", control="all")
    yield guest(
        "spare",
        "asker",
        com1="log",
        com2="control",
        standby_for="<&primary>",
        standby="warm",
        take_over="control",
        ready_text="not-permitted",  # what it is told before
    )
    yield guest("last", "spin crash ms=1", on_crash="halt-machine", no_autostart=True)


def in_order(text):
    """db, then web, then app once web has said that it is ready; the CPU of `alone` is nobody else's."""
    order = [
        stamps(text, p)
        for p in (
            r"guest db: first instruction",
            r"guest web: first instruction",
            r"web: second 1$",
            r"guest app: first instruction",
        )
    ]
    if not all(order) or order != sorted(order):
        return f"order of start: {order}", ""
    pins = {m[1]: m[2] for m in re.finditer(r"^name: +(\w+)(?:\n(?!name:).*)*?\npin: +(\S+)", text, re.M)}
    cpus = {
        name: {c for part in pin.split(",") for a, b in [(part.split("-") * 2)[:2]] for c in range(int(a), int(b) + 1)}
        for name, pin in pins.items()
    }
    if not (
        len(cpus["alone"]) == 1
        and len(cpus["pair"]) == 2
        and len(cpus["db"]) == 3
        and cpus["pair"] < cpus["db"]
        and not cpus["alone"] & cpus["db"]
    ):
        return f"CPUs: {pins}", ""
    return None, f"CPUs: {', '.join(f'{name} {pin}' for name, pin in pins.items())}"


def stamps(text, pattern):
    return [
        float(m[1])
        for m in re.finditer(r"^(?:bulkhead> )?(?:\* )?\[ *([\d.]+)\] (?:error: |warning: )?" + pattern, text, re.M)
    ]


def backoff_doubles(text):
    """100, 200 and 400 ms pass between a crash and the next start."""
    ends = stamps(text, r"guest weak: reset: ")
    starts = stamps(text, r"guest weak: first instruction")
    if len(ends) != 4 or len(starts) != 4:
        return f"{len(starts)} starts, {len(ends)} ends", ""
    gaps = [round((s - e) * 1000) for s, e in zip(starts[1:], ends)]
    for gap, want in zip(gaps, (100, 200, 400)):
        if not want <= gap < want + 60:
            return f"delays in ms: {gaps}", ""
    return None, f"delays {gaps} ms"


def worker_has(share):
    """A check: the worker has got that share of what the guests ran since they began."""

    def check(text):
        ran = [{name: seconds for name, (_, seconds) in rows.items()} for rows in listings(text) if "worker" in rows]
        if not ran:
            return "no figures of the worker", ""
        got = ran[-1]["worker"] / sum(ran[-1].values())
        trouble = None if got >= share else "the worker had too little of the processor"
        return trouble, f"worker's share {100 * got:.1f} %"

    return check


def worker_has_of_machine(share):
    """A check: the worker has run that share of the time since it began, whatever became of the rest."""

    def check(text):
        shown = re.findall(r"^name: +worker\n.*?^up: +([\d.]+) s\n^cpu time: +([\d.]+) s", text, re.M | re.S)
        if not shown:
            return "no figures of the worker", ""
        up, ran = (float(x) for x in shown[-1])
        trouble = None if ran >= share * up else "the worker had too little of the processor"
        return trouble, f"worker ran {100 * ran / up:.1f} % of its time"

    return check


def memory_as_before(text):
    """A check: what the manager of guests was told of the machine's memory before and after."""
    told = dict(re.findall(r"^memory (before|after): (hypervisor [1-9]\d*, free [1-9]\d*)$", text, re.M))
    if len(told) != 2:
        return "no figures of the memory", ""
    trouble = None if told["before"] == told["after"] else f"memory after it: {told['after']}"
    return trouble, f"memory before: {told['before']}"


# What guests do to a neighbour that waits for its timer, a second each from second 2 on: (kind, more of its node).
ATTACKS = (
    ("ports", {}),
    ("rtc", {}),
    ("mmio", {}),
    ("apicbase", {}),
    ("pit", {}),
    ("inits", dict(vcpus=16)),
    ("flood", dict(ready_text="A")),
    ("lines", dict(com2="control", control="none")),
    ("commands", dict(com2="control", control="all")),
    ("exits", {}),
    ("ring3", {}),
    ("starts", dict(com2="control", control="all")),
    ("wakes", {}),
)


# Beside nobody, worst: its way from HLT to its handler, 3,700 ticks, and a piece of the console's work, 2,500. In a
# run in which the two never met, the idle seconds show less.
IDLE_LATENESS = 6200


def lateness(text):
    """A check: beside each of them, its end included, the neighbour is at most twice as late as beside nobody."""
    worst = [int(w) for w in re.findall(r"clock: second \d+: worst (\d+) of [1-9]\d*$", text, re.M)]
    if len(worst) != len(ATTACKS) + 3:
        return f"{len(worst)} seconds of the neighbour", ""
    for kind, _ in ATTACKS:  # 1: what it did went as it should
        if not re.search(rf"guest {kind}: exit code 1$", text, re.M):
            return f"{kind} did not do what it was to", ""
    ends = len(re.findall(r"guest victim: (?:reset|destroyed): by the operator$", text, re.M))
    if ends < 8:
        return f"{ends} ends of the guest that is started in a loop", ""
    idle = max(worst[1], worst[-1])
    found = dict(zip((kind for kind, _ in ATTACKS), worst[2:]))
    late = [kind for kind, ticks in found.items() if ticks > 2 * max(idle, IDLE_LATENESS)]
    trouble = f"too late beside {', '.join(late)}" if late else None
    figures = ", ".join(f"{kind} {ticks}" for kind, ticks in found.items())
    return trouble, f"idle {idle} ticks, {figures}; {ends} ends of a guest"


def takeover_is_quick(text):
    m = re.search(r"guest spare: goes on (\d+) ticks after", text)
    if not m:
        return "no figure of the take-over", ""
    return (None if int(m[1]) < 100000 else "slower than 1 ms at 100 million instructions a second:"), f"{m[1]} ticks"


def mostly_idle(text):
    """Busy time of all CPUs between two descriptions: guests' and the hypervisor's."""
    ups = [float(u) for u in re.findall(r"^up: +([\d.]+) s", text, re.M)]
    busy = [
        sum(
            float(t)
            for row in re.findall(r"^ *\d+ +\d+ +\d+ +\d+ +\d+ +\d+ +([\d.]+) s +([\d.]+) s", part, re.M)
            for t in row
        )
        for part in re.split(r"^ *CPU +APIC.*$", text, flags=re.M)[1:]
    ]
    if len(ups) != 2 or len(busy) != 2:
        return "no two descriptions", ""
    share = 100 * (busy[1] - busy[0]) / (ups[1] - ups[0]) / 4
    # The aim is 0.5 %.
    return (None if share < 0.53 else "too busy"), f"{share:.3f} % of {ups[1] - ups[0]:.1f} s on 4 CPUs"


def all_reported(n, console=None):
    """A check: each of n guests reached userspace, reported and powered off; all but the one with the console in the
    log."""

    def check(text):
        names = [f"g{i + 1:02}" for i in range(n)]
        for name in names:
            said = "^" if name == console else f"{name}: "
            for what in (rf"{said}TEST hello: status 0", rf"guest {name}: powered off"):
                if not re.search(what, text, re.M):
                    return f"not seen: {what}", ""
        trouble, memory = memory_each(text)
        last = max(stamps(text, r"guest g\d+: powered off"))
        ran = [int(ms) for ms in re.findall(r"ran (\d+) ms", text)]
        return trouble, f"{last:.1f} s of virtual time, each ran {min(ran)} to {max(ran)} ms, {memory}"

    return check


def memory_each(text):
    kib = [int(k) for k in re.findall(r"hypervisor memory (\d+) KiB", text)]
    return (None if kib and max(kib) - min(kib) <= 16 else f"KiB a guest: {kib}"), f"{max(kib or [0])} KiB a guest"
