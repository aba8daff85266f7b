#include "vmm/mon/dts.h"

#include "lib/fmt.h"
#include "lib/string.h"

#define PER_LINE 4

static void put(const struct dts_machine *m, const char *line)
{
	m->put(m->arg, line, strlen(line));
}

static void put_cpus(const struct dts_machine *m)
{
	char line[PER_LINE * 40]; /* three numbers of up to ten digits each */
	size_t n = 0;

	for (u32 i = 0; i < m->nr_cpus; i++) {
		bool last = i + 1 == m->nr_cpus, full = i % PER_LINE == PER_LINE - 1;
		struct dts_cpu c = { 0 };

		m->cpu(m->arg, i, &c);
		n += (size_t)fmt_snprintf(line + n, sizeof(line) - n, "%s<%u %u %u>%s", n ? " " : "        ",
		                          c.package, c.core, c.thread, last ? ";" : ",");
		if (last || full) {
			m->put(m->arg, line, n);
			n = 0;
		}
	}
}

/* No tabs: the text is also for copying off a terminal. */
void dts_write_machine(const struct dts_machine *m)
{
	char line[80];

	put(m, "/dts-v1/;");
	put(m, "/ {");
	put(m, "    compatible = \"" DTS_MACHINE_COMPATIBLE "\";");
	fmt_snprintf(line, sizeof(line), "    memory = \"%lluK\"; /* for guests */",
	             (unsigned long long)(m->memory >> 10));
	put(m, line);
	put(m, "    cpus = /* <package core thread> of CPU 0, 1, ... */");
	put_cpus(m);
	put(m, "};");
}
