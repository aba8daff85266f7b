/*
 * Input: what a guest's keyboard and pointer are connected to. The front-end (a PS/2 or USB device) knows this
 * contract, never who is behind it: an operator's command, a screen's viewer, a physical keyboard. All calls come with
 * the VM's lock held, or while no vCPU runs; none blocks, and none calls back into the other side.
 *
 * Keys are named by their set 1 make code, whatever the guest has chosen to be sent: 1Ch is Enter, E01Ch that of the
 * keypad. (IBM PS/2 Technical Reference, "Keyboards"; USB HID to PS/2 Scan Code Translation Table.)
 */
#pragma once

#include "lib/types.h"

#define INPUT_E0(code) (0xe000u | (code))
#define INPUT_PRTSC    INPUT_E0(0x37) /* Alt's SysRq, and what Shift and Ctrl make of it: the keyboard knows */
#define INPUT_PAUSE    0xe11d         /* Break with Ctrl, likewise; it has no break code: its release is nothing */

/* Whether key is one that a keyboard has: 01h to 7Fh, those with E0, Pause. */
static inline bool input_is_key(u32 key)
{
	u32 code = key & 0x7f;

	return key == INPUT_PAUSE || (code && (key == code || key == INPUT_E0(code)));
}

/* A key event, for queues of them. */
struct input_key {
	u16 key;
	bool down;
};

#define INPUT_LEFT   0x01
#define INPUT_RIGHT  0x02
#define INPUT_MIDDLE 0x04

#define INPUT_LED_SCROLL 0x01
#define INPUT_LED_NUM    0x02
#define INPUT_LED_CAPS   0x04

/* One event of a pointer that tells how far it went. Counts; right and down are positive. */
struct input_motion {
	s32 dx, dy;
	s32 wheel;  /* notches, towards the user is positive */
	u8 buttons; /* INPUT_LEFT ...: those that are down now */
};

/* One event of a pointer that tells where it is. */
struct input_position {
	u16 x, y; /* 0: left, top; FFFFh: right, bottom */
	s32 wheel;
	u8 buttons;
};

/* A front-end, as a back-end sees it. NULL: it is no such device. now: VM time, ns. */
struct input_dev_ops {
	/*
	 * A key goes down or up; what is no key (input_is_key()) is ignored. A key that is down repeats as the guest
	 * has it, by the device's own clock. With no room for it, it is lost as on the hardware.
	 */
	void (*key)(void *dev, u16 key, bool down, u64 now);
	/* How many key events will not be lost now. */
	u32 (*key_room)(const void *dev);
	void (*motion)(void *dev, const struct input_motion *m, u64 now);
	void (*position)(void *dev, const struct input_position *p, u64 now);
};

/* A back-end, as a front-end sees it; ops NULL: none. */
struct input_ops {
	/* The guest lights these (INPUT_LED_CAPS ...) and no others. NULL: nobody looks. */
	void (*leds)(void *ctx, u8 leds);
};

struct input {
	const struct input_ops *ops;
	void *ctx;
};

static inline void input_leds(const struct input *in, u8 leds)
{
	if (in->ops && in->ops->leds)
		in->ops->leds(in->ctx, leds);
}
