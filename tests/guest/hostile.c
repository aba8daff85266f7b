/*
 * Storms: every port, many MSRs, random device memory accesses, random control register values, random instruction
 * bytes. The guest may well wreck itself (the run is good when the hypervisor carries on, and the guest ends through
 * the exit port, or is stopped with a message that blames it). "bytes=0" on the command line leaves out the random
 * bytes. Under a hypervisor only: a bare machine's devices are not to be written at random.
 */
#include "tests/guest/rt/rt.h"

static bool deadly(u16 p)
{
	return p == 0x64 || p == 0x60 || p == 0x92 || (p >= 0xcf8 && p <= 0xcff) || (p >= 0x600 && p < 0x640) ||
	       p == 0xb2 || p == 0xf4 || (p >= 0xf1 && p < 0xf8) || (p >= 0x3f5 && p < 0x400) || p == 0x8900 ||
	       (p >= 0x5ff && p < 0x608) || p == 0xb3;
}

static void ports(void)
{
	u64 sum = 0;

	for (u32 p = 0; p < 0x10000; p++) {
		if (p < 0x3f0 || p > 0x3ff) {
			sum += inb((u16)p);
			sum += inw((u16)p);
			sum += inl((u16)p);
		}
		/* not the ones that end the guest, nor those whose access reaches into one */
		if (deadly((u16)p) || deadly((u16)(p + 1)) || deadly((u16)(p + 2)) || deadly((u16)(p + 3)))
			continue;
		outb((u16)p, (u8)rt_random());
		outw((u16)p, (u16)rt_random());
		outl((u16)p, (u32)rt_random());
	}
	report(true, "all ports (sum 0x%llx)", (unsigned long long)sum);
	pic_init();
	for (u32 i = 0; i < 24; i++)
		outb((u16)(0x2000 + i), 0);
}

static void msrs(void)
{
	static const u32 bases[] = { 0,          0x400,      0x800,      0xc00,      0x1000,     0x40000000,
		                     0xc0000000, 0xc0000400, 0xc0010000, 0xc0011000, 0x4b564d00, 0xfffffc00 };
	u32 readable = 0, writable = 0;
	u64 v;

	for (u32 b = 0; b < ARRAY_SIZE(bases); b++) {
		for (u32 i = 0; i < 0x400; i++) {
			u32 m = bases[b] + i;

			if (rdmsr_safe(m, &v))
				continue;
			readable++;
			/* what this program stands on: TSC, APIC base, EFER, segment bases are only read */
			if (m == MSR_EFER || m == MSR_APIC_BASE || m == MSR_TSC || m == MSR_TSC_ADJUST)
				continue;
			for (u32 k = 0; k < 4; k++)
				writable += wrmsr_safe(m, rt_random()) == 0;
			(void)!wrmsr_safe(m, v);
		}
	}
	report(true, "MSRs: %u readable, %u random writes taken", readable, writable);
}

static void device_memory(void)
{
	static const u64 bases[] = { 0xfec00000, 0xfee00000, 0xff000000, 0xc0000000,
		                     0xe0000000, 0xfed00000, 0xa0000,    0xfffff000 };
	u64 sum = 0;

	for (u32 i = 0; i < 40000; i++) {
		u64 a = bases[rt_random() % ARRAY_SIZE(bases)] + (rt_random() & 0xfff);
		u64 v = rt_random();

		if ((a & ~0xfffull) == 0xfee00000 && (a & 0xff0) == 0x300)
			continue; /* the ICR: INIT to self */
		if (a > 0xfffffff0)
			a = 0xfffffff0;
		switch (rt_random() % 8) {
		case 0: sum += MMIO8(a); break;
		case 1: sum += MMIO16(a); break;
		case 2: sum += MMIO32(a); break;
		case 3: sum += MMIO64(a); break;
		case 4: MMIO8(a) = (u8)v; break;
		case 5: MMIO16(a) = (u16)v; break;
		case 6: MMIO32(a) = (u32)v; break;
		default: MMIO64(a) = v; break;
		}
	}
	report(true, "device memory at random (sum 0x%llx)", (unsigned long long)sum);
}

