/* ACPI fixed hardware. */
#include "vmm/dev/pc/vpm.h"

#include "lib/string.h"

#define NS_PER_S   1000000000u
#define HALF_SHIFT 31 /* TMR_STS is set whenever the counter's top bit changes */

#define STS_SETTABLE (PM1_TMR | PM1_PWRBTN) /* by what happens here */
#define EN_WRITABLE  (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)
#define CNT_BM_RLD   0x0002u
#define CNT_WRITABLE (CNT_BM_RLD | PM1_SLP_TYP) /* SCI_EN: see write_cnt(); GBL_RLS and SLP_EN read as zero */

enum { REG_STS, REG_EN = 2, REG_CNT = 4, REG_TMR = 8 };

static u64 ticks(u64 now)
{
	return (u64)((unsigned __int128)now * VPM_TIMER_HZ / NS_PER_S);
}

static bool wants_sci(const struct vpm_state *s)
{
	return (s->cnt & PM1_SCI_EN) && ((s->sts & s->en) || (s->gpe_sts & s->gpe_en));
}

static void update_sci(struct vpm *p)
{
	bool on = wants_sci(&p->s);

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

/* To be called with TMR_STS up to date, unless that is what the timer shall do. */
static void arm_overflow(struct vpm *p)
{
	u64 next = (p->s.half + 1) << HALF_SHIFT;

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
	arm_overflow(p);
	update_sci(p);
}

static u8 read_byte(const struct vpm *p, u32 off, u64 now)
{
	u64 regs = (u64)p->s.sts | (u64)p->s.en << 16 | (u64)p->s.cnt << 32;

	return (u8)(off < REG_TMR ? regs >> off * 8 : ticks(now) >> (off - REG_TMR) * 8);
}

/* The ACPI specification gives SCI_EN to the SMI command alone, the PIIX4 to whoever writes it. */
static void write_cnt(struct vpm *p, u16 val)
{
	p->s.cnt = (val & CNT_WRITABLE) | ((p->piix4 ? val : p->s.cnt) & PM1_SCI_EN);
	if (val & PM1_SLP_EN)
		p->sleep(p->arg, val >> 10 & 7);
}

static void write_byte(struct vpm *p, u32 off, u8 val)
{
	u32 shift = (off & 1) * 8;
	u16 bits = (u16)(val << shift), keep = (u16) ~(0xffu << shift);

	switch (off & ~1u) {
	case REG_STS: p->s.sts &= (u16)~bits; break; /* write one to clear */
	case REG_EN:
		p->s.en = (p->s.en & keep) | (bits & EN_WRITABLE);
		arm_overflow(p);
		break;
	case REG_CNT: write_cnt(p, (p->s.cnt & keep) | bits); break;
	default: break; /* the timer is read-only */
	}
}

void vpm_io(void *dev, struct io_access *io)
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
			write_byte(p, off, (u8)(io->value >> i * 8));
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
	        (struct io_region){ .base = VPM_BASE, .len = VPM_REGS, .fn = vpm_io, .dev = p, .name = "acpi-pm" };
	p->gpe_region = (struct io_region){ .base = VPM_GPE, .len = 4, .fn = gpe_io, .dev = p, .name = "acpi-gpe0" };
	p->smi_region =
	        (struct io_region){ .base = VPM_SMI_CMD, .len = 2, .fn = smi_io, .dev = p, .name = "smi-command" };
}

/* The first of its regions that is on the bus: before it is what a PIIX4 has. */
static u32 first_region(const struct vpm *p)
{
	return p->piix4 ? 1 : 0;
}

int vpm_attach(struct vpm *p, struct io_bus *pio)
{
	struct io_region *regions[] = { &p->pm_region, &p->gpe_region, &p->smi_region };
	int err;

	p->pio = pio;
	p->gpe_region.base = p->piix4 ? VPM_GPE_PIIX4 : VPM_GPE;
	for (u32 i = first_region(p); i < ARRAY_SIZE(regions); i++) {
		err = io_bus_add(pio, regions[i]);
		if (!err)
			continue;
		while (i-- > first_region(p))
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
	arm_overflow(p);
	update_sci(p);
}

void vpm_restored(struct vpm *p, u64 now)
{
	if (p->s.line)
		irqchip_set_line(p->irq, VPM_SCI, true);
	arm_overflow(p);
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

/* ---- as a device of the board ---- */

STATE_DESC(vpm_state, VPM_STATE, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct vpm_cfg *c = cfg;
	struct vpm *p = dev;

	vpm_init(p, env->irq, env->timers, c->sleep, c->arg);
	p->piix4 = c->piix4;
	return vpm_attach(p, env->pio);
}

static void detach(void *dev)
{
	struct vpm *p = dev;

	timer_cancel(&p->overflow);
	if (!p->piix4)
		io_bus_remove(p->pio, &p->pm_region);
	io_bus_remove(p->pio, &p->gpe_region);
	io_bus_remove(p->pio, &p->smi_region);
}

static void reset(void *dev, u64 now)
{
	vpm_reset(dev, now);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vpm_state *s = part[0];

	if (s->sts & ~STS_SETTABLE)
		return state_refuse(c, "sts", s->sts, "has bits that nothing sets");
	if (s->en & ~EN_WRITABLE)
		return state_refuse(c, "en", s->en, "has bits that the register lacks");
	if (s->cnt & ~(CNT_WRITABLE | PM1_SCI_EN))
		return state_refuse(c, "cnt", s->cnt, "has bits that the register does not keep");
	if (s->line != wants_sci(s))
		return state_refuse(c, "line", s->line, "is not what status and enables make of it");
	if (s->half > ticks(c->now) >> HALF_SHIFT)
		return state_refuse(c, "half", s->half, "is more than the timer has counted");
	return true;
}

static void restored(void *dev, u64 now)
{
	vpm_restored(dev, now);
}

VDEV_OPS(vpm, "pm", VDEV_STATE(vpm, s, vpm_state), .attach = attach, .detach = detach, .reset = reset, .valid = valid,
         .restored = restored);
