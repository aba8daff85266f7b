/* What keyboard, mouse and their controller, parallel port, HPET, DMA and floppy controllers say of a state that cannot
 * be. */
#include <string.h>

#include "state_bad.h"
#include "state_subjects_floppy.h"
#include "state_subjects_input.h"
#include "state_subjects_timers.h"

#define CHECK(part, list) state_bad_check(&state_subjects_input[0], part, list, ARRAY_SIZE(list))

START_TEST(controller)
{
	static const struct state_bad bad[] = {
		{ "ram[0]=0xff ram[31]=0xff", "" },
		{ "cmd=0x20", "cmd: 32: is no command that waits for data" },
		{ "cmd=0xd1", "last_cmd: 0: denies the command that waits for data" },
		{ "cmd=0x7f last_cmd=1", "" },
		{ "cmd=0xd5 last_cmd=1", "cmd: 213: is no command that waits for data" },
		{ "source=4", "source: 4: is no source of bytes" },
		{ "full=1 source=3", "" },
		{ "kept_source=3", "kept_source: 3: is no device" },
		{ "ready_at=5001000000", "" },
		{ "ready_at=5001000001", "ready_at: 5001000001: is farther off than a byte takes" },
	};

	CHECK(0, bad);
}
END_TEST

START_TEST(keyboard)
{
	static const struct state_bad bad[] = {
		{ "head=16", "head: 16: is beyond the buffer" },
		{ "count=17", "count: 17: is more than the buffer holds" },
		{ "overrun=1", "overrun: 1: has no code that tells so" },
		{ "count=16", "count: 16: leaves no place for the code of an overrun" },
		{ "count=16 overrun=1", "" },
		{ "reply_end=5", "reply_at: 0: is beyond the reply" },
		{ "reply_at=2 reply_end=1", "reply_at: 2: is beyond the reply" },
		{ "cmd=0xf2", "cmd: 242: is no command that waits for an argument" },
		{ "cmd=0xfd", "" },
		{ "set=0", "set: 0: is no scan code set" },
		{ "set=4", "set: 4: is no scan code set" },
		{ "leds=8", "leds: 8: has lights that the keyboard lacks" },
		{ "typematic=0x80", "typematic: 128: has a bit that is never set" },
		{ "mods=0x40", "mods: 64: has bits that are no keys" },
		{ "repeat=0xe100 repeat_at=5", "repeat: 57600: is no key that repeats" },
		{ "repeat=0xe11d repeat_at=5", "repeat: 57629: is no key that repeats" },
		{ "repeat=0x1e", "repeat_at: 18446744073709551615: has no key, or a key no time" },
		{ "repeat_at=5", "repeat_at: 5: has no key, or a key no time" },
		{ "repeat=0x1e repeat_at=6000000000", "" },
		{ "repeat=0x1e repeat_at=6000000001", "repeat_at: 6000000001: is farther off than any delay" },
	};

	CHECK(1, bad);
}
END_TEST

START_TEST(mouse)
{
	static const struct state_bad bad[] = {
		{ "out_end=9", "out_at: 0: is beyond what is to be sent" },
		{ "out_at=3 out_end=2", "out_at: 3: is beyond what is to be sent" },
		{ "cmd=0xf2", "cmd: 242: is no command that waits for an argument" },
		{ "id=4", "id: 4: is no mouse" },
		{ "knock=3", "knock: 3: is a knock that was heard" },
		{ "rate=0", "rate: 0: is no sample rate" },
		{ "rate=201", "rate: 201: is no sample rate" },
		{ "resolution=4", "resolution: 4: is no resolution" },
		{ "buttons=8", "buttons: 8: has bits that are no buttons" },
		{ "told=16", "buttons: 16: has bits that are no buttons" },
		{ "dx=32768", "dx: 32768: is farther than is remembered, or another is" },
		{ "dx=0xffff8000 dy=32767", "" },
		{ "dy=0xffff7fff", "dx: 0: is farther than is remembered, or another is" },
		{ "dz=1", "dz: 1: needs a wheel" },
		{ "id=3 dz=1", "" },
		{ "sample_at=5010000000", "" },
		{ "sample_at=5010000001", "sample_at: 5010000001: is farther off than the next sample" },
	};

	CHECK(2, bad);
}
END_TEST

