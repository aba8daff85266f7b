/* Hardware task switch. See taskswitch.h; source SDM vol. 3, "Task Switching" and table "Exception Conditions…". */
#include "vmm/policy/taskswitch.h"

#include "arch/x86/exc.h"
#include "lib/string.h"

#define CR0_PE     BIT(0)
#define CR0_TS     BIT(3)
#define CR0_PG     BIT(31)
#define EFLAGS_NT  BIT(14)
#define EFLAGS_VM  BIT(17)
#define EFLAGS_ALL 0x003f7fd5u /* defined flags; bit 1 is always 1 */
#define DR7_LOCAL  0x155ull    /* L0..L3 and LE */

/* Segment access rights, VMCS format. */
#define AR_A        0x1u
#define AR_W        0x2u /* data: writable */
#define AR_R        0x2u /* code: readable */
#define AR_C        0x4u /* code: conforming */
#define AR_CODE     0x8u
#define AR_S        0x10u
#define AR_P        0x80u
#define AR_DB       0x4000u
#define AR_UNUSABLE 0x10000u
#define AR_DPL(a)   ((a) >> 5 & 3)
#define AR_TYPE(a)  ((a)&0xf)

/* System descriptor types; bit 1 = busy, bit 3 = 32 bits. */
#define TYPE_TSS16 1u
#define TYPE_LDT   2u
#define TYPE_BUSY  2u
#define TYPE_32    8u

/* Task-state segments, SDM figures "32-Bit Task-State Segment (TSS)" and "16-Bit TSS Format". */
struct tss32 {
	u16 link, rsvd0;
	u32 esp0, ss0, esp1, ss1, esp2, ss2;
	u32 cr3, eip, eflags, gpr[8];
	struct {
		u16 sel, rsvd;
	} seg[6]; /* ES CS SS DS FS GS */
	u16 ldt, rsvd1;
	u16 trap, iomap;
} __packed;
_Static_assert(sizeof(struct tss32) == 104, "32-bit TSS");
_Static_assert(offsetof(struct tss32, eip) == 0x20 && offsetof(struct tss32, ldt) == 0x60, "32-bit TSS");

struct tss16 {
	u16 link;
	u16 sp0, ss0, sp1, ss1, sp2, ss2;
	u16 ip, flags, gpr[8];
	u16 seg[4]; /* ES CS SS DS */
	u16 ldt;
} __packed;
_Static_assert(sizeof(struct tss16) == 44, "16-bit TSS");
_Static_assert(offsetof(struct tss16, ip) == 0x0e && offsetof(struct tss16, ldt) == 0x2a, "16-bit TSS");

#define TSS32_SAVED   offsetof(struct tss32, eip)
#define TSS32_SAVELEN (offsetof(struct tss32, ldt) - offsetof(struct tss32, eip))
#define TSS16_SAVED   offsetof(struct tss16, ip)
#define TSS16_SAVELEN (offsetof(struct tss16, ldt) - offsetof(struct tss16, ip))

/* One switch under way. */
struct sw {
	const struct ts_request *q;
	const struct ts_ops *ops;
	void *ctx;
	struct ts_result *r;
	struct ts_regs n; /* the new task's registers, as far as they are known */
	bool new32;
};

static bool fail(struct sw *w, u8 vector, u32 selector)
{
	w->r->fault.vector = vector;
	w->r->fault.has_error = true;
	w->r->fault.error = (selector & 0xfffc) | (w->q->external ? 1 : 0);
	w->r->fault.cr2 = 0;
	return false;
}

static bool rd(struct sw *w, u64 addr, void *buf, u32 len)
{
	return w->ops->read(w->ctx, (u32)addr, buf, len, &w->r->fault) == 0;
}

static bool wr(struct sw *w, u64 addr, const void *buf, u32 len)
{
	return w->ops->write(w->ctx, (u32)addr, buf, len, &w->r->fault) == 0;
}

static bool probe(struct sw *w, u64 addr, u32 len)
{
	return w->ops->probe(w->ctx, (u32)addr, len, &w->r->fault) == 0;
}

