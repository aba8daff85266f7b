/* Descriptions of machines, and which of their processors guests get. */
#include "quick_check.h"
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "vmm/config/place.h"
#include "vmm/sched/sched.h"

static struct config_err list[8];
static struct config_errs errs;
static struct machine m;
static _Alignas(8) char blob[8192];

/* packages x cores x threads, siblings numbered next to each other, or a machine's width apart. */
static void machine(u32 packages, u32 cores, u32 threads, bool apart)
{
	u32 n = packages * cores * threads;

	errs = (struct config_errs){ .list = list, .cap = 8 };
	memset(list, 0, sizeof(list));
	m = (struct machine){ .memory = 1ull << 30, .nr_cpus = n };
	for (u32 i = 0; i < n; i++) {
		u32 unit = apart ? i % (packages * cores) : i / threads;

		m.cpu[i] = (struct machine_cpu){ (u16)(unit / cores), (u16)(unit % cores),
			                         (u16)(apart ? i / (packages * cores) : i % threads) };
	}
}

static struct place pin(const char *name, const char *cpus, bool exclusive, u32 reservation)
{
	struct place p = { .exclusive = exclusive, .reservation = reservation };

	strcpy(p.name, name);
	if (cpus)
		ck_assert_int_eq(cpuset_parse(cpus, &p.pin), OK);
	return p;
}

static struct place any(const char *name, u32 count, enum vm_sharing sharing, bool exclusive)
{
	struct place p = { .exclusive = exclusive, .cores = { count, sharing } };

	strcpy(p.name, name);
	return p;
}

static void got(const struct place *p, const char *want)
{
	char buf[64];

	cpuset_format(&p->cpus, buf, sizeof(buf));
	ck_assert_msg(!strcmp(buf, want), "%s: got \"%s\", want \"%s\"", p->name, buf, want);
}

START_TEST(pins)
{
	struct place p[3] = { pin("a", "0-1", false, 0), pin("b", "3", true, 0), pin("c", NULL, false, 0) };

	machine(1, 4, 1, false);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), OK);
	got(&p[0], "0-1");
	got(&p[1], "3");
	got(&p[2], "0-2");
	/* With two threads a core, 3 takes the core of 2 and 3 away from others. */
	machine(1, 2, 2, false);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), OK);
	got(&p[2], "0-1");
	p[0] = pin("a", "1-2", false, 0);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/a: pin: b has some of these CPUs' cores for itself");
	machine(1, 2, 1, false);
	p[0] = pin("a", "0", false, 0);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/b: pin: there is no CPU 3: the machine has 2");
	/* Nothing left */
	machine(1, 2, 1, false);
	p[1] = pin("b", "1", true, 0);
	p[0] = pin("a", "0", true, 0);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/c: no CPU is left for it: others have all of them for themselves");
}
END_TEST

static bool conflict(const char *a, bool a_exclusive, const char *b, bool b_exclusive)
{
	struct cpuset x, y;

	ck_assert_int_eq(cpuset_parse(a, &x), OK);
	ck_assert_int_eq(cpuset_parse(b, &y), OK);
	return place_conflict(&m, &x, a_exclusive, &y, b_exclusive);
}

/* What `set` asks before it moves a guest. */
START_TEST(conflicts)
{
	machine(1, 4, 2, false); /* 0 and 1, 2 and 3 ... are a core's */
	ck_assert(!conflict("0-7", false, "0-7", false));
	ck_assert(conflict("0-7", false, "2", true));
	ck_assert(conflict("3", false, "2", true)); /* the other thread */
	ck_assert(conflict("3", true, "2", false));
	ck_assert(conflict("3", true, "0,2", true));
	ck_assert(!conflict("0-1,4-7", false, "2", true));
	ck_assert(!conflict("3", true, "4", true));
	machine(1, 4, 2, true); /* 0 and 4, 1 and 5 ... */
	ck_assert(conflict("5", false, "0-1", true));
	ck_assert(!conflict("2-3,6-7", false, "0-1", true));
}
END_TEST

