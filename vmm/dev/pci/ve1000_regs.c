/* e1000: where its registers are, what of them can be written, and its statistics. */
#include "vmm/dev/pci/ve1000_priv.h"

#define TXA_SUM 64u /* KiB of packet buffer for both ways */

struct reg {
	u16 at;    /* in BAR 0 */
	u32 write; /* bits that the guest can write */
	u32 reset;
};

/* The manual's "Register Summary", and each register's description. */
static const struct reg regs[VE1000_NR_REGS] = {
	[E_CTRL] = { 0x0000, ~(CTRL_RST | 0x00022016), CTRL_FD | CTRL_1000 },
	[E_EERD] = { 0x0014, 0, 0 },
	[E_CTRL_EXT] = { 0x0018, 0x00cfefff & ~CTRL_EXT_EE_RST, 0 },
	[E_MDIC] = { 0x0020, 0, BIT32(28) },
	[E_FCAL] = { 0x0028, ~0u, 0 },
	[E_FCAH] = { 0x002c, 0xffff, 0 },
	[E_FCT] = { 0x0030, 0xffff, 0 },
	[E_VET] = { 0x0038, 0xffff, 0x8100 },
	[E_ITR] = { 0x00c4, 0xffff, 0 },
	[E_RCTL] = { 0x0100, 0x06dfb3fe, 0 },
	[E_FCTTV] = { 0x0170, 0xffff, 0 },
	[E_TXCW] = { 0x0178, 0xc000ffff, 0 },
	[E_TCTL] = { 0x0400, 0x03fffffa, 0 },
	[E_TIPG] = { 0x0410, 0x3fffffff, 0x00602008 },
	[E_AIT] = { 0x0458, 0xffff, 0 },
	[E_LEDCTL] = { 0x0e00, 0xcfcfcfcf, 0x07068302 },
	[E_PBA] = { 0x1000, 0x7f, 0x30 },
	[E_FCRTL] = { 0x2160, 0x8000fff8, 0 },
	[E_FCRTH] = { 0x2168, 0xfff8, 0 },
	[E_RDBAL] = { 0x2800, 0xfffffff0, 0 },
	[E_RDBAH] = { 0x2804, ~0u, 0 },
	[E_RDLEN] = { 0x2808, 0xfff80, 0 },
	[E_RDH] = { 0x2810, 0xffff, 0 },
	[E_RDT] = { 0x2818, 0xffff, 0 },
	[E_RDTR] = { 0x2820, 0xffff, 0 },
	[E_RXDCTL] = { 0x2828, 0x013f3f3f, 0x01010000 },
	[E_RADV] = { 0x282c, 0xffff, 0 },
	[E_RSRPD] = { 0x2c00, 0xfff, 0 },
	[E_TDBAL] = { 0x3800, 0xfffffff0, 0 },
	[E_TDBAH] = { 0x3804, ~0u, 0 },
	[E_TDLEN] = { 0x3808, 0xfff80, 0 },
	[E_TDH] = { 0x3810, 0xffff, 0 },
	[E_TDT] = { 0x3818, 0xffff, 0 },
	[E_TIDV] = { 0x3820, 0xffff, 0 },
	[E_TXDCTL] = { 0x3828, 0xff3f3f3f, 0 },
	[E_TADV] = { 0x382c, 0xffff, 0 },
	[E_TSPMT] = { 0x3830, ~0u, 0x01000400 },
	[E_RXCSUM] = { 0x5000, 0x7ff, 0 },
	[E_WUC] = { 0x5800, 0xf, 0 },
	[E_WUFC] = { 0x5808, 0xf80ff, 0 },
	[E_MANC] = { 0x5820, ~0u, 0 },
};

/* Registers that are more than what was written to them. */
enum special {
	R_STATUS = 0x0008,
	R_EECD = 0x0010,
	R_ICR = 0x00c0,
	R_ICS = 0x00c8,
	R_IMS = 0x00d0,
	R_IMC = 0x00d8,
	R_STATS = 0x4000,
	R_MTA = 0x5200,
	R_RA = 0x5400,
	R_VFTA = 0x5600,
};
#define RAH_BITS 0x8003ffffu
#define RAH_AV   BIT32(31)

#define STATUS_LU   BIT32(1)
#define STATUS_1000 0x280u /* SPEED and ASDV */

#define EERD_START BIT32(0)
#define EERD_DONE  BIT32(4)

static int find(u32 off)
{
	for (u32 i = 0; i < VE1000_NR_REGS; i++)
		if (regs[i].at == off)
			return (int)i;
	return -1;
}

