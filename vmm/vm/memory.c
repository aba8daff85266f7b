/*
 * A VM's memory: frames, extended page tables, the window of the hypervisor's address space.
 *
 * Large pages and code: on processors with the erratum that Intel calls machine-check error on page-size change (iTLB
 * multihit, CVE-2018-12207) a guest that changes the size of a page while it executes from it can stop the machine.
 * It cannot where the EPT maps code with pages of 4 KiB only: there, large pages are mapped without the right to
 * execute, and the first fetch from one breaks it up.
 *
 * The tables for that, and for the APIC-access page wherever the guest wants its APIC, are set aside when the VM is
 * created: no guest can take the hypervisor's memory by executing everywhere or by moving its APIC about, nor ever
 * lack tables.
 */
#include "vmm/vm/memory.h"

#include "arch/x86/vmx/vmx.h"
#include "lib/assert.h"
#include "mm/hvmem.h"
#include "vmm/vm/vm.h"

struct vm_spare_table {
	struct vm_spare_table *next;
};

static bool small_code;

void vm_memory_init(bool small)
{
	small_code = small;
}

/* ---- table pages ---- */

static void *table_alloc(void *ctx, hpa_t *hpa)
{
	struct vm *vm = ctx;
	struct vm_spare_table *t = vm->spare_tables;

	if (!t)
		return vm->keep_tables ? NULL : hv_pt_alloc.alloc_page(hv_pt_alloc.ctx, hpa);
	vm->spare_tables = t->next;
	*hpa = virt_to_phys(t);
	return t;
}

static void table_free(void *ctx, hpa_t hpa, void *virt)
{
	struct vm *vm = ctx;
	struct vm_spare_table *t = virt;

	if (!vm->keep_tables) {
		hv_pt_alloc.free_page(hv_pt_alloc.ctx, hpa, virt);
		return;
	}
	/* Cleared here, where one comes at a time: to map a page may take two. */
	memset(t, 0, PAGE_SIZE);
	t->next = vm->spare_tables;
	vm->spare_tables = t;
}

static void *table_virt(void *ctx, hpa_t hpa)
{
	return hv_pt_alloc.to_virt(hv_pt_alloc.ctx, hpa);
}

static int count_tables(void *arg, const struct ept_leaf *leaf)
{
	u64 *n = arg;

	if (leaf->size == SIZE_1G)
		*n += 1 + SIZE_1G / SIZE_2M;
	else if (leaf->size == SIZE_2M)
		*n += 1;
	return OK;
}

/* One of each level below the root: the page has no neighbours where it is alone. */
#define VM_APIC_TABLES 3u

static int set_tables_aside(struct vm *vm)
{
	u64 n = 0;
	int err = vm->small_code ? ept_walk(&vm->ept, GPA(0), BIT(48) - PAGE_SIZE, count_tables, &n) : OK;

	if (vmx_caps_has(&vmx_caps, VMX_FEAT_APIC_ACCESS))
		n += VM_APIC_TABLES;
	if (vm->map.pc)
		n += VM_REMAP_TABLES;
	for (; !err && n; n--) {
		struct vm_spare_table *t = hv_alloc_pages(1);

		if (!t)
			return ERR_NOMEM;
		memset(t, 0, PAGE_SIZE);
		t->next = vm->spare_tables;
		vm->spare_tables = t;
	}
	vm->keep_tables = vm->table_alloc.zeroed = true;
	return err;
}

/* ---- creation ---- */

