/* The exit ring, and what is read of it when anything may lie in its memory. */
#include "quick_check.h"
#include <stdlib.h>
#include <string.h>

#include "arch/x86/exit_ring.h"
#include "suite.h"

static struct exit_ring ring;
static struct exit_record out[EXIT_RING_ENTRIES];
static u64 count;

static void begin(void)
{
	memset(&ring, 0xa5, sizeof(ring));
	exit_ring_init(&ring, 3, 1000);
	count = 0;
}

static void add(u32 nr)
{
	for (u32 i = 0; i < nr; i++, count++) {
		struct exit_record *r = &ring.rec[count % EXIT_RING_ENTRIES];

		*r = (struct exit_record){
			.tsc = 1000 + 7 * count, .rip = 0xffffffff81000000 + count, .reason = 12, .who = 0x20001
		};
		exit_record_seal(r, count);
	}
}

/* The last nr records, but for one that is missing. */
static void recovers(u32 cap, u32 nr, u64 missing)
{
	u32 got = exit_ring_recover(&ring, out, cap), at = 0;

	for (u64 n = count - nr; n < count; n++) {
		if (n == missing)
			continue;
		ck_assert_uint_lt(at, got);
		ck_assert_uint_eq(out[at].tsc, 1000 + 7 * n);
		ck_assert_uint_eq(out[at].who, 0x20001);
		at++;
	}
	ck_assert_uint_eq(at, got);
}

START_TEST(of_a_run)
{
	begin();
	ck_assert(exit_ring_is_left(&ring, 3));
	recovers(EXIT_RING_ENTRIES, 0, ~0ull);
	add(5);
	recovers(EXIT_RING_ENTRIES, 5, ~0ull);
	recovers(2, 2, ~0ull);
	recovers(0, 0, ~0ull);
	add(EXIT_RING_ENTRIES - 5);
	recovers(EXIT_RING_ENTRIES, EXIT_RING_ENTRIES, ~0ull);
	add(EXIT_RING_ENTRIES + 77);
	recovers(EXIT_RING_ENTRIES, EXIT_RING_ENTRIES, ~0ull);
	recovers(100, 100, ~0ull);
	exit_ring_end(&ring);
	ck_assert(!exit_ring_is_left(&ring, 3));
	/* A new run has nothing of the one before. */
	exit_ring_init(&ring, 3, 5);
	ck_assert(exit_ring_is_left(&ring, 3));
	ck_assert_uint_eq(exit_ring_recover(&ring, out, EXIT_RING_ENTRIES), 0);
}
END_TEST

/* One that was being written, or was hit, is left out; so is what another run left behind. */
/* A record that is sealed anew, with how long its exit took: reason and number are what they were. */
START_TEST(long_ones)
{
	struct exit_record *r;

	begin();
	add(10);
	r = &ring.rec[6];
	r->reason |= 51u << EXIT_LONG_SHIFT;
	exit_record_seal(r, 6);
	recovers(EXIT_RING_ENTRIES, 10, ~0ull);
	for (u32 i = 0; i < 10; i++) {
		ck_assert_uint_eq(exit_record_long_us(&out[i]), i == 6 ? 51 : 0);
		ck_assert_uint_eq(out[i].reason & 0xffff, 12);
	}
	r->reason |= EXIT_LONG_MAX << EXIT_LONG_SHIFT;
	ck_assert_uint_eq(exit_record_long_us(r), EXIT_LONG_MAX);
	ck_assert_uint_eq(r->reason & 0xffff, 12);
}
END_TEST

