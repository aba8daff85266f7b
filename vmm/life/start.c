/* Start of a VM: memory cleared, firmware tables and images put in place, vCPU 0 at the entry point. */
#include "vmm/life/start.h"

#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/board/board.h"
#include "vmm/cpu/lapic.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/firmware/tables.h"
#include "vmm/life/hooks.h"
#include "vmm/life/onoff.h"
#include "vmm/load/elf.h"
#include "vmm/load/linux.h"
#include "vmm/load/load.h"
#include "vmm/load/mb1.h"
#include "vmm/load/mb2.h"
#include "vmm/pcpu/walltime.h"
#include "vmm/vm/vm.h"

#define CHUNK (14ull << 10) /* bytes cleared or copied at a time: with what is around it bounded work */

struct vm_starting {
	/* Of the kernel's image, which stays as it is: found once, for a search takes its time. */
	enum load_kind kind;
	u32 mb1_at, mb2_at;
	u32 run;     /* the start it is of: vm_run() */
	u64 cleared; /* bytes of memory */
	enum { CLEAR, TABLES, IMAGES, COPY, VCPUS, FIRST_VCPU, DEVICES, START } step;
	u32 apic_ids[FW_MAX_CPUS];
	bool ids_there;
	struct fw_build tables;
	gpa_t rsdp;
	u32 vcpus, devices; /* that are reset */
	bool half;          /* of the next vCPU: its APIC is */
	struct load_out out;
	struct load_copies copies; /* last: it is large, and not cleared */
};

int vm_start_create(struct vm *vm)
{
	struct mb1_header h;

	vm->start = hv_zalloc(sizeof(*vm->start));
	if (!vm->start)
		return ERR_NOMEM;
	if (!vm->config.kernel)
		return OK;
	vm->start->kind = load_detect(vm->kernel.data, vm->kernel.len);
	if (mb1_find_header(vm->kernel.data, vm->kernel.len, 0, &h))
		vm->start->mb1_at = h.offset;
	if (!mb2_find_header(vm->kernel.data, vm->kernel.len, 0, &vm->start->mb2_at))
		vm->start->mb2_at = MB2_SEARCH; /* a start that wants one need not look for it */
	return OK;
}

void vm_start_destroy(struct vm *vm)
{
	hv_zfree(vm->start, sizeof(*vm->start));
}

/* Clears the next piece of memory; false when all is clear. */
static bool clear_some(struct vm *vm)
{
	u64 pos = vm->start->cleared;

	for (u32 i = 0; i < vm->mem.nr_ranges; i++) {
		const __typeof__(vm->mem.ranges[0]) *r = &vm->mem.ranges[i];

		if (pos < r->len) {
			u64 n = MIN(r->len - pos, CHUNK);

			memset(vm->mem.base + r->gpa + pos, 0, n);
			vm->start->cleared += n;
			return true;
		}
		pos -= r->len;
	}
	pos = vm_devmem_prepare(vm, pos, CHUNK);
	vm->start->cleared += pos;
	return pos;
}

/* What the tables tell of the processors: of many of them a piece of its own. */
static void note_apic_ids(struct vm *vm)
{
	for (u32 i = 0; i < vm->nr_vcpus && i < FW_MAX_CPUS; i++)
		vm->start->apic_ids[i] = vm->vcpus[i]->cpuid->apic_id;
	vm->start->ids_there = true;
}

/* The next piece of a table; false when all are there, or *err is not OK. */
static bool build_some(struct vm *vm, int *err)
{
	char why[160] = "";
	struct fw_config fw = { .nr_cpus = vm->nr_vcpus,
		                .apic_ids = vm->start->apic_ids,
		                .ioapic_id = vm->irq.ioapic.id,
		                .cpu_signature = vm->vcpus[0]->cpuid->basic[1].eax,
		                .cpu_features = vm->vcpus[0]->cpuid->basic[1].edx,
		                .map = &vm->map,
		                .rtc = true,
		                .name = vm->config.name };
	bool more;

	if (!vm->start->ids_there) {
		note_apic_ids(vm);
		return true;
	}
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->config.com[i] != VM_SERIAL_NONE)
			fw.com_mask |= 1u << i;
	more = fwtables_step(&vm->start->tables, &fw, &vm->mem, &vm->start->rsdp, err, why, sizeof(why));
	if (*err)
		log_err("guest %s: firmware tables: %s\n", vm->config.name, why);
	return more;
}

static int load_images(struct vm *vm)
{
	struct load_out *out = &vm->start->out;
	struct load_module mods[LOAD_MODULES_MAX];
	struct load_in in = {
		.kernel = vm->kernel.data,
		.kernel_len = vm->kernel.len,
		.kind = vm->start->kind,
		.mb1_at = vm->start->mb1_at,
		.mb2_at = vm->start->mb2_at,
		.name = vm->config.kernel,
		.cmdline = vm->config.cmdline,
		.modules = mods,
		.mem = &vm->mem,
		.map = &vm->map,
		.rsdp = vm->start->rsdp,
		.copies = &vm->start->copies,
	};

	/* config_check lets no guest have more. */
	_Static_assert(LOAD_MODULES_MAX == CONFIG_NR_MODULES, "its initrd among them");
	if (vm->initrd.data)
		mods[in.nr_modules++] = (struct load_module){ vm->initrd.data, vm->initrd.len, NULL };
	for (u32 i = 0; i < vm->nr_modules && in.nr_modules < LOAD_MODULES_MAX; i++)
		mods[in.nr_modules++] =
		        (struct load_module){ vm->modules[i].data, vm->modules[i].len, vm->modules[i].string };
	switch (vm->config.protocol) {
	case VM_PROTOCOL_LINUX: return load_bzimage(&in, out);
	case VM_PROTOCOL_PVH: return load_elf_pvh(&in, out);
	case VM_PROTOCOL_MULTIBOOT1: return load_multiboot1(&in, out);
	case VM_PROTOCOL_MULTIBOOT2: return load_multiboot2(&in, out);
	case VM_PROTOCOL_ELF: return load_elf_raw(&in, out);
	default: return load_image(&in, out);
	}
}

