/* What each device of vmm/dev/pc says of a state that cannot be. */
#include <string.h>

#include "state_bad.h"
#include "state_subjects_pc.h"

static const struct state_subject *subject(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(state_subjects_pc); i++)
		if (!strcmp(state_subjects_pc[i].name, name))
			return &state_subjects_pc[i];
	ck_abort_msg("no %s", name);
	return NULL;
}

#define CHECK(name, part, list) state_bad_check(subject(name), part, list, ARRAY_SIZE(list))

START_TEST(pit)
{
	/* It is clock 5965910. */
	static const struct state_bad bad[] = {
		{ "chan[0].cw=0x40", "chan[0].cw: 64: is no control word" },
		{ "chan[1].cw=0x06", "chan[1].cw: 6: is no control word" },
		{ "chan[2].cw=0x3f", "" },
		{ "chan[2].n=0", "chan[2].n: 0: is no count" },
		{ "chan[2].n=65537", "chan[2].n: 65537: is no count" },
		{ "chan[1].cw=0x31 chan[1].n=10001 chan[1].loaded=1", "chan[1].n: 10001: is no count" },
		{ "chan[1].cr=0", "chan[1].cr: 0: is no count" },
		{ "chan[1].cw=0x33 chan[1].cr=10001 chan[1].pending=1", "chan[1].cr: 10001: is no count" },
		{ "chan[0].held=65536", "chan[0].held: 65536: is more than a counter holds" },
		{ "chan[1].start=5965911", "" },
		{ "chan[1].start=5965912", "chan[1].start: 5965912: is in the future, or before time began" },
		{ "chan[1].start=0xffffffffffff0000", "" },
		{ "chan[1].start=0xfffffffffffeffff",
		  "chan[1].start: 18446744073709486079: is in the future, or before time began" },
		{ "chan[2].frozen=0xffffffffffffffff", "" },
		{ "chan[2].frozen=6031447", "chan[2].frozen: 6031447: is longer than time has been" },
		{ "chan[2].reload_at=6031447", "chan[2].reload_at: 6031447: is farther off than a period" },
		{ "chan[1].pending=1", "chan[1].pending: 1: has no count to follow" },
		{ "chan[1].cw=0x34 chan[1].pending=1", "chan[1].pending: 1: has no count to follow" },
		{ "chan[1].cw=0x34 chan[1].pending=1 chan[1].loaded=1 chan[1].half=1",
		  "chan[1].half: 1: is of mode 3 alone" },
		{ "chan[1].cw=0x36 chan[1].pending=1 chan[1].loaded=1 chan[1].half=1", "" },
		{ "chan[1].loaded=1 chan[1].paused=1", "chan[1].paused: 1: is not what mode and gate make of it" },
		{ "chan[2].loaded=1", "chan[2].paused: 0: is not what mode and gate make of it" },
		{ "chan[1].cw=0x32 chan[1].paused=1", "chan[1].paused: 1: is not what mode and gate make of it" },
		{ "chan[1].paused=1", "chan[1].paused: 1: is not what mode and gate make of it" },
		{ "chan[1].paused=1 chan[1].write_high=1", "" },
		{ "chan[2].cw=0x10 chan[2].write_high=1", "chan[2].write_high: 1: needs two-byte access" },
		{ "chan[2].cw=0x10 chan[2].read_high=1", "chan[2].read_high: 1: needs two-byte access" },
		{ "port61=0x10", "port61: 16: has bits that are not stored" },
		{ "port61=1", "chan[2].gate: 0: is not what port 61h says" },
		{ "chan[0].gate=0", "chan[0].gate: 0: is wired high" },
		{ "chan[1].gate=0", "chan[1].gate: 0: is wired high" },
		{ "edge=5965911", "edge: 5965911: is not when counter 0's output rises" },
		{ "edge=3", "" },
		{ "chan[0].cw=0x14 chan[0].n=20 chan[0].loaded=1 chan[0].start=5965900 edge=5965920", "" },
		{ "chan[0].cw=0x14 chan[0].n=20 chan[0].loaded=1 chan[0].start=5965900 edge=5966160", "" },
		{ "chan[0].cw=0x14 chan[0].n=20 chan[0].loaded=1 chan[0].start=5965900 edge=5966161",
		  "edge: 5966161: is not when counter 0's output rises" },
		{ "chan[0].cw=0x14 chan[0].n=20 chan[0].loaded=1 chan[0].start=5965900 edge=5966180",
		  "edge: 5966180: is not when counter 0's output rises" },
		{ "chan[0].loaded=1", "" },
		{ "chan[0].loaded=1 chan[0].start=5965910",
		  "edge: 18446744073709551615: is not when counter 0's output rises" },
	};

	CHECK("pit", 0, bad);
}
END_TEST