START_TEST(selectors)
{
	struct place p[4] = { any("a", 1, VM_SHARE_ANY, false), any("b", 2, VM_SHARE_CORE, true),
		              any("c", 2, VM_SHARE_PACKAGE, true), pin("d", NULL, false, 0) };

	for (u32 apart = 0; apart < 2; apart++) {
		struct cpuset core, want;

		machine(2, 2, 2, apart);
		ck_assert_int_eq(place_solve(&m, p, 4, &errs), OK);
		/* Exclusive ones get whole cores, so that only two cores are lost. */
		machine_cores_of(&m, &p[1].cpus, &core);
		ck_assert(!memcmp(&core, &p[1].cpus, sizeof(core)));
		machine_cores_of(&m, &p[2].cpus, &core);
		ck_assert(!memcmp(&core, &p[2].cpus, sizeof(core)));
		ck_assert_uint_eq(cpuset_count(&p[1].cpus), 2);
		ck_assert_uint_eq(cpuset_count(&p[2].cpus), 2);
		ck_assert_uint_eq(cpuset_count(&p[3].cpus), 4);
		want = p[3].cpus;
		cpuset_remove(&want, &p[1].cpus);
		cpuset_remove(&want, &p[2].cpus);
		ck_assert(!memcmp(&want, &p[3].cpus, sizeof(want)));
		ck_assert(cpuset_within(&p[0].cpus, &p[3].cpus));
	}
	/* Three of one package where packages have two */
	machine(2, 2, 1, false);
	p[0] = any("a", 3, VM_SHARE_PACKAGE, false);
	ck_assert_int_eq(place_solve(&m, p, 1, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/a: cores: no 3 CPUs sharing a package are left");
	p[0] = any("a", 200, VM_SHARE_ANY, true);
	machine(2, 2, 1, false);
	ck_assert_int_eq(place_solve(&m, p, 1, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/a: cores: no 200 CPUs are free of other guests and left");
}
END_TEST

START_TEST(selectors_spread)
{
	struct place p[5] = { any("a", 2, VM_SHARE_PACKAGE, false), any("b", 2, VM_SHARE_PACKAGE, false),
		              any("c", 1, VM_SHARE_ANY, false), pin("d", "0", false, 0),
		              any("e", 3, VM_SHARE_ANY, true) };

	machine(2, 2, 1, false);
	ck_assert_int_eq(place_solve(&m, p, 4, &errs), OK);
	/* d is on 0: the other package is less loaded, then the first one is as loaded but for c. */
	got(&p[0], "2-3");
	got(&p[1], "0-1");
	got(&p[2], "1");
	/* Exclusive ones keep off pinned CPUs, and are served before the shared. */
	machine(1, 5, 1, false);
	ck_assert_int_eq(place_solve(&m, p, 5, &errs), OK);
	got(&p[4], "1-3");
	got(&p[0], "0,4");
	/* One more exclusive than there is room for. */
	machine(1, 3, 1, false);
	ck_assert_int_eq(place_solve(&m, p, 5, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/e: cores: no 3 CPUs are free of other guests and left");
}
END_TEST

START_TEST(reservations)
{
	struct place p[3] = { pin("a", "0-1", false, 150), pin("b", "0", false, 40), pin("c", NULL, false, 190) };

	/* To the last percent of what the scheduler lets be reserved: 95 of each CPU. */
	machine(1, 4, 1, false);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), OK);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), OK); /* nothing is left over from the first time */
	p[1].reservation = 41;
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text,
	                 "/guests/b: reservation: asks for 41 % of a CPU; of CPUs 0-1 190 % can be reserved "
	                 "(95 % of each), 40 % are left");
	ck_assert_uint_eq(errs.nr, 1); /* b is refused: c then fits */
	machine(1, 4, 1, false);
	p[1].reservation = 40;
	p[2].reservation = 191;
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text,
	                 "/guests/c: reservation: asks for 191 % of a CPU; of CPUs 0-3 380 % can be reserved "
	                 "(95 % of each), 190 % are left");
	/* One CPU, by itself. */
	machine(1, 1, 1, false);
	p[0] = pin("a", NULL, false, 96);
	ck_assert_int_eq(place_solve(&m, p, 1, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text,
	                 "/guests/a: reservation: asks for 96 % of a CPU; of CPUs 0 95 % can be reserved "
	                 "(95 % of each), 95 % are left");
	/* Not all of the machine is there for c: b's core is its own. */
	machine(1, 4, 1, false);
	p[0] = pin("a", "0-1", true, 0);
	p[1] = pin("b", NULL, false, 101);
	p[2] = pin("c", NULL, false, 90);
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), ERR_INVAL);
	ck_assert_str_eq(list[0].text,
	                 "/guests/c: reservation: asks for 90 % of a CPU; of CPUs 2-3 190 % can be reserved "
	                 "(95 % of each), 89 % are left");
}
END_TEST

