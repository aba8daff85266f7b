/* The run loop. Interrupts are off in root mode; they are taken as VM exits or, while idle, in cpu_sti_hlt_cli(). */
#include "vmm/run/run.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"
#include "arch/x86/tsc.h"
#include "lib/assert.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/cpu/events.h"
#include "vmm/exit/exit.h"

int run_init(u64 boot_tsc)
{
	struct sched_cpu *cpus = hv_zalloc(nr_pcpus * sizeof(*cpus));

	run_cpus = hv_zalloc(nr_pcpus * sizeof(*run_cpus));
	if (!cpus || !run_cpus)
		return ERR_NOMEM;
	tsc_base = boot_tsc;
	vclock_init(&clock, tsc_hz());
	sched_init(&sched, cpus, nr_pcpus);
	for (u32 i = 0; i < nr_pcpus; i++)
		timerq_init(&run_cpus[i].sleepers, NULL);
	return OK;
}

/* ---- waking ---- */

/* ---- timers ---- */

/* ---- one vCPU ---- */

/* ---- one CPU ---- */

/* until: the scheduler must look again then (sched_pick()). */
static void idle(struct pcpu *p, u64 until)
{
	struct run_cpu *rc = cpu_of(p);
	u64 at = timerq_next(&rc->sleepers), now = run_now(), tsc;

	at = MIN(at, until);
	if (__atomic_load_n(&p->kick, __ATOMIC_SEQ_CST) || __atomic_load_n(&rc->evict, __ATOMIC_SEQ_CST))
		return;
	lapic_timer_oneshot(at == TIMER_OFF ? 0 : at > now ? at - now : 1);
	tsc = cpu_rdtsc();
	cpu_sti_hlt_cli();
	tsc = cpu_rdtsc() - tsc;
	rc->idle_ticks += tsc;
	if (at != TIMER_OFF && now + vclock_ns(&clock, tsc) < at)
		lapic_timer_oneshot(0); /* it has not gone off */
}

__noreturn void run_loop(void)
{
	struct pcpu *p = this_cpu();
	struct run_cpu *rc = cpu_of(p);

	__atomic_store_n(&rc->since, run_now(), __ATOMIC_RELAXED);
	for (;;) {
		struct sched_entity *e;
		struct vcpu *v;
		u64 until;
		u32 cpu = SCHED_NO_CPU;

		__atomic_store_n(&p->kick, 0, __ATOMIC_SEQ_CST);
		cpu_sti_nop_cli(); /* Bochs keeps interrupts back while a guest has its own off */
		give_up_loaded(p);
		housekeep(p, false);
		e = sched_pick(&sched, p->index, run_now(), &until, &cpu);
		run_kick(cpu);
		if (!e) {
			idle(p, until);
			continue;
		}
		v = container_of(e, struct vcpu, sched);
		v->turn_end = tsc_at(until);
		__atomic_store_n(&v->on_cpu, p, __ATOMIC_SEQ_CST);
		cancel_wake_timer(v);
		take_turn(v);
		end_turn(p, v);
	}
}
