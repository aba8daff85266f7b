/*
 * 8042 with keyboard and mouse: any accesses, keys, motions and spans of time. The machine resets and A20 moves exactly
 * when one of the ways is walked; lines follow the output buffer; the state stays one that would be taken; and when
 * nobody types any more, reading comes to an end.
 */
#include "rigfuzz.h"
#include "vmm/dev/pc/v8042.h"

static struct rig rig;
static struct v8042 k;
static bool a20;
static u32 resets;

static void on_reset(void *arg, const char *how)
{
	assert(how && *how);
	resets++;
}

static void on_a20(void *arg, bool open)
{
	a20 = open;
}

static bool get_a20(void *arg)
{
	return a20;
}

/* Whether this byte written to this port resets the machine. */
static bool resets_on(u32 port, u8 val)
{
	return port == V8042_CMD ? val >= 0xf0 && !(val & 1) : k.s.cmd == 0xd1 && !(val & 1);
}

static void out(u32 port, u8 val)
{
	u32 before = resets;
	bool want = resets_on(port, val), gate = port == V8042_DATA && k.s.cmd == 0xd1;

	rig_out(&rig, port, val);
	assert(resets - before == want);
	assert(!gate || a20 == !!(val & 2));
}

static void in_data(void)
{
	u8 out_val = k.s.out, status = rig_in(&rig, V8042_CMD);
	u32 rises = rig.rises[1] + rig.rises[12];

	assert(rig_in(&rig, V8042_DATA) == out_val);
	/* A device's next byte is a millisecond away; one that was put aside comes at once. */
	if ((status & 1) && k.s.full)
		assert(rig.rises[1] + rig.rises[12] <= rises + 1);
}

static void operate(struct rigfuzz *f, u8 op)
{
	u8 key = rigfuzz_u8(f), how = rigfuzz_u8(f);
	struct input_motion m = { (s32)rigfuzz_u32(f), (s8)how, (s8)key, key };

	if (op & 8)
		v8042_input.motion(&k, &m, rig.now);
	else
		v8042_input.key(&k, (u16)(how & 2 ? 0xe000 | key : how & 4 ? INPUT_PAUSE : key), how & 1, rig.now);
	assert(v8042_input.key_room(&k) <= 1);
}

static void check(void)
{
	u8 status = rig_in(&rig, V8042_CMD);
	bool aux = (status & 0x21) == 0x21, kbd = (status & 0x21) == 0x01;
	const void *part[VDEV_PARTS] = { &k.s, &k.kbd, &k.mouse };
	struct state_check c = { .now = rig.now };

	assert((status & 0x10) && !(status & 0xc2));
	assert(rig.level[1] == (kbd && (k.s.ram[0] & 1)) && rig.level[12] == (aux && (k.s.ram[0] & 2)));
	assert(timerq_next(&rig.tq) > rig.now);
	assert(v8042_ops.valid(&k, part, &c));
}

/* With both enabled and nobody moving or typing, reading brings it all to an end. */
static void drain(void)
{
	u32 n = 0;

	out(V8042_CMD, 0xa8);
	out(V8042_CMD, 0xae);
	v8042_input.key(&k, 0x39, true, rig.now); /* takes over from what repeats */
	v8042_input.key(&k, 0x39, false, rig.now);
	k.mouse.dx = k.mouse.dy = k.mouse.dz = 0;
	for (; timerq_next(&rig.tq) != TIMER_OFF || (rig_in(&rig, V8042_CMD) & 1); n++) {
		if (!(rig_in(&rig, V8042_CMD) & 1))
			rig_run_to(&rig, timerq_next(&rig.tq));
		rig_in(&rig, V8042_DATA);
		assert(n < 100);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct v8042_cfg cfg = { .reset = on_reset, .set_a20 = on_a20, .a20 = get_a20 };
	struct rigfuzz f = { data, size };
	struct vdev_env env = { .pio = &rig.pio, .irq = &rig.chip, .timers = &rig.tq };

	rig_init(&rig);
	memset(&k, 0, sizeof(k));
	a20 = true;
	assert(v8042_ops.attach(&k, &env, &cfg) == OK);
	while (rigfuzz_more(&f)) {
		u8 op = rigfuzz_u8(&f);

		switch (op & 7) {
		case 0: out(V8042_CMD, rigfuzz_u8(&f)); break;
		case 1: out(V8042_DATA, rigfuzz_u8(&f)); break;
		case 2: in_data(); break;
		case 3:
			out(V8042_CMD, op & 8 ? 0x60 : 0xd4);
			out(V8042_DATA, rigfuzz_u8(&f));
			break;
		case 4: rigfuzz_access(&f, &rig, V8042_DATA - 1, 7); break;
		case 5: operate(&f, op); break;
		case 6: rigfuzz_pass(&rig, (u64)(op >> 3) << 18, 40); break;
		default:
			if (op == 0xff)
				v8042_ops.reset(&k, rig.now);
			else if (op == 0xf7)
				v8042_ops.restored(&k, rig.now);
			else
				rigfuzz_pass(&rig, rigfuzz_span(&f), 40);
			break;
		}
		check();
	}
	drain();
	v8042_ops.detach(&k);
	assert(rig.pio.nr == 0 && timerq_next(&rig.tq) == TIMER_OFF);
	return 0;
}
