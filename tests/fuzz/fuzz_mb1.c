/* Multiboot1 information: the input is physical memory from address 0 on, the structure stands at its start. */
#include <stdlib.h>
#include <string.h>

#include "boot/mb1.h"

static struct boot_info bi;

struct phys {
	const uint8_t *data;
	size_t size;
	uint8_t *piece; /* a copy of exactly what was asked for, until the next call */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static const void *map(void *ctx, u64 pa, u64 len)
{
	struct phys *p = ctx;

	require(len > 0 && len < 65536);
	if (pa > p->size || len > p->size - pa)
		return NULL;
	free(p->piece);
	p->piece = malloc(len);
	memcpy(p->piece, p->data + pa, len);
	return p->piece;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct phys p = { data, size, NULL };
	struct mb1_mem mem = { map, &p };
	char err[100];
	int r = mb1_parse(&mem, 0, &bi, err, sizeof(err));

	free(p.piece);
	require((r == OK) == (err[0] == '\0'));
	require(bi.nr_modules <= BOOT_MAX_MODULES && bi.map.nr <= E820_MAX);
	require(strnlen(bi.cmdline, sizeof(bi.cmdline)) < sizeof(bi.cmdline));
	require(r != OK || bi.map.nr > 0);
	for (u32 i = 0; i < bi.nr_modules; i++)
		require(strlen(bi.modules[i].name) + strlen(bi.modules[i].args) < BOOT_MODSTR_MAX);
	return 0;
}
