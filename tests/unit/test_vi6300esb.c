/* 6300ESB watchdog: registers, unlocking, both stages in time, locking, free running, reset and restore. */
#include "quick_check.h"

#include "dev_rig.h"
#include "pci_reset.h"
#include "suite.h"
#include "vmm/dev/pci/vi6300esb.h"

#define SLOT   5
#define BAR    0xc0000000ull
#define RELOAD 0x100
#define FLAG   0x200
#define GSI    17 /* INTA of slot 5 */

static struct io_region *mmio_store[4];
static struct io_bus mmio;
static struct rig rig;
static struct vpci pci;
static struct vpci_dev host;
static struct vi6300esb d;
static u32 expiries;
static u64 expired_at;
static bool line;

static void set_line(void *ctx, u32 gsi, bool asserted)
{
	if (gsi == GSI)
		line = asserted;
}

static void expired(void *arg)
{
	ck_assert_ptr_eq(arg, &rig);
	expiries++;
	expired_at = rig.now;
}

static void cfg(u32 reg, u8 size, u32 v)
{
	vpci_cfg_write(&pci, SLOT, 0, reg, size, v, rig.now);
}
static u32 cfg_rd(u32 reg, u8 size)
{
	return vpci_cfg_read(&pci, SLOT, 0, reg, size, rig.now);
}
static u64 rd(u32 off, u8 size)
{
	u64 v = 0;

	ck_assert(io_bus_access(&mmio, BAR + off, size, false, &v, rig.now));
	return v;
}
static void wr(u32 off, u8 size, u64 v)
{
	ck_assert(io_bus_access(&mmio, BAR + off, size, true, &v, rig.now));
}
static void unlock(void)
{
	wr(0xc, 2, 0x80);
	wr(0xc, 2, 0x86);
}
static void preload(u32 first, u32 second)
{
	unlock();
	wr(0, 4, first);
	unlock();
	wr(4, 4, second);
}
static void reload(u16 v)
{
	unlock();
	wr(0xc, 2, v);
}

static void setup(void)
{
	static const struct irqchip_ops ops = { .set_line = set_line };
	static struct irqchip chip = { .ops = &ops };

	rig_init(&rig);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), ~0ull);
	expiries = 0;
	line = false;
	ck_assert_int_eq(vpci_init(&pci, &rig.pio, &mmio, &chip), OK);
	vpci_host_bridge_init(&host, 1, 2);
	ck_assert_int_eq(vpci_attach(&pci, &host, 0, 0), OK);
	ck_assert_int_eq(vi6300esb_init(&d, &rig.tq, expired, &rig), OK);
	ck_assert_int_eq(vpci_attach(&pci, &d.pci, SLOT, 0), OK);
	ck_assert_int_eq(vpci_assign(&pci, BAR, BAR + 0x1000, 0xc000, 0x10000), OK);
}

/* ns of counts at 33 MHz / 2^5 or 2^15, rounded down. */
static u64 ns(u64 counts, bool fast)
{
	return (counts << (fast ? 5 : 15)) * 1000 / 33;
}

START_TEST(identity)
{
	setup();
	ck_assert_uint_eq(cfg_rd(0, 4), 0x25ab8086);
	ck_assert_uint_eq(cfg_rd(8, 4), 0x08800000);
	ck_assert_uint_eq(cfg_rd(0x10, 4), BAR);
	cfg(0x10, 4, 0xffffffff);
	ck_assert_uint_eq(cfg_rd(0x10, 4), 0xfffffff0);
	ck_assert_uint_eq(cfg_rd(0x60, 2), 0);
	cfg(0x60, 4, 0xffffffff);
	ck_assert_uint_eq(cfg_rd(0x60, 4), 0x27);
	cfg(0x68, 4, 0xfffffffc);
	ck_assert_uint_eq(cfg_rd(0x68, 4), 4);
}
END_TEST

