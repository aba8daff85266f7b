/* What the log gets of a vCPU: its messages, and all of it when it crashes. */
#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "lib/fmt.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/vm/vm.h"

void vcpu_log(struct vcpu *v, enum log_level level, const char *fmt, ...)
{
	char text[200];
	u32 suppressed;
	va_list ap;

	if (!log_limit_ok(&v->limit, vm_now(v->vm), 10, 1000000000, &suppressed))
		return;
	va_start(ap, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (suppressed)
		log_printf(level, "%s.%u: (%u messages suppressed)\n", v->vm->config.name, v->id, suppressed);
	log_printf(level, "%s.%u: %s", v->vm->config.name, v->id, text);
}

#define DUMP_EXITS 16  /* at most */
#define DUMP_LOOKS 256 /* records of the ring gone over for them: others' are between */
#define DUMP_WIDTH 100

/* The vCPU's last exits on this processor, the oldest first: reasons, and where. Few lines: a take-over may wait. */
static void dump_exits(const struct vcpu *v)
{
	const struct pcpu *p = this_cpu();
	const struct exit_record *found[DUMP_EXITS];
	u64 looks = MIN(p->exit_count, (u64)DUMP_LOOKS);
	char line[DUMP_WIDTH + 60];
	u32 nr = 0, last = EXIT_REASON_COUNT;
	size_t n = 0;

	for (u64 i = 1; i <= looks && nr < DUMP_EXITS; i++) {
		const struct exit_record *r = &p->exits[(p->exit_count - i) & (EXIT_RING_ENTRIES - 1)];

		if (r->who == v->who)
			found[nr++] = r;
	}
	while (nr--) {
		u32 reason = EXIT_REASON_BASIC(found[nr]->reason);

		if (reason != last)
			n += (size_t)fmt_snprintf(line + n, sizeof(line) - n, " %s", exit_reason_name(reason));
		last = reason;
		n += (size_t)fmt_snprintf(line + n, sizeof(line) - n, " %lx", found[nr]->rip);
		if (nr && n < DUMP_WIDTH)
			continue;
		log_err("  exits%s\n", line);
		n = 0;
	}
}

void vcpu_dump(struct vcpu *v)
{
	static const char *const seg[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	const u64 *g = v->regs.gpr;

	log_err("  rip %016lx rsp %016lx rflags %08lx\n", vmcs_read(VMCS_GUEST_RIP), vmcs_read(VMCS_GUEST_RSP),
	        vmcs_read(VMCS_GUEST_RFLAGS));
	log_err("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", g[0], g[3], g[1], g[2]);
	log_err("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", g[6], g[7], g[5], g[8]);
	log_err("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", g[9], g[10], g[11], g[12]);
	log_err("  r13 %016lx r14 %016lx r15 %016lx\n", g[13], g[14], g[15]);
	log_err("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %lx\n", vmcs_read(VMCS_GUEST_CR0), cpu_read_cr2(),
	        vmcs_read(VMCS_GUEST_CR3), vmcs_read(VMCS_GUEST_CR4), vmcs_read(VMCS_GUEST_EFER));
	for (u32 i = 0; i < SEG_NR; i += 2) {
		struct vmcs_seg a = vmcs_seg_get((enum seg_nr)i), b = vmcs_seg_get((enum seg_nr)(i + 1));

		log_err("  %-4s %04x base %016lx limit %08x ar %05x  %-4s %04x base %016lx limit %08x ar %05x\n",
		        seg[i], a.sel, a.base, a.limit, a.ar, seg[i + 1], b.sel, b.base, b.limit, b.ar);
	}
	log_err("  exit %u (%s) qualification %lx gpa %lx linear %lx\n", EXIT_REASON_BASIC(v->exit_reason),
	        exit_reason_name(EXIT_REASON_BASIC(v->exit_reason)), vmcs_read(VMCS_EXIT_QUALIFICATION),
	        vmcs_read(VMCS_GUEST_PHYSICAL_ADDR), vmcs_read(VMCS_GUEST_LINEAR_ADDR));
	log_err("  idt-vectoring %08lx entry-info %08lx interruptibility %lx activity %lx\n",
	        vmcs_read(VMCS_IDT_VECTORING_INFO), vmcs_read(VMCS_ENTRY_INTR_INFO),
	        vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), vmcs_read(VMCS_GUEST_ACTIVITY));
	dump_exits(v);
}
