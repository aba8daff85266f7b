/* ACPI fixed hardware: the registers as the ACPI specification's "Fixed Hardware Programming Model" has them. */
#include "fake_irq.h"
#include "suite.h"
#include "vmm/dev/pc/vpm.h"
#include "vmm/firmware/tables.h"

#define STS (VPM_BASE)
#define EN  (VPM_BASE + 2)
#define CNT (VPM_BASE + 4)
#define TMR (VPM_BASE + 8)
/* ns until the timer's top bit changes: 2^31 ticks, rounded up to the first ns that shows it. */
#define HALF_NS 599932015941ull

static struct vpm pm;
static struct fake_irq irq;
static struct timerq tq;
static struct io_bus bus;
static struct io_region *store[4];
static u64 now;
static u32 sleeps;
static u8 slept;

static void on_sleep(void *arg, u8 typ)
{
	ck_assert(arg == &pm);
	slept = typ;
	sleeps++;
}

static void start(void)
{
	now = 0;
	sleeps = 0;
	fake_irq_init(&irq);
	timerq_init(&tq, NULL);
	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	vpm_init(&pm, &irq.chip, &tq, on_sleep, &pm);
	ck_assert_int_eq(vpm_attach(&pm, &bus), OK);
	vpm_reset(&pm, now);
}

static u64 in(u32 port, u8 size)
{
	u64 v = 0;

	ck_assert(io_bus_access(&bus, port, size, false, &v, now));
	return v;
}

static void out(u32 port, u8 size, u64 v)
{
	ck_assert(io_bus_access(&bus, port, size, true, &v, now));
}

START_TEST(ports_agree_with_the_tables)
{
	ck_assert_uint_eq(VPM_BASE, FW_PM1A_EVT_PORT);
	ck_assert_uint_eq(CNT, FW_PM1A_CNT_PORT);
	ck_assert_uint_eq(TMR, FW_PM_TMR_PORT);
	ck_assert_uint_eq(VPM_GPE, FW_GPE0_PORT);
	ck_assert_uint_eq(VPM_SMI_CMD, FW_SMI_CMD_PORT);
	ck_assert_uint_eq(VPM_ACPI_ENABLE, FW_ACPI_ENABLE);
	ck_assert_uint_eq(VPM_ACPI_DISABLE, FW_ACPI_DISABLE);
	ck_assert_uint_eq(VPM_SCI, FW_SCI_GSI);
}
END_TEST

START_TEST(attach_is_all_or_nothing)
{
	struct io_region taken = { .base = VPM_SMI_CMD, .len = 1, .fn = (io_fn)abort, .name = "x" };

	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	vpm_init(&pm, &irq.chip, &tq, on_sleep, &pm);
	ck_assert_int_eq(io_bus_add(&bus, &taken), OK);
	ck_assert_int_eq(vpm_attach(&pm, &bus), ERR_EXIST);
	ck_assert_uint_eq(bus.nr, 1);
}
END_TEST

START_TEST(timer_counts)
{
	static const struct {
		u64 ns;
		u32 ticks;
	} at[] = {
		{ 0, 0 },
		{ 279, 0 },
		{ 280, 1 }, /* one tick is 279.365... ns */
		{ 1000000000, 3579545 },
		{ 3600000000000, 1460112 }, /* three times around */
		{ HALF_NS - 1, 0x7fffffff },
		{ HALF_NS, 0x80000000 },
	};

	start();
	for (u32 i = 0; i < ARRAY_SIZE(at); i++) {
		u32 want = at[i].ticks;

		now = at[i].ns;
		ck_assert_uint_eq(in(TMR, 4), want);
		ck_assert_uint_eq(in(TMR, 2), want & 0xffff);
		ck_assert_uint_eq(in(TMR + 3, 1), want >> 24);
	}
	out(TMR, 4, 0); /* read-only */
	ck_assert_uint_eq(in(TMR, 4), 0x80000000);
	ck_assert_uint_eq(tq.head == NULL, true);
}
END_TEST

