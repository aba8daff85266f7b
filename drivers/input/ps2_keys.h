/*
 * What a PS/2 keyboard's keys mean: scan codes of set 1 (those of set 2 as the keyboard controller translates them)
 * become the bytes that an ECMA-48 terminal with a US keyboard sends. Pure: no ports, no time.
 *
 * Enter is CR, Backspace DEL (with Ctrl BS); Ctrl makes C0 controls as on a VT220; Alt, either one, puts ESC before
 * what the key sends. Keys without a character send what the Linux console and the VT220 do: ESC [ A to D for the
 * arrows, ESC [ 1 to 6 ~ for Home, Insert, Delete, End and the page keys, ESC O P to S and ESC [ 15 to 24 ~ for
 * F1 to F12. The keypad has figures while Num Lock is on (as it is at first), else these keys.
 *
 * Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)" (scan code
 * sets 1 and 2, "Commands to the System"); "Keyboard and Auxiliary Device Controller" (translation); ECMA-48, 5.4.
 */
#pragma once

#include "lib/types.h"

#define PS2_KEY_BYTES 6 /* that one key sends at most */

/* Bits of the keyboard's command "set/reset status indicators" (EDh). */
#define PS2_LED_NUM  0x02
#define PS2_LED_CAPS 0x04

struct ps2_keys {
	u8 prefix; /* E0h: the last code; 0: none */
	u8 skip;   /* codes of the Pause key still to come */
	u8 held;   /* modifiers and locks that are down */
	u8 locks;  /* PS2_LED_* that are on */
	u8 locks_held;
};

/* Nothing held, Num Lock on. */
void ps2_keys_init(struct ps2_keys *k);
/* A code from the keyboard. Returns the bytes it sends, put into out; most codes send none. */
u32 ps2_keys_code(struct ps2_keys *k, u8 code, u8 out[PS2_KEY_BYTES]);
