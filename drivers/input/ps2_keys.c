#include "drivers/input/ps2_keys.h"

#include "lib/string.h"

#define ESC 0x1b
#define DEL 0x7f

#define CODE_EXTENDED 0xe0 /* the next code is of a key the PC/AT's keyboard did not have */
#define CODE_PAUSE    0xe1 /* two more codes follow */
#define CODE_BREAK    0x80 /* bit: the key was released */

/* What is no key but a word of the keyboard itself: "Commands to the System". */
#define CODE_ECHO     0xee
#define CODE_ACK      0xfa
#define CODE_BAD_TEST 0xfc
#define CODE_ID_BAD   0xfd
#define CODE_RESEND   0xfe
#define CODE_OVERRUN  0x00 /* keys were lost; 00h of set 2 comes as FFh, and FFh as 00h */
#define CODE_OVERRUN2 0xff

/* Keys that the tables do not have. */
enum {
	KEY_ENTER = 0x1c,
	KEY_CTRL = 0x1d,
	KEY_LSHIFT = 0x2a,
	KEY_SLASH = 0x35, /* E0h: the keypad's */
	KEY_RSHIFT = 0x36,
	KEY_KP_STAR = 0x37, /* E0h: Print Screen */
	KEY_ALT = 0x38,
	KEY_SPACE = 0x39,
	KEY_CAPS = 0x3a,
	KEY_F1 = 0x3b,
	KEY_F10 = 0x44,
	KEY_NUM = 0x45,
	KEY_KP_7 = 0x47,
	KEY_KP_MINUS = 0x4a,
	KEY_KP_PLUS = 0x4e,
	KEY_KP_DOT = 0x53,
	KEY_102ND = 0x56,
	KEY_F11 = 0x57,
	KEY_F12 = 0x58,
};

/* Bits of held. */
#define HELD_LSHIFT 0x01
#define HELD_RSHIFT 0x02
#define HELD_LCTRL  0x04
#define HELD_RCTRL  0x08
#define HELD_LALT   0x10
#define HELD_RALT   0x20
#define HELD_SHIFT  (HELD_LSHIFT | HELD_RSHIFT)
#define HELD_CTRL   (HELD_LCTRL | HELD_RCTRL)
#define HELD_ALT    (HELD_LALT | HELD_RALT)

/* Codes 00h to 39h; NUL: no character. */
static const char plain[] = "\0\x1b"
                            "1234567890-=\x7f\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\x1b"
                              "!@#$%^&*()_+\x7f\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
_Static_assert(sizeof(plain) == KEY_SPACE + 2 && sizeof(shifted) == sizeof(plain), "tables end at the space bar");

/* From KEY_KP_7 on: with Num Lock; and without, the final of ESC [, or the figure of ESC [ n ~. */
static const char keypad[] = "789-456+1230.";
static const char keypad_nav[] = "1A5-D\0C+4B623";
_Static_assert(sizeof(keypad) == KEY_KP_DOT - KEY_KP_7 + 2 && sizeof(keypad_nav) == sizeof(keypad), "keypad");

void ps2_keys_init(struct ps2_keys *k)
{
	memset(k, 0, sizeof(*k));
	k->locks = PS2_LED_NUM;
}

static u8 modifier_of(u8 key, bool extended)
{
	switch (key) {
	/* Extended shifts are the keyboard's own, around keys that others would take for the keypad's. */
	case KEY_LSHIFT: return extended ? 0 : HELD_LSHIFT;
	case KEY_RSHIFT: return extended ? 0 : HELD_RSHIFT;
	case KEY_CTRL: return extended ? HELD_RCTRL : HELD_LCTRL;
	case KEY_ALT: return extended ? HELD_RALT : HELD_LALT;
	}
	return 0;
}

static u8 lock_of(u8 key, bool extended)
{
	if (extended)
		return 0;
	return key == KEY_CAPS ? PS2_LED_CAPS : key == KEY_NUM ? PS2_LED_NUM : 0;
}

/* c with Ctrl held: one byte at *out, or none. */
static u32 control(char c, u8 *out)
{
	switch (c) {
	case '\r':
	case '\t':
	case ESC: *out = (u8)c; return 1;
	case DEL: *out = '\b'; return 1;
	case ' ':
	case '2': *out = 0; return 1;
	case '3':
	case '4':
	case '5':
	case '6':
	case '7': *out = (u8)(ESC + c - '3'); return 1;
	case '8':
	case '?': *out = DEL; return 1;
	case '-':
	case '/': *out = 0x1f; return 1;
	}
	if (c < '@')
		return 0;
	*out = c & 0x1f;
	return 1;
}