START_TEST(acpi_mode)
{
	start();
	out(EN, 2, PM1_PWRBTN);
	vpm_power_button(&pm, now);
	ck_assert_uint_eq(in(STS, 2), PM1_PWRBTN);
	ck_assert(!irq.level[VPM_SCI]); /* legacy mode */
	out(CNT, 2, PM1_SCI_EN);
	ck_assert_uint_eq(in(CNT, 2), 0); /* not the guest's to write */
	out(VPM_SMI_CMD, 1, 0x42);        /* not a command */
	ck_assert_uint_eq(in(CNT, 2), 0);
	out(VPM_SMI_CMD, 1, VPM_ACPI_ENABLE);
	ck_assert_uint_eq(in(CNT, 2), PM1_SCI_EN);
	ck_assert(irq.level[VPM_SCI]);
	out(CNT, 2, 0);
	ck_assert_uint_eq(in(CNT, 2), PM1_SCI_EN);
	out(VPM_SMI_CMD, 1, VPM_ACPI_DISABLE);
	ck_assert(!irq.level[VPM_SCI]);
	ck_assert_uint_eq(in(CNT, 2), 0);
	/* The scratch byte beside the command. */
	out(VPM_SMI_CMD + 1, 1, 0x5a);
	ck_assert_uint_eq(in(VPM_SMI_CMD, 2), 0x5a00 | VPM_ACPI_DISABLE);
	out(VPM_SMI_CMD, 2, 0x3300 | VPM_ACPI_ENABLE);
	ck_assert_uint_eq(in(VPM_SMI_CMD + 1, 1), 0x33);
	ck_assert_uint_eq(in(CNT, 2), PM1_SCI_EN);
}
END_TEST

START_TEST(power_button)
{
	start();
	out(VPM_SMI_CMD, 1, VPM_ACPI_ENABLE);
	vpm_power_button(&pm, now);
	ck_assert(!irq.level[VPM_SCI]); /* not enabled */
	out(STS, 2, PM1_PWRBTN);
	ck_assert_uint_eq(in(STS, 2), 0);
	out(EN + 1, 1, PM1_PWRBTN >> 8);
	ck_assert_uint_eq(in(STS, 4), PM1_PWRBTN << 16);
	vpm_power_button(&pm, now);
	ck_assert(irq.level[VPM_SCI]);
	out(STS, 2, 0); /* zeros clear nothing */
	ck_assert(irq.level[VPM_SCI]);
	out(STS, 1, 0xff); /* nor does the other byte */
	ck_assert(irq.level[VPM_SCI]);
	out(STS + 1, 1, 0xff);
	ck_assert(!irq.level[VPM_SCI]);
	ck_assert_uint_eq(irq.changes, 2);
	/* Reserved enables stay zero. */
	out(EN, 2, 0xffff);
	ck_assert_uint_eq(in(EN, 2), PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC);
}
END_TEST

START_TEST(timer_status_without_interrupt)
{
	start();
	now = HALF_NS - 1;
	ck_assert_uint_eq(in(STS, 2), 0);
	now = HALF_NS;
	ck_assert_uint_eq(in(STS, 2), PM1_TMR);
	ck_assert_uint_eq(in(STS, 2), PM1_TMR);
	out(STS, 2, PM1_TMR);
	ck_assert_uint_eq(in(STS, 2), 0);
	now = 5 * HALF_NS; /* several missed: one bit */
	ck_assert_uint_eq(in(STS, 2), PM1_TMR);
	out(STS, 2, PM1_TMR);
	ck_assert_uint_eq(in(STS, 2), 0);
	ck_assert(tq.head == NULL);
}
END_TEST

START_TEST(timer_interrupt)
{
	start();
	out(VPM_SMI_CMD, 1, VPM_ACPI_ENABLE);
	now = 1000;
	out(EN, 2, PM1_TMR);
	ck_assert_uint_eq(timerq_next(&tq), HALF_NS);
	now = HALF_NS;
	ck_assert_uint_eq(timerq_run(&tq, now), 1);
	ck_assert(irq.level[VPM_SCI]);
	ck_assert_uint_eq(timerq_next(&tq), 1199864031882ull); /* 2^32 ticks */
	out(STS, 2, PM1_TMR);
	ck_assert(!irq.level[VPM_SCI]);
	/* A long pause: one interrupt, then the phase goes on. */
	now = 100 * HALF_NS + 12345;
	ck_assert_uint_eq(timerq_run(&tq, now), 1);
	ck_assert(irq.level[VPM_SCI]);
	ck_assert(timerq_next(&tq) > now && timerq_next(&tq) <= now + HALF_NS);
	out(EN, 2, 0);
	ck_assert(!irq.level[VPM_SCI]);
	ck_assert(tq.head == NULL);
	/* Enabling with the status set interrupts at once. */
	out(EN, 2, PM1_TMR);
	ck_assert(irq.level[VPM_SCI]);
}
END_TEST

