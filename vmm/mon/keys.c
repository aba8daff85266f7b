/* Keys in words. Codes: IBM PS/2 Technical Reference, "Keyboards", set 1; the US layout. */
#include "vmm/mon/keys.h"

#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/mon.h"

#define LSHIFT 0x2a
#define ENTER  0x1c
#define SHIFT  0x80 /* in `layout`: with shift */

#define E0(code) (MON_KEY_E0 | (code))

static const struct {
	const char *name;
	u16 code;
} names[] = {
	{ "esc", 0x01 },
	{ "minus", 0x0c },
	{ "equal", 0x0d },
	{ "backspace", 0x0e },
	{ "tab", 0x0f },
	{ "ret", ENTER },
	{ "enter", ENTER },
	{ "ctrl", 0x1d },
	{ "shift", LSHIFT },
	{ "backslash", 0x2b },
	{ "comma", 0x33 },
	{ "dot", 0x34 },
	{ "slash", 0x35 },
	{ "shift_r", 0x36 },
	{ "kp_multiply", 0x37 },
	{ "alt", 0x38 },
	{ "spc", 0x39 },
	{ "space", 0x39 },
	{ "caps_lock", 0x3a },
	{ "f1", 0x3b },
	{ "f2", 0x3c },
	{ "f3", 0x3d },
	{ "f4", 0x3e },
	{ "f5", 0x3f },
	{ "f6", 0x40 },
	{ "f7", 0x41 },
	{ "f8", 0x42 },
	{ "f9", 0x43 },
	{ "f10", 0x44 },
	{ "num_lock", 0x45 },
	{ "scroll_lock", 0x46 },
	{ "kp_7", 0x47 },
	{ "kp_8", 0x48 },
	{ "kp_9", 0x49 },
	{ "kp_subtract", 0x4a },
	{ "kp_4", 0x4b },
	{ "kp_5", 0x4c },
	{ "kp_6", 0x4d },
	{ "kp_add", 0x4e },
	{ "kp_1", 0x4f },
	{ "kp_2", 0x50 },
	{ "kp_3", 0x51 },
	{ "kp_0", 0x52 },
	{ "kp_decimal", 0x53 },
	{ "sysrq", 0x54 },
	{ "less", 0x56 },
	{ "f11", 0x57 },
	{ "f12", 0x58 },
	{ "kp_enter", E0(0x1c) },
	{ "ctrl_r", E0(0x1d) },
	{ "kp_divide", E0(0x35) },
	{ "print", E0(0x37) },
	{ "alt_r", E0(0x38) },
	{ "home", E0(0x47) },
	{ "up", E0(0x48) },
	{ "pgup", E0(0x49) },
	{ "left", E0(0x4b) },
	{ "right", E0(0x4d) },
	{ "end", E0(0x4f) },
	{ "down", E0(0x50) },
	{ "pgdn", E0(0x51) },
	{ "insert", E0(0x52) },
	{ "delete", E0(0x53) },
	{ "meta_l", E0(0x5b) },
	{ "meta_r", E0(0x5c) },
	{ "menu", E0(0x5d) },
	{ "pause", MON_KEY_PAUSE },
};

const char *mon_key_name(u32 i)
{
	return i < ARRAY_SIZE(names) ? names[i].name : NULL;
}

/* US layout: the rows of keys from a code on, without shift and with it. */
static const struct {
	u8 from;
	const char *plain, *shifted;
} rows[] = {
	{ 0x02, "1234567890-=", "!@#$%^&*()_+" },
	{ 0x10, "qwertyuiop[]", "QWERTYUIOP{}" },
	{ 0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
	{ 0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
	{ 0x39, " ", " " },
};

/* The key that types c, with SHIFT where it needs that; 0: none does. */
static u8 key_of(char c)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		for (u32 k = 0; rows[i].plain[k]; k++) {
			if (rows[i].plain[k] == c)
				return (u8)(rows[i].from + k);
			if (rows[i].shifted[k] == c)
				return (u8)((rows[i].from + k) | SHIFT);
		}
	}
	return 0;
}

