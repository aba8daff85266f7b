/* What an operator does to a VM: pause, resume, power button. */
#include "vmm/life/ctl.h"

#include "arch/x86/cpu.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "vmm/cpu/request.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/life/onoff.h"
#include "vmm/pcpu/clock.h"
#include "vmm/pcpu/kick.h"

#define COMMANDS_LOGGED  20 /* of one VM, in a while */
#define COMMANDS_IN_TIME 10000000000ull

void vm_log_text(struct vm *vm, const char *text)
{
	static struct spinlock lock;
	u32 suppressed;
	bool ok;

	spin_lock(&lock);
	ok = log_limit_ok(&vm->command_limit, clock_now(), COMMANDS_LOGGED, COMMANDS_IN_TIME, &suppressed);
	spin_unlock(&lock);
	if (ok && suppressed)
		log_info("guest %s: (%u commands not shown)\n", vm->config.name, suppressed);
	if (ok)
		log_info("guest %s: %s\n", vm->config.name, text);
}

void vm_log_command(struct vm *vm, const char *fmt, ...)
{
	char text[96];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm_log_text(vm, text);
}

/* Suspends all vCPUs. true: none is in the guest any more. */
static bool suspend_all(struct vm *vm)
{
	bool out = true;

	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		u32 cpu = SCHED_NO_CPU;

		if (sched_suspend(&pcpu_sched, &vm->vcpus[i]->sched, clock_now(), &cpu) != OK) {
			out = false;
			pcpu_kick(cpu);
		}
	}
	return out;
}

int vm_pause(struct vm *vm)
{
	switch (vm_tr_pause(&vm->status)) {
	case VM_TR_DONE: break;
	case VM_TR_KEPT: return OK;
	case VM_TR_LATER: return ERR_EXIST;
	default: return ERR_NOENT;
	}
	vm_time_seen(vm);
	(void)!suspend_all(vm);
	/* Halted vCPUs may still be loaded where they ran. */
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		(void)!vcpu_try_evict(vm->vcpus[i]);
	/* It stopped meanwhile: then it will be resumed. */
	return vm_resumes(vm) ? ERR_NOENT : OK;
}

/* The time it was paused did not pass for the guest. */
static void skip_time(struct vm *vm)
{
	u64 gone = cpu_rdtsc() - vm->pause_tsc;

	vm->tsc_start += gone;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpus[i]->tsc_offset -= vclock_scale(&vm->clock, gone);
		vm->vcpus[i]->tsc_moved = true;
	}
}

int vm_resume(struct vm *vm)
{
	if (!vm_paused(vm))
		return ERR_NOENT;
	/* One that is still on its way out of the guest: its registers hold the old time. */
	if (!suspend_all(vm)) {
		vm_tr_resume_later(&vm->status);
		return ERR_BUSY;
	}
	if (vm_state(vm) == VM_RUNNING)
		skip_time(vm);
	(void)vm_tr_resume(&vm->status);
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		struct sched_entity *e = &vm->vcpus[i]->sched;

		pcpu_kick(sched_resume(&pcpu_sched, e, clock_now()));
		/* Its wake-up timer was for the time before. */
		pcpu_kick(sched_wake(&pcpu_sched, e, clock_now()));
	}
	return OK;
}

int vm_power_button(struct vm *vm)
{
	if (vm_tr_press(&vm->status) != VM_TR_DONE)
		return ERR_NOENT;
	vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT);
	return OK;
}
