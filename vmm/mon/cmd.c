/* The table, arguments, rights, suggestions, completion. What the commands do is in cmd_guest.c and cmd_stat.c. */
#include "vmm/mon/cmd.h"

#include "lib/fmt.h"
#include "lib/string.h"

#define LAST_DEFAULT_MAX 1000 /* lines of `log`, records of `trace` */

#define CONSOLE_LINES_MAX 99999 /* more than any guest's ring holds: all there is */

#define GUEST                                      \
	{                                          \
		.name = "guest", .type = ARG_GUEST \
	}

/* Order: enum describe_format in cmd_stat.c. */
static const char *const describe_formats[] = { "table", "dts", NULL };

/* Order: enum info_kind in cmd_guest.c. */
static const char *const info_kinds[] = { "summary", "state", NULL };

/* Order: enum eject_how in cmd_media.c. */
static const char *const eject_hows[] = { "ask", "force", NULL };

static const struct cmd commands[] = {
	{ "list", "ls", "guests: state, vCPUs, memory, time used", 0, { { 0 } }, cmd_list },
	{ "info",
	  "dominfo",
	  "everything about a guest; state: what a paused guest's vCPUs and devices, or one DEVICE, have in them",
	  0,
	  { GUEST,
	    { .name = "what", .type = ARG_WORD, .optional = true, .words = info_kinds },
	    { .name = "device", .type = ARG_TEXT, .optional = true } },
	  cmd_info },
	{ "console",
	  NULL,
	  "attach to a guest's console, with its last LINES (24); Ctrl-] leaves it",
	  0,
	  { GUEST, { .name = "lines", .type = ARG_NUM, .optional = true, .max = CONSOLE_LINES_MAX } },
	  cmd_console },
	{ "screen", NULL, "the text on a guest's screen", 0, { GUEST }, cmd_screen },
	{ "start", "create", "start a guest that does not run", CMD_MUTATES, { GUEST }, cmd_start },
	{ "shutdown", NULL, "press the guest's ACPI power button", CMD_MUTATES, { GUEST }, cmd_shutdown },
	{ "reset", "reboot", "reset a guest at once, as its reset button would", CMD_MUTATES, { GUEST }, cmd_reset },
	{ "destroy", NULL, "stop a guest at once, as pulling its plug would", CMD_MUTATES, { GUEST }, cmd_destroy },
	{ "pause", "suspend", "stop a guest's vCPUs; its memory stays", CMD_MUTATES, { GUEST }, cmd_pause },
	{ "resume", "unpause", "let a paused guest go on", CMD_MUTATES, { GUEST }, cmd_resume },
	{ "set",
	  NULL,
	  "change weight (1-10000), cap or reservation (% of a CPU, none), pin (0-3,8 or all)",
	  CMD_MUTATES,
	  { GUEST, { .name = "property", .type = ARG_PROP }, { .name = "value", .type = ARG_TEXT } },
	  cmd_set },
	{ "sendkey",
	  NULL,
	  "type at a guest's keyboard: ctrl-alt-delete, ret, f1, a, \"text\"",
	  CMD_MUTATES,
	  { GUEST, { .name = "keys", .type = ARG_LINE } },
	  cmd_sendkey },
	{ "eject",
	  NULL,
	  "take the medium out of a guest's drive: cd0, floppy0 ...; force: although the guest has locked it",
	  CMD_MUTATES,
	  { GUEST,
	    { .name = "drive", .type = ARG_DRIVE },
	    { .name = "how", .type = ARG_WORD, .optional = true, .words = eject_hows } },
	  cmd_eject },
	{ "insert",
	  NULL,
	  "put a boot module into a guest's empty drive, as a CD or floppy",
	  CMD_MUTATES | CMD_MACHINE,
	  { GUEST, { .name = "drive", .type = ARG_DRIVE }, { .name = "module", .type = ARG_TEXT } },
	  cmd_insert },
	{ "top",
	  "xentop",
	  "CPU, steal and exits a second, since the last top; again every SECONDS until a key",
	  0,
	  { { .name = "seconds", .type = ARG_NUM, .optional = true, .max = 3600 } },
	  cmd_top },
	{ "exits", NULL, "a guest's exits by reason", 0, { GUEST }, cmd_exits },
	{ "regs",
	  NULL,
	  "registers of a guest's vCPUs, or of one",
	  0,
	  { GUEST, { .name = "vcpu", .type = ARG_NUM, .optional = true, .max = MON_MAX_CPUS } },
	  cmd_regs },
	{ "dump", NULL, "info, registers, exits and last exits of a guest", 0, { GUEST }, cmd_dump },
	{ "trace",
	  NULL,
	  "the last exits of all CPUs (20), or of one guest",
	  CMD_MACHINE,
	  { { .name = "count", .type = ARG_NUM, .optional = true, .max = LAST_DEFAULT_MAX },
	    { .name = "guest", .type = ARG_GUEST, .optional = true } },
	  cmd_trace },
	{ "previous",
	  NULL,
	  "the last exits (20) of the run before, when it was cut off",
	  CMD_MACHINE,
	  { { .name = "count", .type = ARG_NUM, .optional = true, .max = LAST_DEFAULT_MAX } },
	  cmd_previous },
	{ "log",
	  "dmesg",
	  "the last lines of the hypervisor's log (20)",
	  CMD_MACHINE,
	  { { .name = "count", .type = ARG_NUM, .optional = true, .max = LAST_DEFAULT_MAX } },
	  cmd_log },
	{ "version", NULL, "version, processor, up time", CMD_ANYONE, { { 0 } }, cmd_version },
	{ "describe",
	  "nodeinfo",
	  "the machine: CPUs, memory; as dts: what bhcfg's --machine reads",
	  CMD_MACHINE,
	  { { .name = "format", .type = ARG_WORD, .optional = true, .words = describe_formats } },
	  cmd_describe },
	{ "help",
	  "?",
	  "the commands, or one of them",
	  CMD_ANYONE,
	  { { .name = "command", .type = ARG_CMD, .optional = true } },
	  cmd_help },
	{ "poweroff",
	  NULL,
	  "stop all guests and switch the machine off",
	  CMD_MUTATES | CMD_MACHINE,
	  { { 0 } },
	  cmd_poweroff },
	{ "detach", NULL, "end the events of a guest's console", CMD_CONTROL, { GUEST }, cmd_detach },
	{ "ready",
	  NULL,
	  "this guest is ready: said by itself, on its own channel",
	  CMD_CONTROL | CMD_ANYONE,
	  { { 0 } },
	  cmd_ready },
	{ "metrics", NULL, "all counts of all guests at one instant", CMD_CONTROL, { { 0 } }, cmd_metrics },
	{ "screenshot",
	  NULL,
	  "pixels of a guest's screen: of a frozen GENERATION (0: a new one), from ROW (0) on",
	  CMD_CONTROL,
	  { GUEST,
	    { .name = "generation", .type = ARG_NUM, .optional = true, .max = ~0u },
	    { .name = "row", .type = ARG_NUM, .optional = true, .max = 65535 } },
	  cmd_screenshot },
	{ "input",
	  NULL,
	  "type text at a guest's console",
	  CMD_CONTROL | CMD_MUTATES,
	  { GUEST, { .name = "data", .type = ARG_TEXT } },
	  cmd_input },
};

