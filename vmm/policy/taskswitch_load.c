/* Hardware task switch: what is loaded in the new task, whose faults are its own. See taskswitch.h. */
#include "vmm/policy/taskswitch_priv.h"

static bool is_vm86(const struct taskswitch *t)
{
	return t->n.eflags & EFLAGS_VM;
}

/* Of what is not VM86: CS has been loaded, or is about to be. */
static u32 cpl_of(const struct taskswitch *t)
{
	return t->n.seg[TS_CS].sel & 3;
}

static void make_unusable(struct ts_seg *s)
{
	s->ar = AR_UNUSABLE;
	s->base = 0;
	s->limit = 0;
}

void ts_blank_segments(struct ts_regs *n)
{
	u32 cpl = n->seg[TS_CS].sel & 3;

	for (u32 i = TS_ES; i <= TS_LDTR; i++)
		make_unusable(&n->seg[i]);
	n->seg[TS_SS].ar |= cpl << 5;
	n->seg[TS_CS].ar = AR_DB | 1u << 15 | AR_P | AR_S | cpl << 5 | AR_CODE | AR_R | AR_A;
	n->seg[TS_CS].limit = 0xffffffff;
}

/* Reads the descriptor of a non-null selector. #TS(selector) when it lies outside its table. */
static bool read_desc(struct taskswitch *t, u16 sel, u64 *slot, struct ts_seg *out)
{
	const struct ts_seg *ldtr = &t->n.seg[TS_LDTR];
	u64 base = t->n.gdtr_base, desc;
	u32 limit = t->n.gdtr_limit;

	if (sel & 4) {
		if (ldtr->ar & AR_UNUSABLE)
			return ts_fail(t, VEC_TS, sel);
		base = ldtr->base;
		limit = ldtr->limit;
	}
	if ((sel | 7u) > limit)
		return ts_fail(t, VEC_TS, sel);
	*slot = base + (sel & 0xfff8);
	if (!ts_read(t, *slot, &desc, 8))
		return false;
	ts_unpack(desc, sel, out);
	return true;
}

bool ts_load_ldtr(struct taskswitch *t)
{
	u16 sel = t->ldt;
	struct ts_seg s;
	u64 slot, desc;

	t->n.seg[TS_LDTR].sel = sel;
	if (ts_is_null(sel))
		return true;
	if (!ts_gdt_slot(&t->n, sel, &slot))
		return ts_fail(t, VEC_TS, sel);
	if (!ts_read(t, slot, &desc, 8))
		return false;
	ts_unpack(desc, sel, &s);
	if (s.ar & AR_S || AR_TYPE(s.ar) != TYPE_LDT || !(s.ar & AR_P))
		return ts_fail(t, VEC_TS, sel);
	t->n.seg[TS_LDTR] = s;
	return true;
}

/* The CPU marks a code or data descriptor accessed when it loads it. */
static bool mark_accessed(struct taskswitch *t, u64 slot, struct ts_seg *s)
{
	u8 access;

	if (s->ar & AR_A)
		return true;
	s->ar |= AR_A;
	access = (u8)s->ar;
	return ts_write(t, slot + 5, &access, 1);
}

bool ts_load_cs(struct taskswitch *t)
{
	u16 sel = t->n.seg[TS_CS].sel;
	u32 rpl = sel & 3;
	struct ts_seg s;
	u64 slot;

	if (is_vm86(t))
		return true;
	if (ts_is_null(sel))
		return ts_fail(t, VEC_TS, sel);
	if (!read_desc(t, sel, &slot, &s))
		return false;
	if (!(s.ar & AR_S) || !(s.ar & AR_CODE))
		return ts_fail(t, VEC_TS, sel);
	if (s.ar & AR_C ? AR_DPL(s.ar) > rpl : AR_DPL(s.ar) != rpl)
		return ts_fail(t, VEC_TS, sel);
	if (!(s.ar & AR_P))
		return ts_fail(t, VEC_NP, sel);
	if (!mark_accessed(t, slot, &s))
		return false;
	t->n.seg[TS_CS] = s;
	return true;
}

bool ts_load_ss(struct taskswitch *t)
{
	u16 sel = t->n.seg[TS_SS].sel;
	u32 cpl = cpl_of(t);
	struct ts_seg s;
	u64 slot;

	if (is_vm86(t))
		return true;
	if (ts_is_null(sel))
		return ts_fail(t, VEC_TS, sel);
	if (!read_desc(t, sel, &slot, &s))
		return false;
	if (!(s.ar & AR_S) || s.ar & AR_CODE || !(s.ar & AR_W))
		return ts_fail(t, VEC_TS, sel);
	if (!(s.ar & AR_P))
		return ts_fail(t, VEC_SS, sel);
	if (AR_DPL(s.ar) != cpl || (sel & 3) != cpl)
		return ts_fail(t, VEC_TS, sel);
	if (!mark_accessed(t, slot, &s))
		return false;
	t->n.seg[TS_SS] = s;
	return true;
}

bool ts_load_data(struct taskswitch *t, enum ts_seg_index i)
{
	u16 sel = t->n.seg[i].sel;
	u32 cpl = cpl_of(t);
	struct ts_seg s;
	u64 slot;
	bool conforming;

	if (is_vm86(t))
		return true;
	if (ts_is_null(sel))
		return true;
	if (!read_desc(t, sel, &slot, &s))
		return false;
	if (!(s.ar & AR_S) || (s.ar & AR_CODE && !(s.ar & AR_R)))
		return ts_fail(t, VEC_TS, sel);
	conforming = s.ar & AR_CODE && s.ar & AR_C;
	if (!conforming && AR_DPL(s.ar) < MAX(cpl, (u32)(sel & 3)))
		return ts_fail(t, VEC_TS, sel);
	if (!(s.ar & AR_P))
		return ts_fail(t, VEC_NP, sel);
	if (!mark_accessed(t, slot, &s))
		return false;
	t->n.seg[i] = s;
	return true;
}

/* The error code goes onto the new task's stack, with the new TSS's operand size. */
static bool push_error(struct taskswitch *t)
{
	const struct ts_seg *ss = &t->n.seg[TS_SS];
	u32 len = t->new32 ? 4 : 2, esp = t->n.gpr[4], mask = ss->ar & AR_DB ? 0xffffffffu : 0xffff;
	u32 sp = (esp - len) & mask, top = sp + len - 1;
	bool down = (ss->ar & 0xc) == 0x4; /* expand-down data */
	u32 max = mask;

	if (top < sp || (down ? sp <= ss->limit || top > max : top > ss->limit))
		return ts_fail(t, VEC_SS, 0);
	if (t->ops->push(t->ctx, (u32)(ss->base + sp), &t->q.error, len, is_vm86(t) ? 3 : cpl_of(t), &t->r.fault) !=
	    0)
		return false;
	t->n.gpr[4] = (esp & ~mask) | sp;
	return true;
}

bool ts_load_cr3(struct taskswitch *t)
{
	u64 cr3 = t->n.cr3;

	if (!t->new32 || !(t->old.cr0 & CR0_PG))
		return true;
	/* With PAE the PDPTEs are loaded even when CR3 keeps its value; the callee knows. */
	t->n.cr3 = t->old.cr3;
	if (t->ops->load_cr3(t->ctx, cr3, &t->r.fault) != 0)
		return false;
	t->n.cr3 = cr3;
	return true;
}

bool ts_arrive(struct taskswitch *t)
{
	if (t->q.has_error && !push_error(t))
		return false;
	return t->n.eip <= t->n.seg[TS_CS].limit || ts_fail(t, VEC_GP, 0);
}
