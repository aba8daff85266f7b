#include "tools/pace.h"

/* Twice what was taken last: what a guest leaves is sent twice, and one that takes more is soon given more. */
bool pace_answer(struct pace *p, size_t taken)
{
	p->window = MAX(MIN(2 * taken, (size_t)PACE_MAX), (size_t)PACE_MIN);
	return taken != 0;
}