const struct cmd *cmd_at(u32 i, bool control)
{
	for (u32 k = 0; k < ARRAY_SIZE(commands); k++) {
		if ((commands[k].flags & CMD_CONTROL) && !control)
			continue;
		if (!i--)
			return &commands[k];
	}
	return NULL;
}

const struct cmd *cmd_find(const char *name, bool control)
{
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct cmd *c = &commands[i];

		if ((c->flags & CMD_CONTROL) && !control)
			continue;
		if (!strcmp(c->name, name) || (c->alias && !strcmp(c->alias, name)))
			return c;
	}
	return NULL;
}

/* ---- errors ---- */

int cmd_error(struct cmd_run *r, int err, const char *code, const char *fmt, ...)
{
	va_list ap;

	r->err.code = code;
	va_start(ap, fmt);
	fmt_vsnprintf(r->err.message, sizeof(r->err.message), fmt, ap);
	va_end(ap);
	return err;
}

int cmd_fail(struct cmd_run *r, int err, const struct mon_why *why)
{
	static const struct {
		int err;
		const char *code;
	} codes[] = {
		{ ERR_INVAL, "bad-value" },      { ERR_RANGE, "bad-value" },
		{ ERR_NOENT, "not-found" },      { ERR_BUSY, "busy" },
		{ ERR_NOMEM, "no-memory" },      { ERR_NOSPC, "no-room" },
		{ ERR_NOTSUP, "not-supported" }, { ERR_PERM, "not-permitted" },
		{ ERR_TIMEOUT, "timeout" },
	};
	const char *code = "failed";

	for (u32 i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].err == err)
			code = codes[i].code;
	return cmd_error(r, err, code, "%s: %s", r->has_guest ? r->guest.name : r->cmd->name,
	                 why && why->text[0] ? why->text : err_str(err));
}

