/* e1000: the function, its registers, EEPROM, PHY and link, interrupts and their delays, statistics, states. */
#include "quick_check.h"

#include "state_bad.h"
#include "state_subjects_net.h"
#include "ve1000_rig.h"

enum {
	CTRL = 0,
	STATUS = 8,
	EECD = 0x10,
	EERD = 0x14,
	CTRL_EXT = 0x18,
	MDIC = 0x20,
	ICR = 0xc0,
	ITR = 0xc4,
	ICS = 0xc8,
	IMS = 0xd0,
	IMC = 0xd8,
	RCTL = 0x100,
	TCTL = 0x400,
	RDTR = 0x2820,
	TIDV = 0x3820,
	RAL = 0x5400,
	RAH = 0x5404
};
enum { SK = 1, CS = 2, DI = 4, DO = 8, REQ = 0x40, GNT = 0x80, PRES = 0x100 };

#define SLU     0x40u
#define LU      0x02u
#define LSC     0x04u
#define PHY_RD  (2u << 26 | 1u << 21)
#define PHY_WR  (1u << 26 | 1u << 21)
#define READY   (1u << 28)
#define INVALID (1u << 30)

static struct nic_rig r;

START_TEST(identity)
{
	u64 v;

	nic_rig_init(&r, false);
	ck_assert_uint_eq(vpci_cfg_read(&r.pci, 5, 0, 0, 4, 0), 0x100e8086);
	ck_assert_uint_eq(vpci_cfg_read(&r.pci, 5, 0, 8, 4, 0), 0x02000002);
	ck_assert_uint_eq(vpci_cfg_read(&r.pci, 5, 0, 0x2c, 4, 0), 0x001e8086);
	vpci_cfg_write(&r.pci, 5, 0, 0x10, 4, ~0u, 0);
	ck_assert_uint_eq(vpci_cfg_read(&r.pci, 5, 0, 0x10, 4, 0), 0xfffe0000);
	vpci_cfg_write(&r.pci, 5, 0, 0x10, 4, (u32)NIC_BAR, 0);
	vpci_cfg_write(&r.pci, 5, 0, 0x18, 4, ~0u, 0);
	ck_assert_uint_eq(vpci_cfg_read(&r.pci, 5, 0, 0x18, 4, 0), 0xffffffc1);
	/* Its ROM, as large as that takes; behind its end it is empty. */
	vpci_cfg_write(&r.pci, 5, 0, 0x30, 4, ~0u, 0);
	ck_assert_uint_eq(vpci_cfg_read(&r.pci, 5, 0, 0x30, 4, 0), 0xfffff001);
	vpci_cfg_write(&r.pci, 5, 0, 0x30, 4, 0xd0000001, 0);
	ck_assert(io_bus_access(&r.mmio, 0xd0000000, 4, false, &v, 0) && v == 0x0006aa55);
	ck_assert(io_bus_access(&r.mmio, 0xd0000000 + 2998, 4, false, &v, 0) && v == 0xffff0000);
}
END_TEST

START_TEST(sizes_and_ports)
{
	u64 v = 0x11223344;

	nic_rig_init(&r, false);
	nic_wr(&r, 0x28, 0xaabbccdd);
	nic_wr(&r, 0x2c, 0x12345678);
	ck_assert_uint_eq(nic_rd(&r, 0x2c), 0x5678);
	ck_assert(io_bus_access(&r.mmio, NIC_BAR + 0x28, 8, false, &v, 0) && v == 0x00005678aabbccdd);
	ck_assert(io_bus_access(&r.mmio, NIC_BAR + 0x29, 1, false, &v, 0) && v == 0xcc);
	ck_assert(io_bus_access(&r.mmio, NIC_BAR + 0x2a, 2, false, &v, 0) && v == 0xaabb);
	/* Written in parts it stays as it is. */
	v = 1;
	ck_assert(io_bus_access(&r.mmio, NIC_BAR + 0x28, 2, true, &v, 0));
	ck_assert(io_bus_access(&r.mmio, NIC_BAR + 0x2a, 4, true, &v, 0));
	ck_assert_uint_eq(nic_rd(&r, 0x28), 0xaabbccdd);
	v = 0x99887766;
	ck_assert(io_bus_access(&r.mmio, NIC_BAR + 0x28, 8, true, &v, 0));
	ck_assert_uint_eq(nic_rd(&r, 0x28), 0x99887766);
	ck_assert_uint_eq(nic_rd(&r, 0x2c), 0);
	/* The same by its ports; beyond the registers there is nothing. */
	v = 0x28;
	ck_assert(io_bus_access(&r.rig.pio, NIC_PORT, 4, true, &v, 0));
	ck_assert(io_bus_access(&r.rig.pio, NIC_PORT, 4, false, &v, 0) && v == 0x28);
	ck_assert(io_bus_access(&r.rig.pio, NIC_PORT + 4, 4, false, &v, 0) && v == 0x99887766);
	v = 5;
	ck_assert(io_bus_access(&r.rig.pio, NIC_PORT + 4, 4, true, &v, 0));
	ck_assert_uint_eq(nic_rd(&r, 0x28), 5);
	v = 0x20000;
	ck_assert(io_bus_access(&r.rig.pio, NIC_PORT, 4, true, &v, 0));
	ck_assert(io_bus_access(&r.rig.pio, NIC_PORT + 4, 4, false, &v, 0) && v == 0);
}
END_TEST

