/* What a PC's devices do to its memory map: noted at once, done before the vCPU enters its guest again. */
#include "arch/x86/percpu.h"
#include "mm/hvmem.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/request.h"
#include "vmm/vm/vm.h"

_Static_assert(VDEV_MEMORY_SLOTS == VM_REMAP_SLOTS && VDEV_MEMORY_ROM == VM_REMAP_SMALL,
               "what devices are promised is there");

/* At a reset nobody runs, and all vCPUs are asked by that. */
static void ask(struct vm *vm)
{
	struct vcpu *v = this_cpu()->current;

	if (v && v->vm == vm && vm_remap_due(&vm->remap))
		vcpu_request_self(v, VCPU_REQ_REMAP);
}

void board_pam(void *ctx, u32 segment, bool read, bool write)
{
	struct vm *vm = ctx;

	vm_remap_shadow(&vm->remap, segment, read, write);
	ask(vm);
}

void board_a20(void *ctx, bool open)
{
	struct vm *vm = ctx;
	struct vcpu *v = this_cpu()->current;

	if (vm_a20_set(&vm->a20, !open) && v && v->vm == vm)
		vcpu_request_self(v, VCPU_REQ_REMAP); /* it tells the others */
}

static void map(void *ctx, u32 slot, u64 gpa, const void *pages, u64 nr, bool read_only)
{
	struct vm *vm = ctx;
	hpa_t hpa = vm_devmem_has(pages) ? vm_devmem_hpa(vm, pages) : virt_to_phys(pages);

	vm_remap_device(&vm->remap, slot, gpa, hpa.v, nr * PAGE_SIZE, read_only);
	ask(vm);
}

static void unmap(void *ctx, u32 slot)
{
	struct vm *vm = ctx;

	vm_remap_device(&vm->remap, slot, 0, 0, 0, false);
	ask(vm);
}

void board_memory_create(struct vm *vm)
{
	struct board *b = vm->board;

	b->memory = (struct vdev_memory){ .ctx = vm, .pam = board_pam, .map = map, .unmap = unmap };
	b->env.memory = board_is_pc(&vm->config, 0) ? &b->memory : NULL;
}
