/* Life of a virtual machine: memory, loading, stopping, restarting. */
#include "vmm/vm.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lock.h"
#include "arch/x86/percpu.h"
#include "arch/x86/tsc.h"
#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/exit.h"
#include "vmm/fwtables.h"
#include "vmm/load.h"
#include "vmm/load_elf.h"
#include "vmm/load_linux.h"
#include "vmm/load_mb1.h"
#include "vmm/run.h"
#include "vmm/walltime.h"

struct vm *vm_list;
static u32 next_id;

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

static int find_image(const struct vm *vm, const struct boot_info *bi, const char *name, struct vm_image *img)
{
	const struct boot_module *m = boot_info_module(bi, name);

	if (!m) {
		log_err("guest %s: module \"%s\" is not there; add a module2 line with that name to the GRUB entry\n",
		        vm->config.name, name);
		return ERR_NOENT;
	}
	img->len = m->len;
	img->data = hv_map_phys(m->start, m->len);
	img->string = m->args;
	return img->data ? OK : ERR_NOMEM;
}

static int find_images(struct vm *vm, const struct boot_info *bi)
{
	int err = find_image(vm, bi, vm->config.kernel, &vm->kernel);

	if (!err && vm->config.initrd)
		err = find_image(vm, bi, vm->config.initrd, &vm->initrd);
	for (u32 i = 0; i < vm->config.nr_modules && !err; i++) {
		const char *s = config_module(&vm->config, i);
		char name[64];

		if (i >= ARRAY_SIZE(vm->modules) || !config_module_name(s, name, sizeof(name))) {
			log_err("guest %s: too many modules, or too long a name: \"%s\"\n", vm->config.name, s);
			return ERR_RANGE;
		}
		err = find_image(vm, bi, name, &vm->modules[i]);
		vm->modules[i].string = s;
		vm->nr_modules = i + 1;
	}
	return err;
}

/* ---- creation ---- */

static bool usable(const struct pcpu *p)
{
	return __atomic_load_n(&p->online, __ATOMIC_ACQUIRE) && p->vmx_on;
}

/* The n-th of the CPUs that run guests, round and round. */
static struct pcpu *pick_cpu(u32 n)
{
	u32 count = 0;

	for (u32 i = 0; i < nr_pcpus; i++)
		count += usable(pcpus[i]);
	n %= MAX(count, 1);
	for (u32 i = 0; i < nr_pcpus; i++)
		if (usable(pcpus[i]) && n-- == 0)
			return pcpus[i];
	return pcpus[0];
}

static int create_vcpus(struct vm *vm)
{
	vm->vcpus = hv_zalloc(vm->nr_vcpus * sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return ERR_NOMEM;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		int err = vcpu_create(vm, i, &vm->vcpus[i]);

		if (err)
			return err;
		vm->vcpus[i]->cpu = pick_cpu(vm->id + i);
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

int vm_create(const struct vm_config *config, const struct boot_info *bi, struct vm **out)
{
	u64 before = hv_pool_free_bytes();
	struct vm *vm = hv_zalloc(sizeof(*vm)), **tail = &vm_list;
	int err;

	*out = NULL;
	if (!vm)
		return ERR_NOMEM;
	vm->config = *config;
	vm->id = next_id++;
	vm->nr_vcpus = config->vcpus;
	io_bus_init(&vm->pio, vm->pio_storage, VM_PIO_REGIONS, 0xffff);
	io_bus_init(&vm->mmio, vm->mmio_storage, VM_MMIO_REGIONS, ~0ull);
	err = create_clock(vm);
	if (!err)
		err = find_images(vm, bi);
	if (!err)
		err = create_memory(vm);
	if (!err)
		err = create_vcpus(vm);
	if (!err)
		err = devices_create(vm);
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

void vm_destroy(struct vm *vm)
{
	if (vm->ept.t.root) {
		int err = ept_walk(&vm->ept, GPA(0), BIT(48) - PAGE_SIZE, free_leaf, vm);

		assert(err == OK);
		ept_destroy(&vm->ept);
	}
	if (vm->pt.t.root)
		hostpt_destroy(&vm->pt);
	for (u32 i = 0; vm->vcpus && i < vm->nr_vcpus; i++)
		vcpu_destroy(vm->vcpus[i]);
	hv_zfree(vm->vcpus, vm->nr_vcpus * sizeof(*vm->vcpus));
	devices_destroy(vm);
	hv_free_pages(vm->apic_access_page, vm->apic_access_page ? 1 : 0);
	hv_zfree(vm, sizeof(*vm));
}

/* ---- start ---- */

static void clear_memory(const struct vm *vm)
{
	for (u32 i = 0; i < vm->mem.nr_ranges; i++)
		memset(vm->mem.base + vm->mem.ranges[i].gpa, 0, vm->mem.ranges[i].len);
}

static int build_tables(struct vm *vm, gpa_t *rsdp, char *why, size_t size)
{
	u32 ids[FW_MAX_CPUS];
	struct fw_config fw = { .nr_cpus = vm->nr_vcpus,
		                .apic_ids = ids,
		                .ioapic_id = vm->nr_vcpus,
		                .map = &vm->map,
		                .rtc = true,
		                .name = vm->config.name };

	for (u32 i = 0; i < vm->nr_vcpus && i < FW_MAX_CPUS; i++)
		ids[i] = vm->vcpus[i]->cpuid->apic_id;
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->config.com[i] != VM_SERIAL_NONE)
			fw.com_mask |= 1u << i;
	return fwtables_build(&fw, &vm->mem, rsdp, why, size);
}

static int load_images(struct vm *vm, gpa_t rsdp, struct load_out *out)
{
	struct load_module mods[ARRAY_SIZE(vm->modules) + 1];
	struct load_in in = {
		.kernel = vm->kernel.data,
		.kernel_len = vm->kernel.len,
		.name = vm->config.kernel,
		.cmdline = vm->config.cmdline,
		.modules = mods,
		.mem = &vm->mem,
		.map = &vm->map,
		.rsdp = rsdp,
	};

	if (vm->initrd.data)
		mods[in.nr_modules++] = (struct load_module){ vm->initrd.data, vm->initrd.len, NULL };
	for (u32 i = 0; i < vm->nr_modules; i++)
		mods[in.nr_modules++] =
		        (struct load_module){ vm->modules[i].data, vm->modules[i].len, vm->modules[i].string };
	switch (vm->config.protocol) {
	case VM_PROTOCOL_LINUX: return load_bzimage(&in, out);
	case VM_PROTOCOL_PVH: return load_elf_pvh(&in, out);
	case VM_PROTOCOL_MULTIBOOT1: return load_multiboot1(&in, out);
	case VM_PROTOCOL_ELF: return load_elf_raw(&in, out);
	default: return load_image(&in, out);
	}
}

static void set_segment(u32 i, u16 sel, u32 ar, u32 limit)
{
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SEL + 2 * i), sel);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + 2 * i), 0);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + 2 * i), limit);
	vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_AR + 2 * i), ar);
}