START_TEST(damaged)
{
	begin();
	add(EXIT_RING_ENTRIES + 10);
	for (u32 bit = 0; bit < 8 * sizeof(struct exit_record); bit++) {
		u8 *byte = (u8 *)&ring.rec[500] + bit / 8;

		*byte ^= (u8)(1u << bit % 8);
		recovers(EXIT_RING_ENTRIES, EXIT_RING_ENTRIES, 500);
		*byte ^= (u8)(1u << bit % 8);
	}
	begin();
	add(20);
	memset(&ring.rec[7], 0, sizeof(ring.rec[7]));
	recovers(EXIT_RING_ENTRIES, 20, 7);
	ring.rec[9] = ring.rec[7];
	ring.rec[7] = ring.rec[8]; /* sound, but not in its place */
	ck_assert_uint_eq(exit_ring_recover(&ring, out, EXIT_RING_ENTRIES), 18);
	/* A number that no run reaches, and one that does not follow another, hide nothing. */
	begin();
	add(20);
	exit_record_seal(&ring.rec[0], 1ull << 48);
	ck_assert_uint_eq(exit_ring_recover(&ring, out, EXIT_RING_ENTRIES), 19);
	exit_record_seal(&ring.rec[0], (1ull << 48) - EXIT_RING_ENTRIES);
	ck_assert_uint_eq(exit_ring_recover(&ring, out, EXIT_RING_ENTRIES), 19);
}
END_TEST

/* Every bit of the head counts. */
START_TEST(head)
{
	begin();
	ck_assert(!exit_ring_is_left(&ring, 2));
	for (size_t bit = 0; bit < 8 * offsetof(struct exit_ring, words_check); bit++) {
		u8 *byte = (u8 *)&ring + bit / 8;

		*byte ^= (u8)(1u << bit % 8);
		ck_assert_int_eq(exit_ring_is_left(&ring, 3), bit / 8 >= offsetof(struct exit_ring, words_len) &&
		                                                      bit / 8 < offsetof(struct exit_ring, check));
		*byte ^= (u8)(1u << bit % 8);
	}
	memset(&ring, 0, sizeof(ring));
	ck_assert(!exit_ring_is_left(&ring, 0));
	ck_assert_uint_eq(exit_ring_recover(&ring, out, EXIT_RING_ENTRIES), 0);
	memset(&ring, 0xff, sizeof(ring));
	ck_assert(!exit_ring_is_left(&ring, ~0u));
	ck_assert_uint_eq(exit_ring_recover(&ring, out, EXIT_RING_ENTRIES), 0);
}
END_TEST

START_TEST(last_words)
{
	static char text[2 * EXIT_RING_WORDS], buf[EXIT_RING_WORDS + 1];

	begin();
	ck_assert_uint_eq(exit_ring_words(&ring, buf, sizeof(buf)), 0);
	exit_ring_set_words(&ring, "panic:\tover\x1b[2J\n\xc3\xa9", 18);
	ck_assert_uint_eq(exit_ring_words(&ring, buf, sizeof(buf)), 18);
	ck_assert_str_eq(buf, "panic:?over?[2J\n??");
	ck_assert_uint_eq(exit_ring_words(&ring, buf, 7), 6);
	ck_assert_str_eq(buf, "panic:");
	ck_assert_uint_eq(exit_ring_words(&ring, buf, 1), 0);
	ring.words[3] ^= 1;
	ck_assert_uint_eq(exit_ring_words(&ring, buf, sizeof(buf)), 0);
	ring.words[3] ^= 1;
	ring.words_len = EXIT_RING_WORDS + 1;
	ck_assert_uint_eq(exit_ring_words(&ring, buf, sizeof(buf)), 0);
	ring.words_len = ~0u;
	ck_assert_uint_eq(exit_ring_words(&ring, buf, sizeof(buf)), 0);
	/* Of a longer text the end. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	exit_ring_set_words(&ring, text, sizeof(text));
	ck_assert_uint_eq(exit_ring_words(&ring, buf, sizeof(buf)), EXIT_RING_WORDS);
	ck_assert_int_eq(memcmp(buf, text + sizeof(text) - EXIT_RING_WORDS, EXIT_RING_WORDS), 0);
}
END_TEST

SUITE_MAIN("exit_ring", of_a_run, long_ones, damaged, head, last_words)
