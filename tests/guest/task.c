/* Hardware task switches: CALL, JMP, IRET, gates, exceptions, NMI and interrupts through task gates, VM86. */
#include "tests/guest/rt/rt.h"

extern u32 task32_result[128], task32_count;
extern void task32_all(void);

void main(const char *cmdline)
{
	static const char *const what[] = {
		"CALL to a TSS: the task runs",
		"CALL: NT",
		"CALL: CR0.TS",
		"CALL: back link",
		"IRET: the task's TSS is available again",
		"IRET: the main TSS is busy",
		"IRET: NT is cleared in the old task's image",
		"CALL again: the task runs",
		"CALL again: it goes on behind its IRET",
		"CALL through a task gate in the GDT",
		"JMP to a TSS: the task runs and jumps back",
		"JMP: no NT",
		"JMP back: the task's TSS is available",
		"INT n through a task gate",
		"INT3 through a task gate",
		"INTO through a task gate",
		"#DE through a task gate: the instruction is run again",
		"#DE: the task ran once",
		"#GP through a task gate",
		"#GP: the error code is on the task's stack",
		"NMI through a task gate: a second one is not lost",
		"NMI: the second one comes after IRET",
		"an interrupt waits for IF",
		"an interrupt through a task gate",
		"the T flag of a TSS: the task runs",
		"the T flag: #DB with DR6.BT",
		"#PF through a task gate",
		"#PF: the error code",
		"#PF: CR2",
		"#PF: the instruction is run again",
		"VM86 task and back by a task gate: NT",
		"VM86: back link",
		"VM86: its EIP is that of the fault",
		"VM86: its EFLAGS have VM",
		"VM86: its DS",
	};

	apic_init();
	rt_call32(task32_all);
	report_eq(task32_count, ARRAY_SIZE(what), "all steps");
	for (u32 i = 0; i < task32_count && i < ARRAY_SIZE(what); i++)
		report_eq(task32_result[2 * i], task32_result[2 * i + 1], "%s", what[i]);
}
