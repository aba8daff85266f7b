/* PS/2 mouse behind the 8042: commands, packets, wheel, sample rate. */
#include <stdio.h>

#include "kbc_rig.h"

static void start(void)
{
	kbc_start();
	kbc_enable(true);
}

static void set_rate(u8 rate)
{
	mouse_send(0xf3, "fa");
	mouse_send(rate, "fa");
}

START_TEST(commands)
{
	start();
	mouse_send(0xff, "fa aa 00");
	mouse_send(0xf2, "fa 00");
	mouse_send(0xe9, "fa 00 02 64"); /* stream, disabled, 1:1; 4 counts a mm; 100 a second */
	mouse_send(0xe8, "fa");
	mouse_send(0x03, "fa");
	mouse_send(0xe7, "fa");
	set_rate(40);
	mouse_send(0xf4, "fa");
	mouse_send(0xe9, "fa 30 03 28");
	mouse_send(0xf0, "fa");
	mouse_send(0xe6, "fa");
	mouse_send(0xe9, "fa 60 03 28");
	mouse_send(0xea, "fa");
	mouse_send(0xf5, "fa");
	mouse_send(0xe9, "fa 00 03 28");
	mouse_send(0xf6, "fa");
	mouse_send(0xe9, "fa 00 02 64");
	mouse_send(0xfe, "fa 00 02 64"); /* the last answer again */
	/* What it does not know: refused, the second time an error. */
	mouse_send(0xe1, "fe");
	mouse_send(0xe1, "fc");
	mouse_send(0xe1, "fe");
	mouse_send(0xf2, "fa 00");
	mouse_send(0xe8, "fa");
	mouse_send(0x04, "fe"); /* no such resolution; another one may follow */
	mouse_send(0x01, "fa");
	mouse_send(0xf3, "fa");
	mouse_send(0x00, "fe");
	mouse_send(0x00, "fc");
	mouse_send(0xe9, "fa 00 01 64");
}
END_TEST

START_TEST(stream)
{
	start();
	mouse_move(1, 1, 0, 0);
	kbc_nothing(); /* not before it is enabled */
	mouse_send(0xf4, "fa");
	kbc_nothing(); /* what came before a command is forgotten */
	mouse_move(5, 7, 0, 0);
	kbc_expect(0x21, "28 05 f9"); /* down is negative here */
	mouse_move(-5, -7, 0, INPUT_LEFT | INPUT_RIGHT | INPUT_MIDDLE);
	kbc_expect(0x21, "1f fb 07");
	mouse_send(0xe9, "fa 27 02 64");
	mouse_move(0, 0, 0, INPUT_RIGHT);
	kbc_expect(0x21, "0a 00 00");
	mouse_move(0, 0, 0, INPUT_RIGHT); /* nothing new */
	kbc_nothing();
	mouse_move(0, 0, 3, 0); /* no wheel yet */
	kbc_expect(0x21, "08 00 00");
	/* More than a packet holds comes in several, and at most 32767 of it. */
	set_rate(200);
	mouse_move(600, -256, 0, 0);
	kbc_expect(0x21, "08 ff ff 08 ff 01 08 5a 00");
	kbc_nothing();
	mouse_move(-1 - 0x7fffffff, -1 - 0x7fffffff, 0, 0);
	ck_assert_int_eq((s32)kr.dev.mouse.dx, -32768 + 255);
	ck_assert_int_eq((s32)kr.dev.mouse.dy, 32767 - 255);
}
END_TEST

START_TEST(scaling)
{
	start();
	mouse_send(0xe7, "fa");
	mouse_send(0xf4, "fa");
	for (s32 i = 0; i <= 127; i++) {
		static const u8 few[] = { 0, 1, 1, 3, 6, 9 };
		u8 want = i < 6 ? few[i] : (u8)(2 * i);
		char text[16];

		kbc_wait(20);
		mouse_move(i, i, 0, i & 1 ? INPUT_LEFT : 0);
		snprintf(text, sizeof(text), "%02x %02x %02x", (i ? 0x28 : 0x08) | (i & 1), want, (u8)-want);
		kbc_expect(0x21, i ? text : "");
	}
	/* When asked, it tells the counts as they are. */
	mouse_send(0xf0, "fa");
	mouse_move(5, 0, 0, 0);
	kbc_nothing();
	mouse_send(0xeb, "fa 08 05 00");
	mouse_send(0xeb, "fa 08 00 00");
}
END_TEST

START_TEST(wheel)
{
	start();
	set_rate(200);
	set_rate(100);
	mouse_send(0xe6, "fa"); /* not the knock: something came in between */
	set_rate(80);
	mouse_send(0xf2, "fa 00");
	set_rate(200);
	set_rate(200);
	set_rate(100);
	set_rate(80);
	mouse_send(0xf2, "fa 03");
	mouse_send(0xf4, "fa");
	set_rate(200);
	mouse_move(1, 0, 1, 0);
	kbc_expect(0x21, "08 01 00 01");
	mouse_move(0, 0, -20, 0); /* four bits at a time */
	kbc_wait(10);
	kbc_expect(0x21, "08 00 00 f8 08 00 00 f8 08 00 00 fc");
	kbc_nothing();
	mouse_send(0xff, "fa aa 00");
	mouse_send(0xf2, "fa 00"); /* a reset takes the wheel away */
}
END_TEST

/* Packets come as often as the sample rate says, however often it moves; nothing of the way is lost. */
START_TEST(sample_rate)
{
	static const u8 rates[] = { 10, 20, 40, 60, 80, 100, 200 };

	start();
	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		u32 bytes = 0, moved = 0;
		u64 end;

		set_rate(rates[i]);
		mouse_send(0xf4, "fa");
		for (end = kr.rig.now + 1000 * KBC_MS; kr.rig.now < end; kbc_wait(1)) {
			mouse_move(1, 0, 0, 0);
			if (!kbc_full())
				continue;
			moved += bytes++ % 3 == 1 ? kbc_data() : kbc_data() * 0u;
		}
		/* A packet of three bytes takes three milliseconds on the wire at least. */
		ck_assert_uint_ge(bytes / 3, rates[i] * 9u / 10);
		ck_assert_uint_le(bytes / 3, rates[i] + 1u);
		ck_assert_uint_ge(moved, 1000 - 1000 / rates[i] - 5);
		if (kbc_full())
			kbc_data();
		mouse_send(0xff, "fa aa 00");
	}
}
END_TEST

START_TEST(wrap)
{
	start();
	mouse_send(0xee, "fa");
	mouse_send(0xf2, "f2");
	mouse_send(0x55, "55");
	mouse_send(0xee, "ee");
	mouse_send(0xec, "fa");
	mouse_send(0xf2, "fa 00");
	mouse_send(0xee, "fa");
	mouse_send(0xff, "fa aa 00");
	mouse_send(0xf2, "fa 00");
}
END_TEST

/* A command in the middle of a packet: what is left of it is not sent. */
START_TEST(command_in_packet)
{
	start();
	mouse_send(0xf4, "fa");
	mouse_move(5, 0, 0, INPUT_LEFT);
	ck_assert_uint_eq(kbc_next(0x21), 0x09);
	mouse_send(0xf2, "fa 00");
	kbc_nothing();
	mouse_move(1, 0, 0, INPUT_LEFT);
	kbc_expect(0x21, "09 01 00");
}
END_TEST

SUITE_MAIN("vps2mouse", commands, stream, scaling, wheel, sample_rate, wrap, command_in_packet)
