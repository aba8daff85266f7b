/*
 * Which of the machine's processors each guest may use: pins by number, selectors resolved to numbers, exclusive
 * cores kept free of others, reservations that the processors can hold. Pure.
 *
 * A guest with exclusive cores has them whole: no other guest runs on a thread of a core that it has a thread of.
 */
#pragma once

#include "vmm/config/machine.h"

struct place {
	char name[CONFIG_NAME_MAX + 1];
	u32 reservation; /* percent of one CPU */
	struct cpuset pin;
	struct vm_cores cores;
	bool exclusive;
	bool may_skip;      /* its on-error is "skip" */
	bool skipped;       /* it is left out; set before by the caller, and by the solver where it does not fit */
	struct cpuset cpus; /* result; not empty when all went well */
	/* The solver's: something of it does not fit. Its reservation is granted; percent of one CPU granted so far to guests within its cpus. */
	bool failed;
	bool admitted;
	u64 taken;
};

/*
 * Fills list from the nr guests of a blob that config_check has accepted and gives each its processors. list: nr
 * entries, config_guest_count() of them, zeroed but for skipped. OK or ERR_INVAL with errors. The same blob and machine
 * give the same result. Guests that may be left out are where all do not fit, those first that do not themselves, then
 * the last: they are marked skipped, and what errs has then says why.
 */
__must_check int config_place(const void *blob, const struct machine *m, struct place *list, u32 nr,
                              struct config_errs *errs);
/* The second half: list's requests are filled in. */
__must_check int place_solve(const struct machine *m, struct place *list, u32 nr, struct config_errs *errs);

/*
 * Whether two guests on these processors break the promise of exclusive cores: one of them has its cores for itself,
 * and the other would have a thread of one.
 */
bool place_conflict(const struct machine *m, const struct cpuset *a, bool a_exclusive, const struct cpuset *b,
                    bool b_exclusive);