START_TEST(parallel)
{
	static const struct state_bad bad[] = {
		{ "data=255 control=31", "" },
		{ "control=32", "control: 32: has bits that the register lacks" },
	};

	state_bad_check(&state_subjects_input[1], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

START_TEST(dma)
{
	static const struct state_bad bad[] = {
		{ "chan[2].mode=0xfc chan[2].addr=0xffff page[15]=255", "" },
		{ "chan[7].mode=0x47", "chan.mode: 71: has bits that are not kept" },
		{ "status[1]=0x10", "mask: 15: has bits that are no channels, or status or request" },
		{ "mask[0]=0x1f", "mask: 31: has bits that are no channels, or status or request" },
	};

	state_bad_check(&state_subjects_floppy[0], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

START_TEST(floppy)
{
	/* A READ of nine bytes, out of reset. */
#define READ "dor=12 cmd[0]=0xe6 cmd_len=9 phase=2 due_at=5000000001"
	static const struct state_bad bad[] = {
		{ "phase=6", "phase: 6: is none" },
		{ "dsr=0x80", "dsr: 128: has bits that are not kept, or tdr or config has" },
		{ "tdr=4", "dsr: 2: has bits that are not kept, or tdr or config has" },
		{ "sought=0x10", "sought: 16: has bits that are no drives, or failed or polled has" },
		{ READ, "" },
		{ READ " cmd_len=8", "cmd_len: 8: is not what the command has, or its phase" },
		{ READ " phase=0", "cmd_len: 9: is not what the command has, or its phase" },
		{ READ " phase=1", "phase: 1: is none of the command's" },
		{ READ " phase=3", "phase: 3: is none of the command's" },
		{ READ " phase=4 due_at=0xffffffffffffffff pos=511", "" },
		{ READ " phase=4 due_at=0xffffffffffffffff pos=512", "pos: 512: is beyond the buffer" },
		{ READ " dor=8", "dor: 8: says reset, and something is under way" },
		{ READ " phase=5 due_at=0xffffffffffffffff result_len=7 result_at=7",
		  "result_at: 7: is beyond the result" },
		{ READ " phase=5 due_at=0xffffffffffffffff result_len=11", "result_at: 0: is beyond the result" },
		{ READ " cmd[0]=0xc5 asking=1", "asking: 1: needs a command that waits for the medium" },
		{ READ " cmd[0]=0xc5 asking=1 filled=1", "" },
		{ READ " due_at=5000200001", "due_at: 5000200001: is not when the phase goes on" },
		{ "due_at=5", "due_at: 5: is not when the phase goes on" },
		{ "seek_at[3]=5001000001", "seek_at: 5001000001: is farther off than a seek takes" },
	};

	state_bad_check(&state_subjects_floppy[1], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

START_TEST(hpet)
{
	/* It stands still. It runs, with comparator 2 to interrupt on GSI 20 at tick 1000. */
#define RUNS "config=1 since=5000000000 timer[2].config=0x2804 timer[2].cmp=1000 timer[2].match=1000"
	static const struct state_bad bad[] = {
		{ "config=4", "config: 4: has bits that the register lacks" },
		{ "config=3", "" },
		{ "status=8", "status: 8: has bits that are no comparator's" },
		{ "status=1", "status: 1: is of a comparator that is edge-triggered" },
		{ "since=5000000001", "since: 5000000001: is in the future" },
		{ "timer[1].config=0x2808", "timer.config: 10248: has bits that the register lacks" },
		{ "timer[0].config=0x2840", "timer.config: 10304: sets what is not periodic" },
		{ "timer[0].config=0x2848", "" },
		{ "timer[2].config=0x2604", "timer.config: 9732: is routed to where there is no line" },
		{ "timer[2].config=0x2900",
		  "timer.cmp: 18446744073709551615: has more bits than the comparator, or its period has" },
		{ "timer[2].level=1", "timer.level: 1: is not what its interrupt makes of it" },
		{ "timer[2].match=5 timer[2].cmp=5", "timer.match: 5: is not when the counter comes there" },
		{ "timer[2].tell_at=5", "timer.tell_at: 5: is of no interrupt" },
		{ RUNS " timer[2].tell_at=5000010000", "" },
		{ RUNS " timer[2].tell_at=4000010000", "" },
		{ RUNS " timer[2].tell_at=5000010010", "timer.tell_at: 5000010010: is not when it interrupts" },
		{ RUNS " timer[2].match=1001",
		  "timer.match: 1001: is not when the counter is what the comparator is" },
		{ RUNS " status=4 timer[2].config=0x2806", "timer.level: 0: is not what its interrupt makes of it" },
		{ RUNS " status=4 timer[2].config=0x2806 timer[2].level=1 timer[2].tell_at=5000010000", "" },
	};

	state_bad_check(&state_subjects_timers[0], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

SUITE_MAIN("state_input", controller, keyboard, mouse, parallel, dma, floppy, hpet)
