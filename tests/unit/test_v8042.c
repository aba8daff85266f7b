/* 8042: controller commands, status, output buffer, interrupts, A20, reset: as guests use them. */
#include <stdio.h>

#include "kbc_rig.h"

START_TEST(attach_is_all_or_nothing)
{
	struct io_region taken = { .base = V8042_CMD, .len = 1, .fn = (io_fn)abort, .name = "x" };

	kbc_plug();
	ck_assert_int_eq(io_bus_add(&kr.rig.pio, &taken), OK);
	ck_assert_int_eq(v8042_ops.attach(&kr.dev, &kr.env, kbc_cfg()), ERR_EXIST);
	ck_assert_uint_eq(kr.rig.pio.nr, 1);
}
END_TEST

/* What firmware and Linux' i8042 driver do. */
START_TEST(probe)
{
	kbc_start();
	ck_assert_uint_eq(kbc_status(), 0x10);
	ck_assert_uint_eq(kbc_ask(0xaa), 0x55);
	ck_assert_uint_eq(kbc_status(), 0x1c); /* system flag; the last write was a command */
	ck_assert_uint_eq(kbc_ask(0x20), 0x74);
	ck_assert_uint_eq(kbc_ask(0xab), 0x00);
	ck_assert_uint_eq(kbc_ask(0xa9), 0x00);
	ck_assert_uint_eq(kbc_ask(0xc0), 0x80);
	ck_assert_uint_eq(kbc_ask(0xa4), 0xf1);
	/* The auxiliary loop: as if the mouse had sent it. */
	kbc_cmd_data(0xd3, 0x5a);
	ck_assert_uint_eq(kbc_status() & 0x21, 0x21);
	ck_assert_uint_eq(kbc_data(), 0x5a);
	kbc_cmd_data(0xd2, 0xa5);
	ck_assert_uint_eq(kbc_status() & 0x21, 0x01);
	ck_assert_uint_eq(kbc_data(), 0xa5);
	ck_assert(!kbc_full());
	ck_assert_uint_eq(kbc_data(), 0xa5); /* the last byte again */
	/* Enabling and disabling the interfaces shows in the command byte. */
	kbc_cmd(0xae);
	ck_assert_uint_eq(kbc_ask(0x20), 0x64);
	kbc_cmd(0xa8);
	ck_assert_uint_eq(kbc_ask(0x20), 0x44);
	kbc_cmd(0xad);
	kbc_cmd(0xa7);
	ck_assert_uint_eq(kbc_ask(0x20), 0x74);
	ck_assert_uint_eq(kr.resets, 0);
}
END_TEST

START_TEST(ram)
{
	kbc_start();
	for (u8 i = 0; i < 32; i++)
		kbc_cmd_data(0x60 + i, i ? 0xc0 + i : 0x30);
	for (u8 i = 0; i < 32; i++)
		ck_assert_uint_eq(kbc_ask(0x20 + i), i ? 0xc0 + i : 0x30);
	/* A new command drops one that waits for its byte; what no command waits for is the keyboard's. */
	kbc_cmd(0x60);
	kbc_cmd(0xae);
	kbd_send(0xee, "ee");
	ck_assert_uint_eq(kbc_ask(0x20), 0x20);
	/* What no command is, is nothing. */
	kbc_cmd(0xa5);
	kbc_cmd(0xb7);
	kbc_nothing();
	/* Without the system flag in the command byte the status lacks it. */
	kbc_cmd_data(0x60, 0x34);
	ck_assert_uint_eq(kbc_status() & 0x0c, 0x04);
	kbc_cmd_data(0x60, 0x30);
	ck_assert_uint_eq(kbc_status() & 0x0c, 0x00);
}
END_TEST

START_TEST(resets_and_a20)
{
	kbc_start();
	for (u32 cmd = 0xf0; cmd <= 0xff; cmd++) {
		kr.resets = 0;
		kbc_cmd((u8)cmd);
		ck_assert_uint_eq(kr.resets, cmd & 1 ? 0 : 1);
	}
	ck_assert_str_eq(kr.how, "reset through the keyboard controller");
	ck_assert_uint_eq(kr.a20_sets, 0);
	ck_assert_uint_eq(kbc_ask(0xd0), 0xc3);
	kbc_cmd(0xdd);
	ck_assert(!kr.a20);
	ck_assert_uint_eq(kbc_ask(0xd0), 0xc1);
	kbc_cmd(0xdf);
	ck_assert(kr.a20);
	kbc_cmd_data(0xd1, 0xdd);
	ck_assert(!kr.a20);
	kbc_cmd_data(0xd1, 0xdf);
	ck_assert(kr.a20);
	kr.a20 = false; /* somebody else's doing */
	ck_assert_uint_eq(kbc_ask(0xd0), 0xc1);
	kr.resets = 0;
	kbc_cmd_data(0xd1, 0xfe);
	ck_assert_uint_eq(kr.resets, 1);
	ck_assert_str_eq(kr.how, "reset through the keyboard controller's output port");
}
END_TEST

