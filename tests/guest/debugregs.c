/* Debug registers: hardware breakpoints, DR4/DR5, general detect, DR6 and DR7 rules.
 * (SDM vol. 3, "Debug Registers") */
#include "tests/guest/rt/rt.h"

static volatile u32 count;
static u64 rip, dr6, dr7_seen;
static u64 watched[4] __aligned(64);
u64 dbg_label;

static void on_db(struct frame *f)
{
	count++;
	rip = f->rip;
	dr6 = read_dr6();
	dr7_seen = read_dr7();
	write_dr6(0xffff0ff0);
	f->rflags |= RFLAGS_RF;
	if (count > 10)
		write_dr7(0x400);
}

static void clear(void)
{
	count = 0;
	write_dr7(0x400);
	write_dr6(0xffff0ff0);
}

void main(const char *cmdline)
{
	u64 v;

	rt_set_handler(EXC_DB, on_db);
	report_eq(read_dr7(), 0x400, "DR7 at start");
	report_eq(read_dr6(), 0xffff0ff0, "DR6 at start");
	write_dr0(0x123456789abcull);
	write_dr1(0xffff800000000000ull);
	write_dr2(~0ull);
	write_dr3(3);
	report(read_dr0() == 0x123456789abcull && read_dr1() == 0xffff800000000000ull && read_dr2() == ~0ull &&
	               read_dr3() == 3,
	       "DR0 to DR3 keep 64 bits");
	(void)cpuid(0, 0);
	(void)inb(0x21);
	report(read_dr0() == 0x123456789abcull && read_dr3() == 3, "also over exits");
	/* execution */
	clear();
	asm volatile("leaq 1f(%%rip), %0\n\tmovq %0, %%db0\n\tmovq %1, %%db7\n\tnop\n1:\tnop\n\tnop"
	             : "=&r"(v)
	             : "r"(0x402ull)
	             : "memory");
	report(count == 1 && rip == v && (dr6 & 0xf) == 1, "execution breakpoint: a fault at the instruction (%u)",
	       count);
	/* on an instruction that exits */
	clear();
	asm volatile("leaq 1f(%%rip), %%rsi\n\tmovq %%rsi, %%db1\n\tmovq %%rdx, %%db7\n\txorl %%eax, "
	             "%%eax\n1:\tcpuid\n\tnop"
	             : "=&S"(v), "=d"(dr7_seen)
	             : "d"(0x408ull)
	             : "rax", "rbx", "rcx", "memory");
	report(count == 1 && rip == v && (dr6 & 0xf) == 2, "execution breakpoint on CPUID (%u)", count);
	/* data */
	clear();
	write_dr2((u64)&watched[1]);
	write_dr7(0x400 | 0x20 | 1u << 24 | 3u << 26); /* write, 4 bytes */
	asm volatile("movl $1, (%1)\n\tleaq 1f(%%rip), %0\n1:" : "=r"(v) : "r"(&watched[1]) : "memory");
	report(count == 1 && (dr6 & 0xf) == 4, "write breakpoint: a trap (%u)", count);
	asm volatile("movl (%0), %%eax" : : "r"(&watched[1]) : "rax");
	report_eq(count, 1, "not on reads");
	asm volatile("movb $1, 3(%0)" : : "r"(&watched[1]) : "memory");
	report_eq(count, 2, "any byte within");
	asm volatile("movb $1, 4(%0)" : : "r"(&watched[1]) : "memory");
	report_eq(count, 2, "not beyond");
	write_dr7(0x400 | 0x20 | 3u << 24 | 2u << 26); /* read or write, 8 bytes */
	asm volatile("movb 7(%0), %%al" : : "r"(&watched[1]) : "rax");
	report_eq(count, 3, "read/write breakpoint of 8 bytes");
	/* on an emulated access: the IOAPIC's register */
	clear();
	write_dr0(0xfec00000);
	write_dr7(0x402 | 1u << 16 | 3u << 18);
	asm volatile("movl $1, (%1)\n1:\tleaq 1b(%%rip), %0" : "=r"(v) : "r"(0xfec00000ull) : "memory");
	report(count == 1 && rip == v && dr6 & 1, "write breakpoint on device memory (%u)", count);
	/* I/O breakpoint */
	clear();
	write_cr4(read_cr4() | CR4_DE);
	write_dr3(0x80);
	write_dr7(0x400 | 0x80 | 2u << 28);
	asm volatile("outb %%al, $0x80\n1:\tleaq 1b(%%rip), %0" : "=r"(v) : "a"(0));
	report(count == 1 && rip == v && dr6 & 8, "I/O breakpoint (%u)", count);
	outb(0x81, 0);
	report_eq(count, 1, "not on another port");
	clear();
	/* DR4, DR5 */
	v = TRY("movq %%db4, %%rax", : : : "rax");
	report_eq(v, EXC_UD, "DR4 with CR4.DE: #UD");
	write_cr4(read_cr4() & ~CR4_DE);
	v = TRY("movq %%db4, %%rax", : : : "rax");
	report_eq(v, EXC_NONE, "DR4 is DR6 without CR4.DE");
	v = TRY("movq %0, %%db7", : : "r"(BIT(40)));
	report_eq(v, EXC_GP, "upper half of DR7: #GP");
	v = TRY("movq %0, %%db6", : : "r"(BIT(40)));
	report_eq(v, EXC_GP, "upper half of DR6: #GP");
	/* general detect */
	clear();
	asm volatile("movq %1, %%db7\n1:\tmovq %%db0, %%rax\n\tleaq 1b(%%rip), %0"
	             : "=r"(v)
	             : "r"(0x2400ull)
	             : "rax");
	report(count == 1 && rip == v && dr6 & BIT(13), "general detect (%u)", count);
	report(!(dr7_seen & BIT(13)), "the handler sees GD clear");
	clear();
	/* fixed bits */
	write_dr7(0x0400 | 0xc000);
	report_eq(read_dr7(), 0x400, "DR7: bits 14 and 15 read 0, bit 10 reads 1");
	write_dr7(0);
	report_eq(read_dr7(), 0x400, "DR7: bit 10 reads 1");
	write_dr6(0);
	report_soft((read_dr6() & 0xffff0ff0 & ~BIT(16) & ~BIT(11)) == (0xffff0ff0 & ~BIT(16) & ~BIT(11)),
	            "DR6: reserved bits read 1 (0x%llx)", (unsigned long long)read_dr6());
	clear();
	/* INT1 and single-step leave the breakpoint bits alone */
	rt_set_handler(EXC_DB, NULL);
}