/* Creates the guests as the hypervisor does, and says which of them its scheduler refuses. */
static void by_the_scheduler(const struct place *p, u32 nr, bool *refused)
{
	static struct sched s;
	static struct sched_cpu cpus[8];
	static struct sched_group g[8];
	static struct sched_entity e[8];
	u32 kick;

	sched_init(&s, cpus, m.nr_cpus);
	for (u32 i = 0; i < nr; i++) {
		struct sched_params share = { .weight = 100, .reservation = p[i].reservation * SCHED_PERCENT };
		struct sched_cpumask allowed;

		memcpy(&allowed, &p[i].cpus, sizeof(allowed));
		refused[i] = sched_group_init(&s, &g[i], &share, 1) != OK;
		if (refused[i])
			continue;
		refused[i] = sched_entity_init(&s, &e[i], &g[i], &allowed, 1) != OK;
		if (refused[i])
			sched_group_remove(&s, &g[i]);
	}
	for (u32 i = 0; i < nr; i++) {
		if (refused[i])
			continue;
		ck_assert_int_eq(sched_suspend(&s, &e[i], 2, &kick), OK);
		ck_assert_int_eq(sched_remove(&s, &e[i], 2, &kick), OK);
		sched_group_remove(&s, &g[i]);
	}
}

/* What is accepted here the scheduler accepts, and the other way round, guest by guest. */
START_TEST(reservations_as_the_scheduler)
{
	u32 seed = 1, accepted = 0, rejected = 0;

	for (u32 round = 0; round < 5000; round++) {
		struct place p[8] = { 0 };
		bool refused[8];
		u32 nr = 1 + round % 8;

		machine(1, 1 + round / 8 % 4, 1, false);
		for (u32 i = 0; i < nr; i++) {
			char name[8];

			seed = seed * 1664525 + 1013904223;
			sprintf(name, "g%u", i);
			p[i] = pin(name, NULL, false, (seed >> 8) % 4 ? (seed >> 10) % 120 : 0);
			for (u32 c = 0; c < m.nr_cpus && (seed >> 20) % 3; c++)
				if (seed >> (22 + c) & 1)
					cpuset_add(&p[i].pin, c);
			/* Sums that meet the limit happen, too. */
			if ((seed >> 28) % 4 == 0)
				p[i].reservation = p[i].reservation ? 95 : 0;
		}
		(void)!place_solve(&m, p, nr, &errs);
		by_the_scheduler(p, nr, refused);
		for (u32 i = 0; i < nr; i++) {
			ck_assert_msg(refused[i] == (p[i].reservation && !p[i].admitted),
			              "round %u: guest %u of %u, %u %%: the scheduler %s it", round, i, nr,
			              p[i].reservation, refused[i] ? "refuses" : "takes");
			accepted += p[i].reservation && !refused[i];
			rejected += refused[i];
		}
	}
	ck_assert(accepted > 1000 && rejected > 1000);
}
END_TEST

/* Of what does not fit together, those go that may: at first who does not fit itself, then the last. */
START_TEST(left_out)
{
	struct place p[3] = { pin("a", "0", true, 0), pin("b", "1", false, 0), pin("c", "9", false, 50) };

	machine(1, 2, 2, false);
	p[2].may_skip = true;
	ck_assert_int_eq(place_solve(&m, p, 2, &errs), ERR_INVAL); /* b is on a's core */
	machine(1, 2, 2, false);
	p[1].may_skip = true;
	ck_assert_int_eq(place_solve(&m, p, 3, &errs), OK);
	ck_assert(!p[0].skipped && p[1].skipped && p[2].skipped);
	ck_assert_uint_eq(errs.nr, 2);
	got(&p[0], "0");
	/* The one that has to run is named, the one that may go goes. */
	machine(1, 2, 2, false);
	p[0] = pin("a", "0", true, 0);
	p[1] = pin("b", "1", false, 0);
	p[0].may_skip = true;
	ck_assert_int_eq(place_solve(&m, p, 2, &errs), OK);
	ck_assert(p[0].skipped && !p[1].skipped);
	got(&p[1], "1");
	/* One that was left out before asks for nothing. */
	machine(1, 1, 1, false);
	p[0] = pin("a", "0", true, 95);
	p[1] = pin("b", "0", false, 95);
	p[0].skipped = true;
	ck_assert_int_eq(place_solve(&m, p, 2, &errs), OK);
	got(&p[1], "0");
}
END_TEST

static void begin(void)
{
	errs = (struct config_errs){ .list = list, .cap = 8 };
	memset(list, 0, sizeof(list));
	memset(blob, 0, sizeof(blob));
	fdt_create(blob, sizeof(blob));
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
}
static void end(void)
{
	fdt_end_node(blob);
	ck_assert_int_eq(fdt_finish(blob), 0);
}

