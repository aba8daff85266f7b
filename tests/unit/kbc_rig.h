/* Test helper: an 8042 with keyboard and mouse in a rig of its own. */
#pragma once

#include "dev_rig.h"
#include "suite.h"
#include "vmm/dev/pc/v8042.h"

#define KBC_MS 1000000ull

static struct kbc_rig {
	struct rig rig;
	struct vdev_env env;
	struct v8042 dev;
	u32 resets;
	const char *how;
	bool a20;
	u32 a20_sets;
	u8 leds;
	u32 leds_told;
} kr;

static inline void kbc_on_reset(void *arg, const char *how)
{
	ck_assert(arg == &kr);
	kr.how = how;
	kr.resets++;
}

static inline void kbc_on_a20(void *arg, bool open)
{
	ck_assert(arg == &kr);
	kr.a20 = open;
	kr.a20_sets++;
}

static inline bool kbc_a20(void *arg)
{
	ck_assert(arg == &kr);
	return kr.a20;
}

static inline void kbc_on_leds(void *ctx, u8 leds)
{
	ck_assert(ctx == &kr);
	kr.leds = leds;
	kr.leds_told++;
}

static inline const struct v8042_cfg *kbc_cfg(void)
{
	static const struct input_ops ops = { .leds = kbc_on_leds };
	static struct v8042_cfg cfg;

	cfg = (struct v8042_cfg){
		.reset = kbc_on_reset, .set_a20 = kbc_on_a20, .a20 = kbc_a20, .arg = &kr, .input = { &ops, &kr }
	};
	return &cfg;
}

static inline void kbc_plug(void)
{
	memset(&kr, 0, sizeof(kr));
	rig_init(&kr.rig);
	kr.a20 = true;
	kr.env = (struct vdev_env){ .pio = &kr.rig.pio, .irq = &kr.rig.chip, .timers = &kr.rig.tq };
}

/* Plugged in and reset at 1 s. */
static inline void kbc_start(void)
{
	kbc_plug();
	ck_assert_int_eq(v8042_ops.attach(&kr.dev, &kr.env, kbc_cfg()), OK);
	rig_run_to(&kr.rig, 1000 * KBC_MS);
	v8042_ops.reset(&kr.dev, kr.rig.now);
}

static inline u8 kbc_status(void)
{
	return rig_in(&kr.rig, V8042_CMD);
}

static inline bool kbc_full(void)
{
	return kbc_status() & 1;
}

static inline u8 kbc_data(void)
{
	return rig_in(&kr.rig, V8042_DATA);
}

static inline void kbc_cmd(u8 cmd)
{
	rig_out(&kr.rig, V8042_CMD, cmd);
}

/* A command with its data byte. */
static inline void kbc_cmd_data(u8 cmd, u8 val)
{
	kbc_cmd(cmd);
	rig_out(&kr.rig, V8042_DATA, val);
}

/* A controller command that answers at once. */
static inline u8 kbc_ask(u8 cmd)
{
	kbc_cmd(cmd);
	ck_assert_uint_eq(kbc_status() & 0x21, 0x01);
	return kbc_data();
}

static inline void kbc_wait(u64 ms)
{
	rig_run_to(&kr.rig, kr.rig.now + ms * KBC_MS);
}

/* The next byte, which comes within two milliseconds; from: 1 the keyboard's, 21h the mouse's. */
static inline u8 kbc_next(u8 from)
{
	for (u32 i = 0; i < 20 && !kbc_full(); i++)
		rig_run_to(&kr.rig, kr.rig.now + KBC_MS / 10);
	ck_assert_uint_eq(kbc_status() & 0x21, from);
	return kbc_data();
}

static inline void kbc_nothing(void)
{
	kbc_wait(5);
	ck_assert(!kbc_full());
}

/* These bytes come, in hex ("f0 1c"), and no others. */
static inline void kbc_expect(u8 from, const char *hex)
{
	char got[200] = "";

	for (u32 i = 0; i < 60; i++) {
		u32 len = (u32)strlen(got);

		kbc_wait(2);
		if (!kbc_full())
			break;
		ck_assert_uint_eq(kbc_status() & 0x21, from);
		snprintf(got + len, sizeof(got) - len, "%s%02x", i ? " " : "", kbc_data());
	}
	ck_assert_str_eq(got, hex);
}

static inline void kbc_key(u16 key, bool down)
{
	v8042_input.key(&kr.dev, key, down, kr.rig.now);
}

static inline void kbc_type(u16 key)
{
	kbc_key(key, true);
	kbc_key(key, false);
}

/* Both interfaces on, interrupts on, translation or not. */
static inline void kbc_enable(bool translate)
{
	kbc_cmd_data(0x60, translate ? 0x47 : 0x07);
}

/* A byte for the keyboard, and what it answers. */
static inline void kbd_send(u8 val, const char *answers)
{
	rig_out(&kr.rig, V8042_DATA, val);
	kbc_expect(0x01, answers);
}

/* For the mouse, likewise. */
static inline void mouse_send(u8 val, const char *answers)
{
	kbc_cmd_data(0xd4, val);
	kbc_expect(0x21, answers);
}

static inline void mouse_move(s32 dx, s32 dy, s32 wheel, u8 buttons)
{
	struct input_motion m = { dx, dy, wheel, buttons };

	v8042_input.motion(&kr.dev, &m, kr.rig.now);
}
