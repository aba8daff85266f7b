/*
 * MSI and MSI-X of a virtual PCI function. Source: PCI Local Bus Specification 3.0, "MSI Capability Structure",
 * "MSI-X Capability and Table Structures".
 */
#include "lib/string.h"
#include "vmm/dev/pci/vpci_priv.h"

/* MSI capability with 64-bit address and per-vector masking. */
#define MSI_LEN     24u
#define MSI_CTRL    2
#define MSI_ADDR    4
#define MSI_DATA    12
#define MSI_MASK    16
#define MSI_PENDING 20
#define MSI_ENABLE  0x0001u
#define MSI_64      0x0080u
#define MSI_PER_VEC 0x0100u

#define MSIX_LEN      12u
#define MSIX_CTRL     2
#define MSIX_ENABLE   0x8000u
#define MSIX_FMASK    0x4000u
#define MSIX_BAR_SIZE 4096
#define MSIX_PBA      0x800
#define ENTRY_MASKED  1u

static bool msi_on(const struct vpci_dev *d, const struct vpci_dev_state *s)
{
	return d->msi_cap && (vpci_state_get(s, d->msi_cap + MSI_CTRL, 2) & MSI_ENABLE);
}

static bool msix_on(const struct vpci_dev *d, const struct vpci_dev_state *s)
{
	return d->msix_cap && (vpci_state_get(s, d->msix_cap + MSIX_CTRL, 2) & MSIX_ENABLE);
}

bool vpci_msi_enabled(const struct vpci_dev *dev)
{
	return msi_on(dev, &dev->s) || msix_on(dev, &dev->s);
}

static u32 msi_pending(const struct vpci_dev *d, const struct vpci_dev_state *s)
{
	return vpci_state_get(s, d->msi_cap + MSI_PENDING, 4);
}

static void set_msi_pending(struct vpci_dev *d, u32 pending)
{
	vpci_cfg_set(d, d->msi_cap + MSI_PENDING, 4, pending);
}

/* Vectors the guest has allocated: never more than the function has. */
static u32 msi_allocated(const struct vpci_dev *d, const struct vpci_dev_state *s)
{
	u32 n = 1u << (vpci_state_get(s, d->msi_cap + MSI_CTRL, 2) >> 4 & 7);

	return MIN(n, (u32)d->msi_nr);
}

static void msi_send(struct vpci_dev *d, u32 vector)
{
	u32 cap = d->msi_cap, nr = msi_allocated(d, &d->s), data = vpci_cfg_get(d, cap + MSI_DATA, 2);
	u64 addr = vpci_cfg_get(d, cap + MSI_ADDR, 4) | (u64)vpci_cfg_get(d, cap + MSI_ADDR + 4, 4) << 32;

	vector &= nr - 1;
	if (vpci_cfg_get(d, cap + MSI_MASK, 4) & BIT(vector)) {
		set_msi_pending(d, msi_pending(d, &d->s) | (u32)BIT(vector));
		return;
	}
	irqchip_send_msi(d->pci->irq, addr, (data & ~(nr - 1)) | vector);
}

static void msix_send(struct vpci_dev *d, u32 vector)
{
	struct vpci_msix_entry *e;

	if (vector >= d->msix_nr)
		return;
	e = &d->s.msix[vector];
	if ((e->ctrl & ENTRY_MASKED) || (vpci_cfg_get(d, d->msix_cap + MSIX_CTRL, 2) & MSIX_FMASK)) {
		d->s.msix_pending |= BIT(vector);
		return;
	}
	irqchip_send_msi(d->pci->irq, e->addr, e->data);
}

void vpci_msi_send(struct vpci_dev *dev, u32 vector)
{
	if (!dev->pci || vector >= VPCI_MSIX_MAX)
		return;
	if (msix_on(dev, &dev->s))
		msix_send(dev, vector);
	else if (msi_on(dev, &dev->s))
		msi_send(dev, vector);
}

/* Sends the pending messages that are no longer masked. */
static void flush_pending(struct vpci_dev *d)
{
	if (msix_on(d, &d->s)) {
		u64 pending = d->s.msix_pending;

		d->s.msix_pending = 0;
		for (u32 v = 0; v < d->msix_nr; v++) {
			if (pending & BIT(v))
				msix_send(d, v);
		}
	} else if (msi_on(d, &d->s) && msi_pending(d, &d->s)) {
		u32 pending = msi_pending(d, &d->s), nr = msi_allocated(d, &d->s);

		set_msi_pending(d, 0);
		for (u32 v = 0; v < nr; v++) {
			if (pending & BIT(v))
				msi_send(d, v);
		}
	}
}

void vpci_msi_cfg_written(struct vpci_dev *dev, u32 off, u32 size)
{
	bool msi = dev->msi_cap && off + size > dev->msi_cap && off < dev->msi_cap + MSI_LEN;
	bool msix = dev->msix_cap && off + size > dev->msix_cap && off < dev->msix_cap + MSIX_LEN;

	if (msi || msix)
		flush_pending(dev);
}

void vpci_msi_reset(struct vpci_dev *dev)
{
	dev->s.msix_pending = 0; /* MSI's are in configuration space */
	memset(dev->s.msix, 0, sizeof(dev->s.msix));
	for (u32 i = 0; i < VPCI_MSIX_MAX; i++)
		dev->s.msix[i].ctrl = ENTRY_MASKED;
}