static void set_start_state(struct vcpu *v, const struct load_out *o)
{
	bool l64 = o->mode == LOAD_MODE_LONG64;

	for (u32 i = 0; i < 6; i++)
		set_segment(i, i == 1 ? LOAD_CS : LOAD_DS, i == 1 ? (l64 ? 0xa09b : 0xc09b) : 0xc093, 0xffffffff);
	set_segment(7, 0, 0x8b, 0x67);
	vmcs_write(VMCS_GUEST_GDTR_BASE, o->gdt_base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, o->gdt_limit);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0);
	vmcs_write(VMCS_GUEST_RIP, o->rip);
	vmcs_write(VMCS_GUEST_RSP, o->rsp);
	v->regs.gpr[GPR_RAX] = o->rax;
	v->regs.gpr[GPR_RBX] = o->rbx;
	v->regs.gpr[GPR_RSI] = o->rsi;
	v->regs.gpr[GPR_RDX] = 0;
	if (!l64) {
		cr_force(v, CR0_PE | CR0_ET, 0);
		return;
	}
	cr_force(v, CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG, CR4_PAE);
	vmcs_write(VMCS_GUEST_CR3, o->cr3);
	vmcs_write(VMCS_GUEST_EFER, EFER_LME | EFER_LMA);
	v->entry |= ENTRY_IA32E_GUEST;
	vmcs_write(VMCS_ENTRY_CONTROLS, v->entry);
}

int vm_load(struct vm *vm)
{
	struct load_out out = { 0 };
	gpa_t rsdp = GPA(0);
	char why[160] = "";
	int err;

	if (this_cpu()->current)
		vcpu_put(this_cpu()->current);
	cpu_write_cr3(hostpt_cr3(&vm->pt));
	clear_memory(vm);
	err = build_tables(vm, &rsdp, why, sizeof(why));
	if (err) {
		log_err("guest %s: firmware tables: %s\n", vm->config.name, why);
		goto out;
	}
	err = load_images(vm, rsdp, &out);
	if (err) {
		log_err("guest %s: kernel \"%s\" refused: %s\n", vm->config.name, vm->config.kernel, out.why);
		goto out;
	}
	vm->stop = VM_STOP_NONE;
	vm->nr_stopped = 0;
	vm->tsc_start = cpu_rdtsc();
	vm->start_tsc = vm->tsc_start;
	vm->wall_base = walltime_ns(vm->tsc_start);
	devices_reset(vm, 0);
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpus[i];

		v->request = VCPU_REQ_APIC | VCPU_REQ_INVEPT | VCPU_REQ_EVENT | VCPU_REQ_TIMER;
		v->state = i ? VCPU_WAIT_SIPI : VCPU_RUNNABLE;
		v->tsc_offset = -vclock_scale(&vm->clock, vm->tsc_start);
		v->ready_at = 0;
		v->resync = 0;
		vcpu_load(v);
		vcpu_reset(v, false);
		if (i == 0)
			set_start_state(v, &out);
		vcpu_put(v);
		vmx_vmclear(v->vmcs_pa);
		v->vmcs_cpu = NULL;
	}
	vm->state = VM_RUNNING;
	/* From here on their CPUs run them. */
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		__atomic_store_n(&vm->vcpus[i]->stopped, false, __ATOMIC_RELEASE);
out:
	cpu_write_cr3(hvmem_cr3());
	return err;
}