/* An array of registers: off's place in that of len bytes from base on, or NULL. */
static u32 *within(u32 *array, u32 base, u32 len, u32 off)
{
	return off - base < len ? &array[(off - base) / 4] : NULL;
}
static u32 *table(struct ve1000_state *s, u32 off)
{
	u32 *p = within(s->mta, R_MTA, sizeof(s->mta), off);

	if (!p)
		p = within(s->ra, R_RA, sizeof(s->ra), off);
	return p ? p : within(s->vfta, R_VFTA, sizeof(s->vfta), off);
}

/* ---- statistics ---- */

static bool is_long(u32 stat)
{
	return stat == ST_GORC || stat == ST_GOTC || stat == ST_TOR || stat == ST_TOT;
}

void ve1000_count(struct ve1000_state *s, u32 stat, u32 n)
{
	if (__builtin_add_overflow(s->stats[stat], n, &s->stats[stat]))
		s->stats[stat] = ~0u;
}

void ve1000_count_long(struct ve1000_state *s, u32 stat, u32 n)
{
	u64 sum = s->stats[stat] | (u64)s->stats[stat + 1] << 32;

	if (__builtin_add_overflow(sum, n, &sum))
		sum = ~0ull;
	s->stats[stat] = (u32)sum;
	s->stats[stat + 1] = (u32)(sum >> 32);
}

void ve1000_count_frame(struct ve1000_state *s, const u8 *frame, u32 len, bool out)
{
	static const u16 ends[] = { 64, 127, 255, 511, 1023 };
	bool group = frame[0] & 1, all = group;
	u32 size = len + FCS_LEN, class = 0;

	while (class < ARRAY_SIZE(ends) && size > ends[class])
		class ++;
	for (u32 i = 0; i < NET_MAC_LEN; i++)
		all &= frame[i] == 0xff;
	ve1000_count(s, (out ? ST_PTC64 : ST_PRC64) + class, 1);
	ve1000_count(s, out ? ST_GPTC : ST_GPRC, 1);
	ve1000_count(s, out ? ST_TPT : ST_TPR, 1);
	if (group)
		ve1000_count(s, out ? (all ? ST_BPTC : ST_MPTC) : (all ? ST_BPRC : ST_MPRC), 1);
	ve1000_count_long(s, out ? ST_GOTC : ST_GORC, size);
	ve1000_count_long(s, out ? ST_TOT : ST_TOR, size);
}

/* They are gone when they have been read: the long ones by their upper half. */
static u32 read_stat(struct ve1000_state *s, u32 stat)
{
	u32 val = s->stats[stat];

	if (is_long(stat))
		return val;
	s->stats[stat] = 0;
	if (stat && is_long(stat - 1))
		s->stats[stat - 1] = 0;
	return val;
}

/* ---- reading ---- */

static u32 status(const struct ve1000 *d)
{
	bool up = ve1000_link_up(d);

	return (d->s.reg[E_CTRL] & CTRL_FD) | (up ? STATUS_LU : 0) | STATUS_1000;
}

static u32 read_icr(struct ve1000 *d, u64 now)
{
	u32 val = d->s.icr;

	d->s.icr = 0;
	ve1000_update(d, now);
	return val;
}

u32 ve1000_read(struct ve1000 *d, u32 off, u64 now)
{
	struct ve1000_state *s = &d->s;
	int reg = find(off);
	u32 *t = table(s, off);

	if (reg == E_PBA)
		return s->reg[E_PBA] | (TXA_SUM - MIN(s->reg[E_PBA], TXA_SUM)) << 16;
	if (reg >= 0)
		return s->reg[reg];
	if (t)
		return *t;
	if (off - R_STATS < sizeof(s->stats))
		return read_stat(s, (off - R_STATS) / 4);
	switch (off) {
	case R_STATUS: return status(d);
	case R_EECD: return ve1000_eeprom_eecd(s);
	case R_ICR: return read_icr(d, now);
	case R_IMS: return s->ims;
	default: return 0;
	}
}

/* ---- writing ---- */

static void write_ctrl(struct ve1000 *d, u32 old, u32 val, u64 now)
{
	if (val & CTRL_RST) {
		ve1000_regs_reset(d);
		ve1000_update(d, now);
	} else if ((val & CTRL_PHY_RST) && !(old & CTRL_PHY_RST)) {
		ve1000_phy_reset(&d->s);
	}
	ve1000_link_check(d, now);
}

static void load_address(struct ve1000_state *s)
{
	s->ra[0] = s->eeprom[0] | (u32)s->eeprom[1] << 16;
	s->ra[1] = s->eeprom[2] | RAH_AV;
}

