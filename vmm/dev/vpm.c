/* ACPI fixed hardware. */
#include "vmm/dev/vpm.h"

#include "lib/string.h"

#define TIMER_MSB_PERIOD (1ull << 31) /* TMR_STS is set whenever the counter's top bit changes */
#define CNT_WRITABLE     0x1c07u

static u64 ticks(u64 now)
{
	return (u64)((unsigned __int128)now * VPM_TIMER_HZ / 1000000000);
}

static void update_sci(struct vpm *p)
{
	bool on = (p->s.cnt & PM1_SCI_EN) && ((p->s.sts & p->s.en) || (p->s.gpe_sts & p->s.gpe_en));

	irqchip_set_line(p->irq, VPM_SCI, on);
}

static void arm_overflow(struct vpm *p, u64 now)
{
	u64 next = (ticks(now) / TIMER_MSB_PERIOD + 1) * TIMER_MSB_PERIOD;

	if (!(p->s.en & PM1_TMR))
		timer_cancel(&p->overflow);
	else
		timer_set(&p->overflow,
		          (u64)(((unsigned __int128)next * 1000000000 + VPM_TIMER_HZ - 1) / VPM_TIMER_HZ));
}

static void overflowed(void *arg, u64 now)
{
	struct vpm *p = arg;

	p->s.sts |= PM1_TMR;
	arm_overflow(p, now);
	update_sci(p);
}

static u8 read_byte(const struct vpm *p, u32 off, u64 now)
{
	u64 regs = (u64)p->s.sts | (u64)p->s.en << 16 | (u64)p->s.cnt << 32;

	return off < 8 ? (u8)(regs >> off * 8) : off < 12 ? (u8)(ticks(now) >> (off - 8) * 8) : 0xff;
}

static void write_cnt(struct vpm *p, u16 val)
{
	p->s.cnt = (val & CNT_WRITABLE & ~PM1_SCI_EN) | (p->s.cnt & PM1_SCI_EN);
	if (val & PM1_SLP_EN)
		p->sleep(p->arg, val >> 10 & 7);
}

static void write_byte(struct vpm *p, u32 off, u8 val, u64 now)
{
	u32 shift = (off & 1) * 8;

	switch (off & ~1u) {
	case 0: p->s.sts &= (u16) ~((u32)val << shift); break; /* write one to clear */
	case 2:
		p->s.en = (u16)((p->s.en & ~(0xffu << shift)) | (u32)val << shift);
		arm_overflow(p, now);
		break;
	case 4: write_cnt(p, (u16)((p->s.cnt & ~(0xffu << shift)) | (u32)val << shift)); break;
	default: break;
	}
}

static void pm_io(void *dev, struct io_access *io)
{
	struct vpm *p = dev;
	u64 val = 0;

	/* The PM timer's whole word is the hot case. */
	if (!io->write && io->offset == 8 && io->size == 4) {
		io->value = (u32)ticks(io->now);
		return;
	}
	for (u32 i = 0; i < io->size; i++) {
		u32 off = (u32)io->offset + i;

		if (io->write)
			write_byte(p, off, (u8)(io->value >> i * 8), io->now);
		else
			val |= (u64)read_byte(p, off, io->now) << i * 8;
	}
	if (io->write)
		update_sci(p);
	else
		io->value = val;
}

static void gpe_io(void *dev, struct io_access *io)
{
	struct vpm *p = dev;
	u32 regs = p->s.gpe_sts | (u32)p->s.gpe_en << 16;

	if (!io->write) {
		io->value = regs >> io->offset * 8;
		return;
	}
	for (u32 i = 0; i < io->size; i++) {
		u32 off = (u32)io->offset + i;
		u8 val = (u8)(io->value >> i * 8);

		if (off < 2)
			p->s.gpe_sts &= (u16) ~((u32)val << off * 8);
		else
			p->s.gpe_en = (u16)((p->s.gpe_en & ~(0xffu << (off - 2) * 8)) | (u32)val << (off - 2) * 8);
	}
	update_sci(p);
}

static void smi_io(void *dev, struct io_access *io)
{
	struct vpm *p = dev;
	u8 *reg = io->offset ? &p->s.smi_sts : &p->s.smi_cmd;

	if (!io->write) {
		io->value = *reg;
		return;
	}
	*reg = (u8)io->value;
	if (io->offset)
		return;
	if (*reg == VPM_ACPI_ENABLE)
		p->s.cnt |= PM1_SCI_EN;
	else if (*reg == VPM_ACPI_DISABLE)
		p->s.cnt &= (u16)~PM1_SCI_EN;
	update_sci(p);
}

void vpm_init(struct vpm *p, const struct irqchip *irq, struct timerq *tq, void (*sleep)(void *arg, u8 slp_typ),
              void *arg)
{
	memset(p, 0, sizeof(*p));
	p->irq = irq;
	p->sleep = sleep;
	p->arg = arg;
	timer_init(&p->overflow, tq, overflowed, p);
	p->pm_region = (struct io_region){ .base = VPM_BASE, .len = 12, .fn = pm_io, .dev = p, .name = "acpi-pm" };
	p->gpe_region =
	        (struct io_region){ .base = VPM_BASE + 0x20, .len = 4, .fn = gpe_io, .dev = p, .name = "acpi-gpe0" };
	p->smi_region =
	        (struct io_region){ .base = VPM_SMI_CMD, .len = 2, .fn = smi_io, .dev = p, .name = "smi-command" };
}

int vpm_attach(struct vpm *p, struct io_bus *pio)
{
	int err = io_bus_add(pio, &p->pm_region);

	if (!err)
		err = io_bus_add(pio, &p->gpe_region);
	return err ? err : io_bus_add(pio, &p->smi_region);
}

void vpm_reset(struct vpm *p, u64 now)
{
	memset(&p->s, 0, sizeof(p->s));
	arm_overflow(p, now);
	update_sci(p);
}

void vpm_restored(struct vpm *p, u64 now)
{
	arm_overflow(p, now);
	update_sci(p);
}

void vpm_power_button(struct vpm *p, u64 now)
{
	p->s.sts |= PM1_PWRBTN;
	update_sci(p);
}