void vm_first_entry(struct vcpu *v)
{
	if (v->id == 0)
		log_info("guest %s: first instruction at tick %lu (its own TSC: %lu)\n", v->vm->config.name,
		         v->first_entry_tsc, v->first_entry_tsc + v->tsc_offset);
}

/* ---- stop ---- */

#define STOPS_LOGGED  8 /* in a minute */
#define STOPS_IN_TIME 60000000000ull

void vm_request_stop(struct vm *vm, enum vm_stop stop, u32 code, const char *why)
{
	u32 suppressed;

	if (vm->stop)
		return;
	/* The host's time: the VM's starts anew with each restart. */
	vm->quiet = !log_limit_ok(&vm->stop_limit, vclock_ns(&vm->clock, cpu_rdtsc()), STOPS_LOGGED, STOPS_IN_TIME,
	                          &suppressed);
	if (!vm->quiet && suppressed)
		log_warn("guest %s: (%u stops not shown)\n", vm->config.name, suppressed);
	fmt_snprintf(vm->why, sizeof(vm->why), "%s", why);
	vm->exit_code = code;
	vm->stop = stop;
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		vcpu_request(vm->vcpus[i], VCPU_REQ_STOP);
}

void vm_kill(struct vcpu *v, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	if (v->vm->stop)
		return;
	va_start(ap, fmt);
	fmt_vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	vm_request_stop(v->vm, VM_STOP_CRASH, 0, why);
	if (v->vm->quiet)
		return;
	log_err("guest %s: vCPU %u crashed: %s\n", v->vm->config.name, v->id, why);
	vcpu_dump(v);
}

void vm_triple_fault(struct vcpu *v, const char *how)
{
	if (v->vm->stop)
		return;
	vm_request_stop(v->vm, VM_STOP_RESET, 0, how);
	if (v->vm->quiet)
		return;
	log_warn("guest %s: vCPU %u: %s\n", v->vm->config.name, v->id, how);
	vcpu_dump(v);
}

void vm_summary(struct vm *vm)
{
	u64 ticks = cpu_rdtsc() - vm->start_tsc;

	log_info("guest %s: summary: %lu ticks (%lu ms), %u restarts\n", vm->config.name, ticks,
	         (u64)((unsigned __int128)ticks * 1000 / tsc_hz()), vm->restarts);
	for (u32 r = 0; r < EXIT_REASON_COUNT; r++) {
		u64 n = 0;

		for (u32 i = 0; i < vm->nr_vcpus; i++)
			n += vm->vcpus[i]->exits[r];
		if (n)
			log_info("  %-24s %10lu exits\n", exit_reason_name(r), n);
	}
#ifdef CONFIG_VMCS_COUNT
	log_info("  vmcs: %lu reads, %lu writes\n", vmcs_reads, vmcs_writes);
#endif
}

static const char *stop_word(enum vm_stop s)
{
	switch (s) {
	case VM_STOP_POWEROFF: return "powered off";
	case VM_STOP_RESET: return "reset";
	case VM_STOP_DEBUG_EXIT: return "ended by the debug exit port";
	default: return "crashed";
	}
}

static bool wants_restart(const struct vm *vm)
{
	switch (vm->stop) {
	case VM_STOP_POWEROFF: return vm->config.on_poweroff == VM_ACTION_RESTART;
	case VM_STOP_RESET: return vm->config.on_reset == VM_ACTION_RESTART;
	case VM_STOP_CRASH: return vm->config.on_crash == VM_ACTION_RESTART;
	default: return false;
	}
}

void vm_handle_stop(struct vm *vm)
{
	enum vm_stop stop = vm->stop;

	if (!vm->quiet || !wants_restart(vm))
		log_info("guest %s: %s: %s\n", vm->config.name, stop_word(stop), vm->why);
	if (stop == VM_STOP_DEBUG_EXIT)
		log_info("guest %s: exit code %u\n", vm->config.name, vm->exit_code);
	if (wants_restart(vm)) {
		vm->restarts++;
		if (!vm->quiet)
			log_info("guest %s: restarting (restart %u)\n", vm->config.name, vm->restarts);
		if (vm_load(vm) == OK) {
			for (u32 i = 0; i < vm->nr_vcpus; i++)
				run_add(vm->vcpus[i], vm->vcpus[i]->cpu);
			return;
		}
	}
	vm->state = stop == VM_STOP_CRASH ? VM_CRASHED : VM_STOPPED;
	vm_summary(vm);
}