static u32 put_char(const struct ps2_keys *k, char c, u8 *out)
{
	if (!c)
		return 0;
	if (k->held & HELD_CTRL)
		return control(c, out);
	if (c == '\t' && k->held & HELD_SHIFT) { /* back-tab: CBT */
		memcpy(out, "\x1b[Z", 3);
		return 3;
	}
	*out = (u8)c;
	return 1;
}

static u32 put_seq(char intro, char final, u8 *out)
{
	out[0] = ESC;
	out[1] = (u8)intro;
	out[2] = (u8) final;
	return 3;
}

/* ESC [ n ~ */
static u32 put_number(u32 n, u8 *out)
{
	u32 len = 0;

	out[len++] = ESC;
	out[len++] = '[';
	if (n >= 10)
		out[len++] = (u8)('0' + n / 10);
	out[len++] = (u8)('0' + n % 10);
	out[len++] = '~';
	return len;
}

static u32 function_key(u32 f, u8 *out)
{
	/* The VT220's numbers, which have gaps. */
	static const u8 number[] = { 15, 17, 18, 19, 20, 21, 23, 24 };

	return f <= 4 ? put_seq('O', (char)('P' + f - 1), out) : put_number(number[f - 5], out);
}

static u32 nav_key(u8 key, u8 *out)
{
	char c = keypad_nav[key - KEY_KP_7];

	if (!c)
		return 0;
	return c >= 'A' ? put_seq('[', c, out) : put_number((u32)(c - '0'), out);
}

static u32 extended_key(const struct ps2_keys *k, u8 key, u8 *out)
{
	if (key == KEY_ENTER)
		return put_char(k, '\r', out);
	if (key == KEY_SLASH)
		return put_char(k, '/', out);
	if (key >= KEY_KP_7 && key <= KEY_KP_DOT && key != KEY_KP_MINUS && key != KEY_KP_PLUS)
		return nav_key(key, out);
	return 0;
}

static u32 plain_key(const struct ps2_keys *k, u8 key, u8 *out)
{
	bool shift = k->held & HELD_SHIFT;

	if (key <= KEY_SPACE) {
		bool letter = plain[key] >= 'a' && plain[key] <= 'z';

		shift ^= letter && k->locks & PS2_LED_CAPS;
		return put_char(k, shift ? shifted[key] : plain[key], out);
	}
	if (key >= KEY_F1 && key <= KEY_F10)
		return function_key(key - KEY_F1 + 1u, out);
	if (key == KEY_F11 || key == KEY_F12)
		return function_key(key - KEY_F11 + 11u, out);
	if (key == KEY_102ND)
		return put_char(k, shift ? '>' : '<', out);
	if (key < KEY_KP_7 || key > KEY_KP_DOT)
		return 0;
	if (key == KEY_KP_MINUS || key == KEY_KP_PLUS || !!(k->locks & PS2_LED_NUM) != shift)
		return put_char(k, keypad[key - KEY_KP_7], out);
	return nav_key(key, out);
}

static u32 key_down(const struct ps2_keys *k, u8 key, bool extended, u8 *out)
{
	u32 alt = k->held & HELD_ALT ? 1 : 0, n;

	n = extended ? extended_key(k, key, out + alt) : plain_key(k, key, out + alt);
	if (!n)
		return 0;
	if (alt)
		out[0] = ESC;
	return n + alt;
}

u32 ps2_keys_code(struct ps2_keys *k, u8 code, u8 out[PS2_KEY_BYTES])
{
	bool extended = k->prefix == CODE_EXTENDED, down = !(code & CODE_BREAK);
	u8 key = code & (u8)~CODE_BREAK, bit;

	switch (code) {
	case CODE_OVERRUN: /* whose releases may be among what was lost */
	case CODE_OVERRUN2: k->held = k->locks_held = k->prefix = k->skip = 0; return 0;
	case CODE_ECHO:
	case CODE_ACK:
	case CODE_BAD_TEST:
	case CODE_ID_BAD:
	case CODE_RESEND: return 0;
	case CODE_EXTENDED: k->prefix = code; return 0;
	case CODE_PAUSE: k->skip = 2; return 0;
	}
	k->prefix = 0;
	if (k->skip) {
		k->skip--;
		return 0;
	}
	bit = modifier_of(key, extended);
	if (bit) {
		k->held = down ? k->held | bit : k->held & (u8)~bit;
		return 0;
	}
	bit = lock_of(key, extended);
	if (bit) { /* a key that is held repeats its make code */
		if (down && !(k->locks_held & bit))
			k->locks ^= bit;
		k->locks_held = down ? k->locks_held | bit : k->locks_held & (u8)~bit;
		return 0;
	}
	return down ? key_down(k, key, extended, out) : 0;
}
