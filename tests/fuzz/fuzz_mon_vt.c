/*
 * The filter of guest output: whatever goes in, what comes out is text, whole allowed sequences and nothing else,
 * however the input is cut. The check below is written from the list of what may pass, not from the filter.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/mon/utf8.h"
#include "vmm/mon/vt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* A control sequence at s, behind ESC [. Returns its length. */
static size_t check_csi(const u8 *s, size_t n)
{
	size_t i = 0;
	bool private = n && s[0] == '?';
	u32 value = 0;

	for (i = private; i < n && (s[i] < 0x40 || s[i] > 0x7e); i++) {
		require((s[i] >= '0' && s[i] <= '9') || s[i] == ';' || s[i] == ':');
		value = s[i] <= '9' ? value * 10 + (u32)(s[i] - '0') : 0;
		require(value <= VT_PARAM_MAX);
	}
	require(i < n && i < VT_SEQ_MAX);
	if (private) {
		require(s[i] == 'h' || s[i] == 'l');
		return i + 1;
	}
	require(strchr("@PXABCDEFGHdfae`suJKLMSTmr", s[i]) != NULL);
	return i + 1;
}

static void check(const u8 *s, size_t n, bool ascii)
{
	u32 cp = 0, k;

	for (size_t i = 0; i < n; i += k) {
		k = utf8_decode((const char *)s + i, n - i, &cp);
		require(k != 0);
		if (cp == 0x1b) {
			require(i + 1 < n);
			if (s[i + 1] == '[')
				k = 2 + (u32)check_csi(s + i + 2, n - i - 2);
			else
				require(strchr("78DEM=>", s[i + 1]) != NULL && s[i + 1] && (k = 2));
			continue;
		}
		require(cp >= 0x20 || (cp && strchr("\r\n\b\t\a", (int)cp)));
		require(cp < 0x7f || (cp >= 0xa0 && !ascii));
		require(!(cp >= 0x2028 && cp <= 0x202e) && !(cp >= 0x2066 && cp <= 0x2069));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 *whole = malloc(size + VT_SEQ_MAX), *pieces = malloc(size + VT_SEQ_MAX), reset[VT_RESET_MAX];
	bool ascii = size && data[0] & 0x80;
	struct vt_filter f;
	size_t n, done = 0, step;

	vt_init(&f, ascii);
	n = vt_filter(&f, data, size, whole);
	require(n <= size);
	check(whole, n, ascii);
	require(vt_reset(&f, reset) <= VT_RESET_MAX);
	/* in pieces of 1 to 8 bytes: the same, and each output by itself is whole */
	for (size_t i = 0; i < size; i += step) {
		u8 *copy, *out = malloc(8 + VT_SEQ_MAX);
		size_t k;

		step = MIN((size_t)(data[i] & 7) + 1, size - i);
		copy = malloc(step);
		memcpy(copy, data + i, step);
		k = vt_filter(&f, copy, step, out);
		check(out, k, ascii);
		memcpy(pieces + done, out, k);
		done += k;
		free(copy);
		free(out);
	}
	require(done == n && !memcmp(whole, pieces, n));
	free(whole);
	free(pieces);
	return 0;
}
