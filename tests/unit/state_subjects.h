/* All subjects of the tests of states: every device that can be a row of the board's table. */
#pragma once

#include "state_subjects_chipset.h"
#include "state_subjects_floppy.h"
#include "state_subjects_fw.h"
#include "state_subjects_ide.h"
#include "state_subjects_input.h"
#include "state_subjects_irq.h"
#include "state_subjects_net.h"
#include "state_subjects_pc.h"
#include "state_subjects_pci.h"
#include "state_subjects_timers.h"

static const struct {
	const struct state_subject *subjects;
	u32 nr;
} state_subject_lists[] = {
	{ state_subjects_pc, ARRAY_SIZE(state_subjects_pc) },
	{ state_subjects_fw, ARRAY_SIZE(state_subjects_fw) },
	{ state_subjects_irq, ARRAY_SIZE(state_subjects_irq) },
	{ state_subjects_input, ARRAY_SIZE(state_subjects_input) },
	{ state_subjects_floppy, ARRAY_SIZE(state_subjects_floppy) },
	{ state_subjects_timers, ARRAY_SIZE(state_subjects_timers) },
	{ state_subjects_pci, ARRAY_SIZE(state_subjects_pci) },
	{ state_subjects_net, ARRAY_SIZE(state_subjects_net) },
	{ state_subjects_chipset, ARRAY_SIZE(state_subjects_chipset) },
	{ state_subjects_ide, ARRAY_SIZE(state_subjects_ide) },
};

static inline u32 state_subject_count(void)
{
	u32 nr = 0;

	for (u32 i = 0; i < ARRAY_SIZE(state_subject_lists); i++)
		nr += state_subject_lists[i].nr;
	return nr;
}

static inline const struct state_subject *state_subject_at(u32 n)
{
	u32 i = 0;

	for (; n >= state_subject_lists[i].nr; i++)
		n -= state_subject_lists[i].nr;
	return &state_subject_lists[i].subjects[n];
}

/* Whether it is the first of its row of the board's table: some differ in configuration alone. */
static inline bool state_subject_first(u32 n)
{
	u32 k = 0;

	while (state_subject_at(k)->ops != state_subject_at(n)->ops)
		k++;
	return k == n;
}

static inline u32 state_row_count(void)
{
	u32 rows = 0;

	for (u32 i = 0; i < state_subject_count(); i++)
		rows += state_subject_first(i);
	return rows;
}
