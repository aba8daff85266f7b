/* CPUID: consistency of the leaves, what must be hidden, hypervisor leaves, topology, leaf Dh against XCR0. */
#include "tests/guest/rt/rt.h"

static u32 max_basic, max_ext;

static void xsetbv0(u64 v)
{
	asm volatile("xsetbv" : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
}

static void basic(void)
{
	struct regs4 r = cpuid(0, 0), again;
	struct regs4 one = cpuid(1, 0);

	max_basic = r.a;
	report(max_basic >= 1, "leaf 0: highest basic leaf %u", max_basic);
	report(r.b == 0x756e6547 && r.d == 0x49656e69 && r.c == 0x6c65746e, "leaf 0: GenuineIntel");
	again = cpuid(0, 0x12345);
	report(again.a == r.a && again.b == r.b, "leaf 0 ignores ECX");
	report(one.d & BIT(0), "x87");
	report((one.d & (BIT(4) | BIT(5) | BIT(6) | BIT(9))) == (BIT(4) | BIT(5) | BIT(6) | BIT(9)),
	       "TSC, MSR, PAE, APIC");
	report((one.d & (BIT(24) | BIT(25) | BIT(26))) == (BIT(24) | BIT(25) | BIT(26)), "FXSR, SSE, SSE2");
	report(!(one.d & (BIT(10) | BIT(20))), "leaf 1 EDX reserved bits are 0");
	report((one.b >> 8 & 0xff) != 0 || !(one.d & BIT(19)), "CLFLUSH line size");
	/* a leaf beyond the highest basic one answers as the highest basic leaf ("CPUID", INPUT EAX > max) */
	again = cpuid(0x7ffffffe, 0);
	r = cpuid(max_basic, 0);
	report(again.a == r.a && again.b == r.b && again.c == r.c && again.d == r.d,
	       "a leaf beyond the highest answers as the highest");
}

static void extended(void)
{
	struct regs4 r = cpuid(0x80000000, 0), e1 = cpuid(0x80000001, 0), s;
	char brand[49] = { 0 };

	max_ext = r.a;
	report(max_ext >= 0x80000008, "highest extended leaf 0x%x", max_ext);
	report(e1.d & BIT(29), "long mode");
	report(e1.d & BIT(20), "NX");
	report(e1.d & BIT(11), "SYSCALL in 64-bit mode");
	report(!(e1.c & BIT(2)), "no SVM");
	for (u32 i = 0; i < 3; i++) {
		s = cpuid(0x80000002 + i, 0);
		memcpy(brand + i * 16, &s, 16);
	}
	report(brand[0] != 0, "brand string \"%s\"", brand);
	s = cpuid(0x80000008, 0);
	report((s.a & 0xff) >= 36 && (s.a & 0xff) <= 52, "%u physical address bits", s.a & 0xff);
	report((s.a >> 8 & 0xff) == 48 || (s.a >> 8 & 0xff) == 57, "%u linear address bits", s.a >> 8 & 0xff);
}

static void dynamic_bits(void)
{
	u64 cr4 = read_cr4(), base;

	if (cpuid(1, 0).c & BIT(26)) {
		write_cr4(cr4 & ~CR4_OSXSAVE);
		report(!(cpuid(1, 0).c & BIT(27)), "OSXSAVE is 0 with CR4.OSXSAVE clear");
		write_cr4(cr4 | CR4_OSXSAVE);
		report(cpuid(1, 0).c & BIT(27), "OSXSAVE is 1 with CR4.OSXSAVE set");
		write_cr4(cr4);
	} else {
		report_skip("OSXSAVE: no XSAVE");
	}
	/* IA32_APIC_BASE.EN can't be set again on Bochs: only under a hypervisor */
	if (rt_hv()) {
		base = rdmsr(MSR_APIC_BASE);
		wrmsr(MSR_APIC_BASE, base & ~0xc00ull);
		report(!(cpuid(1, 0).d & BIT(9)), "APIC is 0 while IA32_APIC_BASE.EN is clear");
		wrmsr(MSR_APIC_BASE, base);
		report(cpuid(1, 0).d & BIT(9), "APIC is 1 again");
	} else {
		report_skip("APIC bit: bare machine");
	}
}

static void hypervisor(void)
{
	struct regs4 one = cpuid(1, 0), r;
	char sig[13] = { 0 };

	if (!rt_hv()) {
		report_skip("hypervisor leaves: bare machine");
		return;
	}
	r = cpuid(0x40000000, 0);
	memcpy(sig, &r.b, 4);
	memcpy(sig + 4, &r.c, 4);
	memcpy(sig + 8, &r.d, 4);
	report(!memcmp(sig, "KVMKVMKVM\0\0\0", 12), "KVM signature (\"%s\")", sig);
	report(r.a >= 0x40000001 && r.a < 0x40010000, "highest hypervisor leaf 0x%x", r.a);
	r = cpuid(0x40000001, 0);
	rt_printf("KVM features: eax 0x%x edx 0x%x\n", r.a, r.d);
	report(!(one.c & BIT(5)), "VMX is hidden");
	report(!(one.c & BIT(6)), "SMX is hidden");
	report(!(read_cr4() & CR4_VMXE), "CR4.VMXE reads 0");
	if (max_basic >= 7) {
		r = cpuid(7, 0);
		report(!(r.b & BIT(14)), "MPX is hidden");
		report(!(r.b & BIT(25)), "PT is hidden");
		report(!(r.b & BIT(2)), "SGX is hidden");
	}
	if (max_basic >= 0xa)
		rt_printf("PMU: leaf ah eax 0x%x\n", cpuid(0xa, 0).a);
}

static void topology(void)
{
	struct regs4 one = cpuid(1, 0), r;
	u32 id, prev_shift = 0;

	id = apic_is_x2() ? apic_read(APIC_ID) : apic_id();
	report_eq(one.b >> 24, id & 0xff, "leaf 1: initial APIC ID");
	if (max_basic < 0xb) {
		report_skip("leaf Bh");
		return;
	}
	r = cpuid(0xb, 0);
	report_eq(r.d, id, "leaf Bh: x2APIC ID");
	for (u32 sub = 0; sub < 8; sub++) {
		r = cpuid(0xb, sub);
		if (!(r.c >> 8 & 0xff))
			break;
		report(r.d == id && (r.c & 0xff) == sub && (r.a & 0x1f) >= prev_shift && (r.b & 0xffff) >= 1,
		       "leaf Bh.%u: type %u, shift %u, %u processors", sub, r.c >> 8 & 0xff, r.a & 0x1f,
		       r.b & 0xffff);
		prev_shift = r.a & 0x1f;
	}
	if (max_basic >= 4) {
		r = cpuid(4, 0);
		report((r.a & 0x1f) == 0 || (r.a >> 5 & 7) == 1, "leaf 4: first cache is level 1");
	}
}

/* Size the standard-format XSAVE area has for the components of mask. */
static u32 xsave_size(u64 mask)
{
	u32 size = 576;

	for (u32 i = 2; i < 63; i++) {
		struct regs4 r;

		if (!(mask >> i & 1))
			continue;
		r = cpuid(0xd, i);
		size = MAX(size, r.a + r.b);
	}
	return size;
}

static void xsave_leaf(void)
{
	struct regs4 r, one;
	u64 valid, cr4 = read_cr4();
	u32 v;

	if (!(cpuid(1, 0).c & BIT(26)) || max_basic < 0xd) {
		report_skip("leaf Dh: no XSAVE");
		return;
	}
	write_cr4(cr4 | CR4_OSXSAVE | CR4_OSFXSR);
	r = cpuid(0xd, 0);
	valid = r.a | (u64)r.d << 32;
	report((valid & 3) == 3, "leaf Dh.0: XCR0 bits 0x%llx", (unsigned long long)valid);
	one = cpuid(1, 0);
	report(!(one.c & BIT(28)) == !(valid & 4), "AVX and XCR0[2] agree");
	if (max_basic >= 7)
		report(!(cpuid(7, 0).b & BIT(16)) == !(valid & 0xe0), "AVX-512F and XCR0[7:5] agree");
	report(!(valid & 0x18), "no MPX state in XCR0");
	report_eq(r.c, xsave_size(valid), "leaf Dh.0 ECX: size of all components");
	xsetbv0(1);
	report_eq(cpuid(0xd, 0).b, 576, "leaf Dh.0 EBX with XCR0 = 1");
	if (valid & 4) {
		xsetbv0(7);
		report_eq(cpuid(0xd, 0).b, xsave_size(7), "leaf Dh.0 EBX with XCR0 = 7");
	}
	xsetbv0(valid);
	report_eq(cpuid(0xd, 0).b, r.c, "leaf Dh.0 EBX with all of XCR0");
	for (u32 i = 2; i < 32; i++) {
		struct regs4 c = cpuid(0xd, i);
		bool in_xss = cpuid(0xd, 1).c >> i & 1;

		if (!(valid >> i & 1) && !in_xss && (c.a | c.b | c.c | c.d))
			report(false, "leaf Dh.%u of an absent component is not 0", i);
	}
#define XSETBV(lo) TRY("xsetbv", : : "c"(0), "a"((u32)(lo)), "d"(0))
	v = XSETBV(0);
	report_eq(v, EXC_GP, "XSETBV without x87 bit: #GP");
	v = XSETBV(valid & 4 ? 5 : 3 | BIT(31));
	report_eq(v, EXC_GP, "XSETBV with AVX and without SSE: #GP");
	v = TRY("xsetbv", : : "c"(1), "a"(3), "d"(0));
	report_eq(v, EXC_GP, "XSETBV of XCR1: #GP");
	v = TRY("xsetbv", : : "c"(0), "a"((u32)valid), "d"(0x80000000));
	report_eq(v, EXC_GP, "XSETBV of bit 63: #GP");
	xsetbv0(1);
	write_cr4(cr4);
	v = TRY("xsetbv", : : "c"(0), "a"(3), "d"(0));
	report_eq(v, EXC_UD, "XSETBV without OSXSAVE: #UD");
}

void main(const char *cmdline)
{
	(void)cmdline;
	basic();
	extended();
	topology();
	dynamic_bits();
	hypervisor();
	xsave_leaf();
}