static void set_start_state(struct vcpu *v, const struct load_out *o)
{
	bool l64 = o->mode == LOAD_MODE_LONG64;
	const struct vmcs_seg cs = { .sel = LOAD_CS, .limit = ~0u, .ar = l64 ? SEG_AR_CODE64 : SEG_AR_CODE32 };
	const struct vmcs_seg ds = { .sel = LOAD_DS, .limit = ~0u, .ar = SEG_AR_DATA32 };

	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		vmcs_seg_set((enum seg_nr)i, i == SEG_CS ? cs : ds);
	vmcs_seg_set(SEG_TR, (struct vmcs_seg){ .limit = 0x67, .ar = SEG_AR_TSS32_BUSY });
	vmcs_write(VMCS_GUEST_GDTR_BASE, o->gdt_base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, o->gdt_limit);
	/* As a PC's firmware leaves it: programs that go back to real mode use it. */
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, l64 ? 0 : 0x3ff);
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

/* In two pieces: its APIC, then itself. */
static void reset_apic(struct vcpu *v)
{
	v->state = v->id ? VCPU_WAIT_SIPI : VCPU_RUNNABLE;
	v->init_pending = v->sipi_pending = false;
	v->rearm = true;
	v->apic_step = 0;
	v->ipi_way.left = 0;
	v->more = VCPU_MORE_NONE;
	v->call.next = 0;
	vcpu_unstall(v);
	v->first_entry_tsc = 0;
	lapic_reset(v, 0);
}

static void reset_vcpu(struct vcpu *v)
{
	vcpu_load(v);
	vcpu_reset(v, false);
	vcpu_put(v);
	atomic_store(&v->request, VCPU_REQ_APIC | VCPU_REQ_INVEPT | VCPU_REQ_REMAP | VCPU_REQ_EVENT | VCPU_REQ_TIMER);
}

/* Another piece: the first vCPU begins where its image says. */
static void start_at(struct vcpu *v, const struct load_out *out)
{
	vcpu_load(v);
	set_start_state(v, out);
	vcpu_put(v);
}

/* Time begins. */
static void start_time(struct vm *vm)
{
	u64 offset;

	vm->tsc_start = cpu_rdtsc();
	vm->start_tsc = vm->tsc_start;
	vm->pool_start = hv_pool_free_bytes();
	vm->wall_base = walltime_ns(vm->tsc_start);
	offset = -vclock_scale(&vm->clock, vm->tsc_start);
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpus[i]->tsc_offset = offset;
		vm->vcpus[i]->tsc_moved = true;
	}
}

static void start_failed(struct vm *vm, int err)
{
	u32 run = vm_run(vm);

	/* It is being ended at the same time: that is how it ends. */
	if (vm_tr_claim(&vm->status) != VM_TR_DONE)
		return;
	fmt_snprintf(vm->why, sizeof(vm->why), "%s", vm->start->out.why[0] ? vm->start->out.why : err_str(err));
	if (!vm_start_gone(vm))
		life_hooks.start_failed(vm, run);
}

static void start_piece(struct vm *vm)
{
	struct vm_starting *s = vm->start;
	int err = OK;

	switch (s->step) {
	case CLEAR: s->step += !clear_some(vm); break;
	/* Firmware brings its own tables, and loads what it starts. */
	case TABLES: s->step += vm->config.firmware || !build_some(vm, &err); break;
	case IMAGES:
		err = vm->config.firmware ? OK : load_images(vm);
		if (err)
			log_err("guest %s: kernel \"%s\" refused: %s\n", vm->config.name, vm->config.kernel,
			        s->out.why);
		s->step++;
		break;
	case COPY: s->step += !load_copy_some(&vm->mem, &s->copies, CHUNK); break;
	case VCPUS:
		if (!s->half) {
			reset_apic(vm->vcpus[s->vcpus]);
		} else {
			reset_vcpu(vm->vcpus[s->vcpus++]);
			s->step += s->vcpus == vm->nr_vcpus;
		}
		s->half = !s->half;
		break;
	case FIRST_VCPU:
		if (!vm->config.firmware) /* which begins at the reset vector */
			start_at(vm->vcpus[0], &s->out);
		s->step++;
		break;
	case DEVICES:
		if (!s->devices)
			pc_irqchip_reset(&vm->irq);
		s->step += !board_reset_step(vm, s->devices++, 0);
		break;
	case START:
		start_time(vm);
		(void)vm_tr_started(&vm->status);
		life_hooks.started(vm);
		break;
	}
	if (err)
		start_failed(vm, err);
}

void vm_start_step(struct vm *vm)
{
	struct vcpu *loaded = this_cpu()->current;

	if (loaded)
		vcpu_put(loaded);
	cpu_write_cr3(hostpt_cr3(&vm->pt));
	if (vm->start->run != vm_run(vm)) {
		memset(&vm->start->run, 0, offsetof(struct vm_starting, copies) - offsetof(struct vm_starting, run));
		vm->start->copies.nr = 0;
		vm->start->copies.done = 0;
		vm->start->run = vm_run(vm);
	}
	start_piece(vm);
	cpu_write_cr3(hvmem_cr3());
}
