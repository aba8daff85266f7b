/* Commands that show figures: top, exits; and the machine: version, describe, log, help, poweroff. */
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"
#include "vmm/mon/dts.h"

#define TOP_REASONS  3 /* shown as text */
#define LAST_DEFAULT 20
#define READ         ((size_t)64) /* bytes of the log at a time */

/* a * mul / b without overflow, as exact as that allows. */
static u64 ratio(u64 a, u64 mul, u64 b)
{
	if (!b)
		return 0;
	return a > UINT64_MAX / mul ? a / MAX(b / mul, 1ull) : a * mul / b;
}

static u64 since(u64 now, u64 then)
{
	return now > then ? now - then : 0;
}

/* The reason with the highest count that is below last (by count, then by number);
 * MON_MAX_EXITS: none but zeros are left. */
static u32 next_reason(const u64 *counts, u32 last)
{
	u32 best = MON_MAX_EXITS;
	u64 limit = last < MON_MAX_EXITS ? counts[last] : UINT64_MAX;

	for (u32 i = 0; i < MON_MAX_EXITS; i++) {
		bool after = last >= MON_MAX_EXITS || counts[i] < limit || (counts[i] == limit && i > last);

		if (counts[i] && after && (best == MON_MAX_EXITS || counts[i] > counts[best]))
			best = i;
	}
	return best;
}

static const char *reason_name(const struct mon *mon, u32 reason, char *buf, size_t size)
{
	const char *name = mon->ops->exit_name(mon->ctx, reason);

	if (name)
		return name;
	fmt_snprintf(buf, size, "reason-%u", reason);
	return buf;
}

void cmd_load_counts(struct cmd_run *r)
{
	mon_point(r->mon);
	memset(r->scratch->counts, 0, sizeof(r->scratch->counts));
	if (r->mon->ops->exits(r->mon->ctx, r->guest.id, r->scratch->counts, MON_MAX_EXITS) != OK)
		memset(r->scratch->counts, 0, sizeof(r->scratch->counts));
}

/* One guest: what changed since its sample, which becomes what is now. */
static void top_row(struct cmd_run *r)
{
	const struct mon_guest_info *g = &r->guest;
	struct mon *mon = r->mon;
	struct mon_sample none = { 0 };
	struct mon_sample *s = mon->ops->sample(mon->ctx, g->id, r->slot);
	u32 reason = MON_MAX_EXITS;
	u64 ns;

	if (!s)
		s = &none;
	ns = since(r->now_ns, s->time_ns);
	cmd_load_counts(r);
	mon_point(mon);
	for (u32 i = 0; i < MON_MAX_EXITS; i++) {
		if (i % 32 == 0)
			mon_point(mon);
		r->scratch->deltas[i] = ratio(since(r->scratch->counts[i], s->by_reason[i]), 1000000000, ns);
	}
	mon_point(mon);
	out_row(r->out);
	out_str(r->out, g->name);
	out_str(r->out, mon_state_str(g->state));
	out_u64(r->out, g->vcpus);
	out_u64(r->out, ratio(since(g->cpu_ns, s->cpu_ns), 10000, ns));
	out_u64(r->out, ratio(since(g->steal_ns, s->steal_ns), 10000, ns));
	out_u64(r->out, ratio(since(g->exits, s->exits), 1000000000, ns));
	out_u64(r->out, g->weight);
	out_u64(r->out, g->cpu_ns);
	out_u64(r->out, g->steal_ns);
	out_u64(r->out, g->exits);
	out_pairs(r->out);
	for (u32 n = 0; (reason = next_reason(r->scratch->deltas, reason)) != MON_MAX_EXITS; n++) {
		char buf[24];

		mon_point(mon);
		out_pair(r->out, reason_name(mon, reason, buf, sizeof(buf)), r->scratch->deltas[reason],
		         n < TOP_REASONS);
	}
	out_pairs_end(r->out);
	out_row_end(r->out);
	*s = (struct mon_sample){
		.time_ns = r->now_ns, .cpu_ns = g->cpu_ns, .steal_ns = g->steal_ns, .exits = g->exits
	};
	memcpy(s->by_reason, r->scratch->counts, sizeof(s->by_reason));
}

int cmd_top(struct cmd_run *r)
{
	static const struct out_col head[] = { { "time_ns", "time", OUT_TIME, 0 } };
	const struct out_col cols[] = {
		{ "name", "NAME", OUT_STR, cmd_name_width(r) },
		{ "state", "STATE", OUT_STR, 8 },
		{ "vcpus", "VCPUS", OUT_NUM, -5 },
		{ "cpu_percent", "CPU%", OUT_CENTI, -7 },
		{ "steal_percent", "STEAL%", OUT_CENTI, -7 },
		{ "exits_per_second", "EXITS/s", OUT_NUM, -8 },
		{ "weight", "WEIGHT", OUT_NUM, -6 },
		{ "cpu_ns", "CPU TIME", OUT_TIME, -12 },
		{ "steal_ns", "STEAL TIME", OUT_TIME, -12 },
		{ "exits", "EXITS", OUT_NUM, -10 },
		{ "exits_per_second_by_reason", "EXITS/s BY REASON", OUT_PAIRS, 1 },
	};
	const struct mon *mon = r->mon;

	if (r->has_num && r->control)
		return cmd_error(r, ERR_INVAL, "bad-argument", "seconds are for the console; send top again");
	if (r->num && r->has_num) {
		r->effect = CMD_REPEAT;
		r->repeat_ns = r->num * 1000000000ull;
	}
	out_rec(r->out, head, ARRAY_SIZE(head));
	out_u64(r->out, r->now_ns);
	out_rec_end(r->out);
	out_table(r->out, "guests", cols, ARRAY_SIZE(cols));
	for (u32 i = 0; mon->ops->guest_info(mon->ctx, i, &r->guest) == OK; i++)
		if (mon_may_see(r->rights, r->guest.id))
			top_row(r);
	out_table_end(r->out);
	return OK;
}

