/* Sizes and initial contents of FPU save areas. SDM vol. 1 "Managing State Using the XSAVE Feature Set". */
#include "arch/x86/fpu.h"

#include "arch/x86/cpu.h"
#include "lib/string.h"

u32 fpu_area_size(u64 xcr0)
{
	u32 size = 512 + 64;

	for (u32 i = 2; i < 63; i++) {
		struct cpuid_regs r;

		if (!(xcr0 & BIT(i)))
			continue;
		r = cpu_cpuid(0xd, i);
		size = MAX(size, r.ebx + r.eax);
	}
	return size;
}

void fpu_area_init(void *area)
{
	u8 *p = area;
	u16 fcw = 0x37f;
	u32 mxcsr = 0x1f80;

	memset(p, 0, 576);
	memcpy(p, &fcw, sizeof(fcw));
	memcpy(p + 24, &mxcsr, sizeof(mxcsr));
}
