/*
 * Paravirtual interfaces of KVM that stock kernels use: pvclock, steal time, PV EOI, PV unhalt, PV TLB flush, PV IPI,
 * PV yield, clock pairing. Pure. Linux Documentation/virt/kvm/x86: "KVM CPUID bits", "KVM-specific MSRs", "GNU/Linux
 * KVM Hypercall".
 *
 * A guest is offered a set of features (bits of CPUID 40000001h EAX); the MSR or hypercall of any other is not there.
 * Guest memory is reached by address at each use, so that struct pv can be saved as it is. Except for the two flags
 * marked so, a vCPU's struct pv belongs to the CPU it runs on.
 */
#pragma once

#include "mm/guest_mem.h"
#include "vmm/state/fields.h"

#define PV_CLOCKSOURCE  (1u << 0) /* pvclock by MSRs 11h and 12h */
#define PV_NOP_IO_DELAY (1u << 1)
#define PV_CLOCKSOURCE2 (1u << 3) /* pvclock by MSRs 4B564D00h and 4B564D01h */
#define PV_STEAL_TIME   (1u << 5)
#define PV_EOI          (1u << 6)
#define PV_UNHALT       (1u << 7)
#define PV_TLB_FLUSH    (1u << 9)
#define PV_SEND_IPI     (1u << 11)
#define PV_SCHED_YIELD  (1u << 13)
#define PV_CLOCK_STABLE (1u << 24) /* no warps between vCPUs */
#define PV_ALL                                                                                                    \
	(PV_CLOCKSOURCE | PV_NOP_IO_DELAY | PV_CLOCKSOURCE2 | PV_STEAL_TIME | PV_EOI | PV_UNHALT | PV_TLB_FLUSH | \
	 PV_SEND_IPI | PV_SCHED_YIELD | PV_CLOCK_STABLE)

/*
 * What a guest is offered of the features in mask: those whose needs are met. virtual_eoi: the processor deals with
 * EOIs itself (virtual-interrupt delivery), PV EOI could only slow them down.
 */
u32 pv_features(u32 mask, bool virtual_eoi);

#define PV_MSR_WALL_CLOCK_OLD  0x11u
#define PV_MSR_SYSTEM_TIME_OLD 0x12u
#define PV_MSR_WALL_CLOCK      0x4b564d00u
#define PV_MSR_SYSTEM_TIME     0x4b564d01u
#define PV_MSR_STEAL_TIME      0x4b564d03u
#define PV_MSR_EOI             0x4b564d04u

/* Ticks of the guest's TSC to ns as pvclock has it: ((ticks << shift) * mul) >> 32, a negative shift to the right. */
struct pv_scale {
	u32 mul;
	s8 shift;
};
/* tsc_hz must not be 0. */
void pv_scale_init(struct pv_scale *s, u64 tsc_hz);

/* The surroundings of a vCPU, filled in by the caller at each call. */
struct pv_env {
	const struct guest_mem *mem;
	struct pv_scale scale;
	u64 tsc_base;  /* the vCPU's TSC at VM time 0, modulo 2^64 */
	u64 wall_base; /* ns since 1970-01-01 00:00 UTC at VM time 0 */
};

/* Of one vCPU. All of it is state; what is shared with the guest lies in its memory. The MSRs are as last written. */
#define PV_STATE(T, F, A, S)                                                           \
	F(T, u32, features)                                                            \
	F(T, u64, system_time)                                                         \
	F(T, u64, wall_clock)                                                          \
	F(T, u64, steal_time)                                                          \
	F(T, u64, eoi)                                                                 \
	F(T, bool, eoi_set) /* bit 0 of the EOI word is set: the guest may clear it */ \
	F(T, u32, unhalted) /* kicked, HLT is over; any CPU, atomic */                 \
	F(T, u32, stopped)  /* the guest stood still: tell its watchdogs; any CPU, atomic */