static void control_registers(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), cr3 = read_cr3();
	u32 taken = 0;

	for (u32 i = 0; i < 5000; i++) {
		/* keep what the next instruction needs: paging, no SMEP/SMAP over user pages */
		u64 v0 = (cr0 ^ (rt_random() & rt_random() & 0xffffffff)) | CR0_PG | CR0_PE;
		u64 v4 = (cr4 ^ (rt_random() & rt_random() & 0x7fffff)) & ~(CR4_SMEP | CR4_SMAP);

		taken += TRY("movq %0, %%cr0", : : "r"(v0) : "memory") == EXC_NONE;
		write_cr0(cr0);
		taken += TRY("movq %0, %%cr4", : : "r"(v4) : "memory") == EXC_NONE;
		if (read_cr4() & CR4_PCIDE)
			write_cr3(cr3);
		write_cr4(cr4);
		(void)TRY("movq %0, %%db7", : : "r"(rt_random() & 0xffff00aa));
		write_dr7(0x400);
		(void)TRY("xsetbv", : : "c"((u32)rt_random() & 1), "a"((u32)rt_random()), "d"(0));
		(void)cpuid((u32)rt_random(), (u32)rt_random());
	}
	report(true, "control registers at random: %u taken", taken);
}

static u8 code[4096] __aligned(4096);

static void run_code(void *arg)
{
	asm volatile("pushq %%rbp\n\tpushq %%rbx\n\tcall *%0\n\tpopq %%rbx\n\tpopq %%rbp"
	             :
	             : "r"(code), "S"(arg), "D"(0xff000000ull), "a"(rt_random()), "c"(3), "d"(0x2000)
	             : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
}

static u64 user_code(u64 arg)
{
	run_code((void *)arg);
	return 0;
}

/* A timer interrupt ends what loops. */
static volatile u32 ticks;
static void on_tick(struct frame *f)
{
	ticks++;
	apic_eoi();
	if (f->rip >= (u64)code && f->rip < (u64)code + sizeof(code)) {
		f->rip = 0x0000800000000000ull - 1; /* nothing there: #PF, which ends the guarded call */
		f->rflags &= ~RFLAGS_TF;
	}
}

static void random_bytes(bool user, u32 rounds)
{
	u32 ended = 0;

	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x20000 | 0x60);
	rt_set_handler(0x60, on_tick);
	apic_write(APIC_TMICT, 2000000);
	for (u32 i = 0; i < rounds; i++) {
		memset(code, 0xcc, sizeof(code));
		for (u32 j = 0; j < 64; j++)
			code[j] = (u8)rt_random();
		/* forced emulation for half of them */
		if (i & 1)
			memcpy(code, "\x0f\x0bkvm", 5);
		if (user) {
			rt_run_user(user_code, 0xff000000, 0x202);
		} else {
			sti();
			rt_guard(run_code, (void *)0xff000000);
		}
		cli();
		ended++;
	}
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, 0x10000);
	report_eq(ended, rounds, "%u runs of random bytes at CPL %u", ended, user ? 3 : 0);
}

static u32 taken_in_a_row;

/* A level-triggered line that stays asserted interrupts for ever, here as on any machine: mask all after a while. */
static void nothing(struct frame *f)
{
	if (++taken_in_a_row > 50)
		for (u32 i = 0; i < 24; i++)
			ioapic_set_rte(i, 0x10000);
	apic_eoi();
}

/* Events, exits and page table changes in any order. */
static void mix(void)
{
	u64 va = 0x4000000000ull;

	for (u32 i = 0; i < 3000; i++) {
		switch (rt_random() % 6) {
		case 0: rt_map(va, rt_random() & 0xfffffff000, PTE_P | (rt_random() & 0x1e)); break;
		case 1: (void)TRY("movl (%0), %%eax", : : "r"(va + (rt_random() & 0xffc)) : "rax"); break;
		case 2: apic_icr(apic_id(), 0x4000 | (0x60 + (u32)(rt_random() % 16))); break;
		case 3: apic_write(APIC_TPR, (u32)rt_random() & 0xff); break;
		case 4: ioapic_set_rte((u32)rt_random() % 24, (rt_random() & 0xff0000000000a000ull) | 0x60); break;
		default: outb((u16)(0x2000 + rt_random() % 24), (u8)rt_random() & 1); break;
		}
		taken_in_a_row = 0;
		sti_nop_cli();
	}
	for (u32 i = 0; i < 24; i++)
		ioapic_set_rte(i, 0x10000);
	report(true, "events and mappings at random");
}

void main(const char *cmdline)
{
	if (!rt_hv()) {
		report_skip("bare machine");
		return;
	}
	for (u32 v = 0x20; v < 0x100; v++)
		if (v != 0x80 && v != 0x81)
			rt_set_handler((u8)v, nothing);
	for (u32 v = 0; v < 32; v++) /* a stack that is always good */
		rt_set_gate((u8)v, v == EXC_DF ? 2 : 1, 0);
	apic_init();
	msrs();
	control_registers();
	device_memory();
	apic_init();
	mix();
	apic_init();
	ports();
	/* Last: it may end this guest. */
	if (!rt_option("bytes=0")) {
		random_bytes(true, 3000);
		rt_option("kernel") ? random_bytes(false, 1000) : (void)0;
	}
}
