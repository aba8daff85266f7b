/* What a PC's devices do to its memory map: noted at once, done before the vCPU enters its guest again. */
#include "arch/x86/percpu.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/request.h"
#include "vmm/vm/vm.h"

_Static_assert(VDEV_MEMORY_SLOTS == VM_REMAP_SLOTS, "what devices are promised is there");

/* At a reset nobody runs, and all vCPUs are asked by that. */
static void ask(struct vm *vm)
{
	struct vcpu *v = this_cpu()->current;

	if (v && v->vm == vm && vm_remap_due(vm))
		vcpu_request_self(v, VCPU_REQ_REMAP);
}

void board_pam(void *ctx, u32 segment, bool read, bool write)
{
	vm_remap_shadow(ctx, segment, read, write);
	ask(ctx);
}

static void map(void *ctx, u32 slot, u64 gpa, void *pages, u64 nr, bool read_only)
{
	vm_remap_device(ctx, slot, gpa, pages, nr * PAGE_SIZE, read_only);
	ask(ctx);
}

static void unmap(void *ctx, u32 slot)
{
	vm_remap_device(ctx, slot, 0, NULL, 0, false);
	ask(ctx);
}

void board_memory_create(struct vm *vm)
{
	struct board *b = vm->board;

	b->memory = (struct vdev_memory){ .ctx = vm, .pam = board_pam, .map = map, .unmap = unmap };
	b->env.memory = board_is_pc(&vm->config, 0) ? &b->memory : NULL;
}
