#include "arch/x86/exit_ring.h"

#include "lib/string.h"

#define MAGIC  0x31474e5254495845ull /* "EXITRNG1": changes with the layout */
#define MAX_NR (1ull << 48)          /* of a record: more no run has */
#define NO_NR  (~0ull)

/* FNV-1a, 64 bits. */
static u64 hash(const void *data, size_t len)
{
	const u8 *p = data;
	u64 h = 0xcbf29ce484222325ull;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

static u64 head_check(const struct exit_ring *r)
{
	const u64 head[] = { r->magic, r->start_tsc, r->cpu };

	return hash(head, sizeof(head));
}

void exit_ring_init(struct exit_ring *r, u32 cpu, u64 start_tsc)
{
	memset(r, 0, sizeof(*r));
	r->magic = MAGIC;
	r->cpu = cpu;
	r->start_tsc = start_tsc;
	r->check = head_check(r);
	r->state = EXIT_RING_RUNNING;
}

void exit_ring_end(struct exit_ring *r)
{
	r->state = EXIT_RING_ENDED;
}

void exit_ring_set_words(struct exit_ring *r, const char *text, size_t len)
{
	u32 n = (u32)MIN(len, (size_t)EXIT_RING_WORDS);

	memcpy(r->words, text + (len - n), n);
	r->words_len = n;
	r->words_check = hash(r->words, n);
}

bool exit_ring_is_left(const struct exit_ring *r, u32 cpu)
{
	return r->magic == MAGIC && r->cpu == cpu && r->state == EXIT_RING_RUNNING && r->check == head_check(r);
}

/* The number of the record in the place of record n; NO_NR: what lies there is none. */
static u64 number_at(const struct exit_ring *r, u64 n)
{
	const struct exit_record *e = &r->rec[n % EXIT_RING_ENTRIES];
	u64 got = e->check - exit_record_sum(e);

	return got < MAX_NR && got % EXIT_RING_ENTRIES == n % EXIT_RING_ENTRIES ? got : NO_NR;
}

/* One more than the last number: of a record that follows another one, so that a stray number does not count. */
static u64 end_of(const struct exit_ring *r)
{
	u64 end = 0;

	for (u32 i = 0; i < EXIT_RING_ENTRIES; i++) {
		u64 n = number_at(r, i);

		if (n != NO_NR && (n == 0 || number_at(r, n - 1) == n - 1))
			end = MAX(end, n + 1);
	}
	return end;
}

u32 exit_ring_recover(const struct exit_ring *r, struct exit_record *out, u32 cap)
{
	u64 end = end_of(r);
	u32 nr = 0;

	for (u64 n = end - MIN(end, (u64)cap); n < end; n++)
		if (number_at(r, n) == n)
			out[nr++] = r->rec[n % EXIT_RING_ENTRIES];
	return nr;
}

size_t exit_ring_words(const struct exit_ring *r, char *buf, size_t size)
{
	size_t n = MIN((size_t)r->words_len, size - 1);

	if (r->words_len > EXIT_RING_WORDS || hash(r->words, r->words_len) != r->words_check)
		n = 0;
	for (size_t i = 0; i < n; i++)
		buf[i] = (r->words[i] >= ' ' && r->words[i] <= '~') || r->words[i] == '\n' ? r->words[i] : '?';
	buf[n] = '\0';
	return n;
}
