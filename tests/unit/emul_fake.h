/* A fake guest for the emulator's tests: 1 MiB of linear memory with per-page rights,
 * an MMIO page, ports, registers. */
#pragma once

#include <string.h>

#include "vmm/emul/emul.h"

#define FAKE_MEM   0x100000u
#define FAKE_PAGES (FAKE_MEM / 4096)
#define FAKE_MMIO  0xf0000u /* one page; every access is recorded */
#define FAKE_GDT   0x1000u
#define FAKE_LDT   0x2000u
#define FAKE_TSS   0x3000u
#define FAKE_CODE  0x8000u
#define FAKE_DATA  0x20000u
#define FAKE_STACK 0x30000u

enum { PAGE_NONE = 1, PAGE_RO = 2 };

struct fake {
	struct emul_ctxt c;
	u64 gpr[16];
	u8 mem[FAKE_MEM + 64];
	u8 page[FAKE_PAGES];
	u64 xmm[16][2], ymm[16][4], mm[8];
	u32 loads, load_mask, reads, writes, fetches, max_fetch, cas, checks;
	bool cas_fail, no_map;
	struct {
		u64 lin, val;
		u32 len;
		bool write;
	} mmio[64];
	u32 nr_mmio;
	u16 port;
	u8 port_size;
	u32 port_count, port_calls;
	u32 out_last;
	u64 cr[9], dr[8], msr_gs, msr_star, xcr0;
	u64 misc_arg;
	u32 misc_mask, fpu_mask;
	struct emul_x87 x87;
	int x87_runs;
	bool x87_stops;
	int stop_rc; /* returned by read/write when not 0 */
};

static struct fake *fake_of(struct emul_ctxt *c)
{
	return c->owner;
}

static int fake_walk(struct emul_ctxt *c, u64 lin, u32 len, bool write)
{
	struct fake *f = fake_of(c);

	for (u64 a = lin; a < lin + len; a++) {
		u8 p = a < FAKE_MEM ? f->page[a / 4096] : PAGE_NONE;

		if (p == PAGE_NONE || (p == PAGE_RO && write))
			return emul_raise_pf(c, a, (p == PAGE_RO) | (write ? 2 : 0));
	}
	return f->stop_rc;
}

static int fake_fetch(struct emul_ctxt *c, u64 lin, void *buf, u32 len)
{
	struct fake *f = fake_of(c);
	int rc = fake_walk(c, lin, len, false);

	f->fetches++;
	f->max_fetch = MAX(f->max_fetch, c->insn_len + len);
	if (rc == EMUL_OK)
		memcpy(buf, f->mem + lin, len);
	return rc;
}

static void fake_mmio(struct fake *f, u64 lin, const void *buf, u32 len, bool write)
{
	if (lin / 4096 != FAKE_MMIO / 4096 || f->nr_mmio == 64)
		return;
	f->mmio[f->nr_mmio].lin = lin;
	f->mmio[f->nr_mmio].len = len;
	f->mmio[f->nr_mmio].write = write;
	f->mmio[f->nr_mmio].val = 0;
	memcpy(&f->mmio[f->nr_mmio++].val, buf, MIN(len, 8u));
}

static int fake_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags)
{
	struct fake *f = fake_of(c);
	int rc = fake_walk(c, lin, len, flags & EMUL_ACC_RMW);

	f->reads++;
	if (rc != EMUL_OK)
		return rc;
	memcpy(buf, f->mem + lin, len);
	fake_mmio(f, lin, buf, len, false);
	return EMUL_OK;
}

static int fake_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags)
{
	struct fake *f = fake_of(c);
	int rc = fake_walk(c, lin, len, true);

	(void)flags;
	f->writes++;
	if (rc != EMUL_OK)
		return rc;
	memcpy(f->mem + lin, buf, len);
	fake_mmio(f, lin, buf, len, true);
	return EMUL_OK;
}

static int fake_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags)
{
	struct fake *f = fake_of(c);

	f->cas++;
	if (f->cas_fail || memcmp(f->mem + lin, oldv, len))
		return EMUL_RETRY;
	return fake_write(c, lin, newv, len, flags);
}

