"""System tests of a PC's screen: what programs draw is what bhctl's screenshot and screen have, and what drawing costs."""
import re

import screen_model
from many import ESCAPE, MON

CONFIG = """/dts-v1/;
/ {
	compatible = "bulkhead,config-1";
	hypervisor { on-idle = "poweroff"; };
	guests {
		pc {
			memory = "64M";
			firmware = "bios";
			on-reset = "stop";
			debug-exit;
			disk0 { source = "module:%s"; };
		};
	};
};
"""
TICKS_PER_US = 50
TROUBLE = (r"panic", r"EPT violation in RAM", r"refused")


def screens(Program, which):
    """Those of these numbers are looked at when they are drawn; then the program is let go on."""
    for i, _ in enumerate(screen_model.SCREENS):
        drawn = rf"^screens: drawn {i:02}"
        if i in which:
            yield drawn, Program(("tests/system/screen_client", Program.DEVICE, i))
        yield "" if i in which else drawn, "n"


def stops(nr):
    """At each of the program's stops its guest's exits are shown."""
    for i in range(1, nr + 1):
        yield rf"^pc-costs: stop {i}", ESCAPE
        yield MON, "exits pc\n"
        yield MON, "console pc\n"
        yield r"leaves its console\]", "n"


def costs(text):
    """What the program measured, and what its drawing cost: from stop 2 to 3 a hundred screens of text, from 4 to 5 of
    bytes. None of it may be an exit for memory, and a line on the screen costs what one in RAM does."""
    of = {name: int(value) for name, value in re.findall(r"^pc-costs: (\w.*): (\d+) ticks", text, re.M)}
    told = ", ".join(f"{name} {value}" for name, value in of.items())
    tables = text.split("bulkhead> exits pc")[1:]
    violations = [int(m[1]) if (m := re.search(r"^EPT_VIOLATION +48 +(\d+)", t, re.M)) else 0 for t in tables]
    if len(violations) != 5 or not all(violations):
        return f"EPT violations told: {violations}", told
    if violations[1] != violations[2] or violations[3] != violations[4]:
        return f"drawing has exits: EPT violations are {violations}", told
    # 449 lines of 900 dots at 28.322 MHz; the port is asked every some 500 ticks.
    if abs(of["from retrace to retrace"] - 449 * 900 / 28.322 * TICKS_PER_US) > 2000:
        return "a picture takes another time", told
    if of["a text line at B8000h"] > of["the same in RAM"] + 10:
        return "a line on the screen costs more than in RAM", told
    return None, f"{told}; EPT violations of 200 screens drawn: 0"


def timed_screen(Boot):
    return Boot(
        "pc-costs",
        "ticks from power-on to boot sector, of text lines, rows and writes in video memory; drawing makes no exits",
        900,
        config_text=CONFIG % "pccosts",
        needs=["images-of-pc-bios", "build/guest/pccosts"],
        dialogue=tuple(stops(5)),
        forbid=TROUBLE,
        check=costs,
        by_default=False,
    )


def tests(Boot, Program):
    yield timed_screen(Boot)
    every = range(len(screen_model.SCREENS))
    for name, which, what in (("pc-screen", (0, 9, 15), "text, planes and VBE"), ("pc-screens", every, "all of them")):
        yield Boot(
            name,
            f"a program sets modes by the VGA BIOS and draws: bhctl's screenshot has every pixel, screen the text; {what}",
            3000,
            com2=True,
            config_text=CONFIG % "screens",
            cmdline="control=uart,com2,115200",
            needs=["images-of-pc-bios", "build/guest/screens", "build/host-tests/bhctl"],
            dialogue=tuple(screens(Program, which)),
            forbid=TROUBLE,
            want=(r"^screens: over",),
            by_default=False,
        )
