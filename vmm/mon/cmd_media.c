/* eject, insert: media of a guest's drives. */
#include "vmm/mon/cmd.h"

enum eject_how { EJECT_ASK, EJECT_FORCE };

static int done(struct cmd_run *r, int err, const struct mon_why *why, const char *medium)
{
	static const struct out_col cols[] = {
		{ "guest", "guest", OUT_STR, 0 },
		{ "drive", "drive", OUT_STR, 0 },
		{ "medium", "medium", OUT_STR, 0 },
	};

	mon_point(r->mon);
	if (err != OK)
		return cmd_fail(r, err, why);
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, r->guest.name);
	out_str(r->out, r->drive);
	out_str(r->out, medium);
	out_rec_end(r->out);
	return OK;
}

int cmd_eject(struct cmd_run *r)
{
	const struct mon *mon = r->mon;
	struct mon_why why = { "" };
	int err;

	mon_fresh(mon);
	err = mon->ops->eject ? mon->ops->eject(mon->ctx, r->guest.id, r->drive, r->word == EJECT_FORCE, &why)
	                      : ERR_NOTSUP;
	return done(r, err, &why, "");
}

int cmd_insert(struct cmd_run *r)
{
	const struct mon *mon = r->mon;
	struct mon_why why = { "" };
	int err;

	mon_fresh(mon);
	err = mon->ops->insert ? mon->ops->insert(mon->ctx, r->guest.id, r->drive, r->text, &why) : ERR_NOTSUP;
	return done(r, err, &why, r->text);
}
