/*
 * Hardware task switch, up to the point where the new task has the processor. See taskswitch.h; source SDM vol. 3, "Task
 * Switching" and table "Exception Conditions…".
 */
#include "lib/string.h"
#include "vmm/policy/taskswitch_priv.h"

#define CR0_TS     BIT(3)
#define EFLAGS_NT  BIT(14)
#define EFLAGS_ALL 0x003f7fd5u /* defined flags; bit 1 is always 1 */
#define DR7_LOCAL  0x155ull    /* L0..L3 and LE */

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

bool ts_fail(struct taskswitch *t, u8 vector, u32 selector)
{
	t->r.fault.vector = vector;
	t->r.fault.has_error = true;
	t->r.fault.error = (selector & 0xfffc) | (t->q.external ? 1 : 0);
	t->r.fault.cr2 = 0;
	return false;
}

void ts_unpack(u64 d, u16 sel, struct ts_seg *s)
{
	s->sel = sel;
	s->ar = (u32)(d >> 40 & 0xf0ff);
	s->base = (d >> 16 & 0xffffff) | (d >> 56) << 24;
	s->limit = (u32)((d & 0xffff) | (d >> 32 & 0xf0000));
	if (d >> 55 & 1)
		s->limit = s->limit << 12 | 0xfff;
}

bool ts_gdt_slot(const struct ts_regs *regs, u16 sel, u64 *addr)
{
	*addr = regs->gdtr_base + (sel & 0xfff8);
	return !(sel & 4) && !ts_is_null(sel) && (sel | 7u) <= regs->gdtr_limit;
}

/* CALL, and gates: the old task stays busy, and the new one has a link to it. */
static bool nests(const struct taskswitch *t)
{
	return t->q.source == TS_CALL || t->q.source == TS_GATE;
}

/* ------------------------------------------------------------------------------------------------------------------
 * Before the commit: the old task's faults
 */

static bool check_new_tss(struct taskswitch *t)
{
	u16 sel = t->q.selector;
	bool iret = t->q.source == TS_IRET;
	u32 type;
	u64 desc;

	if (!ts_gdt_slot(&t->old, sel, &t->slot))
		return ts_fail(t, iret ? VEC_TS : VEC_GP, sel);
	if (!ts_read(t, t->slot, &desc, 8))
		return false;
	ts_unpack(desc, sel, &t->tss);
	type = AR_TYPE(t->tss.ar);
	/* Types 1, 3, 9 and 11 are TSSs; IRET goes back to a busy one, everything else to one that is not. */
	if (t->tss.ar & AR_S || (type & ~(TYPE_BUSY | TYPE_32)) != TYPE_TSS16 || iret != !!(type & TYPE_BUSY))
		return ts_fail(t, iret ? VEC_TS : VEC_GP, sel);
	if (!(t->tss.ar & AR_P))
		return ts_fail(t, VEC_NP, sel);
	t->new32 = type & TYPE_32;
	if (t->tss.limit < (t->new32 ? sizeof(struct tss32) : sizeof(struct tss16)) - 1)
		return ts_fail(t, VEC_TS, sel);
	return true;
}

static bool check_old_tss(struct taskswitch *t)
{
	const struct ts_seg *tr = &t->old.seg[TS_TR];
	bool old32 = tr->ar & TYPE_32;
	u32 start = old32 ? TSS32_SAVED : TSS16_SAVED, len = old32 ? TSS32_SAVELEN : TSS16_SAVELEN;

	if (tr->limit < start + len - 1)
		return ts_fail(t, VEC_TS, tr->sel);
	return ts_probe(t, tr->base + start, len);
}

/* Fills t->n from the new TSS, hidden parts of the segments still the old ones. */
static bool read_new_tss(struct taskswitch *t)
{
	struct tss32 t32;
	struct tss16 t16;

	t->n = t->old;
	if (t->new32) {
		if (!ts_read(t, t->tss.base, &t32, sizeof(t32)))
			return false;
		t->n.eip = t32.eip;
		t->n.eflags = t32.eflags;
		memcpy(t->n.gpr, t32.gpr, sizeof(t32.gpr));
		for (u32 i = 0; i < 6; i++)
			t->n.seg[TS_ES + i].sel = t32.seg[i].sel;
		if (t->old.cr0 & CR0_PG)
			t->n.cr3 = t32.cr3;
		t->ldt = t32.ldt;
		t->trap = t32.trap & 1;
		return true;
	}
	if (!ts_read(t, t->tss.base, &t16, sizeof(t16)))
		return false;
	t->n.eip = t16.ip;
	t->n.eflags = t16.flags;
	for (u32 i = 0; i < 8; i++)
		t->n.gpr[i] = 0xffff0000u | t16.gpr[i];
	for (u32 i = 0; i < 4; i++)
		t->n.seg[TS_ES + i].sel = t16.seg[i];
	t->n.seg[TS_FS].sel = 0;
	t->n.seg[TS_GS].sel = 0;
	t->ldt = t16.ldt;
	t->trap = false;
	return true;
}

static bool probe_commit(struct taskswitch *t)
{
	const struct ts_seg *tr = &t->old.seg[TS_TR];

	if (!nests(t)) {
		if (!ts_gdt_slot(&t->old, tr->sel, &t->old_slot))
			return ts_fail(t, VEC_TS, tr->sel);
		if (!ts_probe(t, t->old_slot + 5, 1))
			return false;
	}
	if (t->q.source != TS_IRET && !ts_probe(t, t->slot + 5, 1))
		return false;
	return !nests(t) || ts_probe(t, t->tss.base, 2);
}