START_TEST(unlocking)
{
	static const u16 bad[][3] = { { 0x80, 0x80, 0 }, { 0x86, 0x80, 0 }, { 0x86, 0x86, 0 }, { 0x80, 0x87, 0x86 } };

	setup();
	ck_assert_uint_eq(rd(0, 4), 0xfffff);
	ck_assert_uint_eq(rd(4, 4), 0xfffff);
	ck_assert_uint_eq(rd(8, 4), 0);
	ck_assert_uint_eq(rd(0xc, 2), 0);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		for (u32 k = 0; k < 3; k++)
			wr(0xc, 2, bad[i][k]);
		wr(0, 4, 7);
		ck_assert_uint_eq(rd(0, 4), 0xfffff);
	}
	/* One write a time, 20 bits. */
	unlock();
	wr(0, 4, 0xfff12345);
	wr(4, 4, 1);
	ck_assert_uint_eq(rd(0, 4), 0x12345);
	ck_assert_uint_eq(rd(4, 4), 0xfffff);
	/* The sequence may begin anew at any point. */
	wr(0xc, 2, 0x80);
	unlock();
	unlock();
	wr(4, 4, 0x54321);
	ck_assert_uint_eq(rd(4, 4), 0x54321);
	/* Reads and accesses to other registers' middle do not disturb it. */
	wr(0xc, 2, 0x80);
	rd(0xc, 2);
	wr(0xc, 2, 0x86);
	wr(1, 1, 0xff);
	wr(0, 4, 9);
	ck_assert_uint_eq(rd(0, 4), 9);
	/* Any size of read; what is written in parts is ignored. */
	preload(0x12345, 0x54321);
	ck_assert_uint_eq(rd(0, 8), 0x0005432100012345);
	ck_assert_uint_eq(rd(1, 1), 0x23);
	ck_assert_uint_eq(rd(2, 4), 0x43210001);
	unlock();
	wr(0, 2, 1);
	wr(0, 8, 1);
	wr(0, 4, 1);
	ck_assert_uint_eq(rd(0, 4), 1);
}
END_TEST

/* What Linux' driver does: 30 s are 30 << 9 counts in each stage. */
START_TEST(as_linux_uses_it)
{
	u64 both;

	setup();
	cfg(0x60, 2, 0x0003);
	cfg(0x68, 1, 0);
	unlock();
	ck_assert_uint_eq(rd(0xc, 2) & FLAG, 0);
	reload(FLAG | RELOAD);
	preload(30 << 9, 30 << 9);
	reload(RELOAD);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	reload(RELOAD);
	cfg(0x68, 1, 2);
	both = 2 * ns(30 << 9, false);
	ck_assert_uint_gt(both, 30000000000ull);
	ck_assert_uint_lt(both, 31000000000ull);
	/* Kept alive ten times, late in the second stage. */
	for (u32 i = 0; i < 10; i++) {
		rig_run_to(&rig, rig.now + both - 1000000);
		ck_assert_uint_eq(d.s.stage, 2);
		reload(RELOAD);
		ck_assert_uint_eq(d.s.stage, 1);
	}
	ck_assert_uint_eq(expiries, 0);
	both += rig.now;
	rig_run_to(&rig, both + 1000);
	ck_assert_uint_eq(expiries, 1);
	ck_assert_uint_ge(expired_at, both);
	ck_assert_uint_le(expired_at, both + 2);
	ck_assert_uint_eq(rd(0xc, 2), FLAG);
	ck_assert(!line);
	/* Once only. */
	rig_run_to(&rig, rig.now + 10 * both);
	ck_assert_uint_eq(expiries, 1);
	/* It goes on telling after a reset, until it is cleared. */
	pci_reset_all(&pci);
	vi6300esb_reset(&d);
	ck_assert_uint_eq(cfg_rd(0x68, 1), 0);
	ck_assert_int_eq(vpci_assign(&pci, BAR, BAR + 0x1000, 0xc000, 0x10000), OK);
	ck_assert_uint_eq(rd(0xc, 2), FLAG);
	reload(FLAG);
	ck_assert_uint_eq(rd(0xc, 2), 0);
}
END_TEST

START_TEST(stopping_and_locking)
{
	setup();
	cfg(0x60, 2, 3);
	preload(1000, 1000);
	cfg(0x68, 1, 2);
	rig_run_to(&rig, ns(1500, false));
	ck_assert_uint_eq(d.s.stage, 2);
	cfg(0x68, 1, 0);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	rig_run_to(&rig, ns(9000, false));
	ck_assert_uint_eq(expiries, 0);
	/* Enabling begins with the first stage; enabling again does not. */
	cfg(0x68, 1, 2);
	rig_run_to(&rig, rig.now + ns(1500, false));
	cfg(0x68, 1, 2);
	ck_assert_uint_eq(d.s.stage, 2);
	cfg(0x68, 1, 3);
	cfg(0x68, 1, 0);
	cfg(0x68, 4, 0);
	ck_assert_uint_eq(cfg_rd(0x68, 1), 3);
	rig_run_to(&rig, rig.now + ns(600, false));
	ck_assert_uint_eq(expiries, 1);
	pci_reset_all(&pci);
	vi6300esb_reset(&d);
	cfg(0x68, 1, 4);
	ck_assert_uint_eq(cfg_rd(0x68, 1), 4);
}
END_TEST

