/* Commands about a guest: what it is, its life-cycle, its share. */
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"

#define NAME_WIDTH  16
#define WEIGHT_MAX  10000u
#define PERCENT_MAX (100u * MON_MAX_CPUS)

static u32 nr_cpus(const struct mon *mon)
{
	struct mon_machine m = { 0 };

	mon->ops->machine(mon->ctx, &m);
	return m.cpus;
}

s8 cmd_name_width(struct cmd_run *r)
{
	const struct mon *mon = r->mon;
	size_t width = NAME_WIDTH;
	const char *name;

	for (u32 i = 0, id; r->out->format == OUT_TEXT && (name = mon->ops->guest_name(mon->ctx, i, &id)); i++) {
		if (mon_may_see(r->rights, id))
			width = MAX(width, strlen(name));
		mon_point(mon);
	}
	return (s8)width;
}

int cmd_list(struct cmd_run *r)
{
	const struct out_col cols[] = {
		{ "id", "ID", OUT_NUM, -3 },
		{ "name", "NAME", OUT_STR, cmd_name_width(r) },
		{ "state", "STATE", OUT_STR, 8 },
		{ "vcpus", "VCPUS", OUT_NUM, -5 },
		{ "memory_bytes", "MEMORY", OUT_SIZE, -8 },
		{ "weight", "WEIGHT", OUT_NUM, -6 },
		{ "cpu_ns", "CPU TIME", OUT_TIME, -12 },
		{ "restarts", "RESTARTS", OUT_NUM, -8 },
		{ "reason", "REASON", OUT_STR, 1 },
	};
	const struct mon *mon = r->mon;

	out_table(r->out, "guests", cols, ARRAY_SIZE(cols));
	for (u32 i = 0; mon->ops->guest_info(mon->ctx, i, &r->guest) == OK; i++) {
		const struct mon_guest_info *g = &r->guest;

		if (!mon_may_see(r->rights, g->id))
			continue;
		out_row(r->out);
		out_u64(r->out, g->id);
		out_str(r->out, g->name);
		out_str(r->out, mon_state_str(g->state));
		out_u64(r->out, g->vcpus);
		out_u64(r->out, g->memory);
		out_u64(r->out, g->weight);
		out_u64(r->out, g->cpu_ns);
		out_u64(r->out, g->restarts);
		out_str(r->out, g->reason);
		out_row_end(r->out);
	}
	out_table_end(r->out);
	return OK;
}

/* ---- info ---- */

void cmd_put_size(struct out *o, const struct mon_guest_info *g)
{
	out_u64(o, g->vcpus);
	out_u64(o, g->memory);
	out_u64(o, g->hv_bytes);
	out_u64(o, g->weight);
	out_u64(o, g->cap);
	out_u64(o, g->reservation);
}

void cmd_put_times(struct out *o, const struct mon_guest_info *g)
{
	out_u64(o, g->uptime_ns);
	out_u64(o, g->cpu_ns);
	out_u64(o, g->steal_ns);
}

enum info_kind { INFO_SUMMARY, INFO_STATE };

struct state_table {
	const struct mon *mon;
	struct out *out;
	bool begun; /* not before the first row: until then there may be an error instead */
};

static void begin_table(struct state_table *t)
{
	static const struct out_col cols[] = {
		{ "device", "DEVICE", OUT_STR, 11 },
		{ "field", "FIELD", OUT_STR, 24 },
		{ "values", "VALUES", OUT_STR, 1 },
	};

	if (!t->begun)
		out_table(t->out, "state", cols, ARRAY_SIZE(cols));
	t->begun = true;
}

static void state_row(void *arg, const char *device, const char *field, const char *values)
{
	struct state_table *t = arg;

	mon_point(t->mon);
	if (!device)
		return;
	begin_table(t);
	out_row(t->out);
	out_str(t->out, device);
	out_str(t->out, field);
	out_str(t->out, values);
	out_row_end(t->out);
}

static int info_state(struct cmd_run *r)
{
	const struct mon *mon = r->mon;
	struct state_table t = { .mon = r->mon, .out = r->out };
	int err = mon->ops->state ? mon->ops->state(mon->ctx, r->guest.id, r->text, state_row, &t) : ERR_NOTSUP;

	if (err == OK)
		begin_table(&t);
	if (t.begun)
		out_table_end(r->out);
	if (err == ERR_BUSY && r->guest.state == MON_PAUSED)
		return cmd_error(r, err, "busy", "%s: a vCPU is not at rest; try again, or resume and pause it",
		                 r->guest.name);
	if (err == ERR_BUSY)
		return cmd_error(r, err, "busy", "%s is %s; pause it first", r->guest.name,
		                 mon_state_str(r->guest.state));
	if (err == ERR_NOENT && r->text)
		return cmd_error(r, err, "not-found", "%s has no device \"%.40s\"", r->guest.name, r->text);
	return err == OK ? OK : cmd_fail(r, err, NULL);
}

