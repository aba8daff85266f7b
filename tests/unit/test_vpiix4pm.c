/* The PC's power management function: as the PIIX4 data sheet (290562) has it, and as firmware sets it up. */
#include "chipset_rig.h"
#include "suite.h"
#include "vmm/dev/pci/vpiix4pm.h"

#define PM  0x600 /* where SeaBIOS puts it */
#define SMB 0x700
#define PM2 0xb000 /* and OVMF */
#define GPE 0xafe0

static struct chipset_rig rig;
static struct vpm pm;
static struct vpiix4pm d;
static struct vpci_dev fn0;
static u32 sleeps;

static void on_sleep(void *arg, u8 typ)
{
	sleeps++;
}

static u32 rd(u32 off, u8 size)
{
	return chipset_rd(&rig, 1, 3, off, size);
}

static void wr(u32 off, u8 size, u32 v)
{
	chipset_wr(&rig, 1, 3, off, size, v);
}

static u32 in(u32 port, u8 size)
{
	return chipset_in(&rig, port, size);
}

static void out(u32 port, u8 size, u32 v)
{
	chipset_out(&rig, port, size, v);
}

static void reset(void)
{
	vpci_ops.reset(&rig.pci, rig.now);
	vpm_ops.reset(&pm, rig.now);
	vpiix4pm_ops.reset(&d, rig.now);
}

static void setup(void)
{
	static const struct vpm_cfg pm_cfg = { .sleep = on_sleep, .piix4 = true };
	static const struct vpiix4pm_cfg cfg = { .at = { 1, 3 }, .vpm = &pm };

	sleeps = 0;
	chipset_init(&rig);
	ck_assert_int_eq(vpm_ops.attach(&pm, &rig.env, &pm_cfg), OK);
	vpci_host_bridge_init(&fn0, 1, 2);
	ck_assert_int_eq(vpci_attach(&rig.pci, &fn0, 1, 0), OK);
	ck_assert_int_eq(vpiix4pm_ops.attach(&d, &rig.env, &cfg), OK);
	reset();
}

/* As SeaBIOS does: registers at 600h, the SMBus behind them. */
static void firmware(void)
{
	wr(0x40, 4, PM | 1);
	wr(0x80, 1, 1);
	wr(0x90, 4, SMB | 1);
	wr(0xd2, 1, 9);
	wr(0x04, 2, 1);
}

START_TEST(identity)
{
	setup();
	ck_assert_uint_eq(rd(0x00, 4), 0x71138086);
	ck_assert_uint_eq(rd(0x04, 4), 0x02800000);
	ck_assert_uint_eq(rd(0x08, 4), 0x06800003);
	ck_assert_uint_eq(rd(0x3c, 4), 0x00000100);
	wr(0x04, 2, 0xffff);
	ck_assert_uint_eq(rd(0x04, 2), 0x0009);
	wr(0x3c, 1, 9);
	ck_assert_uint_eq(rd(0x3c, 1), 9);
	for (u32 bar = 0x10; bar < 0x34; bar += 4)
		for (u32 i = 0; i < 4; i++)
			ck_assert_uint_eq(chipset_writable(&rig, 1, 3, bar + i), 0);
}
END_TEST

START_TEST(power_on_values)
{
	setup();
	for (u32 round = 0; round < 2; round++) {
		for (u32 off = 0x40; off < 0x100; off += 4) {
			u32 want = off == 0x40 || off == 0x90 ? 1 : off == 0x58 ? 0x02000000 : 0;

			ck_assert_uint_eq(rd(off, 4), want);
		}
		for (u32 off = 0x40; off < 0x100; off += 4)
			wr(off, 4, 0xffffffff);
		ck_assert_uint_eq(rd(0x40, 4), 0xffc1);
		ck_assert_uint_eq(rd(0x58, 4), 0xffffffff);
		ck_assert_uint_eq(rd(0x80, 4), 1);
		ck_assert_uint_eq(rd(0x90, 4), 0xfff1);
		ck_assert_uint_eq(rd(0xd0, 4), 0xff0f0000);
		ck_assert_uint_eq(rd(0xd4, 4), 0x0000ffff);
		reset();
	}
}
END_TEST

