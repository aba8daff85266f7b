/* metrics: all that can be counted about all guests, at one instant, in one answer; for programs that collect. */
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"

/*
 * All guests are counted before the first is written: writing takes a hundred times as long, and others run meanwhile.
 * Returns how many there are that the channel may see; more than r->scratch->nr_rows: no room.
 */
static u32 count(struct cmd_run *r)
{
	struct mon_scratch *s = r->scratch;
	const struct mon *mon = r->mon;
	const char *name;
	u32 nr = 0;

	for (u32 i = 0, id; (name = mon->ops->guest_name(mon->ctx, i, &id)); i++) {
		struct mon_counts *c;

		mon_point(mon);
		if (!mon_may_see(r->rights, id) || nr++ >= s->nr_rows)
			continue;
		c = &s->rows[nr - 1];
		if (mon->ops->guest_info(mon->ctx, i, &c->info) != OK)
			break;
		memset(c->exits, 0, sizeof(c->exits));
		if (mon->ops->exits(mon->ctx, id, c->exits, MON_MAX_EXITS) != OK)
			memset(c->exits, 0, sizeof(c->exits));
	}
	return nr;
}

static void put_exits(struct cmd_run *r, const u64 *counts)
{
	const struct mon *mon = r->mon;

	out_pairs(r->out);
	for (u32 i = 0; i < MON_MAX_EXITS; i++) {
		const char *name = counts[i] ? mon->ops->exit_name(mon->ctx, i) : NULL;
		char buf[24];

		if (!counts[i])
			continue;
		if (!name)
			fmt_snprintf(buf, sizeof(buf), "reason-%u", i);
		out_pair(r->out, name ? name : buf, counts[i], false);
	}
	out_pairs_end(r->out);
}

int cmd_metrics(struct cmd_run *r)
{
	static const struct out_col head[] = { { "time_ns", "time", OUT_TIME, 0 } };
	static const struct out_col cols[] = {
		{ "name", "NAME", OUT_STR, 0 },
		{ "state", "STATE", OUT_STR, 0 },
		CMD_SIZE_COLS,
		CMD_TIME_COLS,
		{ "restarts", "RESTARTS", OUT_NUM, 0 },
		{ "exits_by_reason", "EXITS BY REASON", OUT_PAIRS, 0 },
	};
	u32 nr = count(r);

	if (nr > r->scratch->nr_rows)
		return cmd_error(r, ERR_NOMEM, "no-memory", "metrics: this channel has room for %u guests, not %u",
		                 r->scratch->nr_rows, nr);
	out_rec(r->out, head, ARRAY_SIZE(head));
	out_u64(r->out, r->now_ns);
	out_rec_end(r->out);
	out_table(r->out, "guests", cols, ARRAY_SIZE(cols));
	for (u32 i = 0; i < nr; i++) {
		const struct mon_counts *c = &r->scratch->rows[i];

		out_row(r->out);
		out_str(r->out, c->info.name);
		out_str(r->out, mon_state_str(c->info.state));
		cmd_put_size(r->out, &c->info);
		cmd_put_times(r->out, &c->info);
		out_u64(r->out, c->info.restarts);
		put_exits(r, c->exits);
		out_row_end(r->out);
	}
	out_table_end(r->out);
	return OK;
}
