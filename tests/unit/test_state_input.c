/* What keyboard, mouse and their controller say of a state that cannot be. */
#include <string.h>

#include "state_bad.h"
#include "state_subjects_input.h"

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

SUITE_MAIN("state_input", controller, keyboard, mouse)