START_TEST(fast_clock)
{
	setup();
	cfg(0x60, 2, 7);
	preload(500, 250);
	cfg(0x68, 1, 2);
	rig_run_to(&rig, 1000000);
	ck_assert_uint_eq(expiries, 1);
	ck_assert_uint_ge(expired_at, ns(750, true) - 2);
	ck_assert_uint_le(expired_at, ns(750, true) + 2);
	/* The longest and the shortest */
	cfg(0x68, 1, 0);
	cfg(0x60, 2, 3);
	preload(0xfffff, 0);
	cfg(0x68, 1, 2);
	ck_assert_uint_eq(timerq_next(&rig.tq) - rig.now, ns(0xfffff, false));
	rig_run_to(&rig, rig.now + ns(0xfffff, false) + 100);
	ck_assert_uint_eq(expiries, 1);
	rig_run_to(&rig, rig.now + ns(1, false));
	ck_assert_uint_eq(expiries, 2);
}
END_TEST

START_TEST(interrupt)
{
	setup();
	preload(10, 10);
	cfg(0x68, 1, 2);
	ck_assert(!line);
	rig_run_to(&rig, ns(11, false));
	ck_assert(line);
	ck_assert_uint_eq(rd(8, 4), 1);
	ck_assert(cfg_rd(6, 2) & PCI_STATUS_INTX);
	wr(8, 4, 2);
	ck_assert(line);
	wr(8, 4, 1);
	ck_assert(!line);
	ck_assert_uint_eq(rd(8, 4), 0);
	/* Of type SMI only the status tells; of type none not even that. */
	cfg(0x60, 2, 2);
	reload(RELOAD);
	rig_run_to(&rig, rig.now + ns(11, false));
	ck_assert(!line);
	ck_assert_uint_eq(rd(8, 1), 1);
	wr(8, 1, 1);
	cfg(0x60, 2, 3);
	reload(RELOAD);
	rig_run_to(&rig, rig.now + ns(11, false));
	ck_assert_uint_eq(rd(8, 4), 0);
	ck_assert_uint_eq(expiries, 0);
}
END_TEST

START_TEST(output_disabled)
{
	setup();
	cfg(0x60, 2, 0x23);
	preload(10, 10);
	cfg(0x68, 1, 2);
	rig_run_to(&rig, ns(30, false));
	ck_assert_uint_eq(expiries, 0);
	ck_assert_uint_eq(rd(0xc, 4), FLAG);
	/* Reloading starts it again, enabling again does not. */
	reload(FLAG);
	cfg(0x68, 1, 2);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	reload(RELOAD);
	rig_run_to(&rig, rig.now + ns(30, false));
	ck_assert_uint_eq(rd(0xc, 4), FLAG);
}
END_TEST

/* The timer has not run yet: registers tell what should be by now, and stages end where they should have. */
START_TEST(late_timer)
{
	setup();
	cfg(0x60, 2, 2); /* SMI: status only */
	preload(10, 20);
	cfg(0x68, 1, 2);
	rig.now = ns(11, false);
	ck_assert_uint_eq(rd(8, 4), 1);
	ck_assert_uint_eq(rd(0xc, 4), 0);
	ck_assert_uint_eq(timerq_next(&rig.tq), ns(10, false) + ns(20, false));
	rig.now = ns(31, false);
	reload(RELOAD);
	ck_assert_uint_eq(expiries, 1);
	ck_assert_uint_eq(rd(0xc, 4), FLAG);
	ck_assert_uint_eq(timerq_next(&rig.tq), rig.now + ns(10, false));
	/* Both stages within one access */
	setup();
	preload(10, 10);
	cfg(0x68, 1, 2);
	rig.now = ns(100, false);
	ck_assert_uint_eq(rd(0xc, 4), FLAG);
	ck_assert_uint_eq(expiries, 1);
}
END_TEST

