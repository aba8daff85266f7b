/* VGA: the PCI function, its regions, what of its memory is mapped, reset and restoring. */
#include "vmm/dev/pci/vvga.h"

#include "lib/string.h"
#include "vmm/dev/pci/vvga_priv.h"

#define VENDOR     0x1234
#define DEVICE     0x1111
#define CLASS_VGA  0x030000
#define REVISION   2 /* with the registers in BAR 2 */
#define SUBSYS     0x1af4
#define SUBSYS_DEV 0x1100

#define MMIO_PORTS_LEN 0x20 /* 3C0h to 3DFh */

STATE_DESC(vvga_state, VVGA_STATE, 1);

/* ---- maps ---- */

static void unmap(struct vvga *v, enum vvga_map which)
{
	if (v->mapped[which])
		v->cfg.map(v->cfg.arg, which, 0, 0, 0);
	v->mapped[which] = false;
}

void vvga_update(struct vvga *v)
{
	enum vvga_decode was = v->decode;
	u32 at = v->win_at, len = v->win_len;
	u16 bank = v->mapped_bank;

	vvga_decode(v);
	if (was != v->decode || at != v->win_at || len != v->win_len ||
	    (v->decode == VVGA_LINEAR && bank != v->s.vbe[VBE_BANK]) || v->clearing)
		unmap(v, VVGA_MAP_WINDOW);
	/* The framebuffer is the same memory in every mode; but while it is being cleared it is not what it seems. */
	if (v->clearing)
		unmap(v, VVGA_MAP_LFB);
}

static void try_window(struct vvga *v)
{
	u32 offset = 0;

	if (v->decode == VVGA_PLANES || !v->win_len || !v->window_on)
		return;
	if (v->decode == VVGA_LINEAR)
		offset = v->s.vbe[VBE_BANK] * VVGA_PLANE;
	else if (v->s.chained != (v->decode == VVGA_TEXT ? 0 : VVGA_GROUPS))
		return;
	v->mapped_bank = v->s.vbe[VBE_BANK];
	v->mapped[VVGA_MAP_WINDOW] =
	        v->cfg.map(v->cfg.arg, VVGA_MAP_WINDOW, VVGA_WINDOW + v->win_at, offset, v->win_len);
}

void vvga_try_map(struct vvga *v, enum vvga_map which)
{
	u64 lfb = vpci_bar_addr(&v->pci, 0);

	if (!v->cfg.map || v->clearing || v->mapped[which])
		return;
	if (which == VVGA_MAP_WINDOW)
		try_window(v);
	else if (lfb != VPCI_NOWHERE)
		v->mapped[which] = v->cfg.map(v->cfg.arg, which, lfb, 0, v->cfg.vram_len);
}

/* ---- the function's regions ---- */

static void port_bytes(struct vvga *v, u32 port, struct io_access *io)
{
	u64 val = 0;

	for (u32 i = 0; i < io->size; i++) {
		if (io->write)
			vvga_port_write(v, port + i, (u8)(io->value >> 8 * i));
		else
			val |= (u64)vvga_port_read(v, port + i, io->now) << 8 * i;
	}
	if (!io->write)
		io->value = val;
}

static void mono_io(void *dev, struct io_access *io)
{
	port_bytes(dev, 0x3b0 + (u32)io->offset, io);
}

static void ports_io(void *dev, struct io_access *io)
{
	port_bytes(dev, 0x3c0 + (u32)io->offset, io);
}

/* BAR 2: ports, and VBE registers as words, two in a dword; what else there could be reads all-ones. */
static void mmio_io(void *dev, struct io_access *io)
{
	struct vvga *v = dev;
	u32 at = (u32)io->offset;

	if (at >= VVGA_MMIO_PORTS && at + io->size <= VVGA_MMIO_PORTS + MMIO_PORTS_LEN) {
		port_bytes(v, 0x3c0 + at - VVGA_MMIO_PORTS, io);
	} else if (at >= VVGA_MMIO_VBE && at + io->size <= VVGA_MMIO_VBE + 2 * VBE_NR && !(at & 1) && io->size > 1) {
		u64 val = 0;

		for (u32 i = 0; i < io->size; i += 2) {
			u32 reg = (at - VVGA_MMIO_VBE + i) / 2;

			if (io->write)
				vvga_vbe_write(v, reg, (u16)(io->value >> 8 * i));
			else
				val |= (u64)vvga_vbe_read(v, reg) << 8 * i;
		}
		if (!io->write)
			io->value = val;
	}
}

static void rom_io(void *dev, struct io_access *io)
{
	const struct vvga *v = dev;
	u64 val = 0;

	if (io->write)
		return;
	for (u32 i = 0; i < io->size; i++) {
		u64 at = io->offset + i;

		val |= (u64)(at < v->cfg.rom_len ? v->cfg.rom[at] : 0xff) << 8 * i;
	}
	io->value = val;
}