/* ------------------------------------------------------------------------------------------------------------------
 * The commit: old TSS, busy bits, back link. Everything written here has been probed, so that a failure means that the
 * guest changed its tables meanwhile.
 */

static bool save_old_tss(struct taskswitch *t)
{
	const struct ts_regs *old = &t->old;
	const struct ts_seg *tr = &old->seg[TS_TR];
	u32 eflags = t->q.source == TS_IRET ? old->eflags & ~(u32)EFLAGS_NT : old->eflags;
	struct tss32 t32;
	struct tss16 t16;

	if (tr->ar & TYPE_32) {
		/* The reserved upper halves of the selectors keep what they hold. */
		if (!ts_read(t, tr->base + TSS32_SAVED, (u8 *)&t32 + TSS32_SAVED, TSS32_SAVELEN))
			return false;
		t32.eip = t->q.next_eip;
		t32.eflags = eflags;
		memcpy(t32.gpr, old->gpr, sizeof(t32.gpr));
		for (u32 i = 0; i < 6; i++)
			t32.seg[i].sel = old->seg[TS_ES + i].sel;
		return ts_write(t, tr->base + TSS32_SAVED, (u8 *)&t32 + TSS32_SAVED, TSS32_SAVELEN);
	}
	t16.ip = (u16)t->q.next_eip;
	t16.flags = (u16)eflags;
	for (u32 i = 0; i < 8; i++)
		t16.gpr[i] = (u16)old->gpr[i];
	for (u32 i = 0; i < 4; i++)
		t16.seg[i] = old->seg[TS_ES + i].sel;
	return ts_write(t, tr->base + TSS16_SAVED, (u8 *)&t16 + TSS16_SAVED, TSS16_SAVELEN);
}

static bool set_busy(struct taskswitch *t, u64 slot, bool busy)
{
	u8 b;

	if (!ts_read(t, slot + 5, &b, 1))
		return false;
	b = (u8)(busy ? b | TYPE_BUSY : b & ~TYPE_BUSY);
	return ts_write(t, slot + 5, &b, 1);
}

static bool mark_tasks(struct taskswitch *t)
{
	if (!nests(t) && !set_busy(t, t->old_slot, false))
		return false;
	if (t->q.source != TS_IRET && !set_busy(t, t->slot, true))
		return false;
	return !nests(t) || ts_write(t, t->tss.base, &t->old.seg[TS_TR].sel, 2);
}

static void load_vm86(struct ts_regs *n)
{
	for (u32 i = TS_ES; i <= TS_GS; i++) {
		n->seg[i].base = (u64)n->seg[i].sel << 4;
		n->seg[i].limit = 0xffff;
		n->seg[i].ar = 0xf3;
	}
}

/* Behind the save: an IRET may name the old TSS itself, and TSSs may overlap. */
static bool take_registers(struct taskswitch *t)
{
	if (!read_new_tss(t))
		return false;
	t->n.eflags = (t->n.eflags & EFLAGS_ALL) | 2;
	if (nests(t))
		t->n.eflags |= EFLAGS_NT;
	t->n.cr0 |= CR0_TS;
	t->n.dr7 &= ~DR7_LOCAL;
	ts_blank_segments(&t->n);
	if (t->n.eflags & EFLAGS_VM)
		load_vm86(&t->n);
	t->n.seg[TS_TR] = t->tss;
	t->n.seg[TS_TR].ar |= TYPE_BUSY;
	return true;
}

/* ------------------------------------------------------------------------------------------------------------------
 * The steps
 */

static bool load_ds(struct taskswitch *t)
{
	return ts_load_data(t, TS_DS);
}

static bool load_es(struct taskswitch *t)
{
	return ts_load_data(t, TS_ES);
}

static bool load_fs(struct taskswitch *t)
{
	return ts_load_data(t, TS_FS);
}

static bool load_gs(struct taskswitch *t)
{
	return ts_load_data(t, TS_GS);
}

static const struct {
	bool (*fn)(struct taskswitch *t);
	enum ts_status failed; /* what it is when that returns false */
} steps[] = {
	{ check_new_tss, TS_FAULT_OLD }, { check_old_tss, TS_FAULT_OLD }, { read_new_tss, TS_FAULT_OLD },
	{ probe_commit, TS_FAULT_OLD },  { save_old_tss, TS_ABORT },      { mark_tasks, TS_ABORT },
	{ take_registers, TS_ABORT },    { ts_load_cr3, TS_FAULT_NEW },   { ts_load_ldtr, TS_FAULT_NEW },
	{ ts_load_cs, TS_FAULT_NEW },    { ts_load_ss, TS_FAULT_NEW },    { load_ds, TS_FAULT_NEW },
	{ load_es, TS_FAULT_NEW },       { load_fs, TS_FAULT_NEW },       { load_gs, TS_FAULT_NEW },
	{ ts_arrive, TS_FAULT_NEW },
};

void taskswitch_begin(struct taskswitch *t, const struct ts_request *q)
{
	t->q = *q;
	memset(&t->r, 0, sizeof(t->r));
	t->step = 0;
}

enum ts_status taskswitch_step(struct taskswitch *t, const struct ts_ops *ops, void *ctx)
{
	u32 step = t->step++;

	t->ops = ops;
	t->ctx = ctx;
	if (!steps[step].fn(t))
		return steps[step].failed;
	if (t->step < ARRAY_SIZE(steps))
		return TS_MORE;
	t->r.debug_trap = t->trap;
	return TS_DONE;
}
