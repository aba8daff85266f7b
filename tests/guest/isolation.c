/*
 * What a guest can see of the machine: outside of its RAM and device map everything reads all-ones, and no RAM holds
 * anything of the hypervisor.
 */
#include "tests/guest/rt/rt.h"

/* A string of the hypervisor's image, put together at run time so that this image does not hold it. */
static char magic[20];

static void make_magic(void)
{
	static const char hidden[] = "cvmlifbe;!qbojd"; /* each letter plus one */
	u32 i;

	for (i = 0; hidden[i]; i++)
		magic[i] = (char)(hidden[i] - 1);
	magic[i] = 0;
}

static bool is_ram(const struct mmap_entry *m, u32 n, u64 a)
{
	for (u32 i = 0; i < n; i++)
		if (a >= m[i].base && a < m[i].base + m[i].len)
			return true;
	return a < 0x100000;
}

static u64 hits, dirty, scanned;

/* pa: of p; this image itself (the magic string, what was printed) is left out */
static void scan(const u8 *p, u64 pa, u64 len)
{
	u32 n = (u32)strlen(magic);
	char first = magic[0];

	for (u64 i = 0; i + n <= len; i++) {
		/* eight bytes at a time over zeroes */
		while (i + 8 <= len && *(const u64 *)(p + i) == 0)
			i += 8;
		if (i + n > len)
			break;
		if (p[i] == (u8)first && !memcmp(p + i, magic, n) &&
		    (pa + i < (u64)image_start || pa + i >= (u64)image_end)) {
			if (hits++ < 4)
				rt_printf("\"%s\" at 0x%llx\n", magic, (unsigned long long)(pa + i));
		}
	}
	scanned += len;
}

/* 2 MiB of physical memory at pa in a window */
#define WINDOW 0x8000000000ull
static u64 window_pde[512] __aligned(4096);
static u64 window_pdpt[512] __aligned(4096);

static const u8 *window(u64 pa)
{
	rt_pml4[WINDOW >> 39] = (u64)window_pdpt | 3;
	window_pdpt[0] = (u64)window_pde | 3;
	window_pde[0] = (pa & ~0x1fffffull) | PTE_PS | 3;
	invlpg(WINDOW);
	return (const u8 *)(WINDOW + (pa & 0x1fffff));
}

void main(const char *cmdline)
{
	static struct mmap_entry m[32];
	u32 n = rt_memory_map(m, 32), width = cpuid(0x80000008, 0).a & 0xff, probes = 0, bad = 0;
	u64 top = 0;

	report(n > 0, "memory map: %u entries", n);
	make_magic();
	for (u32 i = 0; i < n; i++) {
		rt_printf("%016llx-%016llx type %u\n", (unsigned long long)m[i].base,
		          (unsigned long long)(m[i].base + m[i].len - 1), m[i].type);
		top = MAX(top, m[i].base + m[i].len);
		if (m[i].type != 1)
			continue;
		for (u64 a = m[i].base; a < m[i].base + m[i].len;) {
			u64 len = MIN(SIZE_2M - (a & (SIZE_2M - 1)), m[i].base + m[i].len - a);

			scan(window(a), a, len);
			a += len;
		}
	}
	report_eq(hits, 0, "nothing of the hypervisor in %llu MiB of RAM", (unsigned long long)(scanned >> 20));
	if (!rt_hv()) {
		report_skip("unclaimed space: bare machine");
		return;
	}
	scan(window(0xc0000), 0xc0000, 0x40000);
	report_eq(hits, 0, "nor in the firmware area");
	/* fresh RAM is zeroed: the last MiB of the first range above 1 MiB was not used by anyone */
	for (u32 i = 0; i < n; i++) {
		if (m[i].type != 1 || m[i].len < 4 << 20)
			continue;
		for (u64 a = m[i].base + m[i].len - (1 << 20); a < m[i].base + m[i].len; a += 8)
			dirty += *(const u64 *)window(a) != 0;
	}
	report_eq(dirty, 0, "unused RAM is zero");
	/* one probe per 2 MiB up to 16 GiB or the top of RAM plus 1 GiB, then powers of two to the address width */
	for (u64 a = 0x100000; a < MAX(16 * SIZE_1G, top + SIZE_1G); a += SIZE_2M) {
		u64 p = a + 0x1230;

		if (is_ram(m, n, p) || (p >= 0xfec00000 && p < 0xfec01000) || (p >= 0xfee00000 && p < 0xfee01000) ||
		    (p >= 0xff000000 && p < 0xff010000))
			continue;
		probes++;
		if (*(volatile const u32 *)window(p) != 0xffffffff) {
			if (bad++ < 4)
				rt_printf("0x%llx reads 0x%x\n", (unsigned long long)p,
				          *(volatile const u32 *)window(p));
		}
	}
	for (u32 b = 34; b < width; b++) {
		u64 p = (1ull << b) + 0x1000;

		if (is_ram(m, n, p))
			continue;
		probes++;
		if (*(volatile const u32 *)window(p) != 0xffffffff)
			bad++;
		*(volatile u32 *)(u64)window(p) = 0x5a5a5a5a;
		if (*(volatile const u32 *)window(p) != 0xffffffff)
			bad++;
	}
	report_eq(bad, 0, "%u places outside the guest's map read all-ones", probes);
	/* just behind the last byte of RAM */
	for (u32 i = 0; i < n; i++) {
		u64 end = m[i].base + m[i].len;

		if (m[i].type == 1 && end > 0x100000 && !is_ram(m, n, end))
			report_eq(*(volatile const u32 *)window(end), 0xffffffff,
			          "behind the RAM that ends at 0x%llx", (unsigned long long)end);
	}
}
