/*
 * Virtual local APIC: xAPIC (MMIO) and x2APIC (MSRs). Pure. SDM vol. 3 "Advanced Programmable Interrupt Controller
 * (APIC)" and "APIC Virtualization and Virtual Interrupts".
 *
 * The registers live in a 4-KiB virtual-APIC page in the SDM's layout, because with APIC virtualization the processor
 * reads and writes that page itself. Interrupts from anywhere arrive through vlapic_post(), which any CPU may call;
 * the vCPU's own CPU moves them into IRR with vlapic_sync(). Everything else runs on the vCPU's own CPU, which is
 * then in root mode, so that nobody else touches the page.
 *
 * Modelled: the APIC of a Xeon since Nehalem (version 14h, LVT entries 0-5, EOI-broadcast suppression, no
 * arbitration, no SMM). Its timer counts at 1 GHz, or slower where the TSC does.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/timer.h"
#include "vmm/dev/vdev.h"

#define VLAPIC_DEFAULT_BASE 0xfee00000ull
#define VLAPIC_BASE_BSP     BIT(8)
#define VLAPIC_BASE_X2APIC  BIT(10)
#define VLAPIC_BASE_ENABLE  BIT(11)

/* Register offsets. */
enum vlapic_reg {
	APIC_ID = 0x20,
	APIC_VERSION = 0x30,
	APIC_TPR = 0x80,
	APIC_APR = 0x90,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PMC = 0x340,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INIT = 0x380,
	APIC_TIMER_CUR = 0x390,
	APIC_TIMER_DIV = 0x3e0,
	APIC_SELF_IPI = 0x3f0,
};

/* Delivery modes (ICR and LVT bits 10:8, I/O APIC entries, MSI data). */
enum apic_mode {
	APIC_MODE_FIXED = 0,
	APIC_MODE_LOWEST = 1,
	APIC_MODE_SMI = 2,
	APIC_MODE_NMI = 4,
	APIC_MODE_INIT = 5,
	APIC_MODE_STARTUP = 6,
	APIC_MODE_EXTINT = 7,
};

/* One interrupt message on the (virtual) system bus. */
struct apic_msg {
	u32 dest;     /* destination field: 8 bits, or 32 with x2apic */
	bool x2apic;  /* dest is an x2APIC one */
	bool logical; /* destination mode */
	u8 mode;      /* enum apic_mode */
	u8 vector;
	bool level;   /* trigger mode */
	bool assert_; /* level of an INIT: false is the old de-assert, ignored */
	u8 shorthand; /* 0 none, 1 self, 2 all, 3 all but self */
};

struct vlapic;

struct vlapic_ops {
	/* Delivers a message this APIC sends; never called for the self shorthand. */
	void (*send)(void *ctx, struct vlapic *from, const struct apic_msg *msg);
	/* EOI of a level-triggered vector: to the I/O APICs. Not called while SVR suppresses broadcasts. */
	void (*eoi)(void *ctx, u8 vector);
	/* Something to look at (interrupt, NMI, a lower TPR): wake or kick the vCPU. Any CPU. */
	void (*kick)(void *ctx);
	/* INIT and start-up IPIs arrived. Any CPU. */
	void (*init)(void *ctx);
	void (*sipi)(void *ctx, u8 vector);
	/* The guest's TSC now, and when (ns of VM time, rounded up) it will have the given value. */
	u64 (*tsc_now)(void *ctx, u64 now);
	u64 (*tsc_to_ns)(void *ctx, u64 tsc);
};

/*
 * Saved with the registers in the page: vlapic_page_desc. What is in neither follows from them and from what the APIC
 * was set up with (vlapic_restored): ID, version, PPR, posted, the values seen, the timer.
 */
#define VLAPIC_STATE(T, F, A, S)                                                                                   \
	F(T, u64, base)           /* IA32_APIC_BASE */                                                             \
	F(T, u64, deadline)       /* IA32_TSC_DEADLINE, 0: disarmed */                                             \
	F(T, u64, period_start)   /* ns: the running count, of one period, ends that much later; may be to come */ \
	A(T, u64, pending, 4)     /* posted, not yet in IRR; atomic */                                             \
	A(T, u64, pending_tmr, 4) /* their trigger mode, 1: level; atomic */                                       \
	F(T, u32, esr_pending)    /* errors since the last write to ESR; atomic */                                 \
	F(T, u32, nmi)            /* not handed out yet, at most 2: one to be delivered, one latched; atomic */    \
	F(T, bool, running)       /* one-shot or periodic count in progress */                                     \
	A(T, bool, lint, 2)       /* levels of the LINT pins */                                                    \
	A(T, bool, lint_rirr, 2)  /* their remote IRR bits (the page holds copies) */
