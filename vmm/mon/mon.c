#include "vmm/mon/mon.h"

#include "lib/fmt.h"
#include "lib/string.h"

bool mon_may_see(const struct mon_rights *rights, u32 guest)
{
	if (rights->reach == MON_REACH_ALL)
		return true;
	for (u32 i = 0; rights->reach == MON_REACH_LIST && i < rights->nr; i++)
		if (rights->guests[i] == guest)
			return true;
	return false;
}

bool mon_run(struct mon *mon, struct task *task)
{
	bool ended;

	mon->task = task;
	ended = task_run(task);
	mon->task = NULL;
	return ended;
}

void mon_point(const struct mon *mon)
{
	if (mon->task && mon->ops->piece_over && mon->ops->piece_over(mon->ctx))
		task_pause(mon->task);
}

void mon_fresh(const struct mon *mon)
{
	if (mon->task && mon->ops->piece_over)
		task_pause(mon->task);
}

/* Position of the guest of that id; false: there is none. */
static bool find(const struct mon *mon, u32 id, u32 *index, const char **name)
{
	u32 is;

	for (*index = 0; (*name = mon->ops->guest_name(mon->ctx, *index, &is)); ++*index) {
		if (is == id)
			return true;
		mon_point(mon);
	}
	return false;
}

const char *mon_guest_name(const struct mon *mon, u32 id)
{
	const char *name;
	u32 index;

	(void)find(mon, id, &index, &name);
	return name;
}

int mon_guest_by_id(const struct mon *mon, u32 id, struct mon_guest_info *info)
{
	const char *name;
	u32 index;

	return find(mon, id, &index, &name) ? mon->ops->guest_info(mon->ctx, index, info) : ERR_NOENT;
}

const char *mon_state_str(enum mon_state state)
{
	static const char *const names[MON_NR_STATES] = { "defined", "starting", "running",
		                                          "paused",  "stopped",  "crashed" };

	return state < MON_NR_STATES ? names[state] : "unknown";
}

const char *mon_prop_str(enum mon_prop prop)
{
	static const char *const names[MON_NR_PROPS] = { "weight", "cap", "reservation", "pin" };

	return prop < MON_NR_PROPS ? names[prop] : "unknown";
}

const char *mon_event_str(enum mon_event_kind kind)
{
	static const char *const names[MON_NR_EVENTS] = { "started", "stopped", "crashed", "restarted",
		                                          "paused",  "resumed", "changed", "takeover" };

	return kind < MON_NR_EVENTS ? names[kind] : "unknown";
}

/* Text that is read by positions: the log, or (guest set) a console. */
struct text {
	const struct mon *mon;
	const u32 *guest;
};

static size_t text_read(const struct text *t, u64 *pos, char *buf, size_t len)
{
	if (t->guest)
		return t->mon->ops->console_read(t->mon->ctx, *t->guest, pos, (u8 *)buf, len);
	return t->mon->ops->log_read(t->mon->ctx, pos, buf, len);
}

static u64 text_tail(const struct text *t, u64 from, u32 lines, u32 *skipped, u64 *end)
{
	char buf[64];
	u64 head = UINT64_MAX, pos = from, start;
	u32 all = 0, skip;
	size_t len;

	(void)text_read(t, &head, buf, 0); /* what is written meanwhile is left out: it may never end */
	len = text_read(t, &pos, buf, sizeof(buf));
	start = pos - len; /* of what is kept */
	for (; len; len = pos < head ? text_read(t, &pos, buf, sizeof(buf)) : 0) {
		for (size_t i = 0; i < len; i++)
			all += buf[i] == '\n';
		mon_point(t->mon);
	}
	if (end)
		*end = pos;
	skip = all > lines ? all - lines : 0;
	if (skipped)
		*skipped = skip;
	pos = start;
	while (skip && pos < head && (len = text_read(t, &pos, buf, sizeof(buf)))) {
		for (size_t i = 0; i < len && skip; i++) {
			skip -= buf[i] == '\n';
			start = pos - len + i + 1;
		}
		mon_point(t->mon);
	}
	return start;
}

u64 mon_log_tail(const struct mon *mon, u64 from, u32 lines, u32 *skipped, u64 *end)
{
	const struct text t = { .mon = mon };

	return text_tail(&t, from, lines, skipped, end);
}

#define SHORT_TAIL  4096
#define SHORT_LINES 24

u64 mon_console_tail(const struct mon *mon, u32 guest, u32 lines)
{
	const struct text t = { .mon = mon, .guest = &guest };
	u64 head = UINT64_MAX;
	char none[1];

	if (lines != MON_TAIL_SHORT)
		return text_tail(&t, 0, lines, NULL, NULL);
	(void)text_read(&t, &head, none, 0);
	return text_tail(&t, head > SHORT_TAIL ? head - SHORT_TAIL : 0, SHORT_LINES, NULL, NULL);
}

static bool has(const struct mon_cpus *set, u32 cpu)
{
	return cpu < MON_MAX_CPUS && (set->w[cpu / 64] >> (cpu % 64) & 1);
}

static bool has_all(const struct mon_cpus *set, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (!has(set, i))
			return false;
	return nr != 0;
}

void mon_cpus_format(const struct mon_cpus *set, u32 nr, char *buf, size_t size)
{
	size_t n = 0;

	fmt_snprintf(buf, size, "%s", has_all(set, nr) ? "all" : "");
	if (has_all(set, nr))
		return;
	for (u32 i = 0; i < MON_MAX_CPUS; i++) {
		u32 last = i;
		char one[12];
		int len;

		if (i % 64 == 0 && !set->w[i / 64])
			i += 63; /* none of these */
		if (!has(set, i))
			continue;
		while (has(set, last + 1))
			last++;
		len = fmt_snprintf(one, sizeof(one), last > i ? "%s%u-%u" : "%s%u", n ? "," : "", i, last);
		if (n + (size_t)len + 4 > size) { /* room for the dots */
			if (size > n + 3)
				fmt_snprintf(buf + n, size - n, "...");
			return;
		}
		memcpy(buf + n, one, (size_t)len + 1);
		n += (size_t)len;
		i = last;
	}
}

static const char *number(const char *s, u32 *v)
{
	const char *start = s;

	for (*v = 0; *s >= '0' && *s <= '9' && s - start < 6; s++)
		*v = *v * 10 + (u32)(*s - '0');
	return s > start ? s : NULL;
}

int mon_cpus_parse(const char *text, u32 nr, struct mon_cpus *set)
{
	u32 first, last;

	*set = (struct mon_cpus){ 0 };
	if (!strcmp(text, "all"))
		text = NULL;
	for (u32 i = 0; !text && i < MIN(nr, (u32)MON_MAX_CPUS); i++)
		set->w[i / 64] |= BIT(i % 64);
	while (text) {
		text = number(text, &first);
		if (!text)
			return ERR_INVAL;
		last = first;
		if (*text == '-')
			text = number(text + 1, &last);
		if (!text || last < first || (*text && *text != ','))
			return ERR_INVAL;
		if (last >= nr || last >= MON_MAX_CPUS)
			return ERR_RANGE;
		for (u32 i = first; i <= last; i++)
			set->w[i / 64] |= BIT(i % 64);
		text = *text ? text + 1 : NULL;
	}
	return OK;
}
