/* What each processor does for all between turns and slow exits, and the sleepers it wakes. */
#include "lib/atomic.h"
#include "vmm/cpu/stretch.h"
#include "vmm/pcpu/kick.h"
#include "vmm/run/priv.h"

struct run_cpu *run_cpus;
static u64 (*poll_fn)(void);
static struct timer poll_timer; /* on the bootstrap processor's sleepers */

void run_cpu_times(u32 cpu, u64 *guests_ns, u64 *root_ns)
{
	u64 since = atomic_load_relaxed(&run_cpus[cpu].since), up = since ? clock_now() - since : 0;
	u64 idle = clock_span_ns(atomic_load_relaxed(&run_cpus[cpu].idle_ticks));

	*guests_ns = atomic_load_relaxed(&pcpu_sched.cpus[cpu].busy_ns);
	*root_ns = up > idle + *guests_ns ? up - idle - *guests_ns : 0;
}

static void on_poll_timer(void *arg, u64 now)
{
	atomic_store(&housekeep_wanted, 1); /* poll() follows */
}

void run_set_poll(u64 (*fn)(void))
{
	timer_init(&poll_timer, &run_cpus[0].sleepers, on_poll_timer, NULL);
	atomic_store(&housekeep_wanted, 1);
	poll_fn = fn;
}

static void on_wake_timer(void *arg, u64 now)
{
	struct vcpu *v = arg;

	v->sleeps_on = NULL; /* nothing to cancel any more */
	run_cpu_of(this_cpu())->woke = true;
	vcpu_wake(v);
}

void run_set_wake_timer(struct vcpu *v, u64 at)
{
	struct run_cpu *rc = run_cpu_of(this_cpu());

	if (at == TIMER_OFF)
		return;
	spin_lock(&rc->sleepers_lock);
	timer_init(&v->wake_timer, &rc->sleepers, on_wake_timer, v);
	timer_set(&v->wake_timer, at);
	v->sleeps_on = rc;
	spin_unlock(&rc->sleepers_lock);
}

void run_cancel_wake_timer(struct vcpu *v)
{
	struct run_cpu *rc = v->sleeps_on;

	if (!rc)
		return;
	spin_lock(&rc->sleepers_lock);
	timer_cancel(&v->wake_timer);
	spin_unlock(&rc->sleepers_lock);
	v->sleeps_on = NULL;
}

static void wake_sleepers(struct run_cpu *rc, u64 now)
{
	spin_lock(&rc->sleepers_lock);
	timerq_run(&rc->sleepers, now);
	spin_unlock(&rc->sleepers_lock);
}

static void set_poll_timer(struct pcpu *p, u64 at)
{
	struct run_cpu *rc = run_cpu_of(p);

	if (at == poll_timer.deadline)
		return;
	spin_lock(&rc->sleepers_lock);
	timer_set(&poll_timer, at);
	spin_unlock(&rc->sleepers_lock);
	if (p->current)
		p->current->rearm = true; /* its preemption timer is to be set anew */
}

/*
 * Whoever has just been woken, or is to run instead of what runs here, goes before consoles and channels, and so does
 * whoever has just begun its turn: it would wait for a piece of their work in the turn under way, for another one before
 * its own, and for more in that, before it has taken the interrupt that it was woken for. Not for ever: those who are
 * woken all the time do not keep the operator out.
 */
static bool put_off_poll(struct pcpu *p, u64 now)
{
	struct run_cpu *rc = run_cpu_of(p);

	if (!rc->woke && now >= rc->calm_until && !sched_preempt_check(&pcpu_sched, p->index, now))
		return false;
	if (!rc->poll_by)
		rc->poll_by = now + POLL_LATER_NS;
	if (now >= rc->poll_by)
		return false;
	atomic_store(&housekeep_wanted, 0);
	set_poll_timer(p, rc->poll_by);
	return true;
}

/* Consoles and control channels: a piece of its own, behind the look that did not put it off. */
static void poll(struct pcpu *p)
{
	stretch_end(STRETCH_POLL);
	run_cpu_of(p)->poll_by = 0;
	atomic_store(&housekeep_wanted, 0);
	set_poll_timer(p, poll_fn());
}

/*
 * A sleeper's time has come. The poll's own timer is none: where its time is now, it lets the poll in after the next
 * entry, and a wake-up of it here would only set it anew.
 */
static bool any_late(const struct pcpu *p, u64 now)
{
	u64 at = timerq_next(&run_cpu_of(p)->sleepers);

	return at <= now && (p->index || at != poll_timer.deadline);
}

/*
 * Whose time came meanwhile: nobody need enter its guest first, to be interrupted at once. The poll, if its time came,
 * too, does not follow here, but by its timer: one piece at a time.
 */
static void wake_late(struct pcpu *p, u64 now)
{
	wake_sleepers(run_cpu_of(p), now);
	if (run_poll_due(p) && !put_off_poll(p, now)) {
		atomic_store(&housekeep_wanted, 0);
		set_poll_timer(p, now);
	}
}

void run_housekeep_slow(struct pcpu *p, bool in_turn, u64 now)
{
	struct run_cpu *rc = run_cpu_of(p);

	stretch_end(in_turn ? p->current ? p->current->exit_reason : STRETCH_START : STRETCH_LOOP);
	if (in_turn)
		sched_charge(&pcpu_sched, p->index, now);
	if (timerq_next(&rc->sleepers) <= now)
		wake_sleepers(rc, now);
	if (run_poll_due(p) && !put_off_poll(p, now)) /* or since the timer just now */
		poll(p);
	if (any_late(p, clock_now()))
		wake_late(p, clock_now());
	stretch_end(STRETCH_POLL);
	if (in_turn)
		sched_skip(&pcpu_sched, p->index, clock_now());
}