STATE_STRUCT(pv, PV_STATE);

void pv_init(struct pv *p, u32 features);
/* Whether a state can be that of a vCPU with these features; else *c says why not. */
__must_check bool pv_valid(const struct pv *p, u32 features, struct state_check *c);
/* Reset and INIT: all interfaces off. */
void pv_reset(struct pv *p);

/* RDMSR, WRMSR of the indices above; false: #GP (not offered, reserved bits, an EOI word that is not in RAM). */
__must_check bool pv_msr_read(const struct pv *p, u32 idx, u64 *val);
__must_check bool pv_msr_write(struct pv *p, const struct pv_env *e, u32 idx, u64 val);

/* The relation of TSC and VM time changed: system time is written anew where it is on. */
void pv_clock_update(struct pv *p, const struct pv_env *e);
/* From any CPU: at the next pv_sched_in() the guest is told that it was paused. */
void pv_guest_stopped(struct pv *p);

/*
 * The vCPU leaves its CPU (preempted or halted) and comes back. steal_ns: time since pv_sched_out() in which it was
 * ready and waited. pv_sched_in() true: another vCPU wants this one's TLB flushed before it runs on.
 */
void pv_sched_out(struct pv *p, const struct guest_mem *mem);
__must_check bool pv_sched_in(struct pv *p, const struct pv_env *e, u64 steal_ns);

/*
 * PV EOI. After every VM exit with eoi_set, before anything looks at the APIC's ISR: pv_eoi_taken() true: the guest
 * signalled EOI. Before entry: pv_eoi_offer() with want when an EOI has no effect but to clear the highest ISR bit.
 */
__must_check bool pv_eoi_taken(struct pv *p, const struct guest_mem *mem);
void pv_eoi_offer(struct pv *p, const struct guest_mem *mem, bool want);

/* The end of HLT by KVM_HC_KICK_CPU; a kick that comes before the HLT counts for it. */
void pv_unhalt(struct pv *p);
__must_check bool pv_take_unhalt(struct pv *p);

/* ---- hypercalls ---- */

#define PV_HC_VAPIC_POLL_IRQ 1u
#define PV_HC_KICK_CPU       5u
#define PV_HC_CLOCK_PAIRING  9u
#define PV_HC_SEND_IPI       10u
#define PV_HC_SCHED_YIELD    11u

/* Results, negated in RAX. */
#define PV_EPERM      1
#define PV_EFAULT     14
#define PV_EINVAL     22
#define PV_EOPNOTSUPP 95
#define PV_ENOSYS     1000

struct pv_call {
	u64 nr, a[4]; /* RAX; RBX, RCX, RDX, RSI */
	u32 cpl;
	bool long_mode; /* 64-bit code: else registers have 32 bits */
	/* Of a call in pieces: 0 when it begins. Not 0 afterwards: it is to be called again, as it is then. */
	u32 next;
	s64 count;
};

/* What hypercalls act upon. vCPUs are numbered from 0; number i's APIC ID never changes. */
struct pv_call_ops {
	u32 (*nr_vcpus)(void *ctx);
	u32 (*apic_id)(void *ctx, u32 i);
	/* An interrupt message (delivery mode as in the ICR) to vCPU i; true: accepted. */
	bool (*send)(void *ctx, u32 i, u8 mode, u8 vector);
	void (*unhalt)(void *ctx, u32 i);
	/* Gives way to vCPU i. */
	void (*yield_to)(void *ctx, u32 i);
	/* One moment on both clocks. */
	void (*now)(void *ctx, u64 *wall_ns, u64 *guest_tsc);
	/* Enough for one piece. Asked after each interrupt that was sent. */
	bool (*enough)(void *ctx);
};

/* The value for RAX. */
u64 pv_hypercall(const struct pv *p, const struct guest_mem *mem, struct pv_call *c, const struct pv_call_ops *ops,
                 void *ctx);
