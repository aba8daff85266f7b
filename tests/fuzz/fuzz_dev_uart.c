/* 16550A: any accesses and any input; what is received and sent is checked against a plain queue. */
#include "rigfuzz.h"
#include "vmm/dev/pc/vuart.h"

#define BASE 0x3f8
#define GSI  4

static struct rig rig;
static struct vuart u;
static u64 nr_sent;
static u8 last_sent;
/* The model: what the receiver must hold. */
static u8 queue[VUART_FIFO_SIZE];
static u32 queued;
static u8 lcr, mcr;
static bool fifos;

static void on_tx(void *arg, const u8 *buf, size_t len)
{
	assert(len == 1);
	nr_sent++;
	last_sent = *buf;
}

static void model_put(u8 byte)
{
	if (!fifos)
		queued = 0;
	if (queued < (fifos ? VUART_FIFO_SIZE : 1u))
		queue[queued++] = byte;
}

static void model_write(u32 reg, u8 val)
{
	u64 before = nr_sent;

	rig_out(&rig, BASE + reg, val);
	if (reg == 0 && !(lcr & 0x80)) {
		if (mcr & 0x10)
			model_put(val & (u8)((0x20 << (lcr & 3)) - 1));
		else if (!(lcr & 0x40))
			assert(nr_sent == ++before && last_sent == val);
	} else if (reg == 2) {
		if ((val & 1) != fifos || (val & 3) == 3)
			queued = 0;
		fifos = val & 1;
	} else if (reg == 3) {
		if ((mcr & 0x10) && (val & 0x40) && !(lcr & 0x40))
			model_put(0);
		lcr = val;
	} else if (reg == 4) {
		mcr = val & 0x1f;
	}
	assert(nr_sent == before);
}

static void model_read(u32 reg)
{
	u8 val = rig_in(&rig, BASE + reg);

	if (reg == 0 && !(lcr & 0x80) && queued) {
		assert(val == queue[0]);
		memmove(queue, queue + 1, --queued);
	} else if (reg == 2) {
		assert((val >> 6) == (fifos ? 3 : 0) && !(val & 0x30));
	} else if (reg == 3) {
		assert(val == lcr);
	} else if (reg == 4) {
		assert(val == mcr);
	} else if (reg == 5) {
		assert((val & 0x61) == (queued ? 0x61 : 0x60));
	} else if (reg == 6) {
		assert((mcr & 0x10) || (val & 0xf0) == 0xb0);
	}
}

static void receive(struct rigfuzz *f)
{
	u8 buf[24], len = rigfuzz_u8(f) % sizeof(buf);
	size_t space = vuart_rx_space(&u);

	assert(space == (mcr & 0x10 ? 0 : (fifos ? VUART_FIFO_SIZE : 1) - queued));
	for (u32 i = 0; i < len; i++)
		buf[i] = rigfuzz_u8(f);
	assert(vuart_rx(&u, buf, len, rig.now) == MIN(len, space));
	for (u32 i = 0; i < MIN(len, space); i++)
		model_put(buf[i]);
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f);

	switch (op >> 4) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4: model_read(op & 7); break;
	case 10: receive(f); break;
	case 11: rigfuzz_pass(&rig, rigfuzz_span(f), 100); break;
	case 12:
		if (!(mcr & 0x10))
			model_put(0);
		vuart_rx_break(&u, rig.now);
		break;
	case 13:
		if (op != 0xdf)
			break;
		vuart_reset(&u, rig.now);
		assert(!rig.level[GSI]);
		queued = lcr = mcr = 0;
		fifos = false;
		break;
	case 14: vuart_restored(&u, rig.now); break;
	default: model_write(op & 7, rigfuzz_u8(f)); break;
	}
	assert(rig.level[GSI] == u.s.line);
	assert(u.s.rx_count == queued && u.s.rx_head < VUART_FIFO_SIZE);
	assert(!rig.level[GSI] || (u.s.mcr & 8));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct chr_ops ops = { .out = on_tx };
	struct rigfuzz f = { data, size };
	bool line;

	rig_init(&rig);
	vuart_init(&u, BASE, GSI, &rig.chip, &rig.tq, &(struct chr){ &ops, NULL });
	assert(vuart_attach(&u, &rig.pio) == OK);
	nr_sent = queued = lcr = mcr = 0;
	fifos = false;
	if (rigfuzz_u8(&f) & 1) {
		while (rigfuzz_more(&f))
			step(&f);
	} else {
		while (rigfuzz_more(&f)) { /* raw: accesses of all sizes across the edges */
			rigfuzz_access(&f, &rig, BASE - 4, 12);
			rigfuzz_pass(&rig, rigfuzz_span(&f), 10);
		}
	}
	/* The line says what IIR says. */
	rigfuzz_pass(&rig, 0, 1);
	line = rig.level[GSI];
	assert(line == ((u.s.mcr & 8) && !(rig_in(&rig, BASE + 2) & 1)));
	return 0;
}
