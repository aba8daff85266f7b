/* ACPI fixed hardware. */
#include "vmm/dev/pc/vpm.h"

#include "lib/string.h"

#define NS_PER_S   1000000000u
#define HALF_SHIFT 31 /* TMR_STS is set whenever the counter's top bit changes */

#define EN_WRITABLE  (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)
#define CNT_BM_RLD   0x0002u
#define CNT_WRITABLE (CNT_BM_RLD | PM1_SLP_TYP) /* SCI_EN is the SMI command's, GBL_RLS and SLP_EN read as zero */

enum { REG_STS, REG_EN = 2, REG_CNT = 4, REG_TMR = 8, PM_LEN = 12 };

static u64 ticks(u64 now)
{
	return (u64)((unsigned __int128)now * VPM_TIMER_HZ / NS_PER_S);
}

static void update_sci(struct vpm *p)
{
	bool on = (p->s.cnt & PM1_SCI_EN) && ((p->s.sts & p->s.en) || (p->s.gpe_sts & p->s.gpe_en));

	if (on == p->s.line)
		return;
	p->s.line = on;
	irqchip_set_line(p->irq, VPM_SCI, on);
}

/* Brings TMR_STS up to date: no timer runs for it unless the guest wants the interrupt. */
static void sync_timer(struct vpm *p, u64 now)
{
	u64 half = ticks(now) >> HALF_SHIFT;

	if (half <= p->s.half)
		return;
	p->s.half = half;
	p->s.sts |= PM1_TMR;
}

static void arm_overflow(struct vpm *p, u64 now)
{
	u64 next = ((ticks(now) >> HALF_SHIFT) + 1) << HALF_SHIFT;

	if (!(p->s.en & PM1_TMR))
		timer_cancel(&p->overflow);
	else
		timer_set(&p->overflow,
		          (u64)(((unsigned __int128)next * NS_PER_S + VPM_TIMER_HZ - 1) / VPM_TIMER_HZ));
}

static void overflowed(void *arg, u64 now)
{
	struct vpm *p = arg;

	sync_timer(p, now);
	arm_overflow(p, now);
	update_sci(p);
}

static u8 read_byte(const struct vpm *p, u32 off, u64 now)
{
	u64 regs = (u64)p->s.sts | (u64)p->s.en << 16 | (u64)p->s.cnt << 32;

	return (u8)(off < REG_TMR ? regs >> off * 8 : ticks(now) >> (off - REG_TMR) * 8);
}

static void write_cnt(struct vpm *p, u16 val)
{
	p->s.cnt = (val & CNT_WRITABLE) | (p->s.cnt & PM1_SCI_EN);
	if (val & PM1_SLP_EN)
		p->sleep(p->arg, val >> 10 & 7);
}

static void write_byte(struct vpm *p, u32 off, u8 val, u64 now)
{
	u32 shift = (off & 1) * 8;
	u16 bits = (u16)(val << shift), keep = (u16) ~(0xffu << shift);

	switch (off & ~1u) {
	case REG_STS: p->s.sts &= (u16)~bits; break; /* write one to clear */
	case REG_EN:
		p->s.en = (p->s.en & keep) | (bits & EN_WRITABLE);
		arm_overflow(p, now);
		break;
	case REG_CNT: write_cnt(p, (p->s.cnt & keep) | bits); break;
	default: break; /* the timer is read-only */
	}
}

static void pm_io(void *dev, struct io_access *io)
{
	struct vpm *p = dev;
	u64 val = 0;

	/* The PM timer's whole word is the hot case. */
	if (!io->write && io->offset == REG_TMR && io->size == 4) {
		io->value = (u32)ticks(io->now);
		return;
	}
	sync_timer(p, io->now);
	for (u32 i = 0; i < io->size; i++) {
		u32 off = (u32)io->offset + i;

		if (io->write)
			write_byte(p, off, (u8)(io->value >> i * 8), io->now);
		else
			val |= (u64)read_byte(p, off, io->now) << i * 8;
	}
	update_sci(p);
	if (!io->write)
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
		u32 off = (u32)io->offset + i, shift = (off & 1) * 8;
		u16 bits = (u16)((io->value >> i * 8 & 0xff) << shift);

		if (off < 2)
			p->s.gpe_sts &= (u16)~bits;
		else
			p->s.gpe_en = (u16)((p->s.gpe_en & ~(0xffu << shift)) | bits);
	}
	update_sci(p);
}

static void smi_command(struct vpm *p, u8 cmd)
{
	p->s.smi_cmd = cmd;
	if (cmd == VPM_ACPI_ENABLE)
		p->s.cnt |= PM1_SCI_EN;
	else if (cmd == VPM_ACPI_DISABLE)
		p->s.cnt &= (u16)~PM1_SCI_EN;
	update_sci(p);
}

/* Command and scratch byte: the platform's SMI handler knows the two ACPI commands. */
static void smi_io(void *dev, struct io_access *io)
{
	struct vpm *p = dev;
	u64 val = (p->s.smi_cmd | (u64)p->s.smi_sts << 8) >> io->offset * 8;

	if (!io->write) {
		io->value = val;
		return;
	}
	if (io->offset || io->size > 1)
		p->s.smi_sts = (u8)(io->offset ? io->value : io->value >> 8);
	if (!io->offset)
		smi_command(p, (u8)io->value);
}

void vpm_init(struct vpm *p, const struct irqchip *irq, struct timerq *tq, void (*sleep)(void *arg, u8 slp_typ),
              void *arg)
{
	memset(p, 0, sizeof(*p));
	p->irq = irq;
	p->sleep = sleep;
	p->arg = arg;
	timer_init(&p->overflow, tq, overflowed, p);
	p->pm_region =
	        (struct io_region){ .base = VPM_BASE, .len = PM_LEN, .fn = pm_io, .dev = p, .name = "acpi-pm" };
	p->gpe_region = (struct io_region){ .base = VPM_GPE, .len = 4, .fn = gpe_io, .dev = p, .name = "acpi-gpe0" };
	p->smi_region =
	        (struct io_region){ .base = VPM_SMI_CMD, .len = 2, .fn = smi_io, .dev = p, .name = "smi-command" };
}

int vpm_attach(struct vpm *p, struct io_bus *pio)
{
	struct io_region *regions[] = { &p->pm_region, &p->gpe_region, &p->smi_region };
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(regions); i++) {
		err = io_bus_add(pio, regions[i]);
		if (!err)
			continue;
		while (i--)
			io_bus_remove(pio, regions[i]);
		return err;
	}
	return OK;
}

void vpm_reset(struct vpm *p, u64 now)
{
	bool line = p->s.line;

	memset(&p->s, 0, sizeof(p->s));
	p->s.line = line; /* update_sci() takes it down */
	p->s.half = ticks(now) >> HALF_SHIFT;
	arm_overflow(p, now);
	update_sci(p);
}

void vpm_restored(struct vpm *p, u64 now)
{
	irqchip_set_line(p->irq, VPM_SCI, p->s.line);
	p->s.half = MIN(p->s.half, ticks(now) >> HALF_SHIFT);
	sync_timer(p, now);
	arm_overflow(p, now);
	update_sci(p);
}

void vpm_power_button(struct vpm *p, u64 now)
{
	p->s.sts |= PM1_PWRBTN;
	update_sci(p);
}

void vpm_raise_gpe(struct vpm *p, u32 n)
{
	if (n >= VPM_NR_GPES)
		return;
	p->s.gpe_sts |= (u16)(1u << n);
	update_sci(p);
}