static void write_eerd(struct ve1000_state *s, u32 val)
{
	u32 at = val >> 8 & 0xff;

	s->reg[E_EERD] = at << 8;
	if (val & EERD_START)
		s->reg[E_EERD] |= EERD_DONE | (u32)(at < VE1000_EEPROM ? s->eeprom[at] : 0xffff) << 16;
}

static void work_wanted(struct ve1000 *d)
{
	if (ve1000_has_work(d))
		d->cfg.kick(d->cfg.arg);
}

/* What follows from it: old is what the register had. */
static void reg_written(struct ve1000 *d, enum ve1000_reg reg, u32 old, u32 val, u64 now)
{
	switch (reg) {
	case E_CTRL: write_ctrl(d, old, val, now); break;
	case E_EERD: write_eerd(&d->s, val); break;
	case E_CTRL_EXT:
		if (val & CTRL_EXT_EE_RST) {
			ve1000_eeprom_reset(&d->s);
			load_address(&d->s);
		}
		break;
	case E_MDIC: ve1000_phy_access(d, val, now); break;
	case E_ITR: ve1000_update(d, now); break;
	case E_RDTR:
		if (val & RDTR_FPD)
			ve1000_flush_rx(d, now);
		break;
	case E_TIDV:
		if (val & RDTR_FPD)
			ve1000_flush_tx(d, now);
		break;
	case E_TCTL:
		if (!(val & TCTL_EN))
			ve1000_tx_forget(&d->s);
		work_wanted(d);
		break;
	case E_RCTL:
	case E_RDT:
	case E_TDT: work_wanted(d); break;
	default: break;
	}
}

static void write_special(struct ve1000 *d, u32 off, u32 val, u64 now)
{
	switch (off) {
	case R_EECD: ve1000_eeprom_write(&d->s, val); return;
	case R_ICR: d->s.icr &= ~val; break;
	case R_ICS: d->s.icr |= val & ICR_CAUSES; break;
	case R_IMS: d->s.ims |= val & ICR_CAUSES; break;
	case R_IMC: d->s.ims &= ~val; break;
	default: return;
	}
	ve1000_update(d, now);
}

void ve1000_write(struct ve1000 *d, u32 off, u32 val, u64 now)
{
	struct ve1000_state *s = &d->s;
	int reg = find(off);
	u32 *t = reg < 0 ? table(s, off) : NULL;

	if (reg >= 0) {
		u32 old = s->reg[reg];

		s->reg[reg] = (old & ~regs[reg].write) | (val & regs[reg].write);
		reg_written(d, (enum ve1000_reg)reg, old, val, now);
	} else if (t) {
		*t = off - R_RA < sizeof(s->ra) && (off & 4) ? val & RAH_BITS : val;
	} else {
		write_special(d, off, val, now);
	}
}

void ve1000_regs_reset(struct ve1000 *d)
{
	struct ve1000_state *s = &d->s;

	for (u32 i = 0; i < VE1000_NR_REGS; i++)
		s->reg[i] = regs[i].reset;
	memset(s->ra, 0, sizeof(s->ra));
	memset(s->mta, 0, sizeof(s->mta));
	memset(s->vfta, 0, sizeof(s->vfta));
	memset(s->stats, 0, sizeof(s->stats));
	memset(s->ctx, 0, sizeof(s->ctx));
	s->ioaddr = 0;
	s->rx_off = 0;
	ve1000_tx_forget(s);
	ve1000_eeprom_reset(s);
	load_address(s);
	ve1000_irq_reset(d);
}

bool ve1000_regs_valid(const struct ve1000_state *s, struct state_check *c)
{
	for (u32 i = 0; i < VE1000_NR_REGS; i++)
		if (i != E_EERD && i != E_MDIC && (s->reg[i] & ~regs[i].write) != (regs[i].reset & ~regs[i].write))
			return state_refuse(c, "reg", i, "is the number of a register with bits that it lacks");
	for (u32 i = 1; i < VE1000_RA; i += 2)
		if (s->ra[i] & ~RAH_BITS)
			return state_refuse(c, "ra", s->ra[i], "has bits that the register lacks");
	if ((s->icr | s->ims) & ~ICR_CAUSES)
		return state_refuse(c, "icr", s->icr | s->ims, "or ims has causes that there are not");
	if (s->rx_off > NET_FRAME_MAX + FCS_LEN)
		return state_refuse(c, "rx_off", s->rx_off, "is beyond the longest frame");
	return true;
}