/* Each byte is one rising edge of the interrupt of its device, as far as that is enabled. */
START_TEST(interrupts)
{
	kbc_start();
	kbc_enable(true);
	kbc_type(0x1e);
	ck_assert(kr.rig.level[1] && !kr.rig.level[12]);
	ck_assert_uint_eq(kbc_ask(0xd0), 0xd3); /* IRQ 1 shows; the byte waits */
	ck_assert_uint_eq(kbc_next(0x01), 0x1e);
	ck_assert_uint_eq(kbc_next(0x01), 0x9e);
	ck_assert(!kr.rig.level[1]);
	ck_assert_uint_eq(kr.rig.rises[1], 3); /* 1Eh twice: it had been put aside; 9Eh */
	ck_assert_uint_eq(kr.rig.rises[12], 0);
	mouse_send(0xf2, "fa 00");
	ck_assert_uint_eq(kr.rig.rises[12], 2);
	ck_assert(!kr.rig.level[12]);
	kbc_cmd_data(0x60, 0x45); /* no interrupt for the mouse */
	mouse_send(0xf2, "fa 00");
	ck_assert_uint_eq(kr.rig.rises[12], 2);
	kbc_cmd_data(0x60, 0x44); /* none at all; enabling it raises what waits */
	kbc_key(0x1e, true);
	ck_assert(!kr.rig.level[1]);
	kbc_cmd_data(0x60, 0x45);
	ck_assert(kr.rig.level[1]);
	v8042_ops.reset(&kr.dev, kr.rig.now);
	ck_assert(!kr.rig.level[1]);
}
END_TEST

/* A program that reads twice for an interrupt gets the same byte; the next one comes a millisecond later. */
START_TEST(pace)
{
	u64 read_at;

	kbc_start();
	kbc_enable(true);
	kbc_type(0x1e);
	ck_assert(kbc_full());
	read_at = kr.rig.now;
	ck_assert_uint_eq(kbc_data(), 0x1e);
	ck_assert_uint_eq(kbc_data(), 0x1e);
	rig_run_to(&kr.rig, read_at + V8042_WIRE_NS - 1);
	ck_assert(!kbc_full());
	ck_assert_uint_eq(kbc_data(), 0x1e);
	rig_run_to(&kr.rig, read_at + V8042_WIRE_NS);
	ck_assert(kbc_full());
	ck_assert(kr.rig.level[1]);
	ck_assert_uint_eq(kr.rig.rise_at[1], read_at + V8042_WIRE_NS);
	ck_assert_uint_eq(kbc_data(), 0x9e);
	ck_assert_uint_eq(timerq_next(&kr.rig.tq), TIMER_OFF); /* all is quiet */
}
END_TEST

/* What a disabled device has to say comes when it is enabled: by command, or by a byte for it. */
START_TEST(disabled_devices)
{
	kbc_start();
	ck_assert_uint_eq(v8042_input.key_room(&kr.dev), 0);
	kbc_type(0x1e);
	mouse_move(1, 1, 0, 0);
	kbc_nothing();
	kbc_cmd(0xae);
	ck_assert_uint_eq(v8042_input.key_room(&kr.dev), 1);
	kbc_expect(0x01, "1e 9e");
	kbc_cmd(0xad);
	kbd_send(0xee, "ee");
	ck_assert_uint_eq(kbc_ask(0x20) & 0x30, 0x20);
	mouse_send(0xe6, "fa");
	ck_assert_uint_eq(kbc_ask(0x20) & 0x30, 0x00);
}
END_TEST

/* The controller's answers overtake a byte that nobody has read, which is not lost. */
START_TEST(answers_first)
{
	kbc_start();
	kbc_enable(true);
	kbc_type(0x1e);
	ck_assert_uint_eq(kbc_ask(0x20), 0x47);
	ck_assert_uint_eq(kbc_ask(0xc0), 0x80);
	kbc_expect(0x01, "1e 9e");
	mouse_send(0xf4, "fa");
	mouse_move(1, 0, 0, 0);
	kbc_wait(20);
	ck_assert_uint_eq(kbc_status() & 0x21, 0x21);
	ck_assert_uint_eq(kbc_ask(0x20), 0x47);
	kbc_expect(0x21, "08 01 00");
	/* The self test forgets it. */
	kbc_type(0x1e);
	ck_assert_uint_eq(kbc_ask(0xaa), 0x55);
	kbc_expect(0x01, "9e");
}
END_TEST

/* Both devices speak at once: no byte is taken for the other's. */
START_TEST(both_devices)
{
	char keys[100] = "", moves[100] = "";
	u32 n = 0;

	kbc_start();
	kbc_enable(true);
	mouse_send(0xf4, "fa");
	kbc_wait(50);
	mouse_move(5, -3, 0, INPUT_LEFT);
	kbc_type(0x1e);
	kbc_type(0x30);
	for (; n < 20 && (kbc_full() || timerq_next(&kr.rig.tq) != TIMER_OFF); n++) {
		bool aux = kbc_status() & 0x20;
		char *to = aux ? moves : keys;

		if (kbc_full())
			snprintf(to + strlen(to), 100 - strlen(to), "%02x ", kbc_data());
		kbc_wait(1);
	}
	ck_assert_str_eq(keys, "1e 9e 30 b0 ");
	ck_assert_str_eq(moves, "09 05 03 ");
}
END_TEST

START_TEST(restored)
{
	struct v8042 copy;

	kbc_start();
	kbc_enable(true);
	kbc_type(0x1e);
	copy = kr.dev;
	kbc_start();
	kr.dev.s = copy.s;
	kr.dev.kbd = copy.kbd;
	kr.dev.mouse = copy.mouse;
	v8042_ops.restored(&kr.dev, kr.rig.now);
	ck_assert(kr.rig.level[1] && !kr.rig.level[12]);
	kbc_expect(0x01, "1e 9e");
	ck_assert(!kr.rig.level[1]);
}
END_TEST

SUITE_MAIN("v8042", attach_is_all_or_nothing, probe, ram, resets_and_a20, interrupts, pace, disabled_devices,
           answers_first, both_devices, restored)
