/* A virtual CPU: registers, VMCS, pending events, local APIC, timers. A vCPU is not a pCPU: it can move. */
#pragma once

#include "arch/x86/exc.h"
#include "arch/x86/exit_ring.h"
#include "arch/x86/vmx/exit_reasons.h"
#include "arch/x86/vmx/vmx.h"
#include "lib/log.h"
#include "lib/types.h"
#include "vmm/base/timer.h"
#include "vmm/dev/irq/pc_irqchip.h"
#include "vmm/dev/irq/vlapic.h"
#include "vmm/policy/cpuid.h"
#include "vmm/policy/crs.h"
#include "vmm/policy/inject.h"
#include "vmm/policy/msr.h"
#include "vmm/policy/pv.h"
#include "vmm/sched/sched.h"

struct vm;
struct emulation;
struct run_cpu;

/* Reasons to leave the fast path before the next entry; other CPUs may set them with vcpu_request(). */
#define VCPU_REQ_EVENT  BIT(0) /* something may have to be injected */
#define VCPU_REQ_TIMER  BIT(1) /* the earliest deadline changed, or a timer is due */
#define VCPU_REQ_STOP   BIT(2) /* the VM was killed or reset */
#define VCPU_REQ_APIC   BIT(3) /* the virtual APIC's mode changed */
#define VCPU_REQ_INVEPT BIT(4) /* the EPT changed under us */
#define VCPU_REQ_YIELD  BIT(5) /* it spins: a sibling may have its turn */
#define VCPU_REQ_INPUT  BIT(6) /* bytes wait for its VM's serial ports */
#define VCPU_REQ_REMAP  BIT(7) /* shadow RAM, memory of a device or A20 has moved: vmm/vm/remap.h, a20.h */
#define VCPU_REQ_INIT   BIT(8) /* INIT or a start-up message has come; no event that the way back could do alone */

/* An exit that was handled in part. */
enum vcpu_more { VCPU_MORE_NONE, VCPU_MORE_INSN /* it is emulated */, VCPU_MORE_TASK /* a task switch */ };

enum vcpu_state { VCPU_RUNNABLE, VCPU_HALTED, VCPU_WAIT_SIPI };

struct vcpu_msrs { /* registers that stay in the CPU while the vCPU is loaded */
	u64 star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
	u64 xcr0;
	u64 dr[4], dr6, cr2;
};

#define VCPU_DUMP_EXITS 12 /* at most */

struct vcpu_dump {
	u32 next;  /* its next piece; 0: there is no dump */
	bool vmcs; /* all fields of the VMCS follow */
	u32 field; /* of these, the next one */
	u32 nr_exits;
	struct exit_record exits[VCPU_DUMP_EXITS]; /* the newest first */
	char tag[80];                              /* NAME.ID: */
};

struct vcpu {
	struct vmx_regs regs; /* first: the entry stub gets its address */
	u32 request;          /* VCPU_REQ_*, atomic */
	u32 exit_reason;      /* of the exit being handled */
	u64 rip;              /* read at every exit; handlers that move RIP write the VMCS and return EXIT_RESUME */
	u32 who;              /* VM id << 16 | vCPU id, for the exit ring */
	bool rearm;           /* back to the run loop after this exit, which sets the preemption timer anew */
	enum vcpu_state state;
	u32 left;      /* the vm_run() in which it has left the guest for good: the VM stops */
	bool tells;    /* it was the last to leave: what follows is told in turns of it */
	u64 armed_for; /* the guest's deadline the preemption timer was last set for, ns */
	u64 due_tsc;   /* when this CPU is wanted for something else, or the guest has a timer: host TSC */
	u64 drift;     /* ticks in root mode since the preemption timer, which stands still there, was set */
	u64 drift_max; /* after which it is set anew */
	struct vm *vm;
	struct vcpu *yield_to; /* of VCPU_REQ_YIELD: for whom it spins; NULL: not known */
	u32 id;
	struct sched_entity sched;
	struct pcpu *on_cpu;       /* whose turn it is in, or NULL; atomic */
	u64 turn_end;              /* host TSC */
	u64 woke_at;               /* exit_count of its processor when it woke another one last */
	u32 stalled;               /* waits for the console to show what its guest printed (vcpu_stall()); atomic */
	struct pcpu *loaded_on;    /* which holds its registers, or NULL; atomic */
	struct timer wake_timer;   /* while it is blocked */
	struct run_cpu *sleeps_on; /* whose queue wake_timer is on, or NULL */

