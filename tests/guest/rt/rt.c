/* Console, reports, end of the guest, traps, command line. */
#include "tests/guest/rt/rt.h"

#define COM1 0x3f8

static u32 passed, failed, skipped;
static char cmdline_copy[512];

/* ---- console ---- */

static void putc(char c)
{
	/* bounded: a machine without UART must not hang the test */
	for (u32 i = 0; i < 100000 && !(inb(COM1 + 5) & 0x20); i++)
		cpu_pause();
	outb(COM1, (u8)c);
}

static void console_init(void)
{
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x80);
	outb(COM1, 1); /* 115200 */
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 2, 7);
	outb(COM1 + 4, 3);
}

static void vprint(const char *prefix, const char *fmt, va_list ap)
{
	static char buf[512];

	fmt_vsnprintf(buf, sizeof(buf), fmt, ap);
	for (const char *p = prefix; *p; p++)
		putc(*p);
	for (const char *p = buf; *p; p++) {
		if (*p == '\n')
			putc('\r');
		putc(*p);
	}
}

void rt_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint("", fmt, ap);
	va_end(ap);
}

/* kind: what a failure is called; "FAIL: " alone counts as one */
static bool vreport(bool cond, const char *kind, const char *fmt, va_list ap)
{
	vprint(cond ? "PASS: " : kind, fmt, ap);
	rt_printf("\n");
	if (cond)
		passed++;
	else if (kind[0] == 'F')
		failed++;
	else
		skipped++;
	return cond;
}

bool report(bool cond, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vreport(cond, "FAIL: ", fmt, ap);
	va_end(ap);
	return cond;
}

void report_soft(bool cond, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vreport(cond, "NOTE: not so on this processor: ", fmt, ap);
	va_end(ap);
}

void report_hv(bool cond, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vreport(cond, rt_hv() ? "FAIL: " : "NOTE: not so on this machine: ", fmt, ap);
	va_end(ap);
}

bool report_eq(u64 got, u64 want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(got == want ? "PASS: " : "FAIL: ", fmt, ap);
	va_end(ap);
	if (got != want)
		rt_printf(" (got 0x%llx, want 0x%llx)", (unsigned long long)got, (unsigned long long)want);
	rt_printf("\n");
	if (got == want)
		passed++;
	else
		failed++;
	return got == want;
}

void report_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint("SKIP: ", fmt, ap);
	va_end(ap);
	rt_printf("\n");
	skipped++;
}

/* ---- end ---- */

bool rt_hv(void)
{
	return cpuid(1, 0).c & CPUID1_ECX_HV;
}

void rt_exit(u32 code)
{
	cli();
	/* the UART's last characters */
	for (u32 i = 0; i < 1000000 && !(inb(COM1 + 5) & 0x40); i++)
		cpu_pause();
	if (rt_hv() || rt_option("hidden")) /* the hypervisor does not show itself */
		outl(0xf4, code);
	for (const char *p = "Shutdown"; *p; p++)
		outb(0x8900, (u8)*p);
	for (;;)
		asm volatile("cli\n\thlt");
}

void rt_finish(void)
{
	rt_printf("SUMMARY %s: %u passed, %u failed", test_name, passed, failed);
	if (skipped)
		rt_printf(", %u skipped", skipped);
	rt_printf("\n");
	rt_exit(failed ? 1 : 0);
}

/* ---- traps ---- */

u64 rt_idt[512] __aligned(16);
struct exc rt_exc = { .vector = EXC_NONE };
u64 rt_fixup;
static trap_fn handlers[256];
extern u8 rt_stubs[], rt_guard_unwind[], rt_user_done[];
extern u64 rt_guard_sp;

void rt_set_gate_raw(u8 vector, u64 entry, u16 sel, u32 ist, u32 type_attr)
{
	rt_idt[vector * 2] = (entry & 0xffff) | (u64)sel << 16 | (u64)ist << 32 | (u64)type_attr << 40 |
	                     (entry & 0xffff0000) << 32;
	rt_idt[vector * 2 + 1] = entry >> 32;
}

void rt_set_gate(u8 vector, u32 ist, u32 dpl)
{
	rt_set_gate_raw(vector, (u64)(rt_stubs + vector * 16), SEL_CODE64, ist, 0x8e | dpl << 5);
}

void rt_set_handler(u8 vector, trap_fn fn)
{
	handlers[vector] = fn;
}

void rt_load_idt(void)
{
	struct {
		u16 len;
		u64 base;
	} __packed p = { sizeof(rt_idt) - 1, (u64)rt_idt };

	asm volatile("lidt %0" : : "m"(p));
}

