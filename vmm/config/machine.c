/* Reading the description of a machine. */
#include "vmm/config/machine.h"

#include <libfdt.h>

#include "lib/string.h"
#include "vmm/config/internal.h"
#include "vmm/mon/dts.h"

static void read_cpus(struct where *w, const struct value *v, struct machine *m)
{
	if (!v->len || v->len % 12 || v->len / 12 > CPUSET_MAX) {
		cfg_fail(w, "must be 1 to %u times three numbers: <package core thread>", CPUSET_MAX);
		return;
	}
	for (u32 i = 0; i < v->len / 12; i++) {
		const char *p = v->data + (size_t)12 * i;
		u32 package = cfg_cell(p), core = cfg_cell(p + 4), thread = cfg_cell(p + 8);

		if (package > 0xffff || core > 0xffff || thread > 0xffff) {
			cfg_fail(w, "CPU %u: a number is above 65535", i);
			return;
		}
		for (u32 k = 0; k < i; k++) {
			const struct machine_cpu *c = &m->cpu[k];

			if (c->package == package && c->core == core && c->thread == thread) {
				cfg_fail(w, "CPUs %u and %u are the same thread", k, i);
				return;
			}
		}
		m->cpu[i] = (struct machine_cpu){ (u16)package, (u16)core, (u16)thread };
	}
	m->nr_cpus = v->len / 12;
}

static void read_prop(struct where *w, const struct value *v, struct machine *m)
{
	if (!strcmp(w->prop, "compatible")) {
		if (!v->len || v->data[v->len - 1] ||
		    !fdt_stringlist_contains(v->data, (int)v->len, DTS_MACHINE_COMPATIBLE))
			cfg_fail(w, "is not \"%s\": not a description of a machine", DTS_MACHINE_COMPATIBLE);
	} else if (!strcmp(w->prop, "memory")) {
		(void)!cfg_u64(w, v, &m->memory);
	} else if (!strcmp(w->prop, "cpus")) {
		read_cpus(w, v, m);
	} else if (!cfg_dtc_prop(w->prop)) {
		cfg_fail(w, "unknown property");
	}
}

int machine_parse(const void *data, size_t size, struct machine *m, struct config_errs *errs)
{
	struct where w;
	int r = cfg_check_blob(data, size, errs), off, node;

	*m = (struct machine){ 0 };
	if (r != OK)
		return r;
	cfg_where(&w, errs, "/", "");
	if (!fdt_getprop(data, 0, "compatible", NULL))
		cfg_fail(&w, "compatible = \"%s\" is missing: not a description of a machine",
		         DTS_MACHINE_COMPATIBLE);
	fdt_for_each_property_offset(off, data, 0)
	{
		struct value v;
		int len;

		v.data = fdt_getprop_by_offset(data, off, &w.prop, &len);
		if (!v.data)
			break;
		v.len = (u32)len;
		read_prop(&w, &v, m);
	}
	w.prop = NULL;
	fdt_for_each_subnode(node, data, 0)
	{
		const char *name = fdt_get_name(data, node, NULL);

		if (!cfg_dtc_node(name)) {
			char clean[CONFIG_NAME_MAX + 1];

			cfg_printable(clean, sizeof(clean), name);
			cfg_fail(&w, "unknown node \"%s\"", clean);
		}
	}
	if (!w.failed && !m->nr_cpus)
		cfg_fail(&w, "cpus is missing");
	if (!w.failed && !m->memory)
		cfg_fail(&w, "memory is missing or 0");
	return w.failed ? ERR_INVAL : OK;
}

int machine_add_cpu(struct machine *m, u32 apic_id, u32 core_shift, u32 package_shift)
{
	u64 id = apic_id;

	if (m->nr_cpus == CPUSET_MAX)
		return ERR_NOSPC;
	core_shift = MIN(core_shift, 32u);
	package_shift = MAX(core_shift, MIN(package_shift, 32u));
	m->cpu[m->nr_cpus++] = (struct machine_cpu){
		.package = (u16)(id >> package_shift),
		.core = (u16)((id & (BIT(package_shift) - 1)) >> core_shift),
		.thread = (u16)(id & (BIT(core_shift) - 1)),
	};
	return OK;
}

void machine_cores_of(const struct machine *m, const struct cpuset *set, struct cpuset *out)
{
	*out = *set;
	for (u32 i = 0; i < m->nr_cpus; i++) {
		if (!cpuset_has(set, i))
			continue;
		for (u32 k = 0; k < m->nr_cpus; k++)
			if (m->cpu[k].package == m->cpu[i].package && m->cpu[k].core == m->cpu[i].core)
				cpuset_add(out, k);
	}
}
