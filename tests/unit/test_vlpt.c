/* Parallel port with nothing plugged in, as probes see it. */
#include "dev_rig.h"
#include "suite.h"
#include "vmm/dev/pc/vlpt.h"

static struct rig rig;
static struct vlpt lpt;

START_TEST(probe)
{
	struct vdev_env env = { .pio = &rig.pio, .irq = &rig.chip, .timers = &rig.tq };
	u64 v = 0x1f55aa;

	rig_init(&rig);
	ck_assert_int_eq(vlpt_ops.attach(&lpt, &env, NULL), OK);
	ck_assert_uint_eq(rig_in(&rig, 0x378), 0x00);
	ck_assert_uint_eq(rig_in(&rig, 0x379), 0x7f); /* busy, so that nobody prints into nothing */
	ck_assert_uint_eq(rig_in(&rig, 0x37a), 0xcc);
	/* SeaBIOS, Linux: what is written reads back. */
	rig_out(&rig, 0x378, 0xaa);
	ck_assert_uint_eq(rig_in(&rig, 0x378), 0xaa);
	rig_out(&rig, 0x378, 0x55);
	ck_assert_uint_eq(rig_in(&rig, 0x378), 0x55);
	rig_out(&rig, 0x37a, 0xff); /* no direction bit; IRQ enabled */
	ck_assert_uint_eq(rig_in(&rig, 0x37a), 0xdf);
	rig_out(&rig, 0x379, 0x00);
	ck_assert_uint_eq(rig_in(&rig, 0x379), 0x7f);
	ck_assert_uint_eq(rig.calls[7], 0);
	/* Wider ones are bytes. */
	ck_assert(io_bus_access(&rig.pio, 0x378, 2, true, &v, 0));
	v = 0;
	ck_assert(io_bus_access(&rig.pio, 0x378, 4, false, &v, 0));
	ck_assert_uint_eq(v, 0xffdf7faa);
	vlpt_ops.reset(&lpt, 0);
	ck_assert_uint_eq(rig_in(&rig, 0x378), 0x00);
	ck_assert_uint_eq(rig_in(&rig, 0x37a), 0xcc);
	vlpt_ops.detach(&lpt);
	ck_assert_uint_eq(rig.pio.nr, 0);
}
END_TEST

SUITE_MAIN("vlpt", probe)
