/* What the log gets of a vCPU: its messages, and all of it when it crashes. */
#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "lib/fmt.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/vm/vm.h"

/* tag with how many messages were not told, by hand: a conversion more is too much for a piece. who has room for it. */
static void put_suppressed(char *who, const char *tag, u32 n)
{
	static const char rest[] = " messages suppressed)";
	char digits[10];
	u32 nr = 0;
	size_t len = strlen(tag);

	memcpy(who, tag, len);
	memcpy(who + len, " (", 2);
	len += 2;
	do {
		digits[nr++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (nr)
		who[len++] = digits[--nr];
	memcpy(who + len, rest, sizeof(rest));
}

void vcpu_log(struct vcpu *v, enum log_level level, const char *fmt, ...)
{
	char who[sizeof(v->dump.tag) + 40];
	u32 suppressed;
	va_list ap;

	if (!log_limit_ok(&v->limit, vm_now(v->vm), 10, 1000000000, &suppressed))
		return;
	/* In the same line: two of them are too much for a piece. */
	if (suppressed)
		put_suppressed(who, v->dump.tag, suppressed);
	va_start(ap, fmt);
	log_vprintf_for(level, suppressed ? who : v->dump.tag, fmt, ap);
	va_end(ap);
}

#define DUMP_LOOKS 256 /* records of the ring gone over for the vCPU's own: others' are between */

/* Its last exits on this processor. They are copied: its turns may go on elsewhere. */
static void find_exits(struct vcpu *v)
{
	const struct pcpu *p = this_cpu();
	u64 looks = MIN(p->exit_count, (u64)DUMP_LOOKS);

	v->dump.nr_exits = 0;
	for (u64 i = 1; i <= looks && v->dump.nr_exits < VCPU_DUMP_EXITS; i++) {
		const struct exit_record *r = &p->exits[(p->exit_count - i) & (EXIT_RING_ENTRIES - 1)];

		if (r->who == v->who)
			v->dump.exits[v->dump.nr_exits++] = *r;
	}
}

/* The next two, the oldest first: reasons, and where. false: that were all. */
static bool dump_exits(struct vcpu *v)
{
	const struct exit_record *r = v->dump.exits;
	u32 n = v->dump.nr_exits;
#define EXIT(i) exit_reason_name(EXIT_REASON_BASIC(r[i].reason)), r[i].rip

	if (n >= 2)
		log_err("%s   exits %s %lx %s %lx\n", v->dump.tag, EXIT(n - 1), EXIT(n - 2));
	else if (n == 1)
		log_err("%s   exits %s %lx\n", v->dump.tag, EXIT(0));
#undef EXIT
	v->dump.nr_exits -= MIN(n, 2u);
	return v->dump.nr_exits;
}

static void dump_segment(const struct vcpu *v, u32 i)
{
	static const char *const seg[] = { "es  ", "cs  ", "ss  ", "ds  ", "fs  ", "gs  ", "ldtr", "tr  " };
	struct vmcs_seg s = vmcs_seg_get((enum seg_nr)i);

	log_err("%s   %s %x base %lx limit %x ar %x\n", v->dump.tag, seg[i], s.sel, s.base, s.limit, s.ar);
}

static void dump_headline(struct vcpu *v)
{
	const struct vm *vm = v->vm;

	if (vm_stop(vm) == VM_STOP_CRASH)
		log_err("guest %s: vCPU %u crashed: %s\n", vm->config.name, v->id, vm->why);
	else
		log_warn("guest %s: vCPU %u: %s\n", vm->config.name, v->id, vm->why);
}

enum {
	DUMP_NONE,
	DUMP_HEADLINE,
	DUMP_RIP,
	DUMP_RAX,
	DUMP_RDX,
	DUMP_RBP,
	DUMP_R10,
	DUMP_R13,
	DUMP_CR,
	DUMP_CR4,
	DUMP_SEG,
	DUMP_EXIT = DUMP_SEG + SEG_NR,
	DUMP_EVENT,
	DUMP_FIND_EXITS,
	DUMP_EXITS,
	DUMP_VMCS
};

void vcpu_dump_begin(struct vcpu *v)
{
	v->dump.next = DUMP_HEADLINE;
	v->dump.vmcs = false;
}

void vcpu_dump_vmcs(struct vcpu *v)
{
	v->dump.vmcs = true;
	v->dump.field = 0;
}

/* After the last exits. */
static u32 step_after_exits(const struct vcpu *v)
{
	return v->dump.vmcs ? DUMP_VMCS : DUMP_NONE;
}

/* A line a piece, of three registers at most: formatting takes its time. */
void vcpu_dump_step(struct vcpu *v)
{
	const u64 *g = v->regs.gpr;
	const char *tag = v->dump.tag;
	u32 step = v->dump.next++;

	switch (step) {
	case DUMP_HEADLINE: dump_headline(v); break;
	case DUMP_RIP:
		log_err("%s   rip %016lx rsp %016lx rflags %08lx\n", tag, vmcs_read(VMCS_GUEST_RIP),
		        vmcs_read(VMCS_GUEST_RSP), vmcs_read(VMCS_GUEST_RFLAGS));
		break;
	case DUMP_RAX: log_err("%s   rax %016lx rbx %016lx rcx %016lx\n", tag, g[0], g[3], g[1]); break;
	case DUMP_RDX: log_err("%s   rdx %016lx rsi %016lx rdi %016lx\n", tag, g[2], g[6], g[7]); break;
	case DUMP_RBP: log_err("%s   rbp %016lx r8  %016lx r9  %016lx\n", tag, g[5], g[8], g[9]); break;
	case DUMP_R10: log_err("%s   r10 %016lx r11 %016lx r12 %016lx\n", tag, g[10], g[11], g[12]); break;
	case DUMP_R13: log_err("%s   r13 %016lx r14 %016lx r15 %016lx\n", tag, g[13], g[14], g[15]); break;
	case DUMP_CR:
		log_err("%s   cr0 %08lx cr2 %016lx cr3 %016lx\n", tag, vmcs_read(VMCS_GUEST_CR0), cpu_read_cr2(),
		        vmcs_read(VMCS_GUEST_CR3));
		break;
	case DUMP_CR4:
		log_err("%s   cr4 %08lx efer %lx\n", tag, vmcs_read(VMCS_GUEST_CR4), vmcs_read(VMCS_GUEST_EFER));
		break;
	case DUMP_EXIT:
		log_err("%s   exit %u (%s) qualification %lx gpa %lx linear %lx\n", tag,
		        EXIT_REASON_BASIC(v->exit_reason), exit_reason_name(EXIT_REASON_BASIC(v->exit_reason)),
		        vmcs_read(VMCS_EXIT_QUALIFICATION), vmcs_read(VMCS_GUEST_PHYSICAL_ADDR),
		        vmcs_read(VMCS_GUEST_LINEAR_ADDR));
		break;
	case DUMP_EVENT:
		log_err("%s   idt-vectoring %08lx entry-info %08lx interruptibility %lx activity %lx\n", tag,
		        vmcs_read(VMCS_IDT_VECTORING_INFO), vmcs_read(VMCS_ENTRY_INTR_INFO),
		        vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), vmcs_read(VMCS_GUEST_ACTIVITY));
		break;
	case DUMP_FIND_EXITS: find_exits(v); break;
	case DUMP_EXITS: v->dump.next = dump_exits(v) ? DUMP_EXITS : step_after_exits(v); break;
	case DUMP_VMCS: v->dump.next = vmcs_dump_step(LOG_ERR, &v->dump.field) ? DUMP_VMCS : DUMP_NONE; break;
	default: dump_segment(v, step - DUMP_SEG); break;
	}
}
