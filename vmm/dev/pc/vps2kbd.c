/* PS/2 keyboard: commands, buffer, typematic. vps2codes.c has the codes. */
#include "vmm/dev/pc/vps2kbd.h"

#include "lib/string.h"
#include "vmm/backend/input.h"
#include "vmm/base/timer.h"

enum {
	CMD_LEDS = 0xed,
	CMD_ECHO = 0xee,
	CMD_SET = 0xf0,
	CMD_IDENTIFY = 0xf2,
	CMD_TYPEMATIC = 0xf3,
	CMD_ENABLE = 0xf4,
	CMD_DISABLE = 0xf5,
	CMD_DEFAULT = 0xf6,
	CMD_ALL_REPEAT = 0xf7, /* set 3, to FAh: all keys repeat, have a break, neither, both */
	CMD_ALL_BREAK = 0xf8,
	CMD_ALL_MAKE = 0xf9,
	CMD_ALL_BOTH = 0xfa,
	CMD_KEY_REPEAT = 0xfb, /* set 3, to FDh: the keys that follow do */
	CMD_KEY_BREAK = 0xfc,
	CMD_KEY_MAKE = 0xfd,
	CMD_RESEND = 0xfe,
	CMD_RESET = 0xff,
};

#define REPLY_ACK    0xfa
#define REPLY_PASSED 0xaa
#define REPLY_RESEND 0xfe

#define TYPEMATIC_DEFAULT 0x2b /* 500 ms, 10.9 a second */
#define LEDS              (INPUT_LED_SCROLL | INPUT_LED_NUM | INPUT_LED_CAPS)
#define MS                1000000ull
#define REPEAT_MAX        (1000 * MS) /* delay or period */