static void desc_to_seg(u64 d, u16 sel, struct ts_seg *s)
{
	s->sel = sel;
	s->ar = (u32)(d >> 40 & 0xf0ff);
	s->base = (d >> 16 & 0xffffff) | (d >> 56) << 24;
	s->limit = (u32)((d & 0xffff) | (d >> 32 & 0xf0000));
	if (d >> 55 & 1)
		s->limit = s->limit << 12 | 0xfff;
}

static bool is_null(u16 sel)
{
	return !(sel & 0xfffc);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Before the commit: the old task's faults
 */

/* Linear address of a GDT descriptor; false when the selector is not in the GDT. */
static bool gdt_slot(const struct ts_regs *regs, u16 sel, u64 *addr)
{
	*addr = regs->gdtr_base + (sel & 0xfff8);
	return !(sel & 4) && !is_null(sel) && (sel | 7u) <= regs->gdtr_limit;
}

static bool check_new_tss(struct sw *w, const struct ts_regs *regs, struct ts_seg *tss, u64 *slot)
{
	u16 sel = w->q->selector;
	bool iret = w->q->source == TS_IRET;
	u32 type;
	u64 desc;

	if (!gdt_slot(regs, sel, slot))
		return fail(w, iret ? VEC_TS : VEC_GP, sel);
	if (!rd(w, *slot, &desc, 8))
		return false;
	desc_to_seg(desc, sel, tss);
	type = AR_TYPE(tss->ar);
	/* Types 1, 3, 9 and 11 are TSSs; IRET goes back to a busy one, everything else to one that is not. */
	if (tss->ar & AR_S || (type & ~(TYPE_BUSY | TYPE_32)) != TYPE_TSS16 || iret != !!(type & TYPE_BUSY))
		return fail(w, iret ? VEC_TS : VEC_GP, sel);
	if (!(tss->ar & AR_P))
		return fail(w, VEC_NP, sel);
	w->new32 = type & TYPE_32;
	if (tss->limit < (w->new32 ? sizeof(struct tss32) : sizeof(struct tss16)) - 1)
		return fail(w, VEC_TS, sel);
	return true;
}

static bool check_old_tss(struct sw *w, const struct ts_regs *regs)
{
	const struct ts_seg *tr = &regs->seg[TS_TR];
	bool old32 = tr->ar & TYPE_32;
	u32 start = old32 ? TSS32_SAVED : TSS16_SAVED, len = old32 ? TSS32_SAVELEN : TSS16_SAVELEN;

	if (tr->limit < start + len - 1)
		return fail(w, VEC_TS, tr->sel);
	return probe(w, tr->base + start, len);
}

/* Fills w->n from the new TSS, hidden parts of the segments still the old ones. */
static bool read_new_tss(struct sw *w, const struct ts_regs *regs, const struct ts_seg *tss, u16 *ldt, bool *trap)
{
	struct tss32 t32;
	struct tss16 t16;

	w->n = *regs;
	if (w->new32) {
		if (!rd(w, tss->base, &t32, sizeof(t32)))
			return false;
		w->n.eip = t32.eip;
		w->n.eflags = t32.eflags;
		memcpy(w->n.gpr, t32.gpr, sizeof(t32.gpr));
		for (u32 i = 0; i < 6; i++)
			w->n.seg[TS_ES + i].sel = t32.seg[i].sel;
		if (regs->cr0 & CR0_PG)
			w->n.cr3 = t32.cr3;
		*ldt = t32.ldt;
		*trap = t32.trap & 1;
		return true;
	}
	if (!rd(w, tss->base, &t16, sizeof(t16)))
		return false;
	w->n.eip = t16.ip;
	w->n.eflags = t16.flags;
	for (u32 i = 0; i < 8; i++)
		w->n.gpr[i] = 0xffff0000u | t16.gpr[i];
	for (u32 i = 0; i < 4; i++)
		w->n.seg[TS_ES + i].sel = t16.seg[i];
	w->n.seg[TS_FS].sel = 0;
	w->n.seg[TS_GS].sel = 0;
	*ldt = t16.ldt;
	*trap = false;
	return true;
}

/* ------------------------------------------------------------------------------------------------------------------
 * The commit: old TSS, busy bits, back link
 */

static bool save_old_tss(struct sw *w, const struct ts_regs *regs, u32 eflags)
{
	const struct ts_seg *tr = &regs->seg[TS_TR];
	struct tss32 t32;
	struct tss16 t16;

	if (tr->ar & TYPE_32) {
		/* The reserved upper halves of the selectors keep what they hold. */
		if (!rd(w, tr->base + TSS32_SAVED, (u8 *)&t32 + TSS32_SAVED, TSS32_SAVELEN))
			return false;
		t32.eip = w->q->next_eip;
		t32.eflags = eflags;
		memcpy(t32.gpr, regs->gpr, sizeof(t32.gpr));
		for (u32 i = 0; i < 6; i++)
			t32.seg[i].sel = regs->seg[TS_ES + i].sel;
		return wr(w, tr->base + TSS32_SAVED, (u8 *)&t32 + TSS32_SAVED, TSS32_SAVELEN);
	}
	t16.ip = (u16)w->q->next_eip;
	t16.flags = (u16)eflags;
	for (u32 i = 0; i < 8; i++)
		t16.gpr[i] = (u16)regs->gpr[i];
	for (u32 i = 0; i < 4; i++)
		t16.seg[i] = regs->seg[TS_ES + i].sel;
	return wr(w, tr->base + TSS16_SAVED, (u8 *)&t16 + TSS16_SAVED, TSS16_SAVELEN);
}

static bool set_busy(struct sw *w, u64 slot, bool busy)
{
	u8 b;

	if (!rd(w, slot + 5, &b, 1))
		return false;
	b = (u8)(busy ? b | TYPE_BUSY : b & ~TYPE_BUSY);
	return wr(w, slot + 5, &b, 1);
}

/* Everything written here has been probed, so that a failure means that the guest changed its tables meanwhile. */
static bool commit(struct sw *w, const struct ts_regs *regs, const struct ts_seg *tss, u64 slot, u64 old_slot)
{
	enum ts_source src = w->q->source;
	bool nested = src == TS_CALL || src == TS_GATE;
	u32 eflags = regs->eflags;

	if (src == TS_IRET)
		eflags &= ~(u32)EFLAGS_NT;
	if (!save_old_tss(w, regs, eflags))
		return false;
	if (!nested && !set_busy(w, old_slot, false))
		return false;
	if (src != TS_IRET && !set_busy(w, slot, true))
		return false;
	if (nested && !wr(w, tss->base, &regs->seg[TS_TR].sel, 2))
		return false;
	return true;
}

static bool probe_commit(struct sw *w, const struct ts_regs *regs, const struct ts_seg *tss, u64 slot, u64 *old_slot)
{
	enum ts_source src = w->q->source;
	bool nested = src == TS_CALL || src == TS_GATE;

	if (!nested) {
		if (!gdt_slot(regs, regs->seg[TS_TR].sel, old_slot))
			return fail(w, VEC_TS, regs->seg[TS_TR].sel);
		if (!probe(w, *old_slot + 5, 1))
			return false;
	}
	if (src != TS_IRET && !probe(w, slot + 5, 1))
		return false;
	return !nested || probe(w, tss->base, 2);
}

/* ------------------------------------------------------------------------------------------------------------------
 * In the new task
 */

static void make_unusable(struct ts_seg *s)
{
	s->ar = AR_UNUSABLE;
	s->base = 0;
	s->limit = 0;
}

/* Until they are loaded, the segments are such that VM entry takes them and a fault can be delivered. */
static void blank_segments(struct ts_regs *n)
{
	u32 cpl = n->seg[TS_CS].sel & 3;

	for (u32 i = TS_ES; i <= TS_LDTR; i++)
		make_unusable(&n->seg[i]);
	n->seg[TS_SS].ar |= cpl << 5;
	n->seg[TS_CS].ar = AR_DB | 1u << 15 | AR_P | AR_S | cpl << 5 | AR_CODE | AR_R | AR_A;
	n->seg[TS_CS].limit = 0xffffffff;
}

static void load_vm86(struct ts_regs *n)
{
	for (u32 i = TS_ES; i <= TS_GS; i++) {
		n->seg[i].base = (u64)n->seg[i].sel << 4;
		n->seg[i].limit = 0xffff;
		n->seg[i].ar = 0xf3;
	}
}

/* Reads the descriptor of a non-null selector. #TS(selector) when it lies outside its table. */
static bool read_desc(struct sw *w, u16 sel, u64 *slot, struct ts_seg *out)
{
	const struct ts_seg *ldtr = &w->n.seg[TS_LDTR];
	u64 base = w->n.gdtr_base, desc;
	u32 limit = w->n.gdtr_limit;

	if (sel & 4) {
		if (ldtr->ar & AR_UNUSABLE)
			return fail(w, VEC_TS, sel);
		base = ldtr->base;
		limit = ldtr->limit;
	}
	if ((sel | 7u) > limit)
		return fail(w, VEC_TS, sel);
	*slot = base + (sel & 0xfff8);
	if (!rd(w, *slot, &desc, 8))
		return false;
	desc_to_seg(desc, sel, out);
	return true;
}

static bool load_ldtr(struct sw *w, u16 sel)
{
	struct ts_seg s;
	u64 slot, desc;

	w->n.seg[TS_LDTR].sel = sel;
	if (is_null(sel))
		return true;
	if (!gdt_slot(&w->n, sel, &slot))
		return fail(w, VEC_TS, sel);
	if (!rd(w, slot, &desc, 8))
		return false;
	desc_to_seg(desc, sel, &s);
	if (s.ar & AR_S || AR_TYPE(s.ar) != TYPE_LDT || !(s.ar & AR_P))
		return fail(w, VEC_TS, sel);
	w->n.seg[TS_LDTR] = s;
	return true;
}

/* The CPU marks a code or data descriptor accessed when it loads it. */
static bool mark_accessed(struct sw *w, u64 slot, struct ts_seg *s)
{
	u8 access;

	if (s->ar & AR_A)
		return true;
	s->ar |= AR_A;
	access = (u8)s->ar;
	return wr(w, slot + 5, &access, 1);
}

static bool load_cs(struct sw *w)
{
	u16 sel = w->n.seg[TS_CS].sel;
	u32 rpl = sel & 3;
	struct ts_seg s;
	u64 slot;

	if (is_null(sel))
		return fail(w, VEC_TS, sel);
	if (!read_desc(w, sel, &slot, &s))
		return false;
	if (!(s.ar & AR_S) || !(s.ar & AR_CODE))
		return fail(w, VEC_TS, sel);
	if (s.ar & AR_C ? AR_DPL(s.ar) > rpl : AR_DPL(s.ar) != rpl)
		return fail(w, VEC_TS, sel);
	if (!(s.ar & AR_P))
		return fail(w, VEC_NP, sel);
	if (!mark_accessed(w, slot, &s))
		return false;
	w->n.seg[TS_CS] = s;
	return true;
}

static bool load_ss(struct sw *w, u32 cpl)
{
	u16 sel = w->n.seg[TS_SS].sel;
	struct ts_seg s;
	u64 slot;

	if (is_null(sel))
		return fail(w, VEC_TS, sel);
	if (!read_desc(w, sel, &slot, &s))
		return false;
	if (!(s.ar & AR_S) || s.ar & AR_CODE || !(s.ar & AR_W))
		return fail(w, VEC_TS, sel);
	if (!(s.ar & AR_P))
		return fail(w, VEC_SS, sel);
	if (AR_DPL(s.ar) != cpl || (sel & 3) != cpl)
		return fail(w, VEC_TS, sel);
	if (!mark_accessed(w, slot, &s))
		return false;
	w->n.seg[TS_SS] = s;
	return true;
}

static bool load_data(struct sw *w, u32 i, u32 cpl)
{
	u16 sel = w->n.seg[i].sel;
	struct ts_seg s;
	u64 slot;
	bool conforming;

	if (is_null(sel))
		return true;
	if (!read_desc(w, sel, &slot, &s))
		return false;
	if (!(s.ar & AR_S) || (s.ar & AR_CODE && !(s.ar & AR_R)))
		return fail(w, VEC_TS, sel);
	conforming = s.ar & AR_CODE && s.ar & AR_C;
	if (!conforming && AR_DPL(s.ar) < MAX(cpl, (u32)(sel & 3)))
		return fail(w, VEC_TS, sel);
	if (!(s.ar & AR_P))
		return fail(w, VEC_NP, sel);
	if (!mark_accessed(w, slot, &s))
		return false;
	w->n.seg[i] = s;
	return true;
}

static bool load_segments(struct sw *w, u16 ldt)
{
	static const u8 data[] = { TS_DS, TS_ES, TS_FS, TS_GS };
	u32 cpl = w->n.seg[TS_CS].sel & 3;

	if (!load_ldtr(w, ldt))
		return false;
	if (w->n.eflags & EFLAGS_VM)
		return true;
	if (!load_cs(w) || !load_ss(w, cpl))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(data); i++) {
		if (!load_data(w, data[i], cpl))
			return false;
	}
	return true;
}

