/*
 * Code in all of memory: a RET in the first, a middle and the last page of each 2 MiB, called, written again and
 * called again. The hypervisor may map memory without the right to execute until then; the guest must not notice.
 */
#include "tests/guest/rt/rt.h"

#define FIRST (16ull << 20) /* beyond the payload */
#define END   (100ull << 20)
#define STEP  (2ull << 20)
#define RET   0xc3
#define INC   0x00c0ff48u /* INC RAX, and a zero */

static u64 call(u64 at)
{
	u64 rax = 0;

	asm volatile("call *%1" : "+a"(rax) : "r"(at) : "memory", "cc");
	return rax;
}

void main(const char *cmdline)
{
	static const u64 offsets[] = { 0, STEP / 2 + 0x123, STEP - 16 };
	u32 once = 0, twice = 0, want = 0;

	(void)cmdline;
	for (u64 a = FIRST; a < END; a += STEP) {
		for (u32 i = 0; i < 3; i++, want++) {
			volatile u8 *p = (volatile u8 *)(a + offsets[i]);

			*p = RET;
			once += call((u64)p) == 0;
			*(volatile u32 *)p = INC;
			p[3] = RET;
			twice += call((u64)p) == 1;
		}
	}
	report(once == want && twice == want, "code in %u places of %u, changed in %u", once, want, twice);
}