START_TEST(rtc)
{
	static const struct state_bad bad[] = {
		{ "index=128", "index: 128: is beyond the registers" },
		{ "reg[10]=0xa6", "reg[10]: 166: has UIP, which is not kept" },
		{ "reg[11]=0x92", "reg[11]: 146: has UIE together with SET" },
		{ "reg[12]=1", "reg[12]: 1: has not the IRQF of its flags, or bits that it lacks" },
		{ "reg[12]=0xc0", "reg[12]: 192: has not the IRQF of its flags, or bits that it lacks" },
		{ "reg[11]=0x42 reg[12]=0xc0", "line: 0: is not what IRQF says" },
		{ "reg[11]=0x42 reg[12]=0xc0 line=1", "" },
		{ "reg[13]=0", "reg[13]: 0: is not what the read-only register holds" },
		{ "reg[0]=0xff reg[2]=0xff reg[4]=0xff reg[6]=0xff reg[7]=0xff reg[8]=0xff reg[9]=0xff", "" },
		{ "second_at=5000000001", "second_at: 5000000001: is in the future, or before time began" },
		{ "second_at=0xffffffffe2329b00", "" },
		{ "second_at=0xffffffffe2329aff",
		  "second_at: 18446744073209551615: is in the future, or before time began" },
		{ "periodic_at=5000000001", "periodic_at: 5000000001: is not when the periodic event comes" },
		{ "reg[10]=0x26 periodic_at=0xffffffffffffffff",
		  "periodic_at: 18446744073709551615: is not when the periodic event comes" },
		{ "reg[10]=0x20 periodic_at=0xffffffffffffffff", "" },
	};

	CHECK("rtc", 0, bad);
}
END_TEST

START_TEST(pm)
{
	static const struct state_bad bad[] = {
		{ "sts=0x8000", "sts: 32768: has bits that nothing sets" },
		{ "en=2", "en: 2: has bits that the register lacks" },
		{ "cnt=0x2000", "cnt: 8192: has bits that the register does not keep" },
		{ "cnt=1 sts=1 en=1", "line: 0: is not what status and enables make of it" },
		{ "line=1", "line: 1: is not what status and enables make of it" },
		{ "cnt=1 gpe_sts=0x8000 gpe_en=0x8000 line=1", "" },
		{ "half=1", "half: 1: is more than the timer has counted" },
	};

	CHECK("pm", 0, bad);
}
END_TEST

START_TEST(reset)
{
	static const struct state_bad bad[] = {
		{ "cf9=1", "cf9: 1: has bits that the register lacks" },
		{ "port92=4", "port92: 4: has bits that the register lacks" },
		{ "kbc_cmd=0x20", "kbc_cmd: 32: is no command that waits for data" },
		{ "kbc_cmd=0xd1", "kbc_last_cmd: 0: denies the command that waits for data" },
		{ "kbc_cmd=0xd1 kbc_last_cmd=1", "" },
	};

	CHECK("reset", 0, bad);
}
END_TEST

START_TEST(crtc)
{
	static const struct state_bad bad[] = { { "index=255 reg[0]=255 reg[24]=255", "" } };

	CHECK("crtc", 0, bad);
}
END_TEST

START_TEST(uart)
{
	static const struct state_bad bad[] = {
		{ "ier=0x10", "ier: 16: has bits that the register lacks" },
		{ "fcr=0x40", "fcr: 64: has bits that are not kept" },
		{ "fcr=3", "fcr: 3: has bits that are not kept" },
		{ "fcr=0xc1", "" },
		{ "mcr=0x20", "mcr: 32: has bits that the register lacks" },
		{ "line_err=1", "line_err: 1: has bits that are no errors" },
		{ "rx_err[15]=0x80", "rx_err: 128: has bits that are no errors" },
		{ "rx_head=16", "rx_head: 16: is beyond the FIFO" },
		{ "rx_count=2", "rx_count: 2: is more than the receiver holds" },
		{ "fcr=1 rx_count=17", "rx_count: 17: is more than the receiver holds" },
		{ "fcr=1 rx_count=16 timeout_at=5000000001", "" },
		{ "timed_out=1", "timed_out: 1: needs bytes in the FIFO" },
		{ "fcr=1 timed_out=1", "timed_out: 1: needs bytes in the FIFO" },
		{ "fcr=1 rx_count=1 timed_out=1", "" },
		{ "timeout_at=5", "timeout_at: 5: does not fit the bytes in the FIFO" },
		{ "fcr=1 rx_count=1", "timeout_at: 18446744073709551615: does not fit the bytes in the FIFO" },
		{ "fcr=1 rx_count=1 timeout_at=32306458334",
		  "timeout_at: 32306458334: is farther off than four characters" },
		{ "line=1", "line: 1: is not what IIR and OUT2 make of it" },
		{ "mcr=8 ier=2 thri=1", "line: 0: is not what IIR and OUT2 make of it" },
		{ "mcr=8 ier=2 thri=1 line=1", "" },
	};

	CHECK("uart", 0, bad);
}
END_TEST

START_TEST(debug)
{
	static const struct state_bad bad[] = {
		{ "irq_levels=0x1000000", "irq_levels: 16777216: has lines that do not exist" },
		{ "irq_levels=0x800000 latch=0xffffffff", "" },
		{ "fwcfg_key=3 fwcfg_at=8", "" },
		{ "fwcfg_key=3 fwcfg_at=9", "fwcfg_at: 9: is behind the value's end" },
		{ "fwcfg_key=2 fwcfg_at=1", "fwcfg_at: 1: is behind the value's end" },
	};
	static const struct state_bad console[] = { { "irq_levels=1", "irq_levels: 1: needs the test device" } };
	static const struct state_bad memory[] = { { "bytes[65535]=255", "" } };

	CHECK("debug", 0, bad);
	CHECK("debug", 1, memory);
	CHECK("console", 0, console);
}
END_TEST

SUITE_MAIN("state_pc", pit, rtc, pm, reset, crtc, uart, debug)
