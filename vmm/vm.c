/* Virtual machines: creation from the configuration, memory, images. */
#include "vmm/vm.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lock.h"
#include "arch/x86/percpu.h"
#include "arch/x86/tsc.h"
#include "lib/assert.h"
#include "mm/hvmem.h"
#include "vmm/monitor.h"
#include "vmm/run.h"
#include "vmm/walltime.h"

struct vm *vm_list;

u64 vm_now(const struct vm *vm)
{
	return vclock_ns(&vm->clock, cpu_rdtsc() - vm->tsc_start);
}

/* ---- memory ---- */

static int map_chunk(struct vm *vm, u64 gpa, u64 len)
{
	hpa_t pa;
	int err = guest_frames_alloc(len / PAGE_SIZE, len, &pa);

	if (err)
		return err;
	err = ept_map(&vm->ept, GPA(gpa), pa, len, EPT_RWX, EPT_MT_WB, false);
	if (err)
		guest_frames_free(pa, len / PAGE_SIZE);
	return err;
}

/* Backs [gpa, gpa+len) with the largest chunks that alignment and the guest pool allow. */
static int map_ram(struct vm *vm, u64 gpa, u64 len)
{
	static const u64 sizes[] = { SIZE_1G, SIZE_2M, PAGE_SIZE };
	u64 end = gpa + len;

	while (gpa < end) {
		int err = ERR_NOMEM;

		for (u32 i = 0; i < ARRAY_SIZE(sizes) && err; i++) {
			if (!IS_ALIGNED(gpa, sizes[i]) || end - gpa < sizes[i])
				continue;
			err = map_chunk(vm, gpa, sizes[i]);
			if (!err)
				gpa += sizes[i];
		}
		if (err)
			return err;
	}
	return OK;
}

static int free_leaf(void *arg, const struct ept_leaf *leaf)
{
	const struct vm *vm = arg;

	if (leaf->hpa.v != vm->apic_access_pa)
		guest_frames_free(leaf->hpa, leaf->size / PAGE_SIZE);
	return OK;
}

static int create_memory(struct vm *vm)
{
	struct ept_caps caps = {
		.page_2m = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_2M),
		.page_1g = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_1G),
		.ad = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_AD),
		.exec_only = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_EXEC_ONLY),
	};
	int err = guest_map_build(&vm->map, vm->config.memory);

	if (!err)
		err = ept_init(&vm->ept, &caps, &hv_pt_alloc);
	if (!err)
		err = hostpt_init(&vm->pt, &hv_pt_alloc, caps.page_1g ? SIZE_1G : SIZE_2M);
	if (!err)
		err = hostpt_share(&vm->pt, &kernel_pt, 256, WINDOW_SLOT_FIRST - 256);
	if (!err)
		err = hostpt_share(&vm->pt, &kernel_pt, WINDOW_SLOT_FIRST + WINDOW_SLOTS,
		                   512 - WINDOW_SLOT_FIRST - WINDOW_SLOTS);
	if (err)
		return err;
	guest_map_ranges(&vm->map, &vm->mem, (u8 *)WINDOW_BASE);
	for (u32 i = 0; i < vm->mem.nr_ranges && !err; i++) {
		err = map_ram(vm, vm->mem.ranges[i].gpa, vm->mem.ranges[i].len);
		if (!err)
			err = hostpt_map_window(&vm->pt, WINDOW_BASE, &vm->ept, GPA(vm->mem.ranges[i].gpa),
			                        vm->mem.ranges[i].len);
	}
	if (err || !vmx_caps_has(&vmx_caps, VMX_FEAT_APIC_ACCESS))
		return err;
	vm->apic_access_page = hv_alloc_pages(1);
	if (!vm->apic_access_page)
		return ERR_NOMEM;
	vm->apic_access_pa = virt_to_phys(vm->apic_access_page).v;
	return OK;
}

/* ---- images ---- */

static int find_image(const struct vm *vm, vm_find_image *find, const char *name, struct vm_image *img)
{
	int err = find(name, img);

	if (err == ERR_NOENT)
		log_err("guest %s: module \"%s\" is not there; add a module2 line with that name to the GRUB entry\n",
		        vm->config.name, name);
	return err;
}

static int find_images(struct vm *vm, vm_find_image *find)
{
	int err = find_image(vm, find, vm->config.kernel, &vm->kernel);

	if (!err && vm->config.initrd)
		err = find_image(vm, find, vm->config.initrd, &vm->initrd);
	for (u32 i = 0; i < vm->config.nr_modules && !err; i++) {
		const char *s = config_module(&vm->config, i);
		char name[64];

		if (i >= ARRAY_SIZE(vm->modules) || !config_module_name(s, name, sizeof(name))) {
			log_err("guest %s: too many modules, or too long a name: \"%s\"\n", vm->config.name, s);
			return ERR_RANGE;
		}
		err = find_image(vm, find, name, &vm->modules[i]);
		vm->modules[i].string = s;
		vm->nr_modules = i + 1;
	}
	return err;
}

