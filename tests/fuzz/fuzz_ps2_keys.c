/*
 * Any codes from a keyboard: few bytes for each, only those a terminal sends, and whatever was held or lost, after
 * all keys are released (and the locks as they were) a key means what it says.
 */
#include <stdlib.h>

#include "drivers/input/ps2_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(const u8 *out, u32 n)
{
	u32 i = 0;

	if (n > 1) {
		require(out[0] == 0x1b); /* Alt's, or a sequence's */
		if (out[1] == 0x1b)
			i++;
		if (n - i > 2) {
			require(out[i] == 0x1b && (out[i + 1] == '[' || out[i + 1] == 'O'));
			for (u32 k = i + 2; k + 1 < n; k++)
				require(out[k] >= '0' && out[k] <= '9');
			require(out[n - 1] == '~' || (out[n - 1] >= 'A' && out[n - 1] <= 'Z'));
		}
	}
	for (; i < n; i++)
		require(out[i] < 0x80);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u8 release[] = { 0, 0xaa, 0xb6, 0x9d, 0xb8, 0xba, 0xc5 };
	struct ps2_keys k;
	u8 out[PS2_KEY_BYTES];
	u32 n;

	ps2_keys_init(&k);
	for (size_t i = 0; i < size; i++) {
		u8 locks = k.locks;

		n = ps2_keys_code(&k, data[i], out);
		require(n <= PS2_KEY_BYTES);
		require(!n || !(data[i] & 0x80)); /* a release sends nothing */
		require(!n || locks == k.locks);
		require(!(k.locks & ~(PS2_LED_NUM | PS2_LED_CAPS)));
		check(out, n);
	}
	for (size_t i = 0; i < sizeof(release); i++)
		require(ps2_keys_code(&k, release[i], out) == 0);
	n = ps2_keys_code(&k, 0x1e, out);
	require(n == 1 && out[0] == (k.locks & PS2_LED_CAPS ? 'A' : 'a'));
	return 0;
}