/* Nothing is there before it is enabled; then it is where the register says, and nowhere else. */
START_TEST(base)
{
	setup();
	ck_assert_uint_eq(in(PM + 8, 4), 0xffffffff);
	ck_assert_uint_eq(vpiix4pm_base(&d), 0);
	wr(0x40, 4, PM);
	ck_assert_uint_eq(in(PM + 4, 2), 0xffff);
	wr(0x80, 1, 1);
	ck_assert_uint_eq(in(PM + 4, 2), 0);
	ck_assert_uint_eq(vpiix4pm_base(&d), PM);
	rig.now = 1000000000;
	ck_assert_uint_eq(in(PM + 8, 4), 3579545);
	ck_assert_uint_eq(in(PM - 1, 1), 0xff);
	ck_assert_uint_eq(in(PM + 64, 1), 0xff);
	/* It moves, with what is in it. */
	out(PM + 2, 2, PM1_PWRBTN);
	wr(0x40, 4, PM2);
	ck_assert_uint_eq(in(PM + 2, 2), 0xffff);
	ck_assert_uint_eq(in(PM2 + 2, 2), PM1_PWRBTN);
	ck_assert_uint_eq(vpiix4pm_base(&d), PM2);
	/* Byte by byte, as some write it. */
	wr(0x41, 1, PM >> 8);
	ck_assert_uint_eq(in(PM + 2, 2), PM1_PWRBTN);
	/* Not to 0, and not over others: 0CC0h would hold CF8h. */
	wr(0x40, 4, 0);
	ck_assert_uint_eq(vpiix4pm_base(&d), 0);
	wr(0x40, 4, 0xcc0);
	ck_assert_uint_eq(vpiix4pm_base(&d), 0);
	ck_assert_uint_eq(rd(0x40, 4), 0xcc1);
	wr(0x40, 4, 0xffc0);
	ck_assert_uint_eq(vpiix4pm_base(&d), 0xffc0);
	wr(0x80, 1, 0);
	ck_assert_uint_eq(in(0xffc0, 2), 0xffff);
	/* Firmware's assignment of BARs does not touch it. */
	firmware();
	ck_assert_int_eq(vpci_assign(&rig.pci, 0xc0000000, 0xd0000000, 0xc000, 0x10000), OK);
	ck_assert_uint_eq(vpiix4pm_base(&d), PM);
	reset();
	ck_assert_uint_eq(in(PM + 2, 2), 0xffff);
	vpiix4pm_ops.detach(&d);
	vpm_ops.detach(&pm);
	ck_assert_uint_eq(rig.pio.nr, 2);
}
END_TEST

static void no_io(void *dev, struct io_access *io) {}

START_TEST(descriptions_of_ports)
{
	static const struct {
		u32 index, size;
		u8 base_reg;
		int result;
	} tries[] = { { 6, 64, 0x40, ERR_INVAL }, { 0, 2, 0x40, ERR_INVAL },  { 0, 512, 0x40, ERR_INVAL },
		      { 0, 48, 0x40, ERR_INVAL }, { 0, 64, 0x3c, ERR_INVAL }, { 0, 256, 0x40, OK },
		      { 0, 64, 0x44, ERR_EXIST }, { 2, 64, 0x44, ERR_EXIST }, { 3, 4, 0x44, OK } };
	struct vpci_dev f;

	vpci_dev_init(&f, "f", 1, 2, 0x060000, 0, 0);
	/* The upper half of a BAR of 64 bits is taken, too. */
	ck_assert_int_eq(vpci_bar_init(&f, 1, VPCI_BAR_MEM64, 16, false, no_io, NULL), OK);
	for (u32 i = 0; i < ARRAY_SIZE(tries); i++) {
		struct vpci_ports p = { .size = tries[i].size, .base_reg = tries[i].base_reg, .enable_reg = 0x50 };

		ck_assert_int_eq(vpci_ports_init(&f, tries[i].index, &p, no_io, NULL), tries[i].result);
		ck_assert_int_eq(vpci_ports_init(&f, 5, &p, NULL, NULL), ERR_INVAL);
	}
	ck_assert_int_eq(vpci_bar_init(&f, 4, VPCI_BAR_PORTS, 16, false, no_io, NULL), ERR_INVAL);
	ck_assert_uint_eq(vpci_cfg_get(&f, 0x40, 2), 1);
	ck_assert(f.wmask[0x40] == 0 && f.wmask[0x41] == 0xff && f.wmask[0x44] == 0xfc);
}
END_TEST

