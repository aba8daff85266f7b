/* PS/2 keyboard behind the 8042: codes of the three sets, translation, typematic, commands. */
#include <stdio.h>

#include "kbc_rig.h"

/* Key, then what its make and its break are. IBM PS/2 Technical Reference, "Keyboards", the three tables. */
static const struct {
	u16 key;
	const char *set1, *set2, *set3;
} keys[] = {
	{ 0x1e, "1e 9e", "1c f0 1c", "1c f0 1c" },                       /* A */
	{ 0x10, "10 90", "15 f0 15", "15 f0 15" },                       /* Q */
	{ 0x39, "39 b9", "29 f0 29", "29 f0 29" },                       /* space */
	{ 0x1c, "1c 9c", "5a f0 5a", "5a f0 5a" },                       /* Enter */
	{ 0x01, "01 81", "76 f0 76", "08 f0 08" },                       /* Esc */
	{ 0x3b, "3b bb", "05 f0 05", "07 f0 07" },                       /* F1 */
	{ 0x41, "41 c1", "83 f0 83", "37 f0 37" },                       /* F7 */
	{ 0x57, "57 d7", "78 f0 78", "56 f0 56" },                       /* F11 */
	{ 0x58, "58 d8", "07 f0 07", "5e f0 5e" },                       /* F12 */
	{ 0x2a, "2a aa", "12 f0 12", "12 f0 12" },                       /* left shift */
	{ 0x1d, "1d 9d", "14 f0 14", "11 f0 11" },                       /* left Ctrl */
	{ 0x38, "38 b8", "11 f0 11", "19 f0 19" },                       /* left Alt */
	{ 0x45, "45 c5", "77 f0 77", "76 f0 76" },                       /* Num Lock */
	{ 0x56, "56 d6", "61 f0 61", "13 f0 13" },                       /* the 102nd key */
	{ 0x4c, "4c cc", "73 f0 73", "73 f0 73" },                       /* keypad 5 */
	{ INPUT_E0(0x1d), "e0 1d e0 9d", "e0 14 e0 f0 14", "58 f0 58" }, /* right Ctrl */
	{ INPUT_E0(0x1c), "e0 1c e0 9c", "e0 5a e0 f0 5a", "79 f0 79" }, /* keypad Enter */
	{ INPUT_E0(0x48), "e0 48 e0 c8", "e0 75 e0 f0 75", "63 f0 63" }, /* up */
	{ INPUT_E0(0x53), "e0 53 e0 d3", "e0 71 e0 f0 71", "64 f0 64" }, /* Delete */
	{ INPUT_E0(0x5b), "e0 5b e0 db", "e0 1f e0 f0 1f", "8b f0 8b" }, /* left Windows */
	{ INPUT_PRTSC, "e0 2a e0 37 e0 b7 e0 aa", "e0 12 e0 7c e0 f0 7c e0 f0 12", "57 f0 57" },
	{ INPUT_PAUSE, "e1 1d 45 e1 9d c5", "e1 14 77 e1 f0 14 f0 77", "62 f0 62" },
};

START_TEST(scan_codes)
{
	kbc_start();
	kbc_enable(false);
	for (u8 set = 1; set <= 3; set++) {
		kbd_send(0xf0, "fa");
		kbd_send(set, "fa");
		if (set == 3)
			kbd_send(0xfa, "fa"); /* all keys repeat and break */
		for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
			kbc_key(keys[i].key, true);
			kbc_key(keys[i].key, false);
			kbc_expect(0x01, set == 1 ? keys[i].set1 : set == 2 ? keys[i].set2 : keys[i].set3);
		}
	}
}
END_TEST

/* What the controller makes of set 2 is set 1, for every key that a keyboard has. */
START_TEST(translation)
{
	kbc_start();
	kbc_enable(true);
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		kbc_type(keys[i].key);
		kbc_expect(0x01, keys[i].set1);
	}
	for (u32 key = 0; key < 0x10000; key++) {
		char want[20];

		kbc_type((u16)key);
		if (!input_is_key(key)) {
			ck_assert(!vps2kbd_has(&kr.dev.kbd));
			continue;
		}
		if (key == INPUT_PAUSE || key == INPUT_PRTSC) {
			kbc_wait(20);
			while (kbc_full()) {
				kbc_data();
				kbc_wait(2);
			}
			continue;
		}
		snprintf(want, sizeof(want), key > 0xff ? "e0 %02x e0 %02x" : "%02x %02x", key & 0x7f,
		         (key & 0x7f) | 0x80);
		/* Bit 6 of a set 2 code from 80h on stays: there are no such keys but F7 and SysRq. */
		kbc_expect(0x01, want);
	}
}
END_TEST