static int put(struct mon_keys *keys, u16 code, bool down)
{
	if (keys->nr == MON_KEYS_MAX)
		return ERR_NOSPC;
	keys->key[keys->nr++] = (struct mon_key){ code, down };
	return OK;
}

static int wrong(struct mon_keys *keys, const char *word, size_t len)
{
	fmt_snprintf(keys->wrong, sizeof(keys->wrong), "%.*s", (int)MIN(len, sizeof(keys->wrong) - 1), word);
	return ERR_NOENT;
}

static int type_char(struct mon_keys *keys, char c)
{
	u8 key = key_of(c);
	int err = OK;

	if (!key)
		return wrong(keys, &c, 1);
	if (key & SHIFT)
		err = put(keys, LSHIFT, true);
	for (u32 down = 2; down-- && err == OK;)
		err = put(keys, key & (u8)~SHIFT, down);
	if (key & SHIFT && err == OK)
		err = put(keys, LSHIFT, false);
	return err;
}

/* The text from *at, behind its opening quote, on; *at is behind the closing one then. */
static int type_text(const struct mon *mon, const char **at, struct mon_keys *keys)
{
	const char *p = *at;
	int err = OK;

	for (; err == OK && *p && *p != '"'; p++) {
		if (mon)
			mon_point(mon);
		if (*p != '\\' || !p[1]) {
			err = type_char(keys, *p);
			continue;
		}
		p++;
		if (*p != 'n')
			err = type_char(keys, *p);
		else if ((err = put(keys, ENTER, true)) == OK)
			err = put(keys, ENTER, false);
	}
	*at = p + (*p != 0);
	return err == OK && !*p ? ERR_INVAL : err;
}

/* The code of a name of len characters, with SHIFT in bit 23 for a character that needs it; 0: none. */
#define WITH_SHIFT 0x800000u
static u32 code_of(const char *name, size_t len)
{
	u8 key = len == 1 ? key_of(*name) : 0;

	if (key)
		return (key & (u8)~SHIFT) | (key & SHIFT ? WITH_SHIFT : 0);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i].name) == len && !strncmp(names[i].name, name, len))
			return names[i].code;
	return 0;
}

/* Keys pressed together from *at on: down in this order, up in the other one. */
static int chord(const struct mon *mon, const char **at, struct mon_keys *keys)
{
	u16 held[MON_CHORD_MAX];
	const char *p = *at;
	u32 nr = 0;
	int err;

	do {
		size_t len = 1; /* a '-' at the beginning is that key */
		u32 code;

		if (mon)
			mon_point(mon);
		while (p[len] && p[len] != ' ' && p[len] != '-')
			len++;
		code = code_of(p, len);
		if (!code)
			return wrong(keys, p, len);
		if (nr + 2 > MON_CHORD_MAX)
			return ERR_NOSPC;
		if (code & WITH_SHIFT)
			held[nr++] = LSHIFT;
		held[nr++] = (u16)code;
		p += len;
	} while (*p == '-' && p[1] && p[1] != ' ' && p++);
	if (*p == '-')
		return wrong(keys, p, 1);
	for (u32 i = 0; i < nr; i++) {
		err = put(keys, held[i], true);
		if (err)
			return err;
	}
	while (nr--) {
		err = put(keys, held[nr], false);
		if (err)
			return err;
	}
	*at = p;
	return OK;
}

int mon_keys_parse(const struct mon *mon, const char *text, struct mon_keys *keys)
{
	int err = OK;

	keys->nr = 0;
	keys->wrong[0] = '\0';
	while (err == OK) {
		while (*text == ' ')
			text++;
		if (!*text)
			break;
		if (*text == '"') {
			text++;
			err = type_text(mon, &text, keys);
		} else {
			err = chord(mon, &text, keys);
		}
	}
	return err == OK && !keys->nr ? ERR_INVAL : err;
}
