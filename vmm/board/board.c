/* A VM's devices: created, reset, taken apart in the order of their table (pc.c). */
#include "vmm/board/board.h"

#include "lib/fmt.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/board/firmware.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/pcpu/walltime.h"
#include "vmm/vm/vm.h"

#define PCI_IO_BASE 0xc000
#define PCI_IO_END  0x10000

/* The rows that this VM's configuration asks for, with their configurations. */
static int choose_rows(struct vm *vm, union board_cfg *cfg)
{
	struct board *b = vm->board;

	for (u32 i = 0; i < board_pc_rows; i++) {
		const struct board_row *row = &board_pc[i];
		struct vdev *dev = &b->rows[b->nr_rows];
		int err;

		if (row->wanted && !row->wanted(&vm->config, row->n))
			continue;
		err = row->config ? row->config(vm, row->n, &cfg[b->nr_rows]) : OK;
		if (err)
			return err;
		*dev = (struct vdev){ .ops = row->ops, .dev = (u8 *)b + row->offset };
		if (row->pointer)
			dev->dev = *(void **)dev->dev;
		fmt_snprintf(dev->tag, sizeof(dev->tag), "%s", row->tag);
		b->nr_rows++;
	}
	return OK;
}

/* What devices drive their lines by: on a PC there is a gate before those that the HPET may take. */
static const struct irqchip *irqchip_of(struct vm *vm)
{
	static const u32 gsis[IRQ_GATE_LINES] = { VHPET_GSI_PIT, VHPET_GSI_RTC };

	if (!board_is_pc(&vm->config, 0))
		return &vm->irq.chip;
	irq_gate_init(&vm->board->gate, &vm->irq.chip, gsis);
	return &vm->board->gate.chip;
}

int board_create(struct vm *vm)
{
	union board_cfg cfg[BOARD_ROWS];
	const void *cfgs[BOARD_ROWS];
	struct board *b = hv_zalloc(sizeof(*b));
	u32 failed = 0;
	int err;

	if (!b)
		return ERR_NOMEM;
	vm->board = b;
	b->env = (struct vdev_env){ .pio = &vm->pio,
		                    .mmio = &vm->mmio,
		                    .irq = irqchip_of(vm),
		                    .timers = &vm->vcpus[0]->timers,
		                    .mem = &vm->mem,
		                    .pci = &b->pci };
	board_memory_create(vm);
	err = choose_rows(vm, cfg);
	if (err)
		return err;
	for (u32 i = 0; i < b->nr_rows; i++)
		cfgs[i] = &cfg[i];
	err = vdev_attach_all(b->rows, b->nr_rows, &b->env, cfgs, &failed);
	if (err) {
		log_err("guest %s: device %s cannot be attached: %s\n", vm->config.name, b->rows[failed].tag,
		        err_str(err));
		return err;
	}
	b->attached = true;
	input_init(vm);
	vpci_set_cf9(&b->pci, vreset_cf9, &b->reset);
	return OK;
}

void board_destroy(struct vm *vm)
{
	struct board *b = vm->board;

	if (!b)
		return;
	if (b->attached)
		input_reset(vm);
	if (b->attached)
		vdev_detach_all(b->rows, b->nr_rows);
	board_nics_destroy(vm);
	hv_zfree(b->iomem, VDEBUG_IOMEM_LEN);
	firmware_destroy(b);
	hv_zfree(b, sizeof(*b));
	vm->board = NULL;
}

#define CLEAR_PIECE (16ull << 10)

/* A piece of the debug device's memory. false: there is no such piece. */
static bool clear_iomem(const struct board *b, u32 piece)
{
	_Static_assert(VDEBUG_IOMEM_LEN % CLEAR_PIECE == 0, "in whole pieces");
	if (!b->iomem || piece >= VDEBUG_IOMEM_LEN / CLEAR_PIECE)
		return false;
	memset(b->iomem + piece * CLEAR_PIECE, 0, CLEAR_PIECE);
	return true;
}

bool board_reset_step(struct vm *vm, u32 step, u64 now)
{
	struct board *b = vm->board;

	if (step < b->nr_rows) {
		vdev_reset_all(&b->rows[step], 1, now);
		return true;
	}
	if (clear_iomem(b, step - b->nr_rows))
		return true;
	vrtc_set_time(&b->rtc, walltime_now(), now);
	/* Where no firmware does it. The windows are those of the DSDT. */
	if (!vm->config.firmware &&
	    vpci_assign(&b->pci, GUEST_PCI_MMIO_BASE, GUEST_PCI_MMIO_END, PCI_IO_BASE, PCI_IO_END) != OK)
		log_warn("guest %s: PCI BARs do not fit\n", vm->config.name);
	serial_reset(vm);
	input_reset(vm);
	return false;
}

const struct vdev *board_devices(const struct vm *vm, u32 *nr)
{
	*nr = vm->board->nr_rows;
	return vm->board->rows;
}

struct fb board_screen(struct vm *vm)
{
	if (!vm->board || !vm->board->attached || !board_is_pc(&vm->config, 0))
		return (struct fb){ 0 };
	return (struct fb){
		.ops = &vvga_fb_ops, .ctx = &vm->board->vga, .memory = vm->board->screen, .room = CONFIG_SCREEN_MEMORY
	};
}

void board_power_button(struct vm *vm)
{
	vpm_power_button(&vm->board->pm, vm_now(vm));
}
