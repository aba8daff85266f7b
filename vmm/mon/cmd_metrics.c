/* metrics: all that can be counted about all guests, at one instant, in one answer; for programs that collect. */
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"

static void put_exits(struct cmd_run *r)
{
	struct mon *mon = r->mon;

	memset(mon->counts, 0, sizeof(mon->counts));
	if (mon->ops->exits(mon->ctx, r->guest.id, mon->counts, MON_MAX_EXITS) != OK)
		memset(mon->counts, 0, sizeof(mon->counts));
	out_pairs(r->out);
	for (u32 i = 0; i < MON_MAX_EXITS; i++) {
		const char *name = mon->ops->exit_name(mon->ctx, i);
		char buf[24];

		if (!mon->counts[i])
			continue;
		if (!name)
			fmt_snprintf(buf, sizeof(buf), "reason-%u", i);
		out_pair(r->out, name ? name : buf, mon->counts[i], false);
	}
	out_pairs_end(r->out);
}

int cmd_metrics(struct cmd_run *r)
{
	static const struct out_col head[] = { { "time_ns", "time", OUT_TIME, 0 } };
	static const struct out_col cols[] = {
		{ "name", "NAME", OUT_STR, 0 },
		{ "state", "STATE", OUT_STR, 0 },
		{ "vcpus", "VCPUS", OUT_NUM, 0 },
		{ "memory_bytes", "MEMORY", OUT_SIZE, 0 },
		{ "hypervisor_bytes", "HYPERVISOR", OUT_SIZE, 0 },
		{ "weight", "WEIGHT", OUT_NUM, 0 },
		{ "cap_percent", "CAP", OUT_NUM, 0 },
		{ "reservation_percent", "RESERVATION", OUT_NUM, 0 },
		{ "uptime_ns", "UP", OUT_TIME, 0 },
		{ "cpu_ns", "CPU TIME", OUT_TIME, 0 },
		{ "steal_ns", "STEAL TIME", OUT_TIME, 0 },
		{ "restarts", "RESTARTS", OUT_NUM, 0 },
		{ "exits_by_reason", "EXITS BY REASON", OUT_PAIRS, 0 },
	};
	const struct mon *mon = r->mon;
	const struct mon_guest_info *g = &r->guest;

	out_rec(r->out, head, ARRAY_SIZE(head));
	out_u64(r->out, r->now_ns);
	out_rec_end(r->out);
	out_table(r->out, "guests", cols, ARRAY_SIZE(cols));
	for (u32 i = 0; mon->ops->guest_info(mon->ctx, i, &r->guest) == OK; i++) {
		if (!mon_may_see(r->rights, g->id))
			continue;
		out_row(r->out);
		out_str(r->out, g->name);
		out_str(r->out, mon_state_str(g->state));
		out_u64(r->out, g->vcpus);
		out_u64(r->out, g->memory);
		out_u64(r->out, g->hv_bytes);
		out_u64(r->out, g->weight);
		out_u64(r->out, g->cap);
		out_u64(r->out, g->reservation);
		out_u64(r->out, g->uptime_ns);
		out_u64(r->out, g->cpu_ns);
		out_u64(r->out, g->steal_ns);
		out_u64(r->out, g->restarts);
		put_exits(r);
		out_row_end(r->out);
	}
	out_table_end(r->out);
	return OK;
}
