/* Commands that look into a guest: registers, exit rings, the dump of all there is. */
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"

#define LAST_DEFAULT   20
#define DUMP_TRACE     32
#define TRACE_SCAN_MAX 65536u /* records looked at for those of one guest */

static void regs_row(struct cmd_run *r, u32 vcpu)
{
	const struct mon_regs *g = &r->scratch->regs;
	const u64 more[] = { g->rip,      g->rflags,    g->cr0,      g->cr2,       g->cr3, g->cr4, g->cr8, g->efer,
		             g->gdt_base, g->gdt_limit, g->idt_base, g->idt_limit, g->dr6, g->dr7, g->xcr0 };

	out_row(r->out);
	out_u64(r->out, vcpu);
	out_str(r->out, g->activity ? g->activity : "");
	for (u32 i = 0; i < ARRAY_SIZE(g->gpr); i++)
		out_u64(r->out, g->gpr[i]);
	for (u32 i = 0; i < ARRAY_SIZE(more); i++)
		out_u64(r->out, more[i]);
	out_row_end(r->out);
}

#define REG(key, label)                 \
	{                               \
		key, label, OUT_HEX, 16 \
	}
static const struct out_col regs_cols[] = {
	{ "vcpu", "vcpu  ", OUT_NUM, 16 },
	{ "activity", "      ", OUT_STR, 50 },
	REG("rax", "rax   "),
	REG("rcx", "rcx   "),
	REG("rdx", "rdx   "),
	REG("rbx", "rbx   "),
	REG("rsp", "rsp   "),
	REG("rbp", "rbp   "),
	REG("rsi", "rsi   "),
	REG("rdi", "rdi   "),
	REG("r8", "r8    "),
	REG("r9", "r9    "),
	REG("r10", "r10   "),
	REG("r11", "r11   "),
	REG("r12", "r12   "),
	REG("r13", "r13   "),
	REG("r14", "r14   "),
	REG("r15", "r15   "),
	REG("rip", "rip   "),
	REG("rflags", "rflags"),
	REG("cr0", "cr0   "),
	REG("cr2", "cr2   "),
	REG("cr3", "cr3   "),
	REG("cr4", "cr4   "),
	REG("cr8", "cr8   "),
	REG("efer", "efer  "),
	REG("gdt_base", "gdtr  "),
	REG("gdt_limit", "limit "),
	REG("idt_base", "idtr  "),
	REG("idt_limit", "limit "),
	REG("dr6", "dr6   "),
	REG("dr7", "dr7   "),
	REG("xcr0", "xcr0  "),
};

static void segs_rows(struct cmd_run *r, u32 vcpu)
{
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		const struct mon_seg *s = &r->scratch->regs.seg[i];

		out_row(r->out);
		out_u64(r->out, vcpu);
		out_str(r->out, names[i]);
		out_u64(r->out, s->sel);
		out_u64(r->out, s->base);
		out_u64(r->out, s->limit);
		out_u64(r->out, s->access);
		out_row_end(r->out);
	}
}

/* Registers of vCPUs first to last. They were found readable before: one that no longer is gets left out. */
static void show_regs(struct cmd_run *r, u32 first, u32 last)
{
	static const struct out_col seg_cols[] = {
		{ "vcpu", "VCPU", OUT_NUM, -4 },         { "segment", "SEG", OUT_STR, 4 },
		{ "selector", "SELECTOR", OUT_HEX, 16 }, { "base", "BASE", OUT_HEX, 16 },
		{ "limit", "LIMIT", OUT_HEX, 16 },       { "access", "ACCESS", OUT_HEX, 16 },
	};
	const struct mon *mon = r->mon;

	out_blocks(r->out, "registers", regs_cols, ARRAY_SIZE(regs_cols), 3);
	for (u32 i = first; i <= last; i++) {
		mon_fresh(mon);
		if (mon->ops->regs(mon->ctx, r->guest.id, i, &r->scratch->regs) == OK)
			regs_row(r, i);
	}
	out_table_end(r->out);
	out_table(r->out, "segments", seg_cols, ARRAY_SIZE(seg_cols));
	for (u32 i = first; i <= last; i++) {
		mon_fresh(mon);
		if (mon->ops->regs(mon->ctx, r->guest.id, i, &r->scratch->regs) == OK)
			segs_rows(r, i);
	}
	out_table_end(r->out);
}