#define SUGGEST_MAX 24 /* longer words get no suggestion */

/* Changes that make one short word the other: a letter more, less or another, two neighbours swapped. */
static u32 distance(const struct mon *mon, const char *a, const char *b)
{
	u8 rows[3][SUGGEST_MAX + 1];
	u32 la = (u32)strnlen(a, SUGGEST_MAX + 1), lb = (u32)strnlen(b, SUGGEST_MAX + 1);

	if (la > SUGGEST_MAX || lb > SUGGEST_MAX)
		return SUGGEST_MAX;
	for (u32 k = 0; k <= lb; k++)
		rows[0][k] = (u8)k;
	for (u32 i = 1; i <= la; i++) {
		u8 *row = rows[i % 3];
		const u8 *before = rows[(i + 2) % 3], *before2 = rows[(i + 1) % 3];

		mon_point(mon);
		row[0] = (u8)i;
		for (u32 k = 1; k <= lb; k++) {
			row[k] = (u8)MIN(before[k - 1] + (a[i - 1] != b[k - 1]), MIN(before[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				row[k] = (u8)MIN(row[k], before2[k - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

void cmd_suggest_init(struct cmd_suggest *s, const struct mon *mon, const char *word)
{
	size_t len = strnlen(word, SUGGEST_MAX);

	s->mon = mon;
	s->word = word;
	s->distance = len < 3 ? (u32)len : MIN((u32)len / 2 + 1, 4u); /* as many changes are too many */
	s->best[0] = '\0';
}

void cmd_suggest_try(struct cmd_suggest *s, const char *candidate)
{
	u32 d;
	size_t len = strnlen(s->word, SUGGEST_MAX);

	mon_point(s->mon);
	d = distance(s->mon, s->word, candidate);
	if (len >= 2 && !strncmp(candidate, s->word, len))
		d = MIN(d, 1u); /* cut short: as good as one wrong letter */
	if (d >= s->distance || strnlen(candidate, sizeof(s->best)) >= sizeof(s->best))
		return;
	s->distance = d;
	fmt_snprintf(s->best, sizeof(s->best), "%s", candidate);
}

static int unknown(struct cmd_run *r, int err, const char *code, const char *what, const struct cmd_suggest *s)
{
	mon_point(r->mon);
	return cmd_error(r, err, code, s->best[0] ? "%s \"%.63s\"; did you mean \"%s\"?" : "%s \"%.63s\"", what,
	                 s->word, s->best);
}

/* ---- arguments ---- */

static bool all_digits(const char *s)
{
	do {
		if (*s < '0' || *s > '9')
			return false;
	} while (*++s);
	return true;
}

/*
 * The guest of that name, or of that id. To a channel that may not see all, any other name is "not permitted", there
 * or not: it learns nothing by asking.
 */
static int arg_guest(struct cmd_run *r, const char *value)
{
	struct mon_guest_info *g = &r->guest;
	const struct mon *mon = r->mon;
	struct cmd_suggest s;
	const char *name;
	u64 id = 0;
	bool by_id = all_digits(value) && fmt_parse_u64(value, false, &id) == OK && id <= UINT32_MAX;

	for (u32 i = 0, is; (name = mon->ops->guest_name(mon->ctx, i, &is)); i++) {
		if (mon_may_see(r->rights, is) && !strcmp(name, value))
			return mon->ops->guest_info(mon->ctx, i, g);
		mon_point(mon);
	}
	if (by_id && mon_guest_by_id(mon, (u32)id, g) == OK && mon_may_see(r->rights, g->id))
		return OK;
	cmd_suggest_init(&s, r->mon, value);
	for (u32 i = 0, is; (name = mon->ops->guest_name(mon->ctx, i, &is)); i++) {
		if (mon_may_see(r->rights, is))
			cmd_suggest_try(&s, name);
		mon_point(mon);
	}
	if (r->rights->reach != MON_REACH_ALL)
		return unknown(r, ERR_PERM, "not-permitted", "not permitted: guest", &s);
	return unknown(r, ERR_NOENT, "no-such-guest", "no guest", &s);
}

static int arg_prop(struct cmd_run *r, const char *value)
{
	struct cmd_suggest s;

	cmd_suggest_init(&s, r->mon, value);
	for (u32 i = 0; i < MON_NR_PROPS; i++) {
		r->prop = (enum mon_prop)i;
		if (!strcmp(mon_prop_str(r->prop), value))
			return OK;
		cmd_suggest_try(&s, mon_prop_str(r->prop));
	}
	if (s.best[0])
		return unknown(r, ERR_NOENT, "bad-value", "no property", &s);
	return cmd_error(r, ERR_NOENT, "bad-value", "no property \"%.40s\"; there are weight, cap, reservation, pin",
	                 value);
}

static int arg_word(struct cmd_run *r, const struct cmd_arg *a, const char *value)
{
	struct cmd_suggest s;

	cmd_suggest_init(&s, r->mon, value);
	for (r->word = 0; a->words[r->word]; r->word++) {
		if (!strcmp(a->words[r->word], value))
			return OK;
		cmd_suggest_try(&s, a->words[r->word]);
	}
	if (s.best[0])
		return cmd_error(r, ERR_NOENT, "bad-value", "no %s \"%.40s\"; did you mean \"%s\"?", a->name, value,
		                 s.best);
	return cmd_error(r, ERR_NOENT, "bad-value", "no %s \"%.40s\"; there is %s", a->name, value, a->words[0]);
}

static int find_command(struct cmd_run *r, const char *name, const struct cmd **out)
{
	const struct cmd *c;
	struct cmd_suggest s;

	*out = cmd_find(name, r->control);
	if (*out)
		return OK;
	/* To a channel that may do nothing: no help with it. */
	if (r->rights->reach == MON_REACH_NONE)
		return cmd_error(r, ERR_PERM, "not-permitted", "not permitted: %.63s", name);
	cmd_suggest_init(&s, r->mon, name);
	for (u32 i = 0; (c = cmd_at(i, r->control)); i++) {
		cmd_suggest_try(&s, c->name);
		if (c->alias)
			cmd_suggest_try(&s, c->alias);
	}
	return unknown(r, ERR_NOENT, "unknown-command", "no command", &s);
}

static int arg_take(struct cmd_run *r, const struct cmd_arg *a, const char *value)
{
	u64 n;

	switch (a->type) {
	case ARG_GUEST: r->has_guest = false; return arg_guest(r, value);
	case ARG_PROP: return arg_prop(r, value);
	case ARG_CMD: return find_command(r, value, &r->about);
	case ARG_WORD: return arg_word(r, a, value);
	case ARG_NUM:
		if (!all_digits(value) || fmt_parse_u64(value, false, &n) != OK || n > a->max)
			return cmd_error(r, ERR_RANGE, "bad-value", "%s \"%.40s\" is no number from 0 to %u", a->name,
			                 value, a->max);
		r->num = (u32)n;
		r->nums[a - r->cmd->args] = r->num;
		r->has_num = true;
		return OK;
	case ARG_DRIVE: r->drive = value; return OK;
	default: r->text = value; return OK;
	}
}

/* What was given for argument number i; NULL: nothing. */
static const char *given_for(const struct cmd_arg *a, u32 i, const struct cmd_given *given, u32 nr)
{
	for (u32 k = 0; k < nr; k++)
		if (given[k].name ? !strcmp(given[k].name, a->name) : k == i)
			return given[k].value;
	return NULL;
}

/* Anything given that no argument takes. */
static int check_given(struct cmd_run *r, const struct cmd_given *given, u32 nr)
{
	u32 wanted = 0;

	while (wanted < CMD_MAX_ARGS && r->cmd->args[wanted].type != ARG_NONE)
		wanted++;
	for (u32 k = 0; k < nr; k++) {
		struct cmd_suggest s;
		bool known = !given[k].name && k < wanted;

		if (!given[k].name && k >= wanted)
			return cmd_error(r, ERR_INVAL, "bad-argument", "%s: \"%.40s\" is one argument too many",
			                 r->cmd->name, given[k].value);
		if (given[k].name)
			cmd_suggest_init(&s, r->mon, given[k].name);
		for (u32 i = 0; given[k].name && i < wanted; i++) {
			known |= !strcmp(given[k].name, r->cmd->args[i].name);
			cmd_suggest_try(&s, r->cmd->args[i].name);
		}
		if (!known)
			return unknown(r, ERR_INVAL, "bad-argument", "no argument", &s);
	}
	return OK;
}

static int check_rights(struct cmd_run *r)
{
	const struct cmd *c = r->cmd;
	const struct mon_rights *rights = r->rights;

	if (c->flags & CMD_ANYONE)
		return OK;
	if (rights->reach == MON_REACH_NONE || ((c->flags & CMD_MUTATES) && !rights->mutate) ||
	    ((c->flags & CMD_MACHINE) && rights->reach != MON_REACH_ALL))
		return cmd_error(r, ERR_PERM, "not-permitted", "not permitted: %s", c->name);
	return OK;
}

int cmd_execute(struct cmd_run *r, const char *name, const struct cmd_given *given, u32 nr)
{
	int err = find_command(r, name, &r->cmd);

	r->effect = CMD_DONE;
	r->has_guest = r->has_num = false;
	memset(r->nums, 0, sizeof(r->nums));
	r->text = NULL;
	r->about = NULL;
	r->word = 0;
	mon_point(r->mon);
	if (err == OK)
		err = check_rights(r);
	if (err == OK)
		err = check_given(r, given, nr);
	for (u32 i = 0; err == OK && i < CMD_MAX_ARGS && r->cmd->args[i].type != ARG_NONE; i++) {
		const struct cmd_arg *a = &r->cmd->args[i];
		const char *value = given_for(a, i, given, nr);

		mon_point(r->mon);
		if (!value && !a->optional)
			return cmd_error(r, ERR_INVAL, "missing-argument", "%s: %s is missing; try \"help %s\"",
			                 r->cmd->name, a->name, r->cmd->name);
		if (!value)
			continue;
		err = arg_take(r, a, value);
		r->has_guest |= a->type == ARG_GUEST && err == OK;
	}
	mon_point(r->mon);
	return err == OK ? r->cmd->run(r) : err;
}

int cmd_execute_line(struct cmd_run *r, char *line)
{
	struct cmd_given given[CMD_MAX_ARGS + 1];
	const struct cmd *cmd = NULL;
	const char *name = NULL;
	u32 nr = 0;

	r->effect = CMD_DONE;
	for (;;) {
		while (*line == ' ' || *line == '\t')
			line++;
		if (!*line || nr == ARRAY_SIZE(given))
			break;
		if (!name)
			name = line;
		else
			given[nr++] = (struct cmd_given){ NULL, line };
		if (nr == 1)
			cmd = cmd_find(name, r->control);
		if (cmd && nr <= CMD_MAX_ARGS && cmd->args[nr - 1].type == ARG_LINE)
			break; /* it takes all that is left */
		while (*line && *line != ' ' && *line != '\t')
			line++;
		if (*line)
			*line++ = '\0';
	}
	return name ? cmd_execute(r, name, given, nr) : OK;
}

/* ---- completion ---- */

/* The command that line begins with. */
static const struct cmd *command_of(const char *line)
{
	const struct cmd *c;

	while (*line == ' ')
		line++;
	for (u32 i = 0; (c = cmd_at(i, false)); i++) {
		size_t n = strlen(c->name), m = c->alias ? strlen(c->alias) : 0;

		if (!strncmp(line, c->name, n) && line[n] == ' ')
			return c;
		if (m && !strncmp(line, c->alias, m) && line[m] == ' ')
			return c;
	}
	return NULL;
}

void cmd_complete(const struct mon *mon, const struct mon_rights *rights, const char *line, u32 index,
                  void (*emit)(void *ctx, const char *word), void *ctx)
{
	const struct cmd *c = index ? command_of(line) : NULL;
	enum cmd_arg_type type = c && index <= CMD_MAX_ARGS ? c->args[index - 1].type : ARG_NONE;
	const char *name;

	if (index == 0)
		type = ARG_CMD;
	if (type == ARG_CMD)
		for (u32 i = 0; (c = cmd_at(i, false)); i++)
			emit(ctx, c->name);
	if (type == ARG_GUEST)
		for (u32 i = 0, id; (name = mon->ops->guest_name(mon->ctx, i, &id)); i++)
			if (mon_may_see(rights, id))
				emit(ctx, name);
	for (u32 i = 0; type == ARG_PROP && i < MON_NR_PROPS; i++)
		emit(ctx, mon_prop_str((enum mon_prop)i));
	for (u32 i = 0; type == ARG_WORD && c && c->args[index - 1].words[i]; i++)
		emit(ctx, c->args[index - 1].words[i]);
}
