/* Scan codes of a US keyboard become a terminal's bytes. */
#include <stdio.h>
#include <string.h>

#include "drivers/input/ps2_keys.h"
#include "suite.h"

static struct ps2_keys keys;

/* What the codes, written in hexadecimal, send; NUL shows as "^@". */
static const char *type(const char *codes)
{
	static char text[256];
	size_t n = 0;
	unsigned int code;
	int used;

	for (; sscanf(codes, "%x%n", &code, &used) == 1; codes += used) {
		u8 out[PS2_KEY_BYTES + 1];
		u32 len;

		out[PS2_KEY_BYTES] = 0xa5;
		len = ps2_keys_code(&keys, (u8)code, out);
		ck_assert_uint_le(len, PS2_KEY_BYTES);
		ck_assert_uint_eq(out[PS2_KEY_BYTES], 0xa5);
		for (u32 i = 0; i < len; i++) {
			if (out[i]) {
				text[n++] = (char)out[i];
			} else {
				text[n++] = '^';
				text[n++] = '@';
			}
		}
	}
	text[n] = '\0';
	return text;
}

static void setup(void)
{
	ps2_keys_init(&keys);
}

/* Each key of a row, pressed and released. */
static void row(u8 first, const char *want)
{
	for (u8 i = 0; want[i]; i++) {
		char codes[16], one[2] = { want[i], 0 };

		snprintf(codes, sizeof(codes), "%x %x", first + i, (first + i) | 0x80);
		ck_assert_str_eq(type(codes), one);
	}
}

START_TEST(characters)
{
	setup();
	row(0x01, "\x1b"
	          "1234567890-=\x7f\tqwertyuiop[]\r");
	row(0x1e, "asdfghjkl;'`");
	row(0x2b, "\\zxcvbnm,./");
	row(0x37, "*");
	row(0x39, " ");
	row(0x56, "<");
	for (int right = 0; right < 2; right++) {
		type(right ? "36" : "2a");
		row(0x01, "\x1b"
		          "!@#$%^&*()_+\x7f");
		ck_assert_str_eq(type("0f 8f"), "\x1b[Z");
		row(0x10, "QWERTYUIOP{}\r");
		row(0x1e, "ASDFGHJKL:\"~");
		row(0x2b, "|ZXCVBNM<>?");
		row(0x56, ">");
		type(right ? "b6" : "aa");
		row(0x1e, "a");
	}
	/* one of two is still held; a key that is held repeats */
	ck_assert_str_eq(type("2a 36 1e aa 1e b6 1e 1e 1e 9e"), "AAaaa");
}
END_TEST

START_TEST(caps_lock)
{
	setup();
	ck_assert_uint_eq(keys.locks, PS2_LED_NUM);
	ck_assert_str_eq(type("3a ba 1e 9e 02 82 2a 1e 9e 02 82 aa"), "A1a!");
	ck_assert_uint_eq(keys.locks, PS2_LED_NUM | PS2_LED_CAPS);
	/* held: it repeats, and is one key all the same; with Ctrl it makes no difference */
	ck_assert_str_eq(type("3a 3a 3a 1e 9e ba 1e 9e 3a ba 1d 1e 9d"), "aa\x01");
	ck_assert_uint_eq(keys.locks, PS2_LED_NUM | PS2_LED_CAPS);
}
END_TEST

START_TEST(control_and_alt)
{
	setup();
	ck_assert_str_eq(type("1d 1b 9b 2e ae 9d 1b"), "\x1d\x03]"); /* Ctrl-], Ctrl-C */
	ck_assert_str_eq(type("e0 1d 1e 9e e0 9d 1e"), "\x01"
	                                               "a");
	ck_assert_str_eq(type("1d 1a 2b 39 03 04 05 06 07 08 09 0c 35 0e 1c 0f 01 9d"),
	                 "\x1b\x1c^@^@\x1b\x1c\x1d\x1e\x1f\x7f\x1f\x1f\b\r\t\x1b");
	ck_assert_str_eq(type("1d 2a 03 07 0c 35 1e 1a 1b aa 9d"), "^@\x1e\x1f\x7f\x01\x1b\x1d");
	ck_assert_str_eq(type("1d 02 0a 0b 0d 27 28 33 34 9d"), ""); /* no control character is of these */
	ck_assert_str_eq(type("38 30 b0 b8 30"), "\x1b"
	                                         "bb");
	ck_assert_str_eq(type("e0 38 30 b0 e0 b8 30"), "\x1b"
	                                               "bb");
	ck_assert_str_eq(type("38 1d 20 9d b8 20"), "\x1b\x04"
	                                            "d");
	ck_assert_str_eq(type("38 1d 02 9d b8"), "");
	/* Ctrl and its right-hand brother are two keys */
	ck_assert_str_eq(type("1d e0 1d 9d 1e e0 9d 1e"), "\x01"
	                                                  "a");
}
END_TEST