int vpci_msi_add(struct vpci_dev *dev, u32 nr)
{
	u32 log2 = nr ? (u32)__builtin_ctz(nr) : 0;
	int cap;

	if (!nr || nr > 32 || (nr & (nr - 1)))
		return ERR_INVAL;
	if (dev->msi_cap)
		return ERR_EXIST;
	cap = vpci_cap_add(dev, PCI_CAP_ID_MSI, MSI_LEN);
	if (cap < 0)
		return cap;
	dev->msi_cap = (u8)cap;
	dev->msi_nr = (u8)nr;
	vpci_cfg_set(dev, (u32)cap + MSI_CTRL, 2, MSI_64 | MSI_PER_VEC | log2 << 1);
	dev->wmask[cap + MSI_CTRL] = 0x71;
	memset(&dev->wmask[cap + MSI_ADDR], 0xff, 8);
	dev->wmask[cap + MSI_ADDR] = 0xfc;
	memset(&dev->wmask[cap + MSI_DATA], 0xff, 2);
	for (u32 i = 0; i < nr; i++)
		dev->wmask[(u32)cap + MSI_MASK + i / 8] |= (u8)BIT(i % 8);
	memcpy(&dev->omask[(u32)cap + MSI_PENDING], &dev->wmask[(u32)cap + MSI_MASK], 4);
	return OK;
}

/* What is pending is masked, or messages are off: what code that unmasks relies on, for nobody else sends it. */
bool vpci_msi_valid(const struct vpci_dev *dev, const struct vpci_dev_state *s, struct state_check *c)
{
	bool masked = dev->msix_cap && (vpci_state_get(s, dev->msix_cap + MSIX_CTRL, 2) & MSIX_FMASK);

	for (u32 v = 0; v < VPCI_MSIX_MAX; v++) {
		const struct vpci_msix_entry *e = &s->msix[v];

		if (e->ctrl & ~ENTRY_MASKED)
			return state_refuse(c, "msix.ctrl", e->ctrl, "has bits that the entry lacks");
		if (e->addr & 3)
			return state_refuse(c, "msix.addr", e->addr, "is not aligned");
		if (v >= dev->msix_nr &&
		    (e->addr || e->data || e->ctrl != ENTRY_MASKED || (s->msix_pending & BIT(v))))
			return state_refuse(c, "msix", v, "is used though the function has no such vector");
		if ((s->msix_pending & BIT(v)) && msix_on(dev, s) && !masked && !(e->ctrl & ENTRY_MASKED))
			return state_refuse(c, "msix_pending", s->msix_pending, "has a vector that is not masked");
	}
	if (msi_on(dev, s) && !msix_on(dev, s)) {
		u32 may = vpci_state_get(s, dev->msi_cap + MSI_MASK, 4), nr = msi_allocated(dev, s);

		may &= (u32)(BIT(nr) - 1);
		if (msi_pending(dev, s) & ~may)
			return state_refuse(c, "cfg", msi_pending(dev, s), "has MSIs pending that are not masked");
	}
	return true;
}

static void entry_write(struct vpci_msix_entry *e, u32 field, u32 value)
{
	switch (field) {
	case 0: e->addr = (e->addr & ~0xffffffffull) | (value & ~3u); break;
	case 1: e->addr = (e->addr & 0xffffffffull) | (u64)value << 32; break;
	case 2: e->data = value; break;
	default: e->ctrl = value & ENTRY_MASKED; break;
	}
}

static u32 table_read(const struct vpci_dev *d, u64 off)
{
	const struct vpci_msix_entry *e;

	if (off >= MSIX_PBA)
		return off < MSIX_PBA + 8 ? (u32)(d->s.msix_pending >> (off & 4 ? 32 : 0)) : 0;
	if (off / 16 >= d->msix_nr)
		return 0;
	e = &d->s.msix[off / 16];
	switch (off / 4 & 3) {
	case 0: return (u32)e->addr;
	case 1: return (u32)(e->addr >> 32);
	case 2: return e->data;
	default: return e->ctrl;
	}
}

/* The table and the pending bits: dword and qword accesses, as the specification asks of software. */
static void msix_io(void *arg, struct io_access *io)
{
	struct vpci_dev *d = arg;

	if ((io->size != 4 && io->size != 8) || io->offset % io->size)
		return;
	if (!io->write) {
		io->value = table_read(d, io->offset);
		if (io->size == 8)
			io->value |= (u64)table_read(d, io->offset + 4) << 32;
		return;
	}
	if (io->offset / 16 >= d->msix_nr)
		return;
	entry_write(&d->s.msix[io->offset / 16], io->offset / 4 & 3, (u32)io->value);
	if (io->size == 8)
		entry_write(&d->s.msix[io->offset / 16], (io->offset / 4 & 3) + 1, (u32)(io->value >> 32));
	if (d->s.msix_pending)
		flush_pending(d);
}

int vpci_msix_add(struct vpci_dev *dev, u32 nr, u32 bar)
{
	int cap, r;

	if (!nr || nr > VPCI_MSIX_MAX)
		return ERR_INVAL;
	if (dev->msix_cap)
		return ERR_EXIST;
	r = vpci_bar_init(dev, bar, VPCI_BAR_MEM32, MSIX_BAR_SIZE, false, msix_io, dev);
	if (r != OK)
		return r;
	cap = vpci_cap_add(dev, PCI_CAP_ID_MSIX, MSIX_LEN);
	if (cap < 0)
		return cap;
	dev->msix_cap = (u8)cap;
	dev->msix_nr = (u16)nr;
	dev->msix_bar = (u8)bar;
	vpci_cfg_set(dev, (u32)cap + MSIX_CTRL, 2, nr - 1);
	vpci_cfg_set(dev, (u32)cap + 4, 4, bar);
	vpci_cfg_set(dev, (u32)cap + 8, 4, MSIX_PBA | bar);
	dev->wmask[cap + MSIX_CTRL + 1] = (MSIX_ENABLE | MSIX_FMASK) >> 8;
	return OK;
}