START_TEST(fixed_hardware)
{
	setup();
	firmware();
	/* SCI_EN is the guest's to write here, and the command port's as well. */
	out(PM + 4, 2, PM1_SCI_EN);
	ck_assert_uint_eq(in(PM + 4, 2), PM1_SCI_EN);
	out(PM + 4, 2, 0);
	ck_assert_uint_eq(in(PM + 4, 2), 0);
	out(VPM_SMI_CMD, 1, VPM_ACPI_ENABLE);
	ck_assert_uint_eq(in(PM + 4, 2), PM1_SCI_EN);
	out(VPM_SMI_CMD + 1, 1, 0x77);
	ck_assert_uint_eq(in(VPM_SMI_CMD, 2), 0x7700 | VPM_ACPI_ENABLE);
	out(PM + 2, 2, PM1_PWRBTN);
	vpm_power_button(&pm, 0);
	ck_assert_uint_eq(fake_irq_lines(&rig.irq), 1u << 9);
	ck_assert_uint_eq(in(PM, 2), PM1_PWRBTN);
	out(PM, 2, PM1_PWRBTN);
	ck_assert_uint_eq(fake_irq_lines(&rig.irq), 0);
	out(PM + 4, 2, PM1_SLP_EN);
	ck_assert_uint_eq(sleeps, 1);
	/* General-purpose events have their own place, whatever the base. */
	ck_assert_uint_eq(in(PM + 0x20, 4), 0);
	out(PM + 4, 2, PM1_SCI_EN);
	out(GPE + 2, 2, 2);
	vpm_raise_gpe(&pm, 1);
	ck_assert_uint_eq(fake_irq_lines(&rig.irq), 1u << 9);
	ck_assert_uint_eq(in(GPE, 4), 0x00020002);
	out(GPE, 2, 2);
	ck_assert_uint_eq(fake_irq_lines(&rig.irq), 0);
	ck_assert_uint_eq(in(0x620, 4), 0); /* the block's own GLBEN */
	reset();
	ck_assert_uint_eq(in(GPE, 4), 0);
}
END_TEST

START_TEST(other_registers)
{
	setup();
	firmware();
	ck_assert_uint_eq(in(PM + 0x0c, 4), 0);
	ck_assert_uint_eq(in(PM + 0x14, 2), 0); /* PLVL2, PLVL3: nothing stops */
	ck_assert_uint_eq(in(PM + 0x30, 4), 0x003fffff);
	ck_assert_uint_eq(in(PM + 0x34, 4), 0x7fffbfff);
	out(PM + 0x34, 4, 0xdeadbeef);
	ck_assert_uint_eq(in(PM + 0x34, 4), 0x5eadbeef);
	ck_assert_uint_eq(in(PM + 0x35, 1), 0xbe);
	out(PM + 0x30, 4, 0);
	ck_assert_uint_eq(in(PM + 0x30, 4), 0x003fffff);
	out(PM + 0x28, 4, 0xffffffff);
	ck_assert_uint_eq(in(PM + 0x28, 4), 0x07ffffff);
	for (u32 off = 0x38; off < 0x40; off += 4) {
		out(PM + off, 4, 0xffffffff);
		ck_assert_uint_eq(in(PM + off, 4), 0);
	}
	/* Across the seam: the timer's last byte, and the next register's first. */
	rig.now = 1000000000000ull;
	ck_assert_uint_eq(in(PM + 0x0b, 2), in(PM + 0x0b, 1));
	out(PM + 0x0d, 2, 0x0100); /* GPEN's first byte */
	ck_assert_uint_eq(in(PM + 0x0d, 2), 0x0100);
	reset();
	firmware();
	ck_assert_uint_eq(in(PM + 0x34, 4), 0x7fffbfff);
	ck_assert_uint_eq(in(PM + 0x28, 4), 0);
}
END_TEST

