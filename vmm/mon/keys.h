/*
 * Keys in words: what `sendkey` is given, as key events. Pure. Words stand between blanks:
 *
 *	ctrl-alt-delete        keys that are pressed together, by their names
 *	ret  f1  a  shift-tab  one key; a single character is the key that types it
 *	"root"                 text, typed on a US keyboard; \" \\ and \n (Enter) in it
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define MON_KEYS_MAX  256 /* events of one command */
#define MON_CHORD_MAX 8   /* keys pressed together */
#define MON_KEY_E0    0xe000u
#define MON_KEY_PAUSE 0xe11d

/* A key goes down or up: its set 1 make code, with E0h in the upper byte where it has that. */
struct mon_key {
	u16 code;
	bool down;
};

struct mon_keys {
	struct mon_key key[MON_KEYS_MAX];
	u32 nr;
	char wrong[24]; /* after an error: the word or name that is none, "" when there is no more to say */
};

struct mon;

/*
 * text as events. OK; ERR_NOENT: wrong is no key's name (or character); ERR_INVAL: a quote does not end, or there is
 * no key at all; ERR_NOSPC: more than MON_KEYS_MAX events or MON_CHORD_MAX keys at once. May pause at each word (mon,
 * or NULL).
 */
__must_check int mon_keys_parse(const struct mon *mon, const char *text, struct mon_keys *keys);
/* Name number i of the keys', in no order that means anything; NULL behind the last. For suggestions. */
const char *mon_key_name(u32 i);