START_TEST(keys_without_characters)
{
	setup();
	ck_assert_str_eq(type("e0 48 e0 c8"), "\x1b[A");
	ck_assert_str_eq(type("e0 50 e0 4d e0 4b"), "\x1b[B\x1b[C\x1b[D");
	ck_assert_str_eq(type("e0 47 e0 52 e0 53 e0 4f e0 49 e0 51"), "\x1b[1~\x1b[2~\x1b[3~\x1b[4~\x1b[5~\x1b[6~");
	ck_assert_str_eq(type("3b 3c 3d 3e"), "\x1bOP\x1bOQ\x1bOR\x1bOS");
	ck_assert_str_eq(type("3f 40 41 42"), "\x1b[15~\x1b[17~\x1b[18~\x1b[19~");
	ck_assert_str_eq(type("43 44 57 58"), "\x1b[20~\x1b[21~\x1b[23~\x1b[24~");
	ck_assert_str_eq(type("38 58 e0 48 b8"), "\x1b\x1b[24~\x1b\x1b[A");
	ck_assert_str_eq(type("e0 5b e0 db e0 5c e0 5d 46 c6 54 d4 e0 5e e0 4c e0 4a e0 4e 7f ff"), "");
}
END_TEST

START_TEST(keypad)
{
	setup();
	ck_assert_str_eq(type("47 48 49 4a 4b 4c 4d 4e 4f 50 51 52 53"), "789-456+1230.");
	ck_assert_str_eq(type("e0 1c e0 35 37"), "\r/*");
	/* Shift turns it round, as Num Lock does */
	ck_assert_str_eq(type("2a 48 4c 4a 53 aa"), "\x1b[A-\x1b[3~");
	type("45 c5");
	ck_assert_uint_eq(keys.locks, 0);
	ck_assert_str_eq(type("47 48 49 4a 4b 4c 4d 4e 4f 50 51 52 53"),
	                 "\x1b[1~\x1b[A\x1b[5~-\x1b[D\x1b[C+\x1b[4~\x1b[B\x1b[6~\x1b[2~\x1b[3~");
	ck_assert_str_eq(type("36 48 b6"), "8");
	/* the keyboard's own shifts around keys of today: as it sends them with Num Lock, and with Shift held */
	ck_assert_str_eq(type("e0 2a e0 48 e0 c8 e0 aa 1e 9e"), "\x1b[A"
	                                                        "a");
	ck_assert_str_eq(type("36 e0 b6 e0 48 e0 c8 e0 36 1e 9e b6"), "\x1b[AA");
}
END_TEST

START_TEST(odd_codes)
{
	setup();
	ck_assert_str_eq(type("e1 1d 45 e1 9d c5 1e 9e"), "a"); /* Pause: neither Ctrl nor Num Lock */
	ck_assert_uint_eq(keys.locks, PS2_LED_NUM);
	ck_assert_str_eq(type("e0 2a e0 37 e0 b7 e0 aa 1e 9e"), "a"); /* Print Screen */
	ck_assert_str_eq(type("1d e0 46 e0 c6 9d 1e 9e"), "a");       /* Ctrl-Break */
	ck_assert_str_eq(type("fa fe ee fc fd 1e 9e"), "a");
	/* an acknowledgement between the codes of one key */
	ck_assert_str_eq(type("e0 fa 48 e0 c8"), "\x1b[A");
	/* lost codes: nothing is taken for held any more */
	ck_assert_str_eq(type("2a 1d 38 ff 1e 9e 2a 00 1e 9e e0 ff 48 e1 00 1e"), "aa8a");
	/* a keyboard just plugged in */
	ck_assert_str_eq(type("2a aa 1e 9e"), "a");
}
END_TEST

SUITE_MAIN("ps2_keys", characters, caps_lock, control_and_alt, keys_without_characters, keypad, odd_codes)
