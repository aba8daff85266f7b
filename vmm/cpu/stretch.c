/* The stretches of root mode, by what they were for; see stretch.h. Only in builds with STRETCH=1. */
#include "vmm/cpu/stretch.h"

#ifdef CONFIG_STRETCH
#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/policy/msr.h"
#include "vmm/vm/vm.h"

#define CPUS         16
#define REPORT_LOOKS 8u /* rows in one piece that there was nothing of */

struct stretch_worst {
	u64 recent; /* since STRETCH_TAKE */
	u64 ever, count;
};

/* A processor writes its own; STRETCH_TAKE clears those of others, which loses at most what they do meanwhile. */
static struct {
	u64 since;
	u32 what;  /* of stretch_for() */
	bool skip; /* this stretch is STRETCH_TAKE's own */
	struct stretch_worst row[STRETCH_ROWS];
} cpus[CPUS];
static u64 kept;

static const char *row_name(u32 row)
{
	static const char *const names[] = { "entry", "loop", "start", "stop", "poll" };

	return row < EXIT_REASON_COUNT ? exit_reason_name(row) : names[row - EXIT_REASON_COUNT];
}

void stretch_begin(void)
{
	cpus[this_cpu()->index % CPUS].since = cpu_rdtsc();
}

void stretch_end(u32 row)
{
	__typeof__(cpus[0]) *c = &cpus[this_cpu()->index % CPUS];
	struct stretch_worst *w = &c->row[MIN(row, STRETCH_ROWS - 1u)];
	u64 now = cpu_rdtsc(), took = now - c->since;

	c->since = now;
	c->what = STRETCH_LOOP;
	w->count++;
	if (c->skip) {
		c->skip = false;
		return;
	}
	w->recent = MAX(w->recent, took);
	w->ever = MAX(w->ever, took);
}

void stretch_for(u32 row)
{
	cpus[this_cpu()->index % CPUS].what = row;
}

void stretch_end_turn(void)
{
	stretch_end(cpus[this_cpu()->index % CPUS].what);
}

static void take(struct stretch_row *out)
{
	for (u32 i = 0; i < CPUS && i < nr_pcpus; i++) {
		for (u32 r = 0; r < STRETCH_ROWS; r++) {
			u64 t = cpus[i].row[r].recent;

			cpus[i].row[r].recent = 0;
			if (r == STRETCH_POLL) {
				out->polled = MAX(out->polled, t);
			} else if (t > out->ticks) {
				out->ticks = t;
				out->first = r;
			}
		}
	}
	fmt_snprintf(out->name, sizeof(out->name), "%s", row_name((u32)out->first));
	cpus[this_cpu()->index % CPUS].skip = true;
}

static void sum(u32 row, struct stretch_row *out)
{
	for (u32 i = 0; i < CPUS && i < nr_pcpus; i++) {
		out->ticks = MAX(out->ticks, cpus[i].row[row].ever);
		out->count += cpus[i].row[row].count;
	}
}

static bool region(const struct io_bus *bus, u64 i, struct stretch_row *out)
{
	const struct io_region *r;

	if (i >= bus->nr)
		return false;
	r = bus->regions[i];
	out->first = r->base;
	out->last = r->base + (r->len - 1);
	fmt_snprintf(out->name, sizeof(out->name), "%s", r->name ? r->name : "?");
	return true;
}

static bool msr(u64 i, struct stretch_row *out)
{
	u32 first, last;

	if (!msr_range(i, &first, &last))
		return false;
	out->first = first;
	out->last = last;
	fmt_snprintf(out->name, sizeof(out->name), "%s", msr_name(first));
	return true;
}

u64 stretch_call(struct vcpu *v, bool (*handled)(u32 reason))
{
	const u64 *g = v->regs.gpr;
	struct stretch_row row = { 0 };
	u64 arg = g[GPR_RCX];
	bool there = true;

	switch (g[GPR_RBX]) {
	case STRETCH_TAKE: take(&row); break;
	case STRETCH_EXITS:
		there = arg < EXIT_REASON_COUNT && handled((u32)arg);
		row.first = arg;
		if (!there)
			break;
		sum((u32)arg, &row);
		fmt_snprintf(row.name, sizeof(row.name), "%s", row_name((u32)arg));
		break;
	case STRETCH_PORTS: there = region(&v->vm->pio, arg, &row); break;
	case STRETCH_MMIO: there = region(&v->vm->mmio, arg, &row); break;
	case STRETCH_MSRS: there = msr(arg, &row); break;
	case STRETCH_KEEP: kept = g[GPR_RDX]; return 1;
	case STRETCH_KEPT: row.first = kept; break;
	default: there = false; break;
	}
	return there && gmem_write(&v->vm->mem, GPA(g[GPR_RDX]), &row, sizeof(row)) == OK;
}

bool stretch_report(u32 *row)
{
	for (u32 end = MIN(*row + REPORT_LOOKS, (u32)STRETCH_ROWS); *row < end;) {
		u32 r = (*row)++;
		struct stretch_row s = { 0 };

		sum(r, &s);
		if (!s.count)
			continue;
		log_info("  stretch: %-20s %8lu ticks at most of %lu\n", row_name(r), s.ticks, s.count);
		break;
	}
	return *row < STRETCH_ROWS;
}
#endif
