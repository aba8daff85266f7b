/*
 * The keyboard at the i8042's keyboard port, as a console to read from. The auxiliary port (a mouse) is switched
 * off. Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller" (ports, status, commands, command byte) and "Keyboards (101- and 102-Key)" (commands).
 */
#pragma once

#include "drivers/con.h"
#include "drivers/input/ps2_keys.h"
#include "lib/err.h"

#define PS2_KBD_IRQ 1

enum ps2_kbd_leds {
	PS2_LEDS_SHOWN,
	PS2_LEDS_WANTED, /* the command is to be sent */
	PS2_LEDS_ASKED,  /* and was; its value follows the keyboard's acknowledgement */
};

struct ps2_kbd {
	struct console con; /* getc only */
	struct ps2_keys keys;
	u8 out[PS2_KEY_BYTES]; /* of the last key: out[pos] to out[len - 1] are still to be read */
	u32 pos, len;
	enum ps2_kbd_leds leds;
	u8 leds_locks; /* what was sent last */
};

/*
 * Tests the controller, sets it up (translation to scan code set 1, interrupt of the keyboard, clock of the
 * auxiliary port off) and has the keyboard scan. A controller without a keyboard is good: one may be plugged in
 * later. *answers: there is one now. tsc_calibrate() must have run; takes 0.7 s at most where something is wrong.
 * OK; ERR_NOENT when no controller answers; ERR_CHECKSUM when its self-test fails.
 */
__must_check int ps2_kbd_init(struct ps2_kbd *k, bool *answers);