START_TEST(sleep_types)
{
	start();
	out(CNT, 2, 5 << 10);
	ck_assert_uint_eq(sleeps, 0);
	ck_assert_uint_eq(in(CNT, 2), 5 << 10);
	out(CNT, 2, 5 << 10 | PM1_SLP_EN);
	ck_assert_uint_eq(sleeps, 1);
	ck_assert_uint_eq(slept, 5);
	ck_assert_uint_eq(in(CNT, 2), 5 << 10); /* SLP_EN reads as zero */
	out(CNT + 1, 1, (PM1_SLP_EN | 3 << 10) >> 8);
	ck_assert_uint_eq(sleeps, 2);
	ck_assert_uint_eq(slept, 3);
	out(CNT, 1, 0xff); /* GBL_RLS, BM_RLD, SCI_EN: only BM_RLD is kept */
	ck_assert_uint_eq(in(CNT, 2), 3 << 10 | 2);
	ck_assert_uint_eq(sleeps, 2);
	out(CNT, 4, 0); /* two bytes beyond belong to nobody */
	ck_assert_uint_eq(in(CNT, 4), 0);
}
END_TEST

START_TEST(general_purpose_events)
{
	start();
	out(VPM_SMI_CMD, 1, VPM_ACPI_ENABLE);
	out(VPM_GPE + 2, 2, 0x8002);
	vpm_raise_gpe(&pm, 0);
	ck_assert(!irq.level[VPM_SCI]);
	vpm_raise_gpe(&pm, 15);
	vpm_raise_gpe(&pm, VPM_NR_GPES); /* not there */
	ck_assert(irq.level[VPM_SCI]);
	ck_assert_uint_eq(in(VPM_GPE, 4), 0x80028001);
	ck_assert_uint_eq(in(VPM_GPE + 1, 1), 0x80);
	ck_assert_uint_eq(in(VPM_GPE + 2, 2), 0x8002);
	out(VPM_GPE + 1, 1, 0x80);
	ck_assert(!irq.level[VPM_SCI]);
	ck_assert_uint_eq(in(VPM_GPE, 2), 1);
	out(VPM_GPE + 2, 1, 1);
	ck_assert(irq.level[VPM_SCI]);
	out(VPM_GPE, 4, 0x00000001);
	ck_assert(!irq.level[VPM_SCI]);
	ck_assert_uint_eq(in(VPM_GPE, 4), 0);
}
END_TEST

START_TEST(reset_and_restore)
{
	struct vpm_state saved;

	start();
	out(VPM_SMI_CMD, 1, VPM_ACPI_ENABLE);
	out(EN, 2, PM1_PWRBTN | PM1_TMR);
	vpm_power_button(&pm, now);
	saved = pm.s;
	now = HALF_NS + 7;
	vpm_reset(&pm, now);
	ck_assert(!irq.level[VPM_SCI]);
	ck_assert(tq.head == NULL);
	ck_assert_uint_eq(in(STS, 4), 0); /* the wrap before the reset does not count */
	pm.s = saved;
	vpm_restored(&pm, now);
	ck_assert(irq.level[VPM_SCI]);
	ck_assert(!memcmp(&pm.s, &saved, sizeof(saved)));
	timerq_run(&tq, now); /* of the wrap that came meanwhile */
	ck_assert_uint_eq(in(STS, 2), PM1_PWRBTN | PM1_TMR);
	ck_assert(timerq_next(&tq) > now);
}
END_TEST

SUITE_MAIN("vpm", ports_agree_with_the_tables, attach_is_all_or_nothing, timer_counts, acpi_mode, power_button,
           timer_status_without_interrupt, timer_interrupt, sleep_types, general_purpose_events, reset_and_restore)
