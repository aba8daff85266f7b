/*
 * The monitor's prompt and console: any keys, in any pieces, at any times; guests' output and log lines in between.
 * The line stays within its buffer, the cursor within the line and the screen; attached or not, Ctrl-] and Ctrl-C
 * lead back to a prompt that works.
 */
#include <stdlib.h>

#include "../unit/fake_mon.h"
#include "vmm/mon/mux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 500 /* a key may draw a line: more only costs time */

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct fake_mon fake;
static struct mux m;
static u8 *buf;
static TEST_STACK(stack);
static char text[MUX_OUT_MIN + 1];

static void sound(void)
{
	const struct line *l = &m.line;

	require(l->len <= LINE_MAX_TEXT && l->pos <= l->len && strlen(l->text) == l->len);
	for (u32 i = 0; i < l->len; i++)
		require(l->text[i] >= 0x20 && l->text[i] < 0x7f);
	require(l->back <= LINE_HISTORY && l->nr_history < 2 * LINE_HISTORY);
	require(!m.out.overflow && obuf_used(&m.out) <= MUX_OUT_MIN);
	require(m.nr_keys <= MUX_KEYS && m.log_len <= sizeof(m.log_line));
}

/* Reads all there is, as often as the buffer fills. Returns whether MARK, which fits into it, was there. */
static bool drain(const char *mark, u64 now)
{
	bool found = false, more = true;

	for (int i = 0; i < 20000 && more; i++) {
		more = mux_poll(&m, now);
		text[mux_output(&m, (u8 *)text, MUX_OUT_MIN)] = '\0';
		found |= strstr(text, mark) != NULL;
	}
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u8 keys[] = "\x03version\r";
	u64 now = 1000;
	size_t n, taken = 0;
	bool found = false;

	size = MIN(size, (size_t)INPUT_MAX);
	buf = buf ? buf : malloc(MUX_OUT_MIN);
	fake_init(&fake);
	fake.trace_heads[1] = 3;
	mux_init(&m, &fake.mon, buf, MUX_OUT_MIN, TEST_STACK_TOP(stack), size && data[0] & 1 ? 20 : 80, false, now);
	for (; size; data += n, size -= n) {
		n = MIN(size, (size_t)(data[0] & 0x1f) + 1);
		if (data[0] < 0x80) {
			(void)mux_input(&m, data, n, now);
		} else if (data[0] < 0xa0) {
			vt_ring_write(&fake.guests[data[0] % 3].console, data, n);
		} else if (data[0] < 0xc0) {
			vt_ring_write(&fake.log, data, n);
		} else {
			now += data[0] * 5000000ull;
			fake.guests[0].input_room = data[0] & 7;
		}
		(void)mux_poll(&m, now);
		sound();
		if (data[0] & 1)
			(void)mux_output(&m, (u8 *)text, data[0] * 8);
		sound();
	}
	/* whatever state it is in: out of a console, out of a repeated command, out of a line, and a command works */
	(void)drain("", now);
	require(mux_input(&m, (const u8 *)"\x1d", 1, now) == 1);
	(void)drain("", now + 1000000000);
	if (m.mode != MUX_PROMPT) { /* it was at the prompt, and went to a guest */
		require(m.mode == MUX_ATTACHED);
		require(mux_input(&m, (const u8 *)"\x1d", 1, now + 1000000000) == 1);
		(void)drain("", now + 2000000000);
	}
	require(m.mode == MUX_PROMPT);
	while (taken < sizeof(keys) - 1) {
		taken += mux_input(&m, keys + taken, sizeof(keys) - 1 - taken, now + 2000000000);
		found |= drain("Bulkhead", now + 2000000000);
	}
	require(found);
	return 0;
}
