/*
 * What this run leaves in memory for the next one to tell, and what the one before left for this one: the exit rings
 * and the end of the log. Only a run that was cut off or fell is told of.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/exit_ring.h"
#include "arch/x86/percpu.h"
#include "arch/x86/tsc.h"
#include "arch/x86/vmx/exit_reasons.h"
#include "boot/bringup.h"
#include "lib/log.h"
#include "lib/string.h"

#define SHOWN_EXITS 8 /* of a processor */
#define SHOWN_CPUS  8
#define SHOWN_WORDS 64 /* lines */

/* The words, line by line: they hold what anyone may have written there. */
static void show_words(const struct pcpu *p)
{
	const char *s = p->old_words;

	log_warn("previous run: last words of CPU %u:\n", p->index);
	for (u32 i = 0; i < SHOWN_WORDS && *s; i++) {
		const char *end = strchr(s, '\n');
		size_t n = end ? (size_t)(end - s) : strlen(s);

		log_warn("  | %.*s\n", (int)MIN(n, (size_t)160), s);
		s += n + (end ? 1 : 0);
	}
}

static u64 us_since(u64 tsc, u64 start)
{
	return (u64)((unsigned __int128)(tsc - start) * 1000000 / tsc_hz());
}

static void show_exits(const struct pcpu *p)
{
	u32 first = p->nr_old_exits - MIN(p->nr_old_exits, (u32)SHOWN_EXITS);

	log_warn("previous run: last exits of CPU %u:\n", p->index);
	for (u32 i = first; i < p->nr_old_exits; i++) {
		const struct exit_record *r = &p->old_exits[i];

		log_warn("  %lu us vm%u.%u %s rip %lx\n", us_since(r->tsc, p->old_start_tsc), r->who >> 16,
		         r->who & 0xffff, exit_reason_name(EXIT_REASON_BASIC(r->reason)), r->rip);
	}
}

void previous_show(void)
{
	u32 left = 0, shown = 0, exits = 0;

	for (u32 i = 0; i < nr_pcpus; i++) {
		left += pcpus[i]->old_left;
		exits += pcpus[i]->nr_old_exits;
	}
	if (!left)
		return;
	log_warn("previous run: it was cut off: it neither halted, nor switched off or reset the machine by command "
	         "or "
	         "policy\n");
	for (u32 i = 0; i < nr_pcpus && shown < SHOWN_CPUS; i++) {
		const struct pcpu *p = pcpus[i];

		/* The words of one that fell tell its exits, too. */
		if (p->old_words && *p->old_words)
			show_words(p);
		else if (p->nr_old_exits)
			show_exits(p);
		else
			continue;
		shown++;
	}
	log_warn("previous run: %u exits of %u CPUs are kept: see the monitor's command \"previous\"\n", exits, left);
}

void previous_keep_words(void)
{
	static char text[EXIT_RING_WORDS];

	if (pcpus && this_cpu()->ring)
		exit_ring_set_words(this_cpu()->ring, text, log_ring_read(text, sizeof(text)));
}

void previous_end(void)
{
	for (u32 i = 0; i < nr_pcpus; i++)
		exit_ring_end(pcpus[i]->ring);
	cpu_wbinvd();
}
