/*
 * The guest walk over page tables made of the input: it ends, its results agree with each other for every kind of
 * access, and setting the accessed and dirty flags changes nothing else.
 */
#include "lib/assert.h"
#include "lib/string.h"
#include "mm/gwalk.h"

#define PAGES 8u
static u64 ram[PAGES * 512], copy[PAGES * 512];

struct header {
	u32 cr4, efer, pkru, pkrs;
	u64 gva;
	u8 cr0, cpl, phys_bits, flags;
	u8 pad[4];
};

static const u32 entry_flags = 0x60; /* A, D */

static void check_pair(const struct gwalk_state *s, u64 gva, u32 access)
{
	struct gwalk_result r, p, w;
	enum gwalk_status st = gwalk(s, GVA(gva), access, &r), sp = gwalk(s, GVA(gva), access | GWALK_PROBE, &p), sw;
	u64 linear = s->efer & 0x400 && s->cr0 >> 31 & 1 ? gva : gva & 0xffffffff;

	assert(st != GWALK_RETRY && sp != GWALK_RETRY);
	if (st == GWALK_FAULT) {
		assert(r.cr2 == linear);
		assert(!(r.error_code & ~0x3fu));
		assert(!(r.error_code & PF_RSVD) || r.error_code & PF_PRESENT);
		assert(!(r.error_code & PF_WRITE) == !(access & GWALK_WRITE));
		assert(!(r.error_code & PF_USER) == !(s->cpl == 3 && !(access & GWALK_IMPLICIT)));
		assert(!(r.error_code & PF_FETCH) || access & GWALK_EXEC);
		/* Without rights, absence and reserved bits remain. */
		if (sp == GWALK_FAULT)
			assert(!(p.error_code & PF_PRESENT) || p.error_code & PF_RSVD);
		else
			assert(sp == GWALK_OK && r.error_code & PF_PRESENT);
		return;
	}
	assert(sp == st);
	if (st != GWALK_OK)
		return;
	assert(p.gpa.v == r.gpa.v && p.page_size == r.page_size && p.left == r.left);
	assert(r.left == r.page_size - (linear & (r.page_size - 1)));
	assert((r.gpa.v & (r.page_size - 1)) == (linear & (r.page_size - 1)));
	if (access & GWALK_WRITE) {
		sw = gwalk(s, GVA(gva), access & ~GWALK_WRITE, &w);
		assert(sw == GWALK_OK && w.gpa.v == r.gpa.v);
	}
}

static void check_flags(const struct gwalk_state *s, u64 gva, u32 access)
{
	struct gwalk_result r, r2;
	enum gwalk_status st, st2;
	u32 changed = 0;

	memcpy(copy, ram, sizeof(ram));
	st = gwalk(s, GVA(gva), access, &r);
	assert(memcmp(copy, ram, sizeof(ram)) == 0);
	st2 = gwalk(s, GVA(gva), access | GWALK_SET_AD, &r2);
	/* Tables that refer to themselves may change under the walk's own update; it then walks again. */
	if (st2 == GWALK_OK && st == GWALK_OK)
		assert(r.gpa.v == r2.gpa.v);
	for (u32 i = 0; i < ARRAY_SIZE(ram); i++) {
		u64 diff = ram[i] ^ copy[i];

		assert(!(diff & ~((u64)entry_flags << 32 | entry_flags)));
		changed += diff != 0;
	}
	assert(changed <= 5);
	assert(st == GWALK_OK || !changed);
	memcpy(ram, copy, sizeof(ram));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u32 accesses[] = { 0, GWALK_WRITE, GWALK_EXEC, GWALK_IMPLICIT, GWALK_IMPLICIT | GWALK_WRITE };
	struct guest_mem mem = { .base = (u8 *)ram, .nr_ranges = 1, .ranges = { { 0, sizeof(ram) } } };
	struct gwalk_state s = { .mem = &mem };
	struct header h;
	u8 buf[64];
	struct gwalk_result r;

	if (size < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	memset(ram, 0, sizeof(ram));
	memcpy(ram, data + sizeof(h), MIN(size - sizeof(h), sizeof(ram)));
	s.cr0 = 1 | (h.cr0 & 1 ? 0 : BIT(31)) | (h.cr0 & 2 ? BIT(16) : 0);
	s.cr3 = (u64)(h.cr0 >> 4 & 7) << 12 | (h.cr0 & 0x80 ? 0x20 : 0);
	s.cr4 = h.cr4;
	s.efer = h.efer;
	if (s.efer & 0x400)
		s.cr4 |= BIT(5);
	s.rflags = h.flags & 1 ? BIT(18) : 0;
	s.cpl = h.cpl & 3;
	s.phys_bits = h.phys_bits % 53;
	s.page_1g = h.flags & 2;
	s.have_pdptes = h.flags & 4;
	memcpy(s.pdpte, ram, sizeof(s.pdpte));
	s.pkru = h.pkru;
	s.pkrs = h.pkrs;
	if (s.phys_bits && s.phys_bits < 32)
		s.phys_bits += 20;
	for (u32 i = 0; i < ARRAY_SIZE(accesses); i++) {
		check_pair(&s, h.gva, accesses[i]);
		check_flags(&s, h.gva, accesses[i]);
	}
	(void)gwalk_read(&s, GVA(h.gva), buf, sizeof(buf), 0, &r);
	(void)gwalk_write(&s, GVA(h.gva), buf, sizeof(buf), GWALK_IMPLICIT, &r);
	(void)gwalk_load_pdptes(&s, s.cr3, s.pdpte);
	return 0;
}
