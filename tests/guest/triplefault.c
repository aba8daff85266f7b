/* A triple fault: the VM is expected to be stopped (or reset); whoever ran this looks at the log. */
#include "tests/guest/rt/rt.h"

void main(const char *cmdline)
{
	struct {
		u16 len;
		u64 base;
	} __packed p = { 0, 0 };

	rt_printf("triple fault follows\n");
	rt_delay(100000);
	asm volatile("lidt %0\n\tint3" : : "m"(p));
	report(false, "still running after a triple fault");
}