/* The error code goes onto the new task's stack, with the new TSS's operand size. */
static bool push_error(struct sw *w)
{
	const struct ts_seg *ss = &w->n.seg[TS_SS];
	bool vm = w->n.eflags & EFLAGS_VM;
	u32 len = w->new32 ? 4 : 2, esp = w->n.gpr[4], mask = ss->ar & AR_DB ? 0xffffffffu : 0xffff;
	u32 sp = (esp - len) & mask, top = sp + len - 1;
	bool down = (ss->ar & 0xc) == 0x4; /* expand-down data */
	u32 max = mask;

	if (top < sp || (down ? sp <= ss->limit || top > max : top > ss->limit))
		return fail(w, VEC_SS, 0);
	if (w->ops->push(w->ctx, (u32)(ss->base + sp), &w->q->error, len, vm ? 3 : w->n.seg[TS_CS].sel & 3,
	                 &w->r->fault) != 0)
		return false;
	w->n.gpr[4] = (esp & ~mask) | sp;
	return true;
}

static bool enter_new(struct sw *w, const struct ts_regs *regs, u16 ldt)
{
	/* With PAE the PDPTEs are loaded even when CR3 keeps its value; the callee knows. */
	if (w->new32 && regs->cr0 & CR0_PG) {
		u64 cr3 = w->n.cr3;

		w->n.cr3 = regs->cr3;
		if (w->ops->load_cr3(w->ctx, cr3, &w->r->fault) != 0)
			return false;
		w->n.cr3 = cr3;
	}
	if (!load_segments(w, ldt))
		return false;
	if (w->q->has_error && !push_error(w))
		return false;
	if (w->n.eip > w->n.seg[TS_CS].limit)
		return fail(w, VEC_GP, 0);
	return true;
}