START_TEST(modified_keys)
{
	kbc_start();
	kbc_enable(true);
	kbc_key(0x38, true); /* Alt */
	kbc_type(INPUT_PRTSC);
	kbc_key(0x38, false);
	kbc_expect(0x01, "38 54 d4 b8");
	kbc_key(0x2a, true); /* shift */
	kbc_type(INPUT_PRTSC);
	kbc_key(0x2a, false);
	kbc_expect(0x01, "2a e0 37 e0 b7 aa");
	kbc_key(INPUT_E0(0x1d), true); /* right Ctrl */
	kbc_type(INPUT_PAUSE);
	kbc_key(INPUT_E0(0x1d), false);
	kbc_expect(0x01, "e0 1d e0 46 e0 c6 e0 9d");
}
END_TEST

/* Counts bytes that come within ms, read at once. */
static u32 bytes_in(u64 ms, u8 code)
{
	u32 n = 0;

	for (u64 end = kr.rig.now + ms * KBC_MS; kr.rig.now < end; rig_run_to(&kr.rig, kr.rig.now + KBC_MS / 4)) {
		if (!kbc_full())
			continue;
		ck_assert_uint_eq(kbc_data(), code);
		n++;
	}
	return n;
}

START_TEST(typematic)
{
	kbc_start();
	kbc_enable(true);
	kbc_key(0x1e, true);
	ck_assert_uint_eq(bytes_in(499, 0x1e), 1); /* by default the delay is 500 ms */
	ck_assert_uint_eq(bytes_in(1001, 0x1e), 11);
	kbc_key(0x1e, true); /* it is down already */
	ck_assert_uint_eq(bytes_in(1000, 0x1e), 11);
	kbc_key(0x30, true); /* another one takes over, and the first one's release changes nothing */
	ck_assert_uint_eq(bytes_in(400, 0x30), 1);
	kbc_key(0x1e, false);
	ck_assert_uint_eq(kbc_next(0x01), 0x9e);
	ck_assert_uint_eq(bytes_in(1100, 0x30), 11);
	kbc_key(0x30, false);
	ck_assert_uint_eq(bytes_in(3000, 0xb0), 1);
	/* The fastest: 250 ms, 30 a second; the slowest: 1 s, 2 a second. */
	kbd_send(0xf3, "fa");
	kbd_send(0x00, "fa");
	kbc_key(0x1e, true);
	ck_assert_uint_eq(bytes_in(249, 0x1e), 1);
	ck_assert_uint_eq(bytes_in(990, 0x1e), 30);
	kbd_send(0xf3, "fa");
	kbd_send(0x7f, "fa");
	kbc_key(0x30, true);
	ck_assert_uint_eq(bytes_in(999, 0x30), 1);
	ck_assert_uint_eq(bytes_in(1990, 0x30), 4);
	/* Nobody looks for an hour: one repeat, not thousands. */
	rig_jump_to(&kr.rig, kr.rig.now + 3600000 * KBC_MS);
	ck_assert_uint_eq(bytes_in(400, 0x30), 1);
}
END_TEST

/* A guest that does not read: repeats stop before the buffer is full; keys end in the code of an overrun. */
START_TEST(overrun)
{
	kbc_start();
	kbc_enable(true);
	kbc_key(0x1e, true);
	kbc_wait(60000);
	ck_assert_uint_le(kr.dev.kbd.count, 8);
	kbc_key(0x1e, false);
	for (u32 i = 0; i < 40; i++)
		kbc_type(0x30);
	ck_assert_uint_eq(v8042_input.key_room(&kr.dev), 0);
	kbc_expect(0x01, "1e 1e 1e 1e 1e 1e 1e 1e 1e 9e 30 b0 30 ff");
	kbc_type(0x30);
	kbc_expect(0x01, "30 b0");
	/* In set 1 that code is FFh, in the others 00h, which translates to FFh. */
	kbc_enable(false);
	for (u32 i = 0; i < 40; i++)
		kbc_type(0x30);
	kbc_expect(0x01, "32 f0 32 32 f0 32 32 f0 32 32 f0 32 32 f0 32 32 00");
	kbd_send(0xf0, "fa");
	kbd_send(0x01, "fa");
	for (u32 i = 0; i < 40; i++)
		kbc_type(0x30);
	kbc_expect(0x01, "30 b0 30 b0 30 b0 30 b0 30 b0 30 b0 30 b0 30 b0 ff");
}
END_TEST