/* The counts in r->scratch->counts, the highest first. */
static void reasons_table(struct cmd_run *r, u64 total)
{
	static const struct out_col cols[] = {
		{ "reason", "REASON", OUT_STR, 26 },
		{ "number", "NR", OUT_NUM, -3 },
		{ "count", "COUNT", OUT_NUM, -14 },
		{ "percent", "%", OUT_CENTI, -6 },
	};
	struct mon *mon = r->mon;
	u32 reason = MON_MAX_EXITS;
	char buf[24];

	out_table(r->out, "reasons", cols, ARRAY_SIZE(cols));
	while ((reason = next_reason(r->scratch->counts, reason)) != MON_MAX_EXITS) {
		mon_point(mon);
		out_row(r->out);
		out_str(r->out, reason_name(mon, reason, buf, sizeof(buf)));
		out_u64(r->out, reason);
		out_u64(r->out, r->scratch->counts[reason]);
		out_u64(r->out, ratio(r->scratch->counts[reason], 10000, total));
		out_row_end(r->out);
		mon_point(mon);
	}
	out_table_end(r->out);
}

static u64 load_total(struct cmd_run *r)
{
	u64 total = 0;

	cmd_load_counts(r);
	for (u32 i = 0; i < MON_MAX_EXITS; i++)
		total += r->scratch->counts[i];
	return total;
}

void cmd_show_reasons(struct cmd_run *r)
{
	reasons_table(r, load_total(r));
}

int cmd_exits(struct cmd_run *r)
{
	static const struct out_col head[] = {
		{ "guest", "guest", OUT_STR, 0 },
		{ "exits", "exits", OUT_NUM, 0 },
	};
	u64 total = load_total(r);

	out_rec(r->out, head, ARRAY_SIZE(head));
	out_str(r->out, r->guest.name);
	out_u64(r->out, total);
	out_rec_end(r->out);
	reasons_table(r, total);
	return OK;
}

int cmd_log(struct cmd_run *r)
{
	const struct mon *mon = r->mon;
	char line[512];
	size_t len, have = 0;
	u64 end, pos;

	pos = mon_log_tail(mon, 0, r->has_num ? r->num : LAST_DEFAULT, NULL, &end);
	out_lines(r->out, "lines");
	while (pos < end && (len = mon->ops->log_read(mon->ctx, &pos, line + have, MIN(sizeof(line) - have, READ)))) {
		size_t start = 0;

		mon_point(mon);
		have += len;
		for (size_t i = have - len; i < have; i++) { /* before these there was no end of a line */
			if (line[i] != '\n')
				continue;
			out_line(r->out, line + start, i - start);
			start = i + 1;
		}
		if (!start && have == sizeof(line)) { /* longer than the log writes: in pieces */
			out_line(r->out, line, have);
			start = have;
		}
		have -= start;
		memmove(line, line + start, have);
	}
	if (have)
		out_line(r->out, line, have);
	out_lines_end(r->out);
	return OK;
}

int cmd_version(struct cmd_run *r)
{
	static const struct out_col cols[] = {
		{ "name", "name", OUT_STR, 0 },
		{ "version", "version", OUT_STR, 0 },
		{ "processor", "processor", OUT_STR, 0 },
		{ "uptime_ns", "up", OUT_TIME, 0 },
	};
	struct mon_machine m = { 0 };

	r->mon->ops->machine(r->mon->ctx, &m);
	mon_point(r->mon);
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, "Bulkhead");
	out_str(r->out, m.version ? m.version : "");
	out_str(r->out, m.cpu_model ? m.cpu_model : "");
	out_u64(r->out, m.uptime_ns);
	out_rec_end(r->out);
	return OK;
}

enum describe_format { DESCRIBE_TABLE, DESCRIBE_DTS };

static void dts_cpu(void *arg, u32 i, struct dts_cpu *out)
{
	const struct mon *mon = ((struct cmd_run *)arg)->mon;
	struct mon_cpu c = { 0 };

	if (mon->ops->cpu(mon->ctx, i, &c) == OK)
		*out = (struct dts_cpu){ c.package, c.core, c.thread };
}

static void dts_line(void *arg, const char *line, size_t len)
{
	out_line(((struct cmd_run *)arg)->out, line, len);
}