static void describe(const char *compatible, const char *memory, const char *cpus, int len)
{
	begin();
	if (compatible)
		fdt_property_string(blob, "compatible", compatible);
	if (memory)
		fdt_property_string(blob, "memory", memory);
	if (cpus)
		fdt_property(blob, "cpus", cpus, len);
	end();
}

#define ONE "\0\0\0\0\0\0\0\0\0\0\0\0"
#define TWO "\0\0\0\1\0\0\0\2\0\0\0\3"

START_TEST(descriptions)
{
	static const struct {
		const char *compatible, *memory, *cpus;
		int len;
		const char *error;
	} bad[] = {
		{ NULL, "1G", ONE, 12, "/: compatible = \"bulkhead,machine-1\" is missing" },
		{ "bulkhead,config-1", "1G", ONE, 12, "/: compatible: is not \"bulkhead,machine-1\"" },
		{ "bulkhead,machine-1", NULL, ONE, 12, "/: memory is missing" },
		{ "bulkhead,machine-1", "much", ONE, 12, "/: memory: \"much\" is not a number" },
		{ "bulkhead,machine-1", "1G", NULL, 0, "/: cpus is missing" },
		{ "bulkhead,machine-1", "1G", ONE, 8, "/: cpus: must be 1 to 256 times three numbers" },
		{ "bulkhead,machine-1", "1G", ONE TWO ONE, 36, "/: cpus: CPUs 0 and 2 are the same thread" },
		{ "bulkhead,machine-1", "1G", "\0\1\0\0" ONE, 12, "/: cpus: CPU 0: a number is above 65535" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		describe(bad[i].compatible, bad[i].memory, bad[i].cpus, bad[i].len);
		ck_assert_int_eq(machine_parse(blob, sizeof(blob), &m, &errs), ERR_INVAL);
		ck_assert_msg(strstr(list[0].text, bad[i].error), "got \"%s\"", list[0].text);
	}
	describe("bulkhead,machine-1", "3G", ONE TWO, 24);
	ck_assert_int_eq(machine_parse(blob, sizeof(blob), &m, &errs), OK);
	ck_assert(m.memory == 3 * SIZE_1G && m.nr_cpus == 2);
	ck_assert(m.cpu[1].package == 1 && m.cpu[1].core == 2 && m.cpu[1].thread == 3);
	begin();
	fdt_property_string(blob, "speed", "fast");
	end();
	ck_assert_int_eq(machine_parse(blob, sizeof(blob), &m, &errs), ERR_INVAL);
	ck_assert_str_eq(list[1].text, "/: speed: unknown property");
	ck_assert_int_eq(machine_parse(blob, 7, &m, &errs), ERR_INVAL);
}
END_TEST

START_TEST(processors_of_this_machine)
{
	m = (struct machine){ .memory = 5 << 20 };
	/* Two threads a core, four cores a package with room for eight. */
	ck_assert_int_eq(machine_add_cpu(&m, 0x00, 1, 4), OK);
	ck_assert_int_eq(machine_add_cpu(&m, 0x17, 1, 4), OK);
	ck_assert_int_eq(machine_add_cpu(&m, 0xffffffff, 0, 0), OK);
	ck_assert(m.cpu[1].package == 1 && m.cpu[1].core == 3 && m.cpu[1].thread == 1);
	m.nr_cpus = CPUSET_MAX;
	ck_assert_int_eq(machine_add_cpu(&m, 0, 0, 0), ERR_NOSPC);
}
END_TEST

static void guest(const char *name, const char *prop, const char *val)
{
	fdt_begin_node(blob, name);
	fdt_property_string(blob, "memory", "64M");
	fdt_property_string(blob, "kernel", "k");
	fdt_property_string(blob, prop, val);
	fdt_end_node(blob);
}

START_TEST(from_a_blob)
{
	struct place p[3] = { 0 };

	begin();
	fdt_property_string(blob, "compatible", "bulkhead,config-1");
	fdt_begin_node(blob, "guests");
	guest("first", "pin", "1");
	guest("second", "cores", "exclusive any 1");
	fdt_end_node(blob);
	end();
	ck_assert_int_eq(config_check(blob, sizeof(blob), NULL, &errs), OK);
	machine(1, 2, 1, false);
	ck_assert_int_eq(config_place(blob, &m, p, 2, &errs), OK);
	ck_assert_str_eq(p[1].name, "second");
	got(&p[0], "1");
	got(&p[1], "0");
	ck_assert_int_eq(config_place(blob, &m, p, 3, &errs), ERR_NOENT);
}
END_TEST

SUITE_MAIN("place", left_out, pins, conflicts, selectors, selectors_spread, reservations,
           reservations_as_the_scheduler, descriptions, processors_of_this_machine, from_a_blob)