/* What Linux' offline test of registers takes for granted: bits that are kept, and no others. */
START_TEST(register_bits)
{
	static const struct {
		u32 at, bits;
	} regs[] = {
		{ 0x28, ~0u },          { 0x2c, 0xffff },       { 0x30, 0xffff },     { 0x38, 0xffff },
		{ RDTR, 0xffff },       { 0x2804, ~0u },        { 0x2808, 0xfff80 },  { 0x2810, 0xffff },
		{ 0x2818, 0xffff },     { 0x2168, 0xfff8 },     { 0x170, 0xffff },    { 0x410, 0x3fffffff },
		{ 0x3804, ~0u },        { 0x3808, 0xfff80 },    { RCTL, 0x06dfb3fe }, { 0x2800, 0xfffffff0 },
		{ 0x178, 0xc000ffff },  { 0x3800, 0xfffffff0 }, { TIDV, 0xffff },     { 0x5408, ~0u },
		{ 0x540c, 0x8003ffff }, { 0x547c, 0x8003ffff }, { 0x5200, ~0u },      { 0x53fc, ~0u },
		{ 0x57fc, ~0u },
	};
	static const u32 patterns[] = { 0x5a5a5a5a, 0xa5a5a5a5, 0, 0x7fffffff };

	nic_rig_init(&r, false);
	for (u32 i = 0; i < ARRAY_SIZE(regs); i++)
		for (u32 k = 0; k < ARRAY_SIZE(patterns); k++) {
			nic_wr(&r, regs[i].at, patterns[k]);
			ck_assert_msg(nic_rd(&r, regs[i].at) == (patterns[k] & regs[i].bits), "register %#x: %#x",
			              regs[i].at, nic_rd(&r, regs[i].at));
		}
	/* CTRL's reset puts all back; what is nowhere is 0. */
	nic_wr(&r, CTRL, 1u << 26);
	ck_assert_uint_eq(nic_rd(&r, 0x28), 0);
	ck_assert_uint_eq(nic_rd(&r, 0x38), 0x8100);
	ck_assert_uint_eq(nic_rd(&r, 0x5200), 0);
	ck_assert_uint_eq(nic_rd(&r, CTRL), 0x201);
	ck_assert_uint_eq(nic_rd(&r, 0x1000), 0x00100030);
	nic_wr(&r, 0x1ff00, 7);
	ck_assert_uint_eq(nic_rd(&r, 0x1ff00), 0);
	/* The address comes from the EEPROM. */
	ck_assert_uint_eq(nic_rd(&r, RAL), 0x12005452);
	ck_assert_uint_eq(nic_rd(&r, RAH), 0x80005634);
}
END_TEST

/* ---- EEPROM ---- */

static void ee_bits(u32 val, u32 nr)
{
	while (nr--) {
		u32 di = val >> nr & 1 ? DI : 0;

		nic_wr(&r, EECD, REQ | CS | di);
		nic_wr(&r, EECD, REQ | CS | di | SK);
		nic_wr(&r, EECD, REQ | CS | di);
	}
}
static u32 ee_word(void)
{
	u32 val = 0;

	for (u32 i = 0; i < 16; i++) {
		nic_wr(&r, EECD, REQ | CS | SK);
		val = val << 1 | !!(nic_rd(&r, EECD) & DO);
		nic_wr(&r, EECD, REQ | CS);
	}
	return val;
}
static void ee_standby(void)
{
	nic_wr(&r, EECD, REQ);
	nic_wr(&r, EECD, REQ | CS);
}