START_TEST(commands)
{
	kbc_start();
	kbc_enable(false);
	kbd_send(0xff, "fa aa");
	kbd_send(0xf2, "fa ab 83");
	kbd_send(0xee, "ee");
	kbd_send(0xf0, "fa");
	kbd_send(0x00, "fa 02");
	kbd_send(0xf0, "fa");
	kbd_send(0x04, "fe"); /* no such set */
	kbd_send(0xe5, "fe"); /* no such command */
	kbd_send(0xed, "fa");
	kbd_send(0x07, "fa");
	ck_assert_uint_eq(kr.leds, INPUT_LED_SCROLL | INPUT_LED_NUM | INPUT_LED_CAPS);
	kbd_send(0xed, "fa");
	kbd_send(0xf4, "fa"); /* a command instead of the argument */
	ck_assert_uint_eq(kr.leds, 7);
	kbd_send(0xed, "fa");
	kbd_send(0x02, "fa");
	ck_assert_uint_eq(kr.leds, INPUT_LED_NUM);
	/* Disabled: keys go nowhere. */
	kbd_send(0xf5, "fa");
	ck_assert_uint_eq(v8042_input.key_room(&kr.dev), 0);
	kbc_type(0x1e);
	kbc_nothing();
	kbd_send(0xf4, "fa");
	kbc_type(0x1e);
	kbc_expect(0x01, "1c f0 1c");
	kbd_send(0xfe, "1c"); /* the last byte again */
	kbd_send(0xff, "fa aa");
	ck_assert_uint_eq(kr.leds, 0); /* a reset puts them out */
	/* With translation the identity's second byte is 41h. */
	kbc_enable(true);
	kbd_send(0xf2, "fa ab 41");
	v8042_ops.reset(&kr.dev, kr.rig.now);
	ck_assert_uint_eq(kr.leds, 0);
}
END_TEST

/* Set 3: which keys repeat and which have a break is the guest's to choose. */
START_TEST(set_3)
{
	kbc_start();
	kbc_enable(false);
	kbd_send(0xf0, "fa");
	kbd_send(0x03, "fa");
	/* By default letters repeat and have no break, shift has one, F1 has a make alone. */
	kbc_key(0x1e, true);
	ck_assert_uint_eq(bytes_in(1000, 0x1c), 7);
	kbc_key(0x1e, false);
	kbc_nothing();
	kbc_key(0x2a, true);
	ck_assert_uint_eq(bytes_in(1000, 0x12), 1);
	kbc_key(0x2a, false);
	kbc_expect(0x01, "f0 12");
	kbc_key(0x3b, true);
	ck_assert_uint_eq(bytes_in(1000, 0x07), 1);
	kbc_key(0x3b, false);
	kbc_nothing();
	/* A and S get a break instead of repeats; D stays as it was. */
	kbd_send(0xfc, "fa");
	kbd_send(0x1c, "fa");
	kbd_send(0x1b, "fa");
	kbd_send(0xf4, "fa");
	kbc_key(0x1f, true);
	ck_assert_uint_eq(bytes_in(1000, 0x1b), 1);
	kbc_key(0x1f, false);
	kbc_expect(0x01, "f0 1b");
	kbc_key(0x20, true);
	ck_assert_uint_eq(bytes_in(1000, 0x23), 7);
	kbc_key(0x20, false);
	kbc_nothing();
	/* All: repeat; break; make alone. */
	kbd_send(0xf8, "fa");
	kbc_type(0x20);
	kbc_expect(0x01, "23 f0 23");
	kbd_send(0xf9, "fa");
	kbc_type(0x20);
	kbc_expect(0x01, "23");
	kbd_send(0xf7, "fa");
	kbc_key(0x3b, true);
	ck_assert_uint_eq(bytes_in(1000, 0x07), 7);
	kbc_key(0x3b, false);
	kbc_nothing();
	/* Defaults bring back set 2. */
	kbd_send(0xf6, "fa");
	kbc_type(0x20);
	kbc_expect(0x01, "23 f0 23");
}
END_TEST

SUITE_MAIN("vps2kbd", scan_codes, translation, modified_keys, typematic, overrun, commands, set_3)
