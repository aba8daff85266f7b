/* A VM is told to stop: by its guest, by what its guest did, by an operator. */
#include "vmm/cpu/kill.h"

#include "arch/x86/cpu.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/cpu/request.h"
#include "vmm/pcpu/clock.h"

#define STOPS_LOGGED  8 /* in a minute */
#define STOPS_IN_TIME 60000000000ull

void vm_wake_next(struct vm *vm)
{
	u32 run = vm_run(vm);

	for (u32 i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i]->left != run) {
			vcpu_request(vm->vcpus[i], VCPU_REQ_STOP);
			return;
		}
}

void vm_stop_claimed(struct vm *vm, enum vm_stop stop, u32 code, const char *why)
{
	size_t len = strnlen(why, sizeof(vm->why) - 1);
	u32 suppressed;
	enum vm_tr r;

	vm->quiet = !log_limit_ok(&vm->stop_limit, clock_now(), STOPS_LOGGED, STOPS_IN_TIME, &suppressed);
	if (!vm->quiet && suppressed)
		log_warn("guest %s: (%u stops not shown)\n", vm->config.name, suppressed);
	memcpy(vm->why, why, len); /* which was formatted just now */
	vm->why[len] = '\0';
	vm->exit_code = code;
	vm->stop_tsc = cpu_rdtsc();
	r = vm_tr_stop(&vm->status, stop);
	/* Those in a turn; the others see the status when one begins. */
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		if (atomic_load(&vm->vcpus[i]->on_cpu))
			vcpu_request_awake(vm->vcpus[i], VCPU_REQ_STOP);
	vm_wake_next(vm);
	if (r == VM_TR_LATER) /* it is paused */
		housekeep_soon();
}

void vm_request_stop(struct vm *vm, enum vm_stop stop, u32 code, const char *why)
{
	/* The guest and an operator may want it at once: the first one's reason counts. */
	if (vm_tr_claim(&vm->status) == VM_TR_DONE)
		vm_stop_claimed(vm, stop, code, why);
}

void vm_kill(struct vcpu *v, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	if (vm_stop(v->vm))
		return;
	va_start(ap, fmt);
	fmt_vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	vm_request_stop(v->vm, VM_STOP_CRASH, 0, why);
	if (!v->vm->quiet)
		vcpu_dump_begin(v);
}

void vm_triple_fault(struct vcpu *v, const char *how)
{
	if (vm_stop(v->vm))
		return;
	if (v->vm->soft_reset && v->vm->soft_reset(v->vm))
		return;
	vm_request_stop(v->vm, VM_STOP_RESET, 0, how);
	if (!v->vm->quiet)
		vcpu_dump_begin(v);
}