START_TEST(free_running)
{
	setup();
	cfg(0x60, 2, 3);
	preload(1000, 10);
	cfg(0x68, 1, 6);
	rig_run_to(&rig, ns(101, false));
	ck_assert_uint_eq(expiries, 10);
	/* However late, one a time. */
	rig_jump_to(&rig, ns(100000, false));
	ck_assert_uint_eq(expiries, 11);
	ck_assert_uint_gt(timerq_next(&rig.tq), rig.now);
	cfg(0x68, 1, 4);
	rig_run_to(&rig, rig.now + ns(100, false));
	ck_assert_uint_eq(expiries, 11);
}
END_TEST

/* Without output it may go on for ever: not as often as a microsecond's clock would have it. */
START_TEST(free_running_fast)
{
	setup();
	cfg(0x60, 2, 0x27);
	preload(1, 1);
	cfg(0x68, 1, 6);
	rig_run_to(&rig, ns(1, true));
	ck_assert(d.s.timed_out);
	for (u32 i = 0; i < 100; i++) {
		u64 next = timerq_next(&rig.tq);

		ck_assert_uint_ge(next - rig.now, 100000);
		ck_assert_uint_le(next - rig.now, 200000);
		rig_run_to(&rig, next);
	}
	ck_assert_uint_eq(expiries, 0);
}
END_TEST

START_TEST(restoring)
{
	struct vi6300esb_state s;
	struct vpci_dev_state ps;
	u64 end;

	setup();
	cfg(0x60, 2, 3);
	preload(10, 20);
	cfg(0x68, 1, 3);
	rig_run_to(&rig, ns(15, false));
	s = d.s;
	ps = d.pci.s;
	end = timerq_next(&rig.tq);
	pci_reset_all(&pci);
	vi6300esb_reset(&d);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	d.s = s;
	d.pci.s = ps;
	vpci_restored(&pci);
	vi6300esb_restored(&d);
	ck_assert_uint_eq(timerq_next(&rig.tq), end);
	cfg(0x68, 1, 0);
	ck_assert_uint_eq(cfg_rd(0x68, 1), 3);
	rig_run_to(&rig, end);
	ck_assert_uint_eq(expiries, 1);
}
END_TEST

static bool valid(const struct vi6300esb_state *s, const struct vpci_dev_state *ps, const char *field)
{
	const void *part[VDEV_PARTS] = { s, ps };
	struct state_check c = { .now = rig.now, .field = "" };
	bool ok = vi6300esb_ops.valid(&d, part, &c);

	ck_assert_str_eq(c.field, field);
	return ok;
}

START_TEST(states_that_cannot_be)
{
	struct vi6300esb_state s;
	struct vpci_dev_state ps;

	setup();
	cfg(0x60, 2, 4);
	cfg(0x68, 1, 3);
	rig_run_to(&rig, timerq_next(&rig.tq));
	ck_assert(d.s.stage == 2 && d.s.interrupt && line);
	s = d.s;
	ps = d.pci.s;
	ck_assert(valid(&s, &ps, ""));
#define REFUSED(change, field)                     \
	do {                                       \
		s = d.s;                           \
		ps = d.pci.s;                      \
		change;                            \
		ck_assert(!valid(&s, &ps, field)); \
	} while (0)
	REFUSED(s.preload[1] |= 0x100000, "preload");
	REFUSED(s.stage = 3, "stage");
	REFUSED(s.unlock = 3, "unlock");
	REFUSED(s.stage = 0, "deadline");
	REFUSED(s.deadline = TIMER_OFF, "deadline");
	REFUSED(s.deadline = rig.now + ns(0x100000, false), "deadline");
	REFUSED(s.enabled = false, "enabled");
	REFUSED((s.enabled = false, ps.cfg[0x68] = 0), "stage");
	REFUSED(s.interrupt = false, "interrupt");
	REFUSED(ps.cfg[0x60] = 7, "interrupt");
	REFUSED(ps.cfg[0x60] |= 0x40, "cfg");
	REFUSED(ps.cfg[0x68] |= 0x10, "cfg");
#undef REFUSED
	/* The longest stage there is; one that has ended, but not for the timer queue; a locked register. */
	s = d.s;
	ps = d.pci.s;
	s.deadline = rig.now + ns(0xfffff, false);
	ck_assert(valid(&s, &ps, ""));
	s.deadline = 0;
	ps.cfg[0x68] = 2;
	ck_assert(valid(&s, &ps, ""));
}
END_TEST

SUITE_MAIN("vi6300esb", identity, unlocking, as_linux_uses_it, stopping_and_locking, fast_clock, interrupt,
           output_disabled, late_timer, free_running, free_running_fast, restoring, states_that_cannot_be)