static void finish_registers(struct sw *w, const struct ts_seg *tss)
{
	enum ts_source src = w->q->source;

	w->n.eflags = (w->n.eflags & EFLAGS_ALL) | 2;
	if (src == TS_CALL || src == TS_GATE)
		w->n.eflags |= EFLAGS_NT;
	w->n.cr0 |= CR0_TS;
	w->n.dr7 &= ~DR7_LOCAL;
	blank_segments(&w->n);
	if (w->n.eflags & EFLAGS_VM)
		load_vm86(&w->n);
	w->n.seg[TS_TR] = *tss;
	w->n.seg[TS_TR].ar |= TYPE_BUSY;
}

enum ts_status taskswitch_run(const struct ts_request *q, struct ts_regs *regs, const struct ts_ops *ops, void *ctx,
                              struct ts_result *r)
{
	struct sw w = { .q = q, .ops = ops, .ctx = ctx, .r = r };
	struct ts_seg tss;
	u64 slot, old_slot = 0;
	bool trap, ok;
	u16 ldt;

	memset(r, 0, sizeof(*r));
	if (!check_new_tss(&w, regs, &tss, &slot) || !check_old_tss(&w, regs) ||
	    !read_new_tss(&w, regs, &tss, &ldt, &trap) || !probe_commit(&w, regs, &tss, slot, &old_slot))
		return TS_FAULT_OLD;
	/* Read again behind the save: an IRET may name the old TSS itself, and TSSs may overlap. */
	if (!commit(&w, regs, &tss, slot, old_slot) || !read_new_tss(&w, regs, &tss, &ldt, &trap))
		return TS_ABORT;
	finish_registers(&w, &tss);
	ok = enter_new(&w, regs, ldt);
	*regs = w.n;
	if (!ok)
		return TS_FAULT_NEW;
	r->debug_trap = trap;
	return TS_DONE;
}
