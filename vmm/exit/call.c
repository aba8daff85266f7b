/* VMCALL: hypercalls. The rules are vmm/policy/pv_call.c's; this is the wiring. */
#include "arch/x86/cpu.h"
#include "lib/string.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/exit/exit.h"
#include "vmm/pcpu/clock.h"
#include "vmm/pcpu/walltime.h"
#include "vmm/vm/vm.h"

static u32 hc_nr_vcpus(void *ctx)
{
	return ((struct vcpu *)ctx)->vm->nr_vcpus;
}

static u32 hc_apic_id(void *ctx, u32 i)
{
	return ((struct vcpu *)ctx)->vm->vcpus[i]->cpuid->apic_id;
}

static bool hc_send(void *ctx, u32 i, u8 mode, u8 vector)
{
	struct vcpu *v = ctx, *to = v->vm->vcpus[i];
	struct apic_msg m = { .mode = mode, .vector = vector, .assert_ = true };
	bool accepted;

	if (!vlapic_enabled(&to->lapic))
		return false;
	if (to == v)
		return vlapic_deliver_self(&to->lapic, &m);
	if (mode != APIC_MODE_INIT && mode != APIC_MODE_STARTUP)
		return vlapic_deliver(&to->lapic, &m);
	vm_lock(v->vm);
	accepted = vlapic_deliver(&to->lapic, &m);
	vm_unlock(v->vm);
	return accepted;
}

static void hc_unhalt(void *ctx, u32 i)
{
	struct vcpu *to = ((struct vcpu *)ctx)->vm->vcpus[i];

	pv_unhalt(&to->pv);
	vcpu_request(to, VCPU_REQ_EVENT);
}

static void hc_yield_to(void *ctx, u32 i)
{
	struct vcpu *v = ctx;

	v->yield_to = v->vm->vcpus[i];
	vcpu_request_self(v, VCPU_REQ_YIELD);
}

static void hc_now(void *ctx, u64 *wall_ns, u64 *guest_tsc)
{
	struct vcpu *v = ctx;
	u64 tsc = cpu_rdtsc();

	*wall_ns = walltime_ns(tsc);
	*guest_tsc = vclock_scale(&v->vm->clock, tsc) + v->tsc_offset;
}

static bool hc_enough(void *ctx)
{
	return cpu_rdtsc() >= ((struct vcpu *)ctx)->call_until;
}

enum exit_action exit_vmcall(struct vcpu *v)
{
	static const struct pv_call_ops ops = {
		.nr_vcpus = hc_nr_vcpus,
		.apic_id = hc_apic_id,
		.send = hc_send,
		.unhalt = hc_unhalt,
		.yield_to = hc_yield_to,
		.now = hc_now,
		.enough = hc_enough,
	};
	u64 *g = v->regs.gpr, answer;
	struct pv_call c = {
		.nr = g[GPR_RAX],
		.a = { g[GPR_RBX], g[GPR_RCX], g[GPR_RDX], g[GPR_RSI] },
	};

	if (!v->cpuid->hv) {
		vcpu_ud(v);
		return EXIT_RESUME;
	}
	/* It goes on where it was, if it is the same; else that one is over. */
	if (unlikely(v->call.next) && v->call.nr == c.nr && !memcmp(v->call.a, c.a, sizeof(c.a))) {
		c.next = v->call.next;
		c.count = v->call.count;
	}
	v->call.next = 0;
	v->call_until = cpu_rdtsc() + pcpu_clock.piece / 4;
	c.cpl = SEG_AR_DPL(vmcs_read32(VMCS_GUEST_SS_AR));
	c.long_mode = vcpu_is_64bit(v);
	answer = pv_hypercall(&v->pv, &v->vm->mem, &c, &ops, v);
	if (unlikely(c.next)) {
		v->call = c;
		v->rearm = true; /* the instruction runs again when others had their chance */
		return EXIT_RESUME;
	}
	g[GPR_RAX] = answer;
	return EXIT_ADVANCE;
}