static int info_summary(struct cmd_run *r)
{
	static const struct out_col cols[] = {
		{ "name", "name", OUT_STR, 0 },
		{ "id", "id", OUT_NUM, 0 },
		{ "state", "state", OUT_STR, 0 },
		{ "reason", "reason", OUT_STR, 0 },
		CMD_SIZE_COLS,
		{ "pin", "pin", OUT_STR, 0 },
		CMD_TIME_COLS,
		{ "exits", "exits", OUT_NUM, 0 },
		{ "restarts", "restarts", OUT_NUM, 0 },
	};
	const struct mon_guest_info *g = &r->guest;
	const struct mon *mon = r->mon;
	struct mon_detail d = { 0 };
	char pin[80];

	mon_cpus_format(&g->pin, nr_cpus(mon), pin, sizeof(pin));
	mon_point(mon);
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, g->name);
	out_u64(r->out, g->id);
	out_str(r->out, mon_state_str(g->state));
	out_str(r->out, g->reason);
	cmd_put_size(r->out, g);
	out_str(r->out, pin);
	cmd_put_times(r->out, g);
	out_u64(r->out, g->exits);
	out_u64(r->out, g->restarts);
	out_rec_end(r->out);
	for (u32 i = 0; mon->ops->guest_detail && mon->ops->guest_detail(mon->ctx, g->id, i, &d) == OK; i++) {
		const struct out_col col = { d.key, d.key, OUT_STR, 0 };

		out_rec(r->out, &col, 1);
		out_str(r->out, d.value);
		out_rec_end(r->out);
	}
	return OK;
}

int cmd_info(struct cmd_run *r)
{
	if (r->word == INFO_STATE)
		return info_state(r);
	if (r->text)
		return cmd_error(r, ERR_INVAL, "bad-argument", "info: \"%.40s\" is one argument too many", r->text);
	return info_summary(r);
}

/* What became of a guest that something was done to. */
static int show_state(struct cmd_run *r)
{
	static const struct out_col cols[] = {
		{ "guest", "guest", OUT_STR, 0 },
		{ "state", "state", OUT_STR, 0 },
	};
	int err = mon_guest_by_id(r->mon, r->guest.id, &r->guest);

	if (err != OK)
		return cmd_fail(r, err, NULL);
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, r->guest.name);
	out_str(r->out, mon_state_str(r->guest.state));
	out_rec_end(r->out);
	return OK;
}

static int act(struct cmd_run *r, enum mon_action action)
{
	struct mon_why why = { "" };
	int err;

	mon_fresh(r->mon);
	err = r->mon->ops->action(r->mon->ctx, r->guest.id, action, &why);
	mon_point(r->mon);
	if (err == ERR_BUSY && !why.text[0])
		fmt_snprintf(why.text, sizeof(why.text), "it is %s", mon_state_str(r->guest.state));
	return err == OK ? show_state(r) : cmd_fail(r, err, &why);
}

int cmd_start(struct cmd_run *r)
{
	return act(r, MON_START);
}

int cmd_shutdown(struct cmd_run *r)
{
	return act(r, MON_SHUTDOWN);
}

int cmd_reset(struct cmd_run *r)
{
	return act(r, MON_RESET);
}

int cmd_destroy(struct cmd_run *r)
{
	return act(r, MON_DESTROY);
}

int cmd_pause(struct cmd_run *r)
{
	return act(r, MON_PAUSE);
}

int cmd_resume(struct cmd_run *r)
{
	return act(r, MON_RESUME);
}

/* Of the guest that has the channel, whatever its rights: it could as well print its ready-text. */
int cmd_ready(struct cmd_run *r)
{
	int err = r->self == MON_NO_GUEST ? ERR_NOENT : mon_guest_by_id(r->mon, r->self, &r->guest);

	if (err != OK)
		return cmd_error(r, ERR_NOTSUP, "not-supported", "ready: this channel is no guest's");
	r->has_guest = true;
	err = r->mon->ops->ready(r->mon->ctx, r->self);
	return err == OK ? show_state(r) : cmd_fail(r, err, NULL);
}

int cmd_console(struct cmd_run *r)
{
	r->effect = CMD_ATTACH;
	return r->control ? show_state(r) : OK;
}

int cmd_detach(struct cmd_run *r)
{
	r->effect = CMD_DETACH;
	return show_state(r);
}

int cmd_input(struct cmd_run *r)
{
	r->effect = CMD_INPUT;
	return OK;
}