	/* VMCS: region, and copies of the control fields so that only changes are written. */
	void *vmcs;
	u64 vmcs_pa;
	u32 pin, proc, proc2, exit, entry;
	u64 eptp;
	bool a20_closed; /* it is on the root for that, vm->a20 */
	u64 tsc_offset;
	bool tsc_moved;        /* the VMCS has an older offset */
	struct pcpu *vmcs_cpu; /* CPU whose host state the VMCS holds, where it ran last; NULL: none */
	u16 vpid;              /* 0: none */

	struct cpuid_table *cpuid;
	struct vmsr msr;
	struct pv pv;
	struct pv_call call; /* call.next is not 0: a hypercall that was done in part */
	u64 call_until;      /* host TSC: enough for a piece of it */
	u64 steal_told;      /* of its waiting, ns: reported to the guest so far */
	struct crs_caps crs;
	u8 *msr_bitmap;
	struct vcpu_msrs held; /* saved while not loaded */
	u8 *xsave;             /* XSAVE/FXSAVE area, page aligned */

	struct vlapic lapic;
	struct apic_msg ipi;    /* that it sends */
	struct irq_way ipi_way; /* how far that is: lapic_send_more() */
	u8 *lapic_page;
	struct timerq timers;

	/* Events. Exceptions raised by emulation; the event whose delivery the last exit interrupted. */
	struct inject_in inj;
	bool vectoring_valid; /* the last exit interrupted a delivery */
	u32 nmis;             /* NMIs to be delivered, at most 2 */
	bool trap;            /* vcpu_retired() or a breakpoint left one in the pending debug exceptions */
	u32 kept_interrupt;   /* vector | 100h of an acknowledged interrupt whose delivery faulted; 0: none */
	u16 intr_status;      /* guest interrupt status last written */
	u32 tpr_threshold;    /* last written */
	u32 eoi_exits[8];     /* vectors whose EOIs exit, as last written */

	u8 sipi_vector;
	bool sipi_pending, init_pending;
	u32 apic_step; /* of vcpu_apic_mode(): what its next piece is; 0: it begins */

	struct emulation *emulation;
	enum vcpu_more more; /* what goes on before anything else of it: exit_go_on() */

	struct vcpu_dump dump;

	/* Statistics. */
	u64 exits[EXIT_REASON_COUNT];
	u64 exit_total;
	u64 first_entry_tsc, root_tsc;
	struct log_limit limit; /* of messages the guest can trigger */
};

static inline struct vcpu *vcpu_of(struct vmx_regs *r)
{
	return (struct vcpu *)r;
}

/*
 * Looks once what this processor, the bootstrap one, has for guests, before the first of them is created. check_compact:
 * whether XSAVEC and XSAVES are right is tried, too; they are hidden from guests when not. check_vid: interrupts that
 * must wait are kept from virtual-interrupt delivery where that is doubtful (vmx_caps_vid_hasty()). OK or ERR_NOMEM.
 */
__must_check int vcpu_look_at_host(bool check_compact, bool check_vid);
/* Allocates everything; the vCPU is in reset state, not runnable. OK or ERR_NOMEM. */
__must_check int vcpu_create(struct vm *vm, u32 id, struct vcpu **out);
void vcpu_destroy(struct vcpu *v);
/* Architectural reset (power-up or INIT); must be loaded. */
void vcpu_reset(struct vcpu *v, bool init);
/* Makes v's VMCS current on this CPU with its registers, address space and FPU; the one before is put away. */
void vcpu_load(struct vcpu *v);
/* Likewise when no other CPU holds them; else false. */
__must_check bool vcpu_try_load(struct vcpu *v);
void vcpu_put(struct vcpu *v);
/* Whether no CPU holds v's registers; else the one that does is asked to give them up. v must not be runnable. */
bool vcpu_try_evict(struct vcpu *v);
/* Puts away the vCPU loaded here if another CPU wants it. Between turns. */
void vcpu_give_up(struct pcpu *p);