static int map_chunk(struct vm *vm, u64 gpa, u64 len)
{
	hpa_t pa;
	int err = guest_frames_alloc(len / PAGE_SIZE, len, &pa);

	if (err)
		return err;
	/* One that small pages map may hold code at once. */
	err = ept_map(&vm->ept, GPA(gpa), pa, len, vm->small_code && len >= SIZE_2M ? EPT_RW : EPT_RWX, EPT_MT_RAM,
	              false);
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

/* A PC's shadow RAM is in one piece, for it is mapped anew whenever the guest opens or closes some of it. */
static int map_range(struct vm *vm, u64 gpa, u64 len)
{
	int err;

	if (!vm->map.pc || gpa != GUEST_SHADOW_BASE)
		return map_ram(vm, gpa, len);
	err = map_chunk(vm, gpa, GUEST_SHADOW_LEN);
	return err ? err : map_ram(vm, gpa + GUEST_SHADOW_LEN, len - GUEST_SHADOW_LEN);
}

static int free_leaf(void *arg, const struct ept_leaf *leaf)
{
	const struct vm *vm = arg;

	if (leaf->hpa.v != vm->apic_access_pa)
		guest_frames_free(leaf->hpa, leaf->size / PAGE_SIZE);
	return OK;
}

static int remap_create(struct vm *vm)
{
	const struct vm_image *rom = &vm->rom;
	int err;

	vm_remap_none(&vm->remap);
	if (!vm->map.pc)
		return OK;
	vm->a20_pages = hv_alloc_pages(VM_A20_TABLES);
	if (!vm->a20_pages)
		return ERR_NOMEM;
	memset(vm->a20_pages, 0, VM_A20_TABLES * PAGE_SIZE);
	err = vm_a20_create(&vm->a20, &vm->ept, vm->a20_pages, virt_to_phys(vm->a20_pages));
	if (!err)
		err = vm_remap_create(&vm->remap, &vm->ept, &vm->map, rom->data, rom->len,
		                      rom->data ? virt_to_phys(rom->data).v : 0);
	return err || !rom->data ? err : io_bus_add(&vm->mmio, &vm->remap.rom_region);
}

int vm_memory_create(struct vm *vm)
{
	struct ept_caps caps = {
		.page_2m = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_2M),
		.page_1g = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_1G),
		.ad = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_AD),
		.exec_only = vmx_caps_has(&vmx_caps, VMX_FEAT_EPT_EXEC_ONLY),
	};
	bool pc = vm->config.platform == VM_PLATFORM_PC;
	int err = (pc ? guest_map_build_pc : guest_map_build)(&vm->map, vm->config.memory);

	vm->small_code = small_code && caps.page_2m;
	vm->table_alloc = (struct pt_alloc){
		.ctx = vm, .alloc_page = table_alloc, .free_page = table_free, .to_virt = table_virt
	};
	if (!err)
		err = ept_init(&vm->ept, &caps, &vm->table_alloc);
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
		err = map_range(vm, vm->mem.ranges[i].gpa, vm->mem.ranges[i].len);
		if (!err)
			err = hostpt_map_window(&vm->pt, WINDOW_BASE, &vm->ept, GPA(vm->mem.ranges[i].gpa),
			                        vm->mem.ranges[i].len);
	}
	if (!err)
		err = remap_create(vm);
	if (!err)
		err = set_tables_aside(vm);
	if (err || !vmx_caps_has(&vmx_caps, VMX_FEAT_APIC_ACCESS))
		return err;
	vm->apic_access_page = hv_alloc_pages(1);
	if (!vm->apic_access_page)
		return ERR_NOMEM;
	vm->apic_access_pa = virt_to_phys(vm->apic_access_page).v;
	return OK;
}

void vm_memory_destroy(struct vm *vm)
{
	vm->keep_tables = vm->table_alloc.zeroed = false;
	if (vm->pt.t.root)
		vm_devmem_destroy(vm);
	while (vm->spare_tables) {
		struct vm_spare_table *t = vm->spare_tables;

		vm->spare_tables = t->next;
		hv_free_pages(t, 1);
	}
	if (vm->ept.t.root) {
		int err;

		vm_remap_undo(&vm->remap);
		err = ept_walk(&vm->ept, GPA(0), BIT(48) - PAGE_SIZE, free_leaf, vm);

		assert(err == OK);
		ept_destroy(&vm->ept);
	}
	if (vm->pt.t.root)
		hostpt_destroy(&vm->pt);
	hv_free_pages(vm->a20_pages, vm->a20_pages ? VM_A20_TABLES : 0);
	hv_free_pages(vm->apic_access_page, vm->apic_access_page ? 1 : 0);
}

bool vm_memory_fetch(struct vm *vm, u64 gpa)
{
	struct ept_leaf leaf;

	if (!vm->small_code || ept_lookup(&vm->ept, GPA(gpa), &leaf) != OK || !gmem_ptr(&vm->mem, GPA(gpa), 1))
		return false;
	/* Another vCPU was here first, or the violation is of what the TLB held: the exit has dropped that. */
	if (leaf.perms & EPT_X)
		return true;
	return ept_shatter(&vm->ept, GPA(gpa), EPT_RWX) == OK;
}