START_TEST(eeprom)
{
	u16 sum = 0;

	nic_rig_init(&r, false);
	ck_assert_uint_eq(nic_rd(&r, EECD) & (GNT | PRES | REQ), PRES);
	nic_wr(&r, EECD, REQ);
	ck_assert_uint_eq(nic_rd(&r, EECD) & (GNT | PRES | REQ), PRES | REQ | GNT);
	/* Read from word 0 on, all of it, in one go: around its end it begins anew. */
	ee_standby();
	ck_assert_uint_eq(nic_rd(&r, EECD) & DO, DO);
	ee_bits(6, 3);
	ee_bits(0, 6);
	ck_assert_uint_eq(nic_rd(&r, EECD) & DO, 0);
	for (u32 i = 0; i < VE1000_EEPROM; i++) {
		u16 word = (u16)ee_word();

		sum += word;
		nic_wr(&r, EERD, i << 8 | 1);
		ck_assert_uint_eq(nic_rd(&r, EERD), (u32)word << 16 | i << 8 | 0x10);
	}
	ck_assert_uint_eq(sum, 0xbaba);
	ck_assert_uint_eq(ee_word(), 0x5452);
	ck_assert_uint_eq(ee_word(), 0x1200);
	ck_assert_uint_eq(ee_word(), 0x5634);
}
END_TEST

START_TEST(eeprom_is_written)
{
	nic_rig_init(&r, false);
	/* Not before it was enabled. */
	ee_standby();
	ee_bits(5 << 6 | 7, 9);
	ee_bits(0x1234, 16);
	ck_assert_uint_eq(r.nic.s.eeprom[7], 0xffff);
	ee_standby();
	ee_bits(4 << 6 | 0x30, 9);
	ee_standby();
	ee_bits(5 << 6 | 7, 9);
	ee_bits(0x1234, 15);
	ck_assert_uint_eq(r.nic.s.eeprom[7], 0xffff);
	ee_bits(0, 1);
	ck_assert_uint_eq(r.nic.s.eeprom[7], 0x1234 << 1 & 0xffff);
	ee_standby();
	ck_assert_uint_eq(nic_rd(&r, EECD) & DO, DO);
	ee_bits(5 << 6 | 0, 9);
	ee_bits(0x0002, 16);
	/* It outlasts resets, and EE_RST loads what it has now. */
	ck_assert_uint_eq(nic_rd(&r, RAL), 0x12005452);
	nic_wr(&r, CTRL_EXT, 1u << 13);
	ck_assert_uint_eq(nic_rd(&r, RAL), 0x12000002);
	ve1000_ops.reset(&r.nic, 0);
	ck_assert_uint_eq(r.nic.s.eeprom[7], 0x2468);
	ck_assert_int_eq(vpci_assign(&r.pci, NIC_BAR, NIC_BAR + 0x100000, NIC_PORT, 0x10000), OK);
	ck_assert_uint_eq(nic_rd(&r, RAL), 0x12000002);
	/* A word erased, all written, writing switched off. */
	ee_standby();
	ee_bits(4 << 6 | 0x30, 9);
	ee_standby();
	ee_bits(7 << 6 | 7, 9);
	ck_assert(r.nic.s.eeprom[7] == 0xffff && r.nic.s.eeprom[0] == 2);
}
END_TEST

/* ---- PHY and link ---- */

static u32 phy(u32 reg)
{
	u32 v;

	nic_wr(&r, MDIC, PHY_RD | reg << 16);
	v = nic_rd(&r, MDIC);
	ck_assert_uint_eq(v >> 16, (PHY_RD | reg << 16 | READY) >> 16);
	return v & 0xffff;
}
static void phy_write(u32 reg, u32 val)
{
	nic_wr(&r, MDIC, PHY_WR | reg << 16 | val);
}

START_TEST(phy_without_network)
{
	nic_rig_init(&r, false);
	ck_assert_uint_eq(phy(2) << 16 | (phy(3) & 0xfff0), 0x01410c20);
	ck_assert_uint_eq(phy(0), 0x1140);
	ck_assert_uint_eq(phy(1), 0x7949);
	ck_assert_uint_eq(phy(5) | phy(10) | phy(17), 0);
	/* Restart and reset are over at once; what cannot be written is not. */
	phy_write(0, 0x1340);
	ck_assert_uint_eq(phy(0), 0x1140);
	phy_write(4, 0x01e1);
	phy_write(2, 0xffff);
	ck_assert(phy(4) == 0x01e1 && phy(2) == 0x0141);
	phy_write(0, 0x8000);
	ck_assert(phy(4) == 0x0de1 && phy(0) == 0x1140);
	/* Another PHY, an op that is none. */
	nic_wr(&r, MDIC, 2u << 26 | 2u << 21);
	ck_assert_uint_eq(nic_rd(&r, MDIC) & (READY | INVALID), READY | INVALID);
	nic_wr(&r, MDIC, 1u << 21);
	ck_assert_uint_eq(nic_rd(&r, MDIC) & INVALID, INVALID);
	/* Down it stays, and nobody is told of anything. */
	nic_wr(&r, CTRL, SLU | 1);
	ck_assert_uint_eq(nic_rd(&r, STATUS) & (LU | 1), 1);
	ck_assert_uint_eq(nic_rd(&r, ICR), 0);
	/* MDIC's own interrupt. */
	nic_wr(&r, MDIC, PHY_RD | 1u << 29);
	ck_assert_uint_eq(nic_rd(&r, ICR), 0x200);
}
END_TEST