/* Steps over the instruction: RIP, STI/MOV-SS blocking, single-step trap. */
void vcpu_advance(struct vcpu *v);

/*
 * An access made for the guest, of len bytes at a linear address or port: the breakpoints it hits become pending, for
 * the processor does not see it.
 */
void vcpu_check_breakpoints(struct vcpu *v, enum crs_access what, u64 addr, u32 len);

/* Raises an exception at the current instruction (merged into #DF when one was being delivered). */
void vcpu_raise(struct vcpu *v, u8 vector, bool has_error, u32 error);
/* INT n, INT3, INTO, INT1 (an enum emul_exc_kind) that the emulator ran. */
void vcpu_raise_soft(struct vcpu *v, u8 vector, u32 kind, u8 insn_len);
/* An emulated instruction is complete (RIP written): interruptibility and single-step trap. */
void vcpu_retired(struct vcpu *v, bool sti_shadow, bool ss_shadow, bool iret);
static inline void vcpu_gp(struct vcpu *v)
{
	vcpu_raise(v, VEC_GP, true, 0);
}
static inline void vcpu_ud(struct vcpu *v)
{
	vcpu_raise(v, VEC_UD, false, 0);
}

/* Drops all pending events (reset). */
void vcpu_events_reset(struct vcpu *v);
/* Rebuilds the MSR bitmap for the virtual APIC's mode. */
void vcpu_msr_bitmap(struct vcpu *v);

/* Drops what this CPU's TLB holds of the guest's linear addresses. */
static inline void vcpu_flush_tlb(const struct vcpu *v)
{
	if (v->vpid)
		vmx_invvpid(v->vpid);
}

/* Writes control words that changed. */
void vcpu_set_proc(struct vcpu *v, u32 set, u32 clear);
void vcpu_set_proc2(struct vcpu *v, u32 set, u32 clear);
void vcpu_set_pin(struct vcpu *v, u32 set, u32 clear);

/* GPR number n; RSP lives in the VMCS. */
u64 vcpu_gpr(struct vcpu *v, u32 n);
void vcpu_set_gpr(struct vcpu *v, u32 n, u64 val);

/*
 * The virtual APIC changed mode: secondary controls, MSR bitmap, APIC-access page. One piece of that; false: another one
 * is to be done before v enters its guest. With the VM's lock.
 */
__must_check bool vcpu_apic_mode(struct vcpu *v);

/*
 * With the VM's lock, when VCPU_REQ_REMAP was taken: a piece of it. false: another one is to be done, as above. Behind the
 * last one VCPU_REQ_INVEPT is asked of all vCPUs, this one too. The first is the vCPU's root of the EPT, by its VM's A20.
 */
__must_check bool vcpu_remap(struct vcpu *v);

/* With the VM's lock, of the loaded vCPU: the root that goes with the VM's A20. */
void vcpu_set_ept_root(struct vcpu *v);
/* Drops what this CPU's TLB holds of a VM. */
void vcpu_invept(const struct vm *vm);

/*
 * With the VM's lock, when VCPU_REQ_INVEPT was taken: flushes what this CPU holds of the EPT; the last vCPU to do so
 * has the replaced tables freed. false: to be called once more, as above.
 */
__must_check bool vcpu_ept_flush(struct vcpu *v);

/*
 * Sets the preemption timer of the loaded vCPU, which has one, to what is left until due_tsc. now: cpu_rdtsc(). SDM
 * vol. 3 "VMX-Preemption Timer".
 */
void vcpu_set_preemption_timer(struct vcpu *v, u64 now);

/* Log line tagged with the vCPU, rate limited: for what a guest can trigger. */
void vcpu_log(struct vcpu *v, enum log_level level, const char *fmt, ...) __printf(3, 4);

/*
 * A crash dump: why, all registers, the last exits. It is begun when the vCPU's VM is told to stop, and comes a line at a
 * time: vcpu_dump_step() with the vCPU loaded, until dump.next is 0.
 */
void vcpu_dump_begin(struct vcpu *v);
/* Right behind it (or the vm_kill() that began it): the whole VMCS, too. */
void vcpu_dump_vmcs(struct vcpu *v);
void vcpu_dump_step(struct vcpu *v);