int cmd_regs(struct cmd_run *r)
{
	u32 first = r->has_num ? r->num : 0, last = r->has_num ? r->num : r->guest.vcpus - 1;

	if (r->has_num && r->num >= r->guest.vcpus)
		return cmd_error(r, ERR_RANGE, "bad-value", "%s has vCPUs 0 to %u", r->guest.name,
		                 r->guest.vcpus - 1);
	for (u32 i = first; i <= last && r->guest.vcpus; i++) {
		int err;

		mon_fresh(r->mon);
		err = r->mon->ops->regs(r->mon->ctx, r->guest.id, i, &r->scratch->regs);
		mon_point(r->mon);
		if (err == ERR_BUSY)
			return cmd_error(r, err, "busy", "%s: vCPU %u is running; pause the guest first",
			                 r->guest.name, i);
		if (err != OK)
			return cmd_fail(r, err, NULL);
	}
	if (r->guest.vcpus)
		show_regs(r, first, last);
	return OK;
}

/* ---- exit rings ---- */
/*
 * Merged by time; scratch->trace_at[cpu] is the record that comes next, trace_time[cpu] its time + 1, or 0 when there
 * is none. Meanwhile the rings are written to: what comes after trace_end[cpu] is left out, what is overwritten lost.
 */

struct trace {
	struct cmd_run *r;
	enum mon_run run;
	u32 cpus;
};

static int record(const struct trace *t, u32 cpu, u64 seq, struct mon_trace *rec)
{
	const struct mon *mon = t->r->mon;

	return mon->ops->trace(mon->ctx, t->run, cpu, seq, rec);
}

static void load(const struct trace *t, u32 cpu, u64 seq)
{
	struct mon_trace rec;

	t->r->scratch->trace_time[cpu] = record(t, cpu, seq, &rec) == OK ? rec.time_ns + 1 : 0;
}

/* The first record from trace_at[cpu] on that is still there. */
static void load_next(const struct trace *t, u32 cpu)
{
	struct mon_scratch *s = t->r->scratch;

	for (s->trace_time[cpu] = 0; s->trace_at[cpu] < s->trace_end[cpu]; s->trace_at[cpu]++) {
		load(t, cpu, s->trace_at[cpu]);
		if (s->trace_time[cpu])
			return;
		mon_point(t->r->mon);
	}
}

/* The CPU whose loaded record is the newest (or the oldest); t->cpus: none has one. */
static u32 pick(const struct trace *t, bool newest)
{
	const u64 *time = t->r->scratch->trace_time;
	u32 best = t->cpus;

	for (u32 i = 0; i < t->cpus; i++)
		if (time[i] && (best == t->cpus || (newest ? time[i] > time[best] : time[i] < time[best])))
			best = i;
	return best;
}

static bool wanted(const struct cmd_run *r, const struct mon_trace *rec)
{
	return !r->has_guest || rec->guest == r->guest.id;
}

/* Goes back from the newest records until n wanted ones lie ahead. */
static void go_back(const struct trace *t, u32 n)
{
	struct mon_scratch *s = t->r->scratch;
	const struct mon *mon = t->r->mon;
	struct mon_trace rec;
	u32 found = 0;

	mon_point(mon);
	for (u32 i = 0; i < t->cpus; i++) {
		s->trace_at[i] = s->trace_end[i] = mon->ops->trace_head(mon->ctx, t->run, i);
		load(t, i, s->trace_at[i] - 1);
		mon_point(mon);
	}
	for (u32 steps = 0; found < n && steps < TRACE_SCAN_MAX; steps++) {
		u32 cpu = pick(t, true);

		if (cpu == t->cpus)
			break;
		s->trace_at[cpu]--;
		if (record(t, cpu, s->trace_at[cpu], &rec) == OK)
			found += wanted(t->r, &rec);
		load(t, cpu, s->trace_at[cpu] - 1);
		mon_point(mon);
	}
	for (u32 i = 0; i < t->cpus; i++)
		load_next(t, i);
}

