/* Started through multiboot2: what the information structure says. Wants protocol = "multiboot2", the command line
 * "one two=2" and itself as a module with the string "payload with arguments". */
#include "tests/guest/rt/rt.h"

#define MAGIC 0x36d76289u

struct tag {
	u32 type, size;
	u8 data[];
};

extern u32 rt_mb_magic, rt_mb_info;

static u32 word(const struct tag *t, u32 at)
{
	return *(const u32 *)(t->data + at);
}

static u64 quad(const struct tag *t, u32 at)
{
	return word(t, at) | (u64)word(t, at + 4) << 32;
}

static bool same(const u8 *a, const char *b, u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (a[i] != (u8)b[i])
			return false;
	return true;
}

/* The only tag of a type; NULL: there is none, or there are several. */
static const struct tag *find(u32 type)
{
	u64 at = rt_mb_info + 8, end = rt_mb_info + *(u32 *)(u64)rt_mb_info;
	const struct tag *found = NULL;
	u32 nr = 0;

	while (at < end) {
		const struct tag *t = (const struct tag *)at;

		if (t->type == type) {
			found = t;
			nr++;
		}
		if (!t->type || t->size < 8)
			break;
		at += (t->size + 7) & ~7u;
	}
	return nr == 1 ? found : NULL;
}

static bool text_is(const struct tag *t, u32 off, const char *text, u32 len)
{
	return t && t->size == 8 + off + len && same(t->data + off, text, len);
}
#define TEXT_IS(t, off, text) text_is(t, off, text, sizeof(text))

static void memory(void)
{
	const struct tag *m = find(6), *sizes = find(4);
	u64 ram = 0, end = 0;
	bool sane = m && word(m, 0) == 24 && word(m, 4) == 0 && (m->size - 16) % 24 == 0;

	for (u32 at = 8; sane && at + 8 < m->size; at += 24) {
		sane = quad(m, at) >= end && quad(m, at + 8);
		end = quad(m, at) + quad(m, at + 8);
		if (word(m, at + 16) == 1)
			ram += quad(m, at + 8);
	}
	report(sane && ram > (100u << 20) && ram <= (128u << 20), "a memory map in order, of %u KiB RAM",
	       (u32)(ram >> 10));
	report(sizes && sizes->size == 16 && word(sizes, 0) == 639 && word(sizes, 4) == 127 * 1024,
	       "lower and upper memory");
}

static void tables(void)
{
	const struct tag *old = find(14), *acpi2 = find(15);
	u8 sum = 0;

	for (u32 i = 0; acpi2 && i < 36; i++)
		sum += acpi2->data[i];
	report(old && old->size == 28 && same(old->data, "RSD PTR ", 8), "a copy of the old RSDP");
	report(acpi2 && acpi2->size == 44 && same(acpi2->data, "RSD PTR ", 8) && !sum && quad(acpi2, 24),
	       "and of the new one");
}

static void module(void)
{
	const struct tag *m = find(3);
	u32 start = m ? word(m, 0) : 0;

	report(TEXT_IS(m, 8, "payload with arguments"), "one module with its string");
	report(m && start % 4096 == 0 && word(m, 4) - start > 4096 && same((u8 *)(u64)start, "\177ELF", 4),
	       "it is on a page boundary, and is this very file");
}

void main(const char *cmdline)
{
	const struct tag *screen;

	report(rt_mb_magic == MAGIC && rt_mb_info % 8 == 0, "EAX and EBX");
	if (rt_mb_magic != MAGIC)
		return;
	report(TEXT_IS(find(1), 0, "one two=2"), "the command line");
	report(TEXT_IS(find(2), 0, "Bulkhead"), "the loader's name");
	memory();
	tables();
	module();
	screen = find(8);
	report(screen && quad(screen, 0) == 0xb8000 && word(screen, 12) == 80 && word(screen, 16) == 25 &&
	               screen->data[21] == 2,
	       "the text screen");
	report(find(21) && word(find(21), 0) == (u32)(u64)image_start, "where it was loaded");
	report(find(0) && find(0)->size == 8 && !find(9) && !find(5), "the end, and nothing that was not asked for");
}