START_TEST(link_comes_and_goes)
{
	nic_rig_init(&r, true);
	ck_assert_ptr_eq(r.front.arg, &r.nic);
	ck_assert_uint_eq(nic_rd(&r, STATUS) & LU, 0);
	nic_wr(&r, CTRL, SLU | 1);
	ck_assert_uint_eq(nic_rd(&r, STATUS) & LU, LU);
	ck_assert_uint_eq(nic_rd(&r, ICR), LSC);
	ck_assert_uint_eq(phy(1), 0x796d);
	ck_assert_uint_eq(phy(17), 0xac00);
	/* The back-end tells, the turn looks. */
	r.link = false;
	r.kicks = 0;
	r.front.changed(r.front.arg);
	ck_assert(r.kicks == 1 && nic_work(&r) == 1);
	ck_assert_uint_eq(nic_rd(&r, ICR), LSC);
	ck_assert_uint_eq(phy(1), 0x7949);
	r.link = true;
	r.front.changed(r.front.arg);
	nic_work(&r);
	ck_assert_uint_eq(nic_rd(&r, ICR), LSC);
	/* Power down is the end of it, too. */
	phy_write(0, 0x1940);
	ck_assert_uint_eq(nic_rd(&r, ICR), LSC);
	ck_assert_uint_eq(nic_rd(&r, STATUS) & LU, 0);
	ve1000_ops.detach(&r.nic);
	ck_assert_ptr_null(r.front.changed);
}
END_TEST

/* ---- interrupts ---- */

START_TEST(interrupts)
{
	nic_rig_init(&r, false);
	nic_wr(&r, ICS, LSC);
	ck_assert(!r.rig.level[NIC_GSI]);
	nic_wr(&r, IMS, LSC | 1);
	ck_assert(r.rig.level[NIC_GSI] && nic_rd(&r, IMS) == (LSC | 1));
	nic_wr(&r, IMC, LSC);
	ck_assert(!r.rig.level[NIC_GSI] && nic_rd(&r, IMS) == 1);
	nic_wr(&r, IMS, LSC);
	ck_assert(r.rig.level[NIC_GSI]);
	ck_assert_uint_eq(nic_rd(&r, ICR), LSC);
	ck_assert(!r.rig.level[NIC_GSI] && nic_rd(&r, ICR) == 0);
	/* Ones clear, ones that are no causes are none. */
	nic_wr(&r, ICS, ~0u);
	ck_assert(r.rig.level[NIC_GSI]);
	nic_wr(&r, ICR, ~(LSC | 2));
	ck_assert(r.rig.level[NIC_GSI] && nic_rd(&r, ICR) == (LSC | 2));
	/* A reset of the device takes it all back. */
	nic_wr(&r, ICS, LSC);
	nic_wr(&r, CTRL, 1u << 26);
	ck_assert(!r.rig.level[NIC_GSI] && nic_rd(&r, ICR) == 0 && nic_rd(&r, IMS) == 0);
}
END_TEST

START_TEST(throttled)
{
	nic_rig_init(&r, false);
	nic_wr(&r, IMS, LSC);
	nic_wr(&r, ITR, 1000); /* 256 us */
	nic_wr(&r, ICS, LSC);
	ck_assert(r.rig.level[NIC_GSI]);
	nic_rd(&r, ICR);
	r.rig.now = 1000;
	nic_wr(&r, ICS, LSC);
	ck_assert(!r.rig.level[NIC_GSI]);
	rig_run_to(&r.rig, 255999);
	ck_assert(!r.rig.level[NIC_GSI]);
	rig_run_to(&r.rig, 256000);
	ck_assert(r.rig.level[NIC_GSI] && r.rig.rise_at[NIC_GSI] == 256000);
	/* Read meanwhile, it does not come at all. */
	nic_rd(&r, ICR);
	nic_wr(&r, ICS, LSC);
	nic_rd(&r, ICR);
	rig_run_to(&r.rig, 2000000);
	ck_assert(!r.rig.level[NIC_GSI] && r.rig.rises[NIC_GSI] == 2);
}
END_TEST