/* Set 3's keys that do not send a break, or do not repeat, by default: a bit for each code from 00h on. */
static const u8 default_no_break[VPS2KBD_CODES / 8] = { 0xff, 0xff, 0xe9, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                                0xff, 0xff, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const u8 default_no_repeat[VPS2KBD_CODES / 8] = { 0x80, 0x81, 0x96, 0x82, 0x80, 0x80, 0x80, 0x82, 0x80,
	                                                 0x80, 0xc0, 0xc3, 0xa4, 0xfa, 0xff, 0x66, 0x10, 0x38 };

/* ---- what is to be sent ---- */

static void reply(struct vps2kbd_state *s, u8 val)
{
	if (s->reply_at == s->reply_end)
		s->reply_at = s->reply_end = 0;
	if (s->reply_end < VPS2KBD_REPLY)
		s->reply[s->reply_end++] = val;
}

static void clear(struct vps2kbd_state *s)
{
	s->count = 0;
	s->overrun = false;
	s->repeat = 0;
	s->repeat_at = TIMER_OFF;
}

/* A whole sequence, or in its place the code that tells of an overrun. */
static void put(struct vps2kbd_state *s, const u8 *codes, u32 n)
{
	if (s->overrun || n == 0)
		return;
	if (s->count + n > VPS2KBD_BUFFER - 1) {
		static const u8 overrun[] = { 0xff, 0x00, 0x00 };

		s->overrun = true;
		codes = &overrun[s->set - 1];
		n = 1;
	}
	for (u32 i = 0; i < n; i++)
		s->buf[(s->head + s->count++) % VPS2KBD_BUFFER] = codes[i];
}

u32 vps2kbd_room(const struct vps2kbd_state *s)
{
	/* Keys that nobody scans go nowhere, but they are not to be typed into that either. */
	return !s->scanning || s->overrun ? 0 : (VPS2KBD_BUFFER - 1u - s->count) / VPS2_CODES_MAX;
}

bool vps2kbd_has(const struct vps2kbd_state *s)
{
	return s->reply_at != s->reply_end || s->count;
}

u8 vps2kbd_read(struct vps2kbd_state *s)
{
	if (s->reply_at != s->reply_end) {
		s->last = s->reply[s->reply_at++];
	} else if (s->count) {
		s->last = s->buf[s->head];
		s->head = (u8)((s->head + 1) % VPS2KBD_BUFFER);
		s->count--;
		s->overrun &= s->count != 0;
	}
	return s->last;
}

/* ---- keys ---- */

static u8 mod_of(u16 key)
{
	switch (key) {
	case 0x2a: return VPS2_SHIFT(0);
	case 0x36: return VPS2_SHIFT(1);
	case 0x1d: return VPS2_CTRL(0);
	case INPUT_E0(0x1d): return VPS2_CTRL(1);
	case 0x38: return VPS2_ALT(0);
	case INPUT_E0(0x38): return VPS2_ALT(1);
	default: return 0;
	}
}

static bool flag(const u8 *bits, u8 code)
{
	return code < VPS2KBD_CODES && (bits[code / 8] >> code % 8 & 1);
}

static u64 delay(const struct vps2kbd_state *s)
{
	return 250 * MS * ((s->typematic >> 5 & 3) + 1u);
}

/* (8 + A) * 2^B * 4.17 ms. */
static u64 period(const struct vps2kbd_state *s)
{
	return ((8 + (s->typematic & 7u)) << (s->typematic >> 3 & 3)) * (1000 * MS / 240);
}

static bool repeats(const struct vps2kbd_state *s, u16 key)
{
	return key != INPUT_PAUSE && !(s->set == 3 && flag(s->no_repeat, vps2_set3(key)));
}

void vps2kbd_key(struct vps2kbd_state *s, u16 key, bool down, u64 now)
{
	u8 codes[VPS2_CODES_MAX], mod = mod_of(key);

	if (!s->scanning || !input_is_key(key))
		return;
	s->mods = down ? s->mods | mod : s->mods & (u8)~mod;
	if (down && s->repeat == key)
		return; /* it is down already */
	/* The key pressed last repeats, until it is released or another one is pressed. */
	if (down || s->repeat == key) {
		s->repeat = down && repeats(s, key) ? key : 0;
		s->repeat_at = s->repeat ? now + delay(s) : TIMER_OFF;
	}
	if (!down && s->set == 3 && flag(s->no_break, vps2_set3(key)))
		return;
	put(s, codes, vps2_codes(s->set, key, down, s->mods, codes));
}

void vps2kbd_run(struct vps2kbd_state *s, u64 now)
{
	u8 codes[VPS2_CODES_MAX];

	if (s->repeat_at > now)
		return;
	/* A repeat is never what makes it overrun. */
	if (s->count + VPS2_CODES_MAX < VPS2KBD_BUFFER)
		put(s, codes, vps2_codes(s->set, s->repeat, true, s->mods, codes));
	s->repeat_at = now + period(s);
}

/* ---- commands ---- */

static void defaults(struct vps2kbd_state *s)
{
	clear(s);
	s->set = 2;
	s->typematic = TYPEMATIC_DEFAULT;
	s->mods = 0;
	memcpy(s->no_break, default_no_break, sizeof(s->no_break));
	memcpy(s->no_repeat, default_no_repeat, sizeof(s->no_repeat));
}

void vps2kbd_init(struct vps2kbd_state *s)
{
	memset(s, 0, sizeof(*s));
	defaults(s);
	s->scanning = true;
}

static void set_bit(u8 *bits, u8 code, bool on)
{
	if (on)
		bits[code / 8] |= (u8)(1u << code % 8);
	else
		bits[code / 8] &= (u8) ~(1u << code % 8);
}

/* The argument of a command; what has bit 7 is none. */
static void argument(struct vps2kbd_state *s, u8 cmd, u8 val)
{
	s->cmd = 0;
	if (cmd == CMD_SET && val > 3) {
		reply(s, REPLY_RESEND);
		return;
	}
	reply(s, REPLY_ACK);
	switch (cmd) {
	case CMD_LEDS: s->leds = val & LEDS; break;
	case CMD_TYPEMATIC: s->typematic = val; break;
	case CMD_SET:
		if (!val) {
			reply(s, s->set);
			break;
		}
		clear(s);
		s->set = val;
		break;
	default: /* FBh to FDh: more keys may follow */
		set_bit(s->no_repeat, val, cmd != CMD_KEY_REPEAT);
		set_bit(s->no_break, val, cmd != CMD_KEY_BREAK);
		s->cmd = cmd;
		break;
	}
}

static void set_all(struct vps2kbd_state *s, u8 cmd)
{
	clear(s);
	memset(s->no_repeat, cmd == CMD_ALL_REPEAT || cmd == CMD_ALL_BOTH ? 0 : 0xff, sizeof(s->no_repeat));
	memset(s->no_break, cmd == CMD_ALL_BREAK || cmd == CMD_ALL_BOTH ? 0 : 0xff, sizeof(s->no_break));
}

static void command(struct vps2kbd_state *s, u8 cmd)
{
	switch (cmd) {
	case CMD_LEDS:
	case CMD_SET:
	case CMD_TYPEMATIC: s->cmd = cmd; break;
	case CMD_KEY_REPEAT:
	case CMD_KEY_BREAK:
	case CMD_KEY_MAKE:
		clear(s);
		s->cmd = cmd;
		break;
	case CMD_IDENTIFY:
		reply(s, REPLY_ACK);
		reply(s, 0xab);
		reply(s, 0x83);
		return;
	case CMD_ENABLE:
		clear(s);
		s->scanning = true;
		break;
	case CMD_DISABLE:
	case CMD_DEFAULT:
		defaults(s);
		s->scanning = cmd == CMD_DEFAULT && s->scanning;
		break;
	case CMD_ALL_REPEAT:
	case CMD_ALL_BREAK:
	case CMD_ALL_MAKE:
	case CMD_ALL_BOTH: set_all(s, cmd); break;
	case CMD_RESET:
		vps2kbd_init(s);
		reply(s, REPLY_ACK);
		reply(s, REPLY_PASSED);
		return;
	default: reply(s, REPLY_RESEND); return;
	}
	reply(s, REPLY_ACK);
}

void vps2kbd_write(struct vps2kbd_state *s, u8 val, u64 now)
{
	u8 cmd = s->cmd;

	/* What it was about to answer is overtaken. */
	s->reply_at = s->reply_end = 0;
	s->cmd = 0;
	if (val == CMD_RESEND)
		reply(s, s->last);
	else if (cmd && !(val & 0x80))
		argument(s, cmd, val);
	else if (val == CMD_ECHO)
		reply(s, CMD_ECHO);
	else
		command(s, val);
}

bool vps2kbd_valid(const struct vps2kbd_state *s, struct state_check *c)
{
	bool takes = s->cmd == CMD_LEDS || s->cmd == CMD_SET || s->cmd == CMD_TYPEMATIC ||
	             (s->cmd >= CMD_KEY_REPEAT && s->cmd <= CMD_KEY_MAKE);

	if (s->head >= VPS2KBD_BUFFER)
		return state_refuse(c, "head", s->head, "is beyond the buffer");
	if (s->count > VPS2KBD_BUFFER)
		return state_refuse(c, "count", s->count, "is more than the buffer holds");
	if (s->overrun && !s->count)
		return state_refuse(c, "overrun", 1, "has no code that tells so");
	if (s->count == VPS2KBD_BUFFER && !s->overrun)
		return state_refuse(c, "count", s->count, "leaves no place for the code of an overrun");
	if (s->reply_end > VPS2KBD_REPLY || s->reply_at > s->reply_end)
		return state_refuse(c, "reply_at", s->reply_at, "is beyond the reply");
	if (s->cmd && !takes)
		return state_refuse(c, "cmd", s->cmd, "is no command that waits for an argument");
	if (s->set < 1 || s->set > 3)
		return state_refuse(c, "set", s->set, "is no scan code set");
	if (s->leds & ~LEDS)
		return state_refuse(c, "leds", s->leds, "has lights that the keyboard lacks");
	if (s->typematic & 0x80)
		return state_refuse(c, "typematic", s->typematic, "has a bit that is never set");
	if (s->mods & 0xc0)
		return state_refuse(c, "mods", s->mods, "has bits that are no keys");
	if (s->repeat && (!input_is_key(s->repeat) || s->repeat == INPUT_PAUSE))
		return state_refuse(c, "repeat", s->repeat, "is no key that repeats");
	if (!s->repeat != (s->repeat_at == TIMER_OFF))
		return state_refuse(c, "repeat_at", s->repeat_at, "has no key, or a key no time");
	if (s->repeat && s->repeat_at > c->now && s->repeat_at - c->now > REPEAT_MAX)
		return state_refuse(c, "repeat_at", s->repeat_at, "is farther off than any delay");
	return true;
}