/* As a driver looks for devices: every address, every protocol. */
START_TEST(smbus)
{
	setup();
	wr(0x90, 4, SMB | 1);
	wr(0xd2, 1, 9);
	ck_assert_uint_eq(in(SMB, 1), 0xff); /* ports are not enabled in the command register */
	wr(0x04, 2, 1);
	ck_assert_uint_eq(in(SMB, 1), 0);
	ck_assert_uint_eq(in(SMB + 16, 1), 0xff);
	for (u32 addr = 0; addr < 256; addr++) {
		for (u32 protocol = 0; protocol < 8; protocol++) {
			out(SMB + 4, 1, addr);
			out(SMB + 3, 1, 0x55);
			out(SMB + 2, 1, 0x40 | protocol << 2);
			ck_assert_uint_eq(in(SMB, 1), 4); /* done, and nobody answered */
			ck_assert_uint_eq(in(SMB + 2, 1), protocol << 2);
			out(SMB, 1, in(SMB, 1));
			ck_assert_uint_eq(in(SMB, 1), 0);
		}
	}
	ck_assert_uint_eq(in(SMB + 3, 1), 0x55);
	out(SMB + 2, 1, 0x02); /* KILL, with nothing to kill */
	ck_assert_uint_eq(in(SMB, 1), 0);
	/* The buffer, from its start whenever the control register was read. */
	in(SMB + 2, 1);
	for (u32 i = 0; i < 40; i++)
		out(SMB + 7, 1, i);
	in(SMB + 2, 1);
	for (u32 i = 0; i < 33; i++)
		ck_assert_uint_eq(in(SMB + 7, 1), i % 32 < 8 ? 32 + i % 32 : i);
	ck_assert_uint_eq(fake_irq_lines(&rig.irq), 0);
	wr(0xd2, 1, 8);
	ck_assert_uint_eq(in(SMB, 1), 0xff);
}
END_TEST

static const char *refusal(const struct vpiix4pm_state *s, const struct vpci_dev_state *ps)
{
	const void *part[VDEV_PARTS] = { s, ps };
	struct state_check c = { .field = "" };

	ck_assert_int_eq(vpiix4pm_ops.valid(&d, part, &c), !c.field[0]);
	return c.field;
}

START_TEST(states)
{
	struct vpiix4pm_state s;
	struct vpci_dev_state ps;

	setup();
	firmware();
	out(PM + 0x34, 4, 0x12345678);
	out(SMB + 2, 1, 0x40);
#define STATE(change, field)                               \
	do {                                               \
		s = d.s;                                   \
		ps = d.pci.s;                              \
		change;                                    \
		ck_assert_str_eq(refusal(&s, &ps), field); \
	} while (0)
	STATE((void)0, "");
	STATE(s.pm[0x37] |= 0x80, "pm");
	STATE(s.pm[0] = 1, "pm");
	STATE(s.smb[0] = 1, "smb");
	STATE(s.smb[2] |= 0x40, "smb");
	STATE(s.block_at = 32, "");
	STATE(s.block_at = 33, "block_at");
	STATE(ps.cfg[0x40] = 0, "cfg");
	STATE(ps.cfg[0x80] = 0, "decoded");
	STATE(ps.cfg[0x41] = 7, "decoded"); /* both at one place */
	STATE(ps.decoded = 0, "");
	STATE((void)0, "");
#undef STATE
	reset();
	ck_assert_uint_eq(in(PM + 4, 2), 0xffff);
	d.s = s;
	d.pci.s = ps;
	vpci_ops.restored(&rig.pci, 0);
	vpiix4pm_ops.restored(&d, 0);
	ck_assert_uint_eq(vpiix4pm_base(&d), PM);
	ck_assert_uint_eq(in(PM + 0x34, 4), 0x12345678);
	ck_assert_uint_eq(in(SMB, 1), 4);
}
END_TEST

SUITE_MAIN("vpiix4pm", identity, power_on_values, base, descriptions_of_ports, fixed_hardware, other_registers, smbus,
           states)
