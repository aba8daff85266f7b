/* A monitor of virtual-8086 mode: see v86_32.c. */
#include "tests/guest/rt/rt.h"

extern u32 vm_group_name[32], vm_group_checks[32], vm_groups, vm_failure[6 * 64], vm_failures;
extern void vm_all(void);

static const char *text(u32 at)
{
	return (const char *)(unsigned long)at;
}

void main(const char *cmdline)
{
	apic_init();
	rt_call32(vm_all);
	report_eq(vm_groups, 18, "all groups");
	for (u32 group = 0; group < vm_groups; group++) {
		bool good = vm_group_checks[group] > 0;

		for (u32 i = 0; i < vm_failures; i++) {
			const u32 *f = vm_failure + 6ul * i;

			if (f[0] != group)
				continue;
			good = false;
			rt_printf("VME %u, EFLAGS %#x: %s: %#x, not %#x\n", f[1], f[2], text(f[3]), f[4], f[5]);
		}
		report(good, "%s: %u checks", text(vm_group_name[group]), vm_group_checks[group]);
	}
}
