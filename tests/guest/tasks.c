/* Hardware task switches, every way into a task against every state of its tables: see tasks_32.c. */
#include "tests/guest/rt/rt.h"

extern u32 tm_row_name[64], tm_row_checks[64], tm_rows, tm_failure[5 * 64], tm_failures;
extern void tm_all(void);

static const char *text(u32 at)
{
	return (const char *)(unsigned long)at;
}

void main(const char *cmdline)
{
	static const char *const ways[] = { "JMP",   "CALL", "JMP to a gate", "CALL to a gate",
		                            "INT n", "#UD",  "#GP",           "IRET" };

	rt_call32(tm_all);
	report_eq(tm_rows, 51, "all rows");
	for (u32 row = 0; row < tm_rows; row++) {
		bool good = tm_row_checks[row] > 0;

		for (u32 i = 0; i < tm_failures; i++) {
			const u32 *f = tm_failure + 5ul * i;

			if (f[0] != row)
				continue;
			good = false;
			rt_printf("%s: %s: %#x, not %#x\n", ways[f[1]], text(f[2]), f[3], f[4]);
		}
		report(good, "%s: %u checks", text(tm_row_name[row]), tm_row_checks[row]);
	}
}