/* ---- states ---- */

static const struct state_bad bad[] = {
	{ "reg[38]=3 ioaddr=0xffffffff tx_cso=9 stats[3]=7", "" },
	{ "reg[9]=1", "reg: 9: is the number of a register with bits that it lacks" },
	{ "reg[0]=0x04000201", "reg: 0: is the number of a register with bits that it lacks" },
	{ "ra[1]=0x40000", "ra: 262144: has bits that the register lacks" },
	{ "icr=0x20", "icr: 32: or ims has causes that there are not" },
	{ "ims=0x80000000", "icr: 2147483648: or ims has causes that there are not" },
	{ "rx_off=16389", "rx_off: 16389: is beyond the longest frame" },
	{ "eecd=0x80", "eecd: 128: has bits that the guest does not drive" },
	{ "ee_phase=5", "ee_phase: 5: is no phase" },
	{ "ee_bits=1", "ee_bits: 1: is more than the phase takes" },
	{ "ee_phase=1 ee_bits=7", "" },
	{ "ee_phase=1 ee_bits=8", "ee_bits: 8: is more than the phase takes" },
	{ "ee_phase=2 ee_bits=16", "ee_bits: 16: is more than the phase takes" },
	{ "ee_addr=64", "ee_addr: 64: or ee_op has bits that the command lacks" },
	{ "ee_op=4", "ee_addr: 0: or ee_op has bits that the command lacks" },
	{ "tx_due=5067107840", "" },
	{ "tx_due=5067107841", "tx_due: 5067107841: is later than the longest delay" },
	{ "rx_latest=6000000000", "rx_latest: 6000000000: is later than the longest delay" },
	{ "itr_until=5016776960", "" },
	{ "itr_until=5016776961", "itr_until: 5016776961: is later than ITR can say" },
	{ "tx_what=1 tx_len=16384", "" },
	{ "tx_what=1 tx_len=16385", "tx_len: 16385: is more than the buffer has room for" },
	{ "tx_popts=4", "tx_popts: 4: has bits that a descriptor lacks" },
	{ "tx_len=1", "tx_what: 0: is of a frame that was not begun" },
	{ "tx_what=8", "tx_what: 8: is of a frame that was not begun" },
	{ "tx_what=0xc1", "tx_what: 193: has nothing ready that can go out" },
	{ "tx_what=0xe1 tx_len=9", "tx_what: 225: has nothing ready that can go out" },
	{ "tx_what=0xc1 tx_len=9", "" },
	{ "tx_what=0x81 tx_len=9", "tx_what: 129: is at its end, and not ready" },
	{ "tx_what=0x41 tx_len=9", "tx_what: 65: is ready before its end" },
	{ "tx_what=5", "tx_what: 5: segments a frame of legacy descriptors" },
	{ "tx_what=7", "ctx: 0: is a segment size that cannot be" },
	{ "tx_what=0x27", "" },
	{ "tx_what=7 ctx[1].mss=16384 ctx[1].hdrlen=1", "ctx: 16384: is a segment size that cannot be" },
	{ "tx_what=7 ctx[1].mss=100 ctx[1].hdrlen=54 tx_left=100 tx_len=154", "" },
	{ "tx_what=7 ctx[1].mss=100 ctx[1].hdrlen=54 tx_left=200 tx_len=155", "tx_len: 155: is more than a segment" },
	{ "tx_what=7 ctx[1].mss=100 ctx[1].hdrlen=54 tx_left=99 tx_len=154", "tx_len: 154: is more than a segment" },
	{ "tx_what=7 ctx[1].mss=100 ctx[1].hdrlen=54 tx_left=0x100000",
	  "tx_left: 1048576: is more than a context can say" },
	{ "tx_what=0x47 ctx[1].mss=100 ctx[1].hdrlen=54 tx_left=100 tx_len=54",
	  "tx_len: 54: is a segment without payload" },
};

START_TEST(states_that_cannot_be)
{
	state_bad_check(&state_subjects_net[0], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

SUITE_MAIN("ve1000", identity, sizes_and_ports, register_bits, eeprom, eeprom_is_written, phy_without_network,
           link_comes_and_goes, interrupts, throttled, states_that_cannot_be)