static void *fake_map(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	struct fake *f = fake_of(c);

	if (f->no_map || lin / 4096 == FAKE_MMIO / 4096 || fake_walk(c, lin, len, flags & EMUL_ACC_WRITE) != EMUL_OK)
		return NULL;
	return f->mem + lin;
}

static int fake_check(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	fake_of(c)->checks++;
	return fake_walk(c, lin, len, flags & EMUL_ACC_WRITE);
}

static int fake_in(struct emul_ctxt *c, u16 port, u8 size, u32 count, void *buf)
{
	struct fake *f = fake_of(c);

	f->port = port;
	f->port_size = size;
	f->port_count += count;
	f->port_calls++;
	for (u32 i = 0; i < count * size; i++)
		((u8 *)buf)[i] = (u8)(0xa0 + i);
	return EMUL_OK;
}

static int fake_out(struct emul_ctxt *c, u16 port, u8 size, u32 count, const void *buf)
{
	struct fake *f = fake_of(c);

	f->port = port;
	f->port_size = size;
	f->port_count += count;
	f->port_calls++;
	f->out_last = 0;
	memcpy(&f->out_last, (const u8 *)buf + (count - 1) * size, size);
	return EMUL_OK;
}

static int fake_read_cr(struct emul_ctxt *c, u8 nr, u64 *val)
{
	*val = fake_of(c)->cr[nr];
	return EMUL_OK;
}

static int fake_write_cr(struct emul_ctxt *c, u8 nr, u64 val)
{
	if (nr == 4 && val >> 32)
		return emul_raise_err(c, 13, 0);
	fake_of(c)->cr[nr] = val;
	return EMUL_OK;
}

static int fake_read_dr(struct emul_ctxt *c, u8 nr, u64 *val)
{
	*val = fake_of(c)->dr[nr];
	return EMUL_OK;
}

static int fake_write_dr(struct emul_ctxt *c, u8 nr, u64 val)
{
	fake_of(c)->dr[nr] = val;
	return EMUL_OK;
}

static int fake_rdmsr(struct emul_ctxt *c, u32 index, u64 *val)
{
	struct fake *f = fake_of(c);

	switch (index) {
	case 0x10: *val = 0x1122334455667788; return EMUL_OK;
	case 0xc0000102: *val = f->msr_gs; return EMUL_OK;
	case 0xc0000081: *val = f->msr_star; return EMUL_OK;
	case 0xc0000082: *val = 0xa000; return EMUL_OK;
	case 0xc0000084: *val = 0x200; return EMUL_OK;
	case 0x174: *val = 0x10; return EMUL_OK;
	case 0x175: *val = 0xb000; return EMUL_OK;
	case 0x176: *val = 0xc000; return EMUL_OK;
	default: return emul_raise_err(c, 13, 0);
	}
}

static int fake_wrmsr(struct emul_ctxt *c, u32 index, u64 val)
{
	if (index != 0xc0000102)
		return emul_raise_err(c, 13, 0);
	fake_of(c)->msr_gs = val;
	return EMUL_OK;
}

static int fake_cpuid(struct emul_ctxt *c, u32 leaf, u32 subleaf, u32 out[4])
{
	(void)c;
	out[0] = leaf + 1;
	out[1] = 2;
	out[2] = subleaf + 3;
	out[3] = 4;
	return EMUL_OK;
}

static int fake_rdtsc(struct emul_ctxt *c, u64 *tsc, u32 *aux)
{
	(void)c;
	*tsc = 0x123456789a;
	*aux = 7;
	return EMUL_OK;
}

static int fake_rdpmc(struct emul_ctxt *c, u32 index, u64 *val)
{
	(void)c;
	*val = 0x500000000ull + index;
	return EMUL_OK;
}

static int fake_xcr(struct emul_ctxt *c, u32 index, u64 *val, bool write)
{
	struct fake *f = fake_of(c);

	if (index)
		return emul_raise_err(c, 13, 0);
	if (write)
		f->xcr0 = *val;
	else
		*val = f->xcr0;
	return EMUL_OK;
}

