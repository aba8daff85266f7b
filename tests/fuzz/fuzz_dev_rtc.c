/*
 * MC146818A, twice: one gets a look often and its timers on time, the other only when the input says so. They must
 * never differ, for what is read is computed from the time alone.
 */
#include "rigfuzz.h"
#include "vmm/dev/pc/vrtc.h"

#define GSI 8

static struct rig rig[2];
static struct vrtc r[2];

static void both_write(u32 port, u8 val)
{
	rig_out(&rig[0], port, val);
	rig_out(&rig[1], port, val);
}

static u8 both_read(u32 port)
{
	u8 a = rig_in(&rig[0], port), b = rig_in(&rig[1], port);

	assert(a == b);
	return a;
}

static void same_state(void)
{
	rig_in(&rig[0], 0x70); /* brings them up to date, no more */
	rig_in(&rig[1], 0x70);
	assert(!memcmp(r[0].s.reg, r[1].s.reg, sizeof(r[0].s.reg)));
	assert(r[0].s.second_at == r[1].s.second_at && r[0].s.periodic_at == r[1].s.periodic_at);
	assert(rig[0].level[GSI] == rig[1].level[GSI] && rig[0].level[GSI] == r[0].s.line);
	assert(r[0].s.line == !!(r[0].s.reg[0x0c] & 0x80));
	assert(r[0].s.line == !!(r[0].s.reg[0x0c] & r[0].s.reg[0x0b] & 0x70));
	assert(timerq_next(&rig[0].tq) == timerq_next(&rig[1].tq));
}

static void pass(struct rigfuzz *f)
{
	u64 span = rigfuzz_span(f), from = rig[0].now, end = MIN(from + span, RIGFUZZ_END_OF_TIME);

	for (u32 i = 1; i < 8; i++) {
		rigfuzz_pass(&rig[0], from + (end - from) / 8 * i - rig[0].now, 20);
		rig_in(&rig[0], 0x70);
	}
	rigfuzz_pass(&rig[0], end - rig[0].now, 20);
	rig_jump_to(&rig[1], end);
	assert(timerq_next(&rig[1].tq) > end);
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f);
	struct vrtc_state saved;
	u64 when;

	switch (op >> 5) {
	case 0: both_write(0x70, op & 15); break;
	case 1: both_read(0x71); break;
	case 2: both_write(0x71, rigfuzz_u8(f)); break;
	case 3: both_write(0x70, rigfuzz_u8(f)); break;
	case 4: pass(f); break;
	case 5:
		if (op & 15)
			break;
		when = rigfuzz_span(f);
		vrtc_set_time(&r[0], when, rig[0].now);
		vrtc_set_time(&r[1], when, rig[1].now);
		break;
	case 6:
		saved = r[0].s;
		if (op & 15) {
			vrtc_restored(&r[0], rig[0].now);
			assert(op & 1 || saved.reg[0x0d] == 0x80);
		} else {
			vrtc_reset(&r[0], rig[0].now);
			vrtc_reset(&r[1], rig[1].now);
			assert(!rig[0].level[GSI]);
			assert(!memcmp(saved.reg + 0x0e, r[0].s.reg + 0x0e, VRTC_CENTURY - 0x0e));
		}
		break;
	default: /* common registers, well-formed */
		both_write(0x70, op & 1 ? 0x0b : 0x0a);
		both_write(0x71, op & 1 ? rigfuzz_u8(f) & 0x7e : 0x20 | (op >> 1 & 15));
		break;
	}
	same_state();
	assert((r[0].s.reg[0x0b] & 0x90) != 0x90);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct rigfuzz f = { data, size };

	for (u32 i = 0; i < 2; i++) {
		rig_init(&rig[i]);
		vrtc_init(&r[i], &rig[i].chip, &rig[i].tq);
		assert(vrtc_attach(&r[i], &rig[i].pio) == OK);
	}
	if (rigfuzz_u8(&f) & 1) {
		while (rigfuzz_more(&f))
			step(&f);
	} else {
		while (rigfuzz_more(&f)) {
			rigfuzz_access(&f, &rig[0], 0x6e, 4);
			rigfuzz_pass(&rig[0], rigfuzz_span(&f), 10);
		}
	}
	return 0;
}