/* ---- creation ---- */

static int create_vcpus(struct vm *vm, const struct cpuset *cpus)
{
	struct sched_cpumask allowed = { 0 };

	for (u32 i = 0; i < nr_pcpus; i++)
		if (pcpus[i]->vmx_on && cpuset_has(cpus, i))
			sched_mask_set(&allowed, i);
	vm->vcpus = hv_zalloc(vm->nr_vcpus * sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return ERR_NOMEM;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		int err = vcpu_create(vm, i, &vm->vcpus[i]);

		if (err)
			return err;
		err = sched_entity_init(run_sched(), &vm->vcpus[i]->sched, &vm->sched, &allowed, run_now());
		if (err)
			return err;
	}
	return OK;
}

static int create_clock(struct vm *vm)
{
	u64 hz = vm->config.tsc_hz;

	vclock_init(&vm->clock, tsc_hz());
	if (hz && hz != tsc_hz()) {
		if (!vmx_caps_has(&vmx_caps, VMX_FEAT_TSC_SCALING) || vclock_set_guest(&vm->clock, hz)) {
			log_err("guest %s: tsc-frequency: this CPU cannot scale its TSC's %lu Hz to %lu\n",
			        vm->config.name, tsc_hz(), hz);
			return ERR_NOTSUP;
		}
	}
	pv_scale_init(&vm->pv_scale, vm->clock.guest_hz);
	return OK;
}

int vm_create(u32 id, const struct vm_config *config, const struct cpuset *cpus, vm_find_image *find, struct vm **out)
{
	const struct sched_params share = {
		.weight = config->weight,
		.cap = config->cap * SCHED_PERCENT,
		.reservation = config->reservation * SCHED_PERCENT,
		.latency = config->latency == VM_LATENCY_LOW,
	};
	u64 before = hv_pool_free_bytes();
	struct vm *vm = hv_zalloc(sizeof(*vm)), **tail = &vm_list;
	int err;

	*out = NULL;
	if (!vm)
		return ERR_NOMEM;
	vm->config = *config;
	vm->id = id;
	vm->nr_vcpus = config->vcpus;
	io_bus_init(&vm->pio, vm->pio_storage, VM_PIO_REGIONS, 0xffff);
	io_bus_init(&vm->mmio, vm->mmio_storage, VM_MMIO_REGIONS, ~0ull);
	err = create_clock(vm);
	if (!err)
		err = find_images(vm, find);
	if (!err)
		err = create_memory(vm);
	if (!err)
		err = sched_group_init(run_sched(), &vm->sched, &share, run_now());
	if (!err)
		err = create_vcpus(vm, cpus);
	if (!err)
		err = devices_create(vm);
	if (!err)
		err = monitor_add_vm(vm);
	if (err) {
		log_err("guest %s: cannot be created: %s (guest memory free: %lu MiB, hypervisor's: %lu KiB)\n",
		        config->name, err_str(err), guest_frames_free_bytes() >> 20, hv_pool_free_bytes() >> 10);
		vm_destroy(vm);
		return err;
	}
	vm->hv_bytes = before - hv_pool_free_bytes();
	while (*tail)
		tail = &(*tail)->next;
	*tail = vm;
	*out = vm;
	return OK;
}

/* It never ran: there is nothing to wait for. */
static void leave_scheduler(struct vcpu *v)
{
	u32 kick;
	int err;

	if (!v || !v->sched.group)
		return;
	err = sched_remove(run_sched(), &v->sched, run_now(), &kick);
	assert(err == OK);
}

void vm_destroy(struct vm *vm)
{
	if (vm->ept.t.root) {
		int err = ept_walk(&vm->ept, GPA(0), BIT(48) - PAGE_SIZE, free_leaf, vm);

		assert(err == OK);
		ept_destroy(&vm->ept);
	}
	if (vm->pt.t.root)
		hostpt_destroy(&vm->pt);
	for (u32 i = 0; vm->vcpus && i < vm->nr_vcpus; i++) {
		leave_scheduler(vm->vcpus[i]);
		vcpu_destroy(vm->vcpus[i]);
	}
	sched_group_remove(run_sched(), &vm->sched);
	hv_zfree(vm->vcpus, vm->nr_vcpus * sizeof(*vm->vcpus));
	devices_destroy(vm);
	hv_free_pages(vm->apic_access_page, vm->apic_access_page ? 1 : 0);
	hv_zfree(vm, sizeof(*vm));
}