static int fake_misc(struct emul_ctxt *c, enum emul_misc what, u64 arg)
{
	struct fake *f = fake_of(c);

	f->misc_mask |= 1u << what;
	f->misc_arg = arg;
	return EMUL_OK;
}

static int fake_get_xmm(struct emul_ctxt *c, u8 nr, u64 val[2])
{
	memcpy(val, fake_of(c)->xmm[nr], 16);
	return EMUL_OK;
}

static int fake_get_ymm(struct emul_ctxt *c, u8 nr, u64 val[4])
{
	memcpy(val, fake_of(c)->ymm[nr], 32);
	return EMUL_OK;
}

static int fake_set_ymm(struct emul_ctxt *c, u8 nr, const u64 val[4])
{
	memcpy(fake_of(c)->ymm[nr], val, 32);
	return EMUL_OK;
}

static int fake_set_xmm(struct emul_ctxt *c, u8 nr, const u64 val[2])
{
	memcpy(fake_of(c)->xmm[nr], val, 16);
	return EMUL_OK;
}

static int fake_get_mm(struct emul_ctxt *c, u8 nr, u64 *val)
{
	*val = fake_of(c)->mm[nr];
	return EMUL_OK;
}

static int fake_set_mm(struct emul_ctxt *c, u8 nr, u64 val)
{
	fake_of(c)->mm[nr] = val;
	return EMUL_OK;
}

/* Loads are remembered, stores write a pattern. */
static int fake_x87(struct emul_ctxt *c, struct emul_x87 *x)
{
	struct fake *f = fake_of(c);

	f->x87_runs++;
	if (x->store)
		memset(x->data, 0xb0 + x->len, x->len);
	f->x87 = *x;
	if (f->x87_stops)
		x->len = 0;
	return EMUL_OK;
}

static void fake_x87_undo(struct emul_ctxt *c)
{
	fake_of(c)->x87_runs--;
}

static int fake_fpu(struct emul_ctxt *c, enum emul_fpu what, u32 *val)
{
	fake_of(c)->fpu_mask |= 1u << what;
	if (what == EMUL_FPU_GET_CW)
		*val = 0x37f;
	else if (what == EMUL_FPU_GET_SW)
		*val = 0x3800;
	else if (what == EMUL_FPU_GET_CSR)
		*val = 0x1f80;
	else
		fake_of(c)->out_last = *val;
	return EMUL_OK;
}

static struct emul_seg fake_segs[EMUL_NR_SEG];
static u64 fake_rflags, fake_rsp;

/* What a caller leaves for later: counts what is really asked for. */
static void fake_load(struct emul_ctxt *c, u32 what)
{
	struct fake *f = fake_of(c);

	f->loads++;
	f->load_mask |= what;
	for (u32 s = 0; s < EMUL_NR_SEG; s++)
		if (what & EMUL_B_SEG(s))
			c->seg[s] = fake_segs[s];
	if (what & EMUL_B_RFLAGS)
		c->rflags = fake_rflags;
	if (what & EMUL_B_RSP)
		c->gpr[EMUL_RSP] = fake_rsp;
	if (what & EMUL_B_CPL)
		c->cpl = 0;
	if (what & EMUL_B_CR) {
		c->cr0 = 0x80000031;
		c->cr4 = 0x220;
		c->efer = 0xd01;
	}
}

static const struct emul_ops fake_ops = {
	.load = fake_load,
	.fetch = fake_fetch,
	.read = fake_read,
	.write = fake_write,
	.cmpxchg = fake_cmpxchg,
	.map = fake_map,
	.check = fake_check,
	.pio_in = fake_in,
	.pio_out = fake_out,
	.read_cr = fake_read_cr,
	.write_cr = fake_write_cr,
	.read_dr = fake_read_dr,
	.write_dr = fake_write_dr,
	.rdmsr = fake_rdmsr,
	.wrmsr = fake_wrmsr,
	.cpuid = fake_cpuid,
	.rdtsc = fake_rdtsc,
	.rdpmc = fake_rdpmc,
	.xcr = fake_xcr,
	.misc = fake_misc,
	.get_xmm = fake_get_xmm,
	.set_xmm = fake_set_xmm,
	.get_ymm = fake_get_ymm,
	.set_ymm = fake_set_ymm,
	.get_mm = fake_get_mm,
	.set_mm = fake_set_mm,
	.fpu = fake_fpu,
	.x87 = fake_x87,
	.x87_undo = fake_x87_undo,
};

