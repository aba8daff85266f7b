/* A ring found in memory after a reset: edits of a sound one, of any kind; then all that is read of it. */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/exit_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void look(const struct exit_ring *r, u32 cap)
{
	static struct exit_record out[EXIT_RING_ENTRIES + 1];
	static char buf[EXIT_RING_WORDS + 1];
	u32 nr;
	size_t n;

	memset(&out[cap], 0x5a, sizeof(out[cap]));
	nr = exit_ring_recover(r, out, cap);
	require(nr <= cap && out[cap].tsc == 0x5a5a5a5a5a5a5a5aull);
	for (u32 i = 1; i < nr; i++) /* in order: each with a higher number than the one before */
		require(out[i].check - exit_record_sum(&out[i]) > out[i - 1].check - exit_record_sum(&out[i - 1]));
	n = exit_ring_words(r, buf, sizeof(buf));
	require(n <= EXIT_RING_WORDS && strlen(buf) == n);
	for (size_t i = 0; i < n; i++)
		require((buf[i] >= ' ' && buf[i] <= '~') || buf[i] == '\n');
	(void)!exit_ring_is_left(r, 0);
}

/* Input: a byte for the number of records, then edits: 3 bytes of place, one of kind and length, then the bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct exit_ring r;
	u64 count = size ? data[0] * 37ull : 0;

	exit_ring_init(&r, 0, 42);
	for (u64 n = 0; n < count; n++) {
		struct exit_record *e = &r.rec[n % EXIT_RING_ENTRIES];

		*e = (struct exit_record){ .tsc = n * 99, .rip = n, .reason = (u32)n % 70, .who = 1 << 16 };
		exit_record_seal(e, n);
	}
	exit_ring_set_words(&r, "bulkhead: panic: \xff", 18);
	require(exit_ring_is_left(&r, 0));
	for (size_t at = 1; at + 4 <= size;) {
		size_t place = (data[at] | data[at + 1] << 8 | data[at + 2] << 16) % sizeof(r),
		       n = data[at + 3] & 0x1f;

		if (data[at + 3] & 0x20)
			place %= offsetof(struct exit_ring, rec);
		n = MIN(n, MIN(size - at - 4, sizeof(r) - place));
		memcpy((u8 *)&r + place, data + at + 4, n);
		if (data[at + 3] & 0x40) { /* a sound record with any number */
			struct exit_record *e = &r.rec[place % EXIT_RING_ENTRIES];

			exit_record_seal(e, (u64)place << (data[at + 3] & 63));
		}
		at += 4 + n;
	}
	look(&r, EXIT_RING_ENTRIES);
	look(&r, size ? data[0] : 0);
	return 0;
}