/* The legacy places are there while the function decodes; where somebody else is they are not. */
static void place(struct vvga *v)
{
	u32 cmd = vpci_cfg_get(&v->pci, PCI_COMMAND, 2);
	bool mem = v->attached && (cmd & PCI_CMD_MEM), io = v->attached && (cmd & PCI_CMD_IO);

	if (v->window_on && !mem) {
		unmap(v, VVGA_MAP_WINDOW);
		io_bus_remove(v->mmio, &v->window);
		v->window_on = false;
	} else if (!v->window_on && mem) {
		v->window_on = io_bus_add(v->mmio, &v->window) == OK;
	}
	for (u32 i = 0; i < ARRAY_SIZE(v->ports); i++) {
		if (v->ports_on[i] && !io)
			io_bus_remove(v->pio, &v->ports[i]);
		v->ports_on[i] = io && (v->ports_on[i] || io_bus_add(v->pio, &v->ports[i]) == OK);
	}
}

static void cfg_written(struct vpci_dev *pci, u32 off, u32 size, u64 now)
{
	place(container_of(pci, struct vvga, pci));
}

static void bar_moved(struct vpci_dev *pci, u32 index, u64 base)
{
	if (index == 0)
		unmap(container_of(pci, struct vvga, pci), VVGA_MAP_LFB);
}

/* ---- as a device ---- */

static int init(struct vvga *v, const struct vvga_cfg *g)
{
	u32 rom = 2048;
	int err;

	memset(v, 0, sizeof(*v));
	if (!g->vram || !IS_ALIGNED((uintptr_t)g->vram, 8) || g->vram_len < VVGA_VRAM_MIN ||
	    g->vram_len > VVGA_VRAM_MAX || (g->vram_len & (g->vram_len - 1)))
		return ERR_INVAL;
	v->cfg = *g;
	vpci_dev_init(&v->pci, "vga", VENDOR, DEVICE, CLASS_VGA, REVISION, 0);
	vpci_set_subsys(&v->pci, SUBSYS, SUBSYS_DEV);
	err = vpci_bar_init(&v->pci, 0, VPCI_BAR_MEM32, g->vram_len, true, vvga_lfb_io, v);
	if (!err)
		err = vpci_bar_init(&v->pci, 2, VPCI_BAR_MEM32, VVGA_MMIO_LEN, false, mmio_io, v);
	while (rom < g->rom_len)
		rom *= 2;
	if (!err && g->rom)
		err = vpci_rom_init(&v->pci, rom, rom_io, v);
	/* What a page has beside the end of the ROM is somebody else's. */
	if (IS_ALIGNED((uintptr_t)g->rom, PAGE_SIZE))
		vpci_rom_pages(&v->pci, g->rom, g->rom_len / (u32)PAGE_SIZE);
	/* From power on, for firmware that looks for a VGA before it knows of PCI. */
	v->pci.wmask[PCI_COMMAND] |= PCI_CMD_IO | PCI_CMD_MEM;
	vpci_cfg_set(&v->pci, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MEM);
	v->pci.cfg_written = cfg_written;
	v->pci.bar_moved = bar_moved;
	v->window = (struct io_region){ VVGA_WINDOW, VVGA_WINDOW_LEN, vvga_window_io, v, "vga-window" };
	v->ports[0] = (struct io_region){ 0x3b0, 12, mono_io, v, "vga-mono" };
	v->ports[1] = (struct io_region){ 0x3c0, 32, ports_io, v, "vga" };
	v->ports[2] = (struct io_region){ 0x1ce, 4, vvga_vbe_io, v, "vga-vbe" };
	return err;
}

static void registers_reset(struct vvga *v)
{
	u16 chained = v->s.chained;

	/* Memory keeps what it has, and how it lies; what was to be cleared is shown to nobody any more. */
	v->s = (struct vvga_state){ .chained = chained };
	v->clearing = false;
	vvga_regs_reset(&v->s);
	vvga_vbe_reset(&v->s);
	vvga_update(v);
}

static void detach(void *dev)
{
	struct vvga *v = dev;

	v->attached = false;
	place(v);
	unmap(v, VVGA_MAP_LFB);
	if (v->pci.pci)
		vpci_detach(&v->pci);
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct vvga_cfg *g = cfg;
	struct vvga *v = dev;
	int err = init(v, g);

	if (err)
		return err;
	v->pio = env->pio;
	v->mmio = env->mmio;
	err = vpci_attach(env->pci, &v->pci, g->at.slot, g->at.fn);
	if (err)
		return err;
	v->attached = true;
	registers_reset(v);
	place(v);
	if (v->window_on && v->ports_on[0] && v->ports_on[1] && v->ports_on[2])
		return OK;
	detach(v);
	return ERR_EXIST;
}

static void reset(void *dev, u64 now)
{
	struct vvga *v = dev;

	vpci_dev_reset(&v->pci);
	registers_reset(v);
	place(v);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vvga *v = dev;

	return vpci_dev_valid(&v->pci, part[1], c) && vvga_regs_valid(part[0], c) && vvga_vbe_valid(v, part[0], c) &&
	       vvga_mem_valid(v, part[0], c);
}

static void restored(void *dev, u64 now)
{
	struct vvga *v = dev;

	v->clearing = !vvga_is_clean(&v->s);
	unmap(v, VVGA_MAP_WINDOW);
	unmap(v, VVGA_MAP_LFB);
	vvga_update(v);
	vpci_dev_restored(&v->pci);
	place(v);
}

VDEV_OPS(vvga, "vga", VDEV_STATE(vvga, s, vvga_state), .state[1] = VDEV_STATE(vvga, pci.s, vpci_dev_state),
         .attach = attach, .detach = detach, .reset = reset, .valid = valid, .restored = restored);
