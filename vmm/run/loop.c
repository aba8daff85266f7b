/* The run loop. Interrupts are off in root mode; they are taken as VM exits or, while idle, in cpu_sti_hlt_cli(). */
#include "vmm/run/run.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "lib/atomic.h"
#include "mm/hvmem.h"
#include "vmm/cpu/stretch.h"
#include "vmm/pcpu/kick.h"
#include "vmm/run/priv.h"

int run_init(u64 boot_tsc)
{
	struct sched_cpu *cpus = hv_zalloc(nr_pcpus * sizeof(*cpus));

	run_cpus = hv_zalloc(nr_pcpus * sizeof(*run_cpus));
	if (!cpus || !run_cpus)
		return ERR_NOMEM;
	clock_init(boot_tsc);
	sched_init(&pcpu_sched, cpus, nr_pcpus);
	for (u32 i = 0; i < nr_pcpus; i++)
		timerq_init(&run_cpus[i].sleepers, NULL);
	return OK;
}

/* until: the scheduler must look again then (sched_pick()). */
static void idle(struct pcpu *p, u64 until)
{
	struct run_cpu *rc = run_cpu_of(p);
	u64 at = timerq_next(&rc->sleepers), now = clock_now(), tsc;

	at = MIN(at, until);
	if (atomic_load(&p->kick) || atomic_load(&p->evict))
		return;
	lapic_timer_oneshot(at == TIMER_OFF ? 0 : at > now ? at - now : 1);
	tsc = cpu_rdtsc();
	stretch_end(STRETCH_LOOP);
	cpu_sti_hlt_cli();
	stretch_begin();
	tsc = cpu_rdtsc() - tsc;
	rc->idle_ticks += tsc;
	if (at != TIMER_OFF && now + clock_span_ns(tsc) < at)
		lapic_timer_oneshot(0); /* it has not gone off */
}

__noreturn void run_loop(void)
{
	struct pcpu *p = this_cpu();
	struct run_cpu *rc = run_cpu_of(p);

	stretch_begin();
	atomic_store_relaxed(&rc->since, clock_now());
	for (;;) {
		struct sched_entity *e;
		struct vcpu *v;
		u64 until, now;
		u32 cpu = SCHED_NO_CPU;

		atomic_store(&p->kick, 0);
		cpu_sti_nop_cli(); /* Bochs keeps interrupts back while a guest has its own off */
		vcpu_give_up(p);
		run_housekeep(p, false);
		now = clock_now();
		e = sched_pick(&pcpu_sched, p->index, now, &until, &cpu);
		rc->woke = false;
		rc->calm_until = e ? now + POLL_LATER_NS : 0;
		pcpu_kick(cpu);
		stretch_end(STRETCH_LOOP);
		if (!e) {
			idle(p, until);
			continue;
		}
		v = container_of(e, struct vcpu, sched);
		v->turn_end = clock_tsc(until);
		atomic_store(&v->on_cpu, p);
		run_cancel_wake_timer(v);
		run_take_turn(v);
		run_end_turn(p, v);
	}
}
