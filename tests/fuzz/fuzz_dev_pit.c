/*
 * 8254. First byte even: accesses of any kind with any times between them. Odd: counters 0 and 2 are compared with
 * the clock-by-clock reference of the unit tests, while counter 1 gets anything.
 */
#include "../unit/pit_ref.h"
#include "rigfuzz.h"
#include "vmm/dev/pc/vpit.h"

static struct rig rig;
static struct vpit p;
static struct pit_ref ref[3];
static u8 access[3];
static bool bcd[3], second[3];
static u8 low[3];
static u64 t;

/* Of a short period edges are left out, none is made up. */
static void compare_edges(void)
{
	bool is_short = (ref[0].mode == 2 || ref[0].mode == 3) && MIN(ref[0].n, ref[0].cr) < VPIT_MIN_PERIOD;

	assert(rig.rises[0] == ref[0].rises || (is_short && rig.rises[0] + 1 == ref[0].rises));
	ref[0].rises = rig.rises[0];
}

static void clocks(u32 n)
{
	for (; n; n--) {
		t++;
		rig_run_to(&rig, (u64)(((unsigned __int128)t * 1000000000 + VPIT_HZ - 1) / VPIT_HZ));
		pit_ref_clock(&ref[0]);
		pit_ref_clock(&ref[2]);
		compare_edges();
	}
}

static u32 binary(u32 v, bool is_bcd)
{
	return is_bcd ? ((v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15)) % 10000 : v;
}

static void control(u32 chan, u8 val)
{
	u32 mode = val >> 1 & 7;

	access[chan] = val >> 4 & 3;
	if (!access[chan])
		access[chan] = 3;
	bcd[chan] = val & 1;
	second[chan] = false;
	rig_out(&rig, 0x43, (u8)(chan << 6 | access[chan] << 4 | (val & 15)));
	pit_ref_control(&ref[chan], mode > 5 ? mode - 4 : mode, bcd[chan]);
}

static void count(u32 chan, u8 val)
{
	u32 whole;

	rig_out(&rig, 0x40 + chan, val);
	if (access[chan] == 3 && !second[chan]) {
		low[chan] = val;
		second[chan] = true;
		pit_ref_first_byte(&ref[chan]);
		return;
	}
	whole = access[chan] == 1 ? val : access[chan] == 2 ? (u32)val << 8 : (u32)val << 8 | low[chan];
	second[chan] = false;
	pit_ref_write(&ref[chan], binary(whole, bcd[chan]));
}

/* Registers as they are a clock after the last change, all loads done. Leaves the read flip-flop as it found it. */
static void compare(u32 chan)
{
	u32 status, val, want = ref[chan].ce % ref[chan].mod;

	rig_out(&rig, 0x43, (u8)(0xc0 | 2u << chan));
	status = rig_in(&rig, 0x40 + chan);
	assert(status >> 4 ==
	       (access[chan] | (ref[chan].null ? 4u : 0) | (ref[chan].out || !chan ? status >> 4 & 8 : 0)));
	if (chan == 2)
		assert(!(status & 0x80) == !ref[2].out);
	val = rig_in(&rig, 0x40 + chan);
	if (access[chan] == 3)
		val |= (u32)rig_in(&rig, 0x40 + chan) << 8;
	else if (access[chan] == 2)
		val <<= 8;
	if (!ref[chan].counting)
		return;
	if (bcd[chan])
		want = want / 1000 << 12 | want / 100 % 10 << 8 | want / 10 % 10 << 4 | want % 10;
	assert(val == (access[chan] == 1 ? want & 0xff : access[chan] == 2 ? want & 0xff00 : want));
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f);
	u32 chan = op & 0x40 ? 2 : 0;

	switch (op & 7) {
	case 0: control(chan, rigfuzz_u8(f)); break;
	case 1:
	case 2: count(chan, rigfuzz_u8(f)); break;
	case 3:
		rig_out(&rig, 0x61, op >> 7);
		pit_ref_gate(&ref[2], op >> 7);
		break;
	case 4: rig_out(&rig, 0x43, 0x40 | (rigfuzz_u8(f) & 0x3f)); break;
	case 5: rig_out(&rig, 0x41, rigfuzz_u8(f)); break;
	case 6: rig_in(&rig, 0x41); break;
	default: clocks(rigfuzz_u8(f) * 9u); break;
	}
	clocks(1);
	compare(0);
	compare(2);
	assert(!(rig_in(&rig, 0x61) & 0x20) == !ref[2].out);
}

static void with_reference(struct rigfuzz *f)
{
	memset(ref, 0, sizeof(ref));
	ref[0].gate = ref[2].gate = true;
	rig_out(&rig, 0x61, 1);
	t = 0;
	control(0, 0);
	control(2, 0);
	for (u32 i = 0; i < 200 && rigfuzz_more(f); i++)
		step(f);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct rigfuzz f = { data, size };

	rig_init(&rig);
	vpit_init(&p, &rig.chip, &rig.tq);
	assert(vpit_attach(&p, &rig.pio) == OK);
	if (rigfuzz_u8(&f) & 1) {
		with_reference(&f);
		return 0;
	}
	while (rigfuzz_more(&f)) {
		u8 op = rigfuzz_u8(&f);
		u32 rises = rig.rises[0];

		if (op == 0xff)
			vpit_reset(&p, rig.now);
		else if (op == 0xfe)
			vpit_restored(&p, rig.now);
		else if (op & 1)
			rigfuzz_access(&f, &rig, op & 2 ? 0x5e : 0x3e, 6);
		else
			rig_jump_to(&rig, MIN(rig.now + rigfuzz_span(&f), RIGFUZZ_END_OF_TIME));
		assert(rig.level[0] == p.s.line);
		/* No storms: an access is a due edge and one for each of its bytes at most, a timer is one edge. */
		assert(rig.rises[0] - rises <= (op & 1 ? 9u : 1u));
		if (!(op & 1))
			assert(timerq_next(&rig.tq) > rig.now);
	}
	return 0;
}