STATE_STRUCT(vlapic_state, VLAPIC_STATE);

struct vlapic {
	struct vlapic_state s;
	u8 *page;
	u32 x2apic_id;
	u32 posted;                   /* atomic: pending[] has something */
	u32 clock_ns;                 /* of one count of the timer, before its divider */
	u32 hidden;                   /* VLAPIC_NO_… */
	bool bsp;                     /* by reset, whatever the guest makes of the flag in its base */
	u32 lvt_timer_seen, div_seen; /* values before a write that the processor itself stored */
	const struct vlapic_ops *ops;
	void *ctx;
	struct timer timer;
};

/* page: 4 KiB, zeroed, lives as long. id: APIC ID. bsp: bootstrap processor. */
void vlapic_init(struct vlapic *l, u8 *page, u32 id, bool bsp, const struct vlapic_ops *ops, void *ctx,
                 struct timerq *tq);
/*
 * ns of one count of the timer for a guest whose TSC runs at tsc_hz: 1, but never less than a tick of the TSC,
 * because the APIC's clock is the bus' or the crystal's, which the TSC's is a multiple of (SDM vol. 3 "APIC Timer").
 */
u32 vlapic_clock_ns(u64 tsc_hz);
/* vlapic_init() has set 1. */
static inline void vlapic_set_clock(struct vlapic *l, u32 ns)
{
	l->clock_ns = ns;
}
/* What a guest's CPUID does not tell of is not there: its bits are reserved. vlapic_init() has set 0. */
#define VLAPIC_NO_X2APIC   BIT(0)
#define VLAPIC_NO_DEADLINE BIT(1)
static inline void vlapic_hide(struct vlapic *l, u32 what)
{
	l->hidden = what;
}
/*
 * Power-up state: APIC base enabled, xAPIC. The bootstrap processor's is left as a PC's firmware does, in virtual
 * wire mode (software-enabled, LINT0 ExtINT, LINT1 NMI): most guests start without firmware.
 */
void vlapic_reset(struct vlapic *l, u64 now);
/* After INIT: registers reset, APIC base and ID kept. */
void vlapic_init_signal(struct vlapic *l, u64 now);
/* After s and the page were restored: derives the other registers, re-arms the timer. */
void vlapic_restored(struct vlapic *l, u64 now);

/* As vlapic_init; clock_ns as vlapic_set_clock, hidden as vlapic_hide. */
struct vlapic_cfg {
	u8 *page;
	u32 id;
	bool bsp;
	u32 clock_ns, hidden;
	const struct vlapic_ops *ops;
	void *ctx;
};
/*
 * A local APIC belongs to its vCPU and is no row of a board's table, but is reset, saved and restored by the same
 * loops: after the vCPU, whose TSC tells when a deadline is, and before what interrupts it. env->timers: the vCPU's.
 * cfg: vlapic_cfg. That a physical address as wide as APIC base's fits the guest is for the core to check.
 */
extern const struct vdev_ops vlapic_ops;
/* The registers that are state, as a description over the beginning of the page. */
extern const struct state_desc vlapic_page_desc;

static inline bool vlapic_enabled(const struct vlapic *l)
{
	return l->s.base & VLAPIC_BASE_ENABLE;
}
static inline bool vlapic_is_x2apic(const struct vlapic *l)
{
	return l->s.base & VLAPIC_BASE_X2APIC;
}
/* SVR's software enable, and the hardware one. */
bool vlapic_sw_enabled(const struct vlapic *l);
u32 vlapic_id(const struct vlapic *l);

/* ---- from any CPU ---- */

/* An interrupt arrives. Vectors below 16 are refused (receive illegal vector).
 * Kicks only for what was not pending. */
void vlapic_post(struct vlapic *l, u8 vector, bool level);
void vlapic_post_nmi(struct vlapic *l);
/*
 * Level of the pin LINT0 (pin 0: the 8259As' INTR on a PC) or LINT1 (pin 1: NMI). Acts as the LVT entry says; in
 * ExtINT mode nothing happens here, the vCPU asks vlapic_accepts_pic().
 */