static int describe_dts(struct cmd_run *r, const struct mon_machine *m)
{
	const struct dts_machine d = {
		.memory = m->guest_memory, .nr_cpus = m->cpus, .cpu = dts_cpu, .put = dts_line, .arg = r
	};

	out_lines(r->out, "dts");
	dts_write_machine(&d);
	out_lines_end(r->out);
	return OK;
}

int cmd_describe(struct cmd_run *r)
{
	static const struct out_col head[] = {
		{ "processor", "processor", OUT_STR, 0 },     { "cpus", "cpus", OUT_NUM, 0 },
		{ "tsc_hz", "TSC Hz", OUT_NUM, 0 },           { "memory_bytes", "memory", OUT_SIZE, 0 },
		{ "guest_bytes", "for guests", OUT_SIZE, 0 }, { "hypervisor_bytes", "hypervisor", OUT_SIZE, 0 },
		{ "free_bytes", "free", OUT_SIZE, 0 },        { "uptime_ns", "up", OUT_TIME, 0 },
	};
	static const struct out_col cols[] = {
		{ "cpu", "CPU", OUT_NUM, -3 },
		{ "apic_id", "APIC", OUT_NUM, -5 },
		{ "package", "PACKAGE", OUT_NUM, -7 },
		{ "core", "CORE", OUT_NUM, -4 },
		{ "thread", "THREAD", OUT_NUM, -6 },
		{ "vcpus", "VCPUS", OUT_NUM, -5 },
		{ "busy_ns", "GUESTS RAN", OUT_TIME, -14 },
		{ "root_ns", "HYPERVISOR RAN", OUT_TIME, -14 },
	};
	const struct mon *mon = r->mon;
	struct mon_machine m = { 0 };
	struct mon_cpu c = { 0 };

	mon->ops->machine(mon->ctx, &m);
	mon_point(mon);
	if (r->word == DESCRIBE_DTS)
		return describe_dts(r, &m);
	out_rec(r->out, head, ARRAY_SIZE(head));
	out_str(r->out, m.cpu_model ? m.cpu_model : "");
	out_u64(r->out, m.cpus);
	out_u64(r->out, m.tsc_hz);
	out_u64(r->out, m.memory);
	out_u64(r->out, m.guest_memory);
	out_u64(r->out, m.hv_memory);
	out_u64(r->out, m.free_memory);
	out_u64(r->out, m.uptime_ns);
	out_rec_end(r->out);
	out_table(r->out, "processors", cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < m.cpus && mon->ops->cpu(mon->ctx, i, &c) == OK; i++) {
		out_row(r->out);
		out_u64(r->out, i);
		out_u64(r->out, c.apic_id);
		out_u64(r->out, c.package);
		out_u64(r->out, c.core);
		out_u64(r->out, c.thread);
		out_u64(r->out, c.vcpus);
		out_u64(r->out, c.busy_ns);
		out_u64(r->out, c.root_ns);
		out_row_end(r->out);
	}
	out_table_end(r->out);
	return OK;
}

int cmd_poweroff(struct cmd_run *r)
{
	static const struct out_col cols[] = { { "machine", "machine", OUT_STR, 0 } };
	struct mon_why why = { "" };
	int err;

	mon_fresh(r->mon);
	err = r->mon->ops->poweroff(r->mon->ctx, &why);
	if (err != OK)
		return cmd_fail(r, err, &why);
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, "powering off");
	out_rec_end(r->out);
	return OK;
}

/* "set GUEST PROPERTY VALUE". */
static void synopsis(const struct cmd *c, char *buf, size_t size)
{
	size_t n = (size_t)fmt_snprintf(buf, size, "%s", c->name);

	for (u32 i = 0; i < CMD_MAX_ARGS && c->args[i].type != ARG_NONE && n + 1 < size; i++) {
		const struct cmd_arg *a = &c->args[i];
		size_t start = n + (a->optional ? 2 : 1);

		n += (size_t)fmt_snprintf(buf + n, size - n, a->optional ? " [%s]" : " %s", a->name);
		for (size_t k = start; k < n && k < size; k++)
			if (buf[k] >= 'a' && buf[k] <= 'z')
				buf[k] = (char)(buf[k] - 'a' + 'A');
	}
}

int cmd_help(struct cmd_run *r)
{
	static const struct out_col cols[] = {
		{ "command", "COMMAND", OUT_STR, 26 },
		{ "alias", "OR", OUT_STR, 8 },
		{ "help", "WHAT IT DOES", OUT_STR, 1 },
	};
	const struct cmd *c;

	out_table(r->out, "commands", cols, ARRAY_SIZE(cols));
	for (u32 i = 0; (c = cmd_at(i, r->control)); i++) {
		char text[80];

		mon_point(r->mon);
		if (r->about && r->about != c)
			continue;
		synopsis(c, text, sizeof(text));
		mon_point(r->mon);
		out_row(r->out);
		out_str(r->out, text);
		out_str(r->out, c->alias ? c->alias : "");
		out_str(r->out, c->help);
		out_row_end(r->out);
	}
	out_table_end(r->out);
	return OK;
}