static inline void fake_desc(struct fake *f, u32 at, u32 base, u32 limit, u32 attr)
{
	u64 d = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(attr & 0xff) << 40 |
	        (u64)(limit >> 16 & 0xf) << 48 | (u64)(attr >> 12 & 0xf) << 52 | (u64)(base >> 24) << 56;

	memcpy(f->mem + at, &d, 8);
}

/* A guest about to run the n bytes at FAKE_CODE in mode, at CPL cpl, with flat segments (real mode: base 0). */
static void fake_init(struct fake *f, enum emul_mode mode, u8 cpl, const void *code, u32 n)
{
	u32 dpl = (u32)cpl << 5;

	memset(f, 0, sizeof(*f));
	memcpy(f->mem + FAKE_CODE, code, n);
	memset(f->mem + FAKE_CODE + n, 0xcc, 32);
	emul_init(&f->c, &fake_ops, f, f->gpr);
	f->c.rip = FAKE_CODE;
	f->c.mode = mode;
	f->c.rflags = 2 | (mode == EMUL_VM86 ? BIT(17) : 0);
	f->c.cr0 = mode == EMUL_REAL ? 0x10 : 0x80000031;
	f->c.cr4 = 0x220;
	f->c.efer = mode == EMUL_LONG64 ? 0xd01 : 0;
	f->c.cpl = cpl;
	for (u32 s = 0; s < EMUL_NR_SEG; s++) {
		f->c.seg[s].base = 0;
		f->c.seg[s].sel = 0x10 | cpl;
		f->c.seg[s].limit = mode <= EMUL_VM86 ? 0xffff : 0xffffffff;
		f->c.seg[s].attr = mode <= EMUL_VM86 ? 0xf3 : (mode == EMUL_PROT16 ? 0x8093 : 0xc093) | dpl;
	}
	f->c.seg[EMUL_CS].sel = 8 | cpl;
	if (mode > EMUL_VM86)
		f->c.seg[EMUL_CS].attr = (mode == EMUL_LONG64 ? 0xa09b : mode == EMUL_PROT32 ? 0xc09b : 0x809b) | dpl;
	f->c.seg[EMUL_LDTR] = (struct emul_seg){ .base = FAKE_LDT, .limit = 0xff, .attr = 0x82, .sel = 0x28 };
	f->c.seg[EMUL_TR] = (struct emul_seg){ .base = FAKE_TSS, .limit = 0x2fff, .attr = 0x8b, .sel = 0x30 };
	f->c.gdtr = (struct emul_dtr){ .base = FAKE_GDT, .limit = 0xff };
	f->c.idtr = (struct emul_dtr){ .base = 0x123456, .limit = 0x3ff };
	f->c.have = EMUL_HAVE_ALL;
	f->gpr[EMUL_RSP] = mode <= EMUL_VM86 ? 0xf000 : FAKE_STACK;
	f->cr[0] = f->c.cr0;
}

/* Everything a fault must leave alone. */
struct fake_snap {
	u64 gpr[16], rip, rflags;
	struct emul_seg seg[EMUL_NR_SEG];
	struct emul_dtr gdtr, idtr;
	u8 cpl;
};

static inline void fake_snapshot(const struct fake *f, struct fake_snap *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->gpr, f->gpr, sizeof(s->gpr));
	s->rip = f->c.rip;
	s->rflags = f->c.rflags;
	for (u32 i = 0; i < EMUL_NR_SEG; i++) {
		s->seg[i].base = f->c.seg[i].base;
		s->seg[i].limit = f->c.seg[i].limit;
		s->seg[i].attr = f->c.seg[i].attr;
		s->seg[i].sel = f->c.seg[i].sel;
	}
	s->gdtr.base = f->c.gdtr.base;
	s->gdtr.limit = f->c.gdtr.limit;
	s->idtr.base = f->c.idtr.base;
	s->idtr.limit = f->c.idtr.limit;
	s->cpl = f->c.cpl;
}