static int bad_keys(struct cmd_run *r, int err)
{
	const char *wrong = r->scratch->keys.wrong, *name;
	struct cmd_suggest s;

	if (err == ERR_NOSPC)
		return cmd_error(r, err, "bad-value", "keys: more than %u key events, or %u keys at once",
		                 MON_KEYS_MAX, MON_CHORD_MAX);
	if (err == ERR_INVAL)
		return cmd_error(r, err, "bad-value",
		                 "keys: there are none, or a quote does not end; try ctrl-alt-delete or \"text\"");
	cmd_suggest_init(&s, r->mon, wrong);
	for (u32 i = 0; (name = mon_key_name(i)); i++)
		cmd_suggest_try(&s, name);
	return cmd_error(r, err, "bad-value", s.best[0] ? "no key \"%s\"; did you mean \"%s\"?" : "no key \"%s\"",
	                 wrong, s.best);
}

int cmd_sendkey(struct cmd_run *r)
{
	static const struct out_col cols[] = {
		{ "guest", "guest", OUT_STR, 0 },
		{ "events", "events", OUT_NUM, 0 },
	};
	struct mon_keys *keys = &r->scratch->keys;
	struct mon_why why = { "" };
	int err = mon_keys_parse(r->mon, r->text, keys);

	if (err != OK)
		return bad_keys(r, err);
	mon_fresh(r->mon);
	err = r->mon->ops->send_keys ? r->mon->ops->send_keys(r->mon->ctx, r->guest.id, keys->key, keys->nr, &why)
	                             : ERR_NOTSUP;
	mon_point(r->mon);
	if (err != OK)
		return cmd_fail(r, err, &why);
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, r->guest.name);
	out_u64(r->out, keys->nr);
	out_rec_end(r->out);
	return OK;
}

/* "25", "25%" or, where nothing is a value, "none". */
static int parse_number(const char *text, u32 least, u32 most, bool percent, u32 *v)
{
	char digits[12];
	size_t n = strnlen(text, sizeof(digits));
	u64 value;

	if (percent && !strcmp(text, "none")) {
		*v = 0;
		return OK;
	}
	if (n == sizeof(digits))
		return ERR_RANGE;
	memcpy(digits, text, n + 1);
	if (percent && n && digits[n - 1] == '%')
		digits[n - 1] = '\0';
	if (fmt_parse_u64(digits, false, &value) != OK || value < least || value > most)
		return ERR_RANGE;
	*v = (u32)value;
	return OK;
}

static int parse_value(struct cmd_run *r, struct mon_value *value)
{
	bool percent = r->prop != MON_WEIGHT;
	u32 least = percent ? 0 : 1, most = percent ? PERCENT_MAX : WEIGHT_MAX, cpus = nr_cpus(r->mon);
	const char *name = mon_prop_str(r->prop);
	int err;

	if (r->prop == MON_PIN) {
		err = mon_cpus_parse(r->text, cpus, &value->cpus);
		value->all = !strcmp(r->text, "all");
		if (err == ERR_RANGE)
			return cmd_error(r, err, "bad-value", "pin: \"%.40s\": there are CPUs 0 to %u", r->text,
			                 cpus - 1);
		if (err != OK)
			return cmd_error(r, err, "bad-value", "pin: \"%.40s\" is no set of CPUs such as 0-3,8 or all",
			                 r->text);
		return OK;
	}
	err = parse_number(r->text, least, most, percent, &value->num);
	if (err != OK)
		return cmd_error(r, err, "bad-value", "%s: \"%.40s\" is no number from %u to %u%s", name, r->text,
		                 least, most, percent ? " (percent of a CPU), nor none" : "");
	return OK;
}

int cmd_set(struct cmd_run *r)
{
	static const struct out_col cols[] = {
		{ "guest", "guest", OUT_STR, 0 },       { "weight", "weight", OUT_NUM, 0 },
		{ "cap_percent", "cap %", OUT_NUM, 0 }, { "reservation_percent", "reservation %", OUT_NUM, 0 },
		{ "pin", "pin", OUT_STR, 0 },
	};
	struct mon_why why = { "" };
	struct mon_value value = { 0 };
	char pin[80];
	int err = parse_value(r, &value);

	if (err != OK)
		return err;
	mon_fresh(r->mon);
	err = r->mon->ops->set(r->mon->ctx, r->guest.id, r->prop, &value, &why);
	mon_point(r->mon);
	if (err == OK)
		err = mon_guest_by_id(r->mon, r->guest.id, &r->guest);
	if (err != OK)
		return cmd_fail(r, err, &why);
	mon_cpus_format(&r->guest.pin, nr_cpus(r->mon), pin, sizeof(pin));
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, r->guest.name);
	out_u64(r->out, r->guest.weight);
	out_u64(r->out, r->guest.cap);
	out_u64(r->out, r->guest.reservation);
	out_str(r->out, pin);
	out_rec_end(r->out);
	return OK;
}
