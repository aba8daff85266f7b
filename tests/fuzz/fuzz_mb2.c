/* Multiboot2 information: any bytes. What is accepted must keep boot_info's promises. */
#include <stdlib.h>
#include <string.h>

#include "boot/mb2.h"

static struct boot_info bi;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + !size);
	char err[100];
	int r;

	memcpy(copy, data, size);
	r = mb2_parse(copy, size, 0x10000, &bi, err, sizeof(err));
	free(copy);
	require(strnlen(err, sizeof(err)) < sizeof(err));
	require((r == OK) == (err[0] == '\0'));
	require(bi.nr_modules <= BOOT_MAX_MODULES && bi.map.nr <= E820_MAX);
	require(strnlen(bi.cmdline, sizeof(bi.cmdline)) < sizeof(bi.cmdline));
	require(strnlen(bi.loader, sizeof(bi.loader)) < sizeof(bi.loader));
	require(bi.rsdp_len == 0 || bi.rsdp_len == 20 || bi.rsdp_len == 36);
	for (u32 i = 0; i < bi.nr_modules; i++) {
		const struct boot_module *m = &bi.modules[i];

		require(m->name >= bi.strings && m->name + strlen(m->name) < bi.strings + bi.strings_len);
		require(m->args >= bi.strings && m->args + strlen(m->args) < bi.strings + bi.strings_len);
	}
	if (r)
		return 0;
	require(bi.map.nr > 0);
	if (!e820_sanitize(&bi.map)) {
		for (u32 i = 1; i < bi.map.nr; i++)
			require(bi.map.e[i - 1].base + bi.map.e[i - 1].len <= bi.map.e[i].base);
		(void)!boot_info_reserve(&bi);
	}
	return 0;
}