void vlapic_lint(struct vlapic *l, u32 pin, bool asserted);
/* Does a message's destination name this APIC? */
bool vlapic_match(const struct vlapic *l, const struct apic_msg *m);
/* Delivers a message to this APIC (already matched). false: not accepted (software-disabled, illegal vector). */
bool vlapic_deliver(struct vlapic *l, const struct apic_msg *m);

/* ---- on the vCPU's CPU ---- */

/* Moves what was posted into IRR and TMR. */
static inline bool vlapic_has_posted(const struct vlapic *l)
{
	return atomic_load_acquire(&l->posted);
}
void vlapic_sync_slow(struct vlapic *l);
static inline void vlapic_sync(struct vlapic *l)
{
	if (vlapic_has_posted(l))
		vlapic_sync_slow(l);
}
/* Posting from the vCPU's own CPU, without atomics: straight into IRR. */
void vlapic_post_self(struct vlapic *l, u8 vector, bool level);
bool vlapic_deliver_self(struct vlapic *l, const struct apic_msg *m);
/* A pending NMI is handed out once. When a second one waits behind it, an NMI window is needed: */
bool vlapic_take_nmi(struct vlapic *l);
static inline bool vlapic_nmi_waits(const struct vlapic *l)
{
	return atomic_load_relaxed(&l->s.nmi);
}
/* Highest vector in IRR above the processor priority, or -1. */
int vlapic_pending_vector(struct vlapic *l);
/* The processor takes vector: IRR to ISR. */
void vlapic_accept(struct vlapic *l, u8 vector);
/* EOI: highest ISR bit cleared, level-triggered ones broadcast. */
void vlapic_eoi(struct vlapic *l);
/* The next EOI would only clear a bit: nothing waits in IRR, and the vector in service is edge-triggered. */
bool vlapic_eoi_is_simple(const struct vlapic *l);
/* LINT0 lets the 8259A's interrupts through (ExtINT), or the APIC is off. */
bool vlapic_accepts_pic(const struct vlapic *l);

u8 vlapic_cr8(const struct vlapic *l);
void vlapic_set_cr8(struct vlapic *l, u8 cr8);
/* For the TPR shadow without virtual-interrupt delivery: exit when the TPR's class falls below this. 0-15. */
u32 vlapic_tpr_threshold(struct vlapic *l);
/* For virtual-interrupt delivery: SVI in the upper byte, RVI in the lower. */
u16 vlapic_intr_status(struct vlapic *l);
/* IRR holds more than one vector. */
bool vlapic_several_wait(const struct vlapic *l);
/* The vectors whose EOI must exit: whether they differ from words, which are brought up to date. */
bool vlapic_eoi_exits_changed(const struct vlapic *l, u32 words[8]);
/* EOI-induced exit: the processor has already dealt with ISR. */
void vlapic_eoi_virtualized(struct vlapic *l, u8 vector);
/* APIC-write exit: the page already holds the new value of the register at offset. */
void vlapic_write_effect(struct vlapic *l, u32 offset, u64 now);

/*
 * MMIO. claims: xAPIC mode and gpa in its page. The io_access offset is within the page. Registers are 32 bits wide
 * on 16-byte boundaries; narrower reads inside one are answered, any other access reads as 0 or is ignored
 * (undefined).
 */
bool vlapic_mmio_claims(const struct vlapic *l, u64 gpa);
void vlapic_mmio(struct vlapic *l, struct io_access *io);

/* MSRs 800h-8FFh; ERR_INVAL: #GP. */
__must_check int vlapic_msr_read(struct vlapic *l, u32 msr, u64 *val, u64 now);
__must_check int vlapic_msr_write(struct vlapic *l, u32 msr, u64 val, u64 now);
u64 vlapic_get_base(const struct vlapic *l);
/* ERR_INVAL: #GP (reserved bits, illegal transition). */
__must_check int vlapic_set_base(struct vlapic *l, u64 val, u64 now);
/* IA32_TSC_DEADLINE: ignored and 0 outside TSC-deadline mode. */
u64 vlapic_get_deadline(const struct vlapic *l);
void vlapic_set_deadline(struct vlapic *l, u64 tsc, u64 now);
/* The guest's TSC jumped: the deadline means another moment. */
void vlapic_tsc_changed(struct vlapic *l, u64 now);
