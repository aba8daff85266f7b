/* Address to symbol. */
#include "arch/x86/ksyms.h"

#include "arch/x86/trap.h"
#include "lib/fmt.h"

void symbol_format(u64 addr, char *buf, size_t size)
{
	u32 lo = 0, hi = nr_ksyms;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (ksyms[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		fmt_snprintf(buf, size, "?");
	else
		fmt_snprintf(buf, size, "%s+%#lx", ksyms[lo - 1].name, addr - ksyms[lo - 1].addr);
}