static void trace_row(const struct trace *t, u32 cpu, const struct mon_trace *rec)
{
	struct cmd_run *r = t->r;
	const struct mon *mon = r->mon;
	const char *reason = mon->ops->exit_name(mon->ctx, rec->reason);
	const char *name = t->run == MON_RUN_BEFORE ? NULL : mon_guest_name(mon, rec->guest);
	char buf[24], id[12];

	if (!reason)
		fmt_snprintf(buf, sizeof(buf), "reason-%u", rec->reason);
	/* The run before may have had other guests: their names are not known. */
	if (!name)
		fmt_snprintf(id, sizeof(id), "%u", rec->guest);
	out_row(r->out);
	out_u64(r->out, rec->time_ns);
	out_u64(r->out, cpu);
	out_str(r->out, name ? name : id);
	out_u64(r->out, rec->vcpu);
	out_str(r->out, reason ? reason : buf);
	out_u64(r->out, rec->rip);
	out_u64(r->out, rec->info);
	out_u64(r->out, rec->took_us);
	out_row_end(r->out);
}

static void show_trace(struct cmd_run *r, enum mon_run run, u32 n)
{
	static const struct out_col cols[] = {
		{ "time_ns", "TIME ns", OUT_NUM, -16 }, { "cpu", "CPU", OUT_NUM, -3 },
		{ "guest", "GUEST", OUT_STR, 12 },      { "vcpu", "VCPU", OUT_NUM, -4 },
		{ "reason", "REASON", OUT_STR, 20 },    { "rip", "RIP", OUT_HEX, 16 },
		{ "info", "INFO", OUT_HEX, 16 },        { "took_us", "LONG us", OUT_NUM, -7 },
	};
	struct trace t = { .r = r, .run = run };
	const struct mon *mon = r->mon;
	struct mon_scratch *s = r->scratch;
	struct mon_machine m = { 0 };
	struct mon_trace rec;
	u32 cpu;

	mon->ops->machine(mon->ctx, &m);
	mon_point(mon);
	t.cpus = mon->ops->trace && mon->ops->trace_head ? MIN(m.cpus, (u32)MON_MAX_CPUS) : 0;
	out_table(r->out, "trace", cols, ARRAY_SIZE(cols));
	go_back(&t, n);
	while ((cpu = pick(&t, false)) != t.cpus) {
		if (record(&t, cpu, s->trace_at[cpu], &rec) == OK && wanted(r, &rec))
			trace_row(&t, cpu, &rec);
		s->trace_at[cpu]++;
		load_next(&t, cpu);
		mon_point(mon);
	}
	out_table_end(r->out);
}

int cmd_trace(struct cmd_run *r)
{
	show_trace(r, MON_RUN_THIS, r->has_num ? r->num : LAST_DEFAULT);
	return OK;
}

int cmd_previous(struct cmd_run *r)
{
	const struct mon *mon = r->mon;
	struct mon_machine m = { 0 };
	u64 kept = 0;

	mon->ops->machine(mon->ctx, &m);
	for (u32 i = 0; i < m.cpus && mon->ops->trace_head; i++)
		kept += mon->ops->trace_head(mon->ctx, MON_RUN_BEFORE, i);
	if (!kept)
		return cmd_error(r, ERR_NOENT, "not-found",
		                 "the run before left no exits: it ended in order, or its "
		                 "memory was not kept");
	show_trace(r, MON_RUN_BEFORE, r->has_num ? r->num : LAST_DEFAULT);
	return OK;
}

int cmd_dump(struct cmd_run *r)
{
	int err = cmd_info(r);

	if (err == OK && r->guest.vcpus)
		show_regs(r, 0, r->guest.vcpus - 1);
	if (err == OK) {
		cmd_show_reasons(r);
		show_trace(r, MON_RUN_THIS, DUMP_TRACE);
	}
	return err;
}
