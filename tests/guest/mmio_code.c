/*
 * What a program can do with device memory that the emulator does not do for it: instructions that it lacks, and code
 * there. Each is an exception of that program, in both rings, and its machine goes on. Under a hypervisor only: on a
 * bare machine devices give what they like.
 */
#include "tests/guest/rt/rt.h"

#define DEV    0xff000000ull /* the testdev's memory */
#define NOBODY 0xd8000000ull
#define WINDOW 0x6000000000ull

static u8 *page; /* of code, with a device page behind it at WINDOW */

static void jump(void *to)
{
	asm volatile("call *%0" : : "r"(to) : "memory", "rax", "rcx", "rdx");
}

static u64 user_jump(u64 to)
{
	jump((void *)to);
	return 0;
}

static bool run(bool user, u64 to)
{
	return user ? rt_run_user(user_jump, to, 0x202) : rt_guard(jump, (void *)to);
}

/* The instruction at the page's beginning, with RDI in device memory. */
static void missing(bool user, const char *name, const u8 *code, u32 n)
{
	static const u8 set_rdi[] = { 0xbf, 0x00, 0x00, 0x00, 0xff }; /* mov edi, DEV */

	memcpy(page, set_rdi, sizeof(set_rdi));
	memcpy(page + sizeof(set_rdi), code, n);
	page[sizeof(set_rdi) + n] = 0xc3;
	report(run(user, WINDOW) && rt_exc.vector == EXC_UD && rt_exc.rip == WINDOW + sizeof(set_rdi),
	       "ring %u: %s on device memory: #UD at it (%u at 0x%llx)", user ? 3 : 0, name, rt_exc.vector,
	       (unsigned long long)rt_exc.rip);
}

static void missing_instructions(bool user)
{
	static const u8 fxsave[] = { 0x0f, 0xae, 0x07 }, fxrstor[] = { 0x0f, 0xae, 0x0f },
	                addps[] = { 0x0f, 0x58, 0x07 }, fldenv[] = { 0xd9, 0x27 },
	                pshufb[] = { 0x66, 0x0f, 0x38, 0x00, 0x07 };

	missing(user, "FXSAVE", fxsave, sizeof(fxsave));
	missing(user, "FXRSTOR", fxrstor, sizeof(fxrstor));
	missing(user, "ADDPS", addps, sizeof(addps));
	missing(user, "FLDENV", fldenv, sizeof(fldenv));
	missing(user, "PSHUFB", pshufb, sizeof(pshufb));
}

static void code_in_devices(bool user)
{
	static const u64 places[] = { DEV, DEV + 4095, NOBODY, 0xfec00000, APIC_PHYS, APIC_PHYS + 0x20 };
	u32 ring = user ? 3 : 0;

	for (u32 i = 0; i < ARRAY_SIZE(places); i++)
		report(run(user, places[i]) && rt_exc.vector == EXC_UD && rt_exc.rip == places[i],
		       "ring %u: a jump to 0x%llx: #UD there (%u)", ring, (unsigned long long)places[i],
		       rt_exc.vector);
	/* mov eax, imm32 with its operand in the device: FFh, whatever the device has; then the device's own code. */
	*(volatile u32 *)DEV = 0x12345678;
	page[4095] = 0xb8;
	report(run(user, WINDOW + 4095) && rt_exc.vector == EXC_UD && rt_exc.rip == WINDOW + 4096 + 4,
	       "ring %u: an instruction from RAM into a device runs, the next one is #UD (%u at 0x%llx)", ring,
	       rt_exc.vector, (unsigned long long)rt_exc.rip);
	report_eq(*(volatile u32 *)DEV, 0x12345678, "ring %u: the device is as it was", ring);
}

void main(const char *cmdline)
{
	(void)cmdline;
	if (!rt_hv()) {
		report_skip("bare machine");
		return;
	}
	apic_init();
	page = rt_page();
	rt_map(WINDOW, (u64)page, PTE_P | PTE_W | PTE_U);
	rt_map(WINDOW + 4096, DEV, PTE_P | PTE_W | PTE_U);
	for (u32 user = 0; user < 2; user++) {
		missing_instructions(user);
		code_in_devices(user);
	}
}