void rt_trap(struct frame *f);
void rt_trap(struct frame *f)
{
	if (handlers[f->vector]) {
		handlers[f->vector](f);
		return;
	}
	if (f->vector == 0x81) {
		f->rip = (u64)rt_user_done;
		f->cs = SEL_CODE64;
		f->ss = 0;
		f->rsp = rt_guard_sp;
		f->rflags = 2;
		return;
	}
	if (f->vector < 32 && (rt_fixup || rt_guard_sp)) {
		rt_exc = (struct exc){ .vector = (u32)f->vector,
			               .error = (u32)f->error,
			               .rip = f->rip,
			               .cr2 = read_cr2(),
			               .rflags = f->rflags,
			               .rsp = f->rsp,
			               .dr6 = read_dr6() };
		f->rflags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_AC);
		if (rt_fixup) {
			f->rip = rt_fixup;
			rt_fixup = 0;
			return;
		}
		f->rip = (u64)rt_guard_unwind;
		f->cs = SEL_CODE64;
		f->ss = 0;
		f->rsp = rt_guard_sp;
		f->rflags = 2;
		return;
	}
	report(false, "unexpected vector %llu error 0x%llx rip 0x%llx cs 0x%llx rsp 0x%llx cr2 0x%llx",
	       (unsigned long long)f->vector, (unsigned long long)f->error, (unsigned long long)f->rip,
	       (unsigned long long)f->cs, (unsigned long long)f->rsp, (unsigned long long)read_cr2());
	rt_finish();
}

int rdmsr_safe(u32 msr, u64 *val)
{
	u32 lo = 0, hi = 0;
	u32 v = TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");

	*val = lo | (u64)hi << 32;
	return v == EXC_NONE ? 0 : (int)v + 1;
}

int wrmsr_safe(u32 msr, u64 val)
{
	u32 v = TRY("wrmsr", : : "c"(msr), "a"((u32)val), "d"((u32)(val >> 32)) : "memory");

	return v == EXC_NONE ? 0 : (int)v + 1;
}

/* ---- start ---- */

struct mb_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	u32 mmap_length, mmap_addr;
};
extern u32 rt_mb_magic, rt_mb_info;

u32 rt_memory_map(struct mmap_entry *m, u32 max)
{
	const struct mb_info *mb = (const struct mb_info *)(u64)rt_mb_info;
	u32 n = 0;

	if (rt_mb_magic != 0x2badb002 || !(mb->flags & BIT(6)))
		return 0;
	for (u32 at = 0; at + 24 <= mb->mmap_length && n < max;) {
		const u32 *e = (const u32 *)(u64)(mb->mmap_addr + at);

		m[n++] = (struct mmap_entry){ e[1] | (u64)e[2] << 32, e[3] | (u64)e[4] << 32, e[5] };
		at += e[0] + 4;
	}
	return n;
}

u32 rt_modules(struct rt_module *m, u32 max)
{
	const struct mb_info *mb = (const struct mb_info *)(u64)rt_mb_info;
	const u32 *e = (const u32 *)(u64)mb->mods_addr; /* start, end, string, reserved of each */
	u32 n = 0;

	if (rt_mb_magic != 0x2badb002 || !(mb->flags & BIT(3)))
		return 0;
	for (; n < mb->mods_count && n < max; n++, e += 4)
		m[n] = (struct rt_module){ (void *)(u64)e[0], e[1] - e[0] };
	return n;
}

bool rt_option(const char *word)
{
	size_t n = strlen(word);
	const char *p = cmdline_copy;

	while (*p) {
		while (*p == ' ')
			p++;
		if (!strncmp(p, word, n) && (p[n] == ' ' || p[n] == 0))
			return true;
		while (*p && *p != ' ')
			p++;
	}
	return false;
}

void rt_start(void);
void rt_start(void)
{
	const struct mb_info *mb = (const struct mb_info *)(u64)rt_mb_info;

	console_init();
	for (u32 v = 0; v < 256; v++)
		rt_set_gate((u8)v, 0, v == 0x81 || v == 0x80 ? 3 : 0);
	rt_set_gate(EXC_DF, 1, 0);
	rt_load_idt();
	if (rt_mb_magic == 0x2badb002 && mb->flags & BIT(2)) {
		/* the first word is the image's name */
		const char *p = strchr((const char *)(u64)mb->cmdline, ' ');

		if (p)
			fmt_snprintf(cmdline_copy, sizeof(cmdline_copy), "%s", p + 1);
	}
	main(cmdline_copy);
	rt_finish();
}
