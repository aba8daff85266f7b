/* e1000: its PHY, by MDIC, and the link. IEEE 802.3 clause 22 has the first 16 registers, the manual Marvell's own. */
#include "vmm/dev/pci/ve1000_priv.h"

#define MDIC_DATA  0xffffu
#define MDIC_OP    (3u << 26)
#define MDIC_WRITE (1u << 26)
#define MDIC_READ  (2u << 26)
#define MDIC_READY BIT32(28)
#define MDIC_INT   BIT32(29)
#define MDIC_ERROR BIT32(30)
#define MDIC_GUEST 0x2fffffffu /* what is written stays to be read */
#define OUR_PHY    1u

enum phy_reg {
	P_CONTROL = 0,
	P_STATUS = 1,
	P_ID1 = 2,
	P_ID2 = 3,
	P_ADVERTISE = 4,
	P_PARTNER = 5,
	P_EXPANSION = 6,
	P_NEXT_PAGE = 7,
	P_1000_CONTROL = 9,
	P_1000_STATUS = 10,
	P_EXT_STATUS = 15,
	P_M_CONTROL = 16,
	P_M_STATUS = 17,
	P_M_INT_ENABLE = 18,
	P_M_EXT_CONTROL = 20,
	P_M_ERRORS = 21,
	P_M_LED = 24,
	P_M_PAGE = 29,
	P_M_GENERAL = 30,
};

#define CONTROL_RESET   0x8000u
#define CONTROL_RESTART 0x0200u
#define CONTROL_OFF     0x0800u

static const u16 phy_reset[VE1000_PHY] = {
	[P_CONTROL] = 0x1140,                     /* negotiates, full duplex, 1000 Mb/s */
	[P_STATUS] = 0x7949,    [P_ID1] = 0x0141, /* Marvell */
	[P_ID2] = 0x0c20,                         /* 88E1011 */
	[P_ADVERTISE] = 0x0de1, [P_NEXT_PAGE] = 0x2001,     [P_1000_CONTROL] = 0x0e00, [P_EXT_STATUS] = 0x3000,
	[P_M_CONTROL] = 0x0360, [P_M_EXT_CONTROL] = 0x0d60, [P_M_LED] = 0x4100,
};
/* What the other side says, and what comes of it, while the link is up. */
static const u16 phy_up[VE1000_PHY] = {
	[P_STATUS] = 0x0024,      [P_PARTNER] = 0x45e1,  [P_EXPANSION] = 0x0003,
	[P_1000_STATUS] = 0x3c00, [P_M_STATUS] = 0xac00,
};
static const u16 phy_write[VE1000_PHY] = {
	[P_CONTROL] = 0x7dc0,   [P_ADVERTISE] = 0xffff,    [P_NEXT_PAGE] = 0xbfff, [P_1000_CONTROL] = 0xff00,
	[P_M_CONTROL] = 0xffff, [P_M_INT_ENABLE] = 0xffff, [P_M_LED] = 0xffff,     [P_M_EXT_CONTROL] = 0xffff,
	[P_M_PAGE] = 0x001f,    [P_M_GENERAL] = 0xffff,
};

void ve1000_phy_reset(struct ve1000_state *s)
{
	memcpy(s->phy, phy_reset, sizeof(s->phy));
}

bool ve1000_link_up(const struct ve1000 *d)
{
	return (d->s.reg[E_CTRL] & CTRL_SLU) && !(d->s.reg[E_CTRL] & CTRL_PHY_RST) &&
	       !(d->s.phy[P_CONTROL] & CONTROL_OFF) && net_link(&d->cfg.net);
}

void ve1000_link_check(struct ve1000 *d, u64 now)
{
	bool up = ve1000_link_up(d);

	if (up == d->s.link)
		return;
	d->s.link = up;
	ve1000_raise(d, ICR_LSC, now);
}

static u16 read_phy(const struct ve1000 *d, u32 reg)
{
	return d->s.phy[reg] | (ve1000_link_up(d) ? phy_up[reg] : 0);
}

static void write_phy(struct ve1000 *d, u32 reg, u16 val)
{
	if (reg == P_CONTROL && (val & CONTROL_RESET)) {
		ve1000_phy_reset(&d->s);
		return;
	}
	/* Negotiating takes no time: the restart bit is 0 again at once. */
	d->s.phy[reg] = (d->s.phy[reg] & (u16)~phy_write[reg]) | (val & phy_write[reg]);
}

void ve1000_phy_access(struct ve1000 *d, u32 val, u64 now)
{
	u32 reg = val >> 16 & 31, phy = val >> 21 & 31, op = val & MDIC_OP;
	u32 answer = (val & MDIC_GUEST) | MDIC_READY;

	if (phy != OUR_PHY || (op != MDIC_READ && op != MDIC_WRITE))
		answer |= MDIC_ERROR;
	else if (op == MDIC_READ)
		answer = (answer & ~MDIC_DATA) | read_phy(d, reg);
	else
		write_phy(d, reg, (u16)val);
	d->s.reg[E_MDIC] = answer;
	if (val & MDIC_INT)
		ve1000_raise(d, ICR_MDAC, now);
	ve1000_link_check(d, now);
}
