/* Keys in words: chords, names, text on a US keyboard, and what is none. */
#include <stdio.h>

#include "suite.h"
#include "vmm/backend/input.h"
#include "vmm/mon/keys.h"

static struct mon_keys keys;

/* The events as text: "+1d +38 -38 -1d". */
static const char *events(const char *line)
{
	static char out[MON_KEYS_MAX * 8];
	u32 len = 0;

	out[0] = 0;
	ck_assert_msg(mon_keys_parse(NULL, line, &keys) == OK, "%s", line);
	for (u32 i = 0; i < keys.nr; i++) {
		ck_assert(input_is_key(keys.key[i].code));
		len += (u32)snprintf(out + len, sizeof(out) - len, "%s%c%x", i ? " " : "",
		                     keys.key[i].down ? '+' : '-', keys.key[i].code);
	}
	return out;
}

START_TEST(chords)
{
	ck_assert_str_eq(events("ctrl-alt-delete"), "+1d +38 +e053 -e053 -38 -1d");
	ck_assert_str_eq(events("ret"), "+1c -1c");
	ck_assert_str_eq(events("  f1  f12 "), "+3b -3b +58 -58");
	ck_assert_str_eq(events("alt-f4"), "+38 +3e -3e -38");
	ck_assert_str_eq(events("ctrl-c"), "+1d +2e -2e -1d");
	ck_assert_str_eq(events("ctrl-alt_r-kp_enter"), "+1d +e038 +e01c -e01c -e038 -1d");
	ck_assert_str_eq(events("a A 7 ?"), "+1e -1e +2a +1e -1e -2a +8 -8 +2a +35 -35 -2a");
	ck_assert_str_eq(events("-"), "+c -c");
	ck_assert_str_eq(events("ctrl--"), "+1d +c -c -1d");
	ck_assert_str_eq(events("alt-print pause"), "+38 +e037 -e037 -38 +e11d -e11d");
}
END_TEST

START_TEST(text)
{
	bool had[256] = { false };

	ck_assert_str_eq(events("\"ls\" ret"), "+26 -26 +1f -1f +1c -1c");
	ck_assert_str_eq(events("\"a b\\n\""), "+1e -1e +39 -39 +30 -30 +1c -1c");
	ck_assert_str_eq(events("\"\\\"\\\\\""), "+2a +28 -28 -2a +2b -2b");
	/* Every character has a key of its own, with shift or without. */
	for (char c = ' '; c <= '~'; c++) {
		char one[8] = { '"', c, '"' };
		u32 code;

		if (c == '"' || c == '\\')
			snprintf(one, sizeof(one), "\"\\%c\"", c);
		events(one);
		ck_assert(keys.nr == 2 || (keys.nr == 4 && keys.key[0].code == 0x2a));
		code = keys.key[keys.nr / 2 - 1].code | (keys.nr == 4 ? 0x80 : 0);
		ck_assert(!had[code]);
		had[code] = true;
	}
	ck_assert_str_eq(events("\"|~{}:<>\""), "+2a +2b -2b -2a +2a +29 -29 -2a +2a +1a -1a -2a +2a +1b -1b -2a "
	                                        "+2a +27 -27 -2a +2a +33 -33 -2a +2a +34 -34 -2a");
}
END_TEST

START_TEST(names)
{
	const char *name;
	u32 n = 0;

	for (; (name = mon_key_name(n)); n++) {
		ck_assert_int_eq(mon_keys_parse(NULL, name, &keys), OK);
		ck_assert_uint_eq(keys.nr, 2);
		ck_assert(keys.key[0].down && !keys.key[1].down && keys.key[0].code == keys.key[1].code);
		ck_assert(input_is_key(keys.key[0].code));
		ck_assert_ptr_null(strchr(name, '-'));
	}
	ck_assert_uint_gt(n, 60);
}
END_TEST

static void refused(const char *line, int err, const char *wrong)
{
	ck_assert_msg(mon_keys_parse(NULL, line, &keys) == err, "%s", line);
	ck_assert_str_eq(keys.wrong, wrong);
}

START_TEST(refusals)
{
	char many[200];

	refused("", ERR_INVAL, "");
	refused("   ", ERR_INVAL, "");
	refused("\"\"", ERR_INVAL, "");
	refused("\"abc", ERR_INVAL, "");
	refused("\"abc\\", ERR_INVAL, "");
	refused("retrun", ERR_NOENT, "retrun");
	refused("ctrl-foo-a", ERR_NOENT, "foo");
	refused("ctrl-", ERR_NOENT, "-");
	refused("a very_long_word_that_is_no_key_at_all", ERR_NOENT, "very_long_word_that_is_");
	refused("\"\x80\"", ERR_NOENT, "\x80");
	refused("\"a\tb\"", ERR_NOENT, "\t");
	refused("a-b-c-d-e-f-g-h-i", ERR_NOSPC, "");
	memset(many, 'x', sizeof(many));
	many[0] = '"';
	many[129] = '"';
	many[130] = 0;
	ck_assert_int_eq(mon_keys_parse(NULL, many, &keys), OK);
	ck_assert_uint_eq(keys.nr, MON_KEYS_MAX);
	many[129] = 'x';
	many[130] = '"';
	many[131] = 0;
	refused(many, ERR_NOSPC, "");
}
END_TEST

SUITE_MAIN("mon_keys", chords, text, names, refusals)
