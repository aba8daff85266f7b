/* 8259A pair: any sequence of register accesses, line changes and acknowledge cycles; INTR and vectors against a
 * priority walk written differently. */
#include "devfuzz.h"
#include "vmm/dev/irq/vpic.h"

static struct vpic pic;
static bool intr;

static void on_intr(void *arg, bool asserted)
{
	assert(asserted != intr);
	intr = asserted;
}

/* From the highest priority down: the first input that is requested, unless one in service comes first. -1: none. */
static int choose(const struct vpic_chip *c, bool master)
{
	for (u32 k = 1; k <= 8; k++) {
		u32 i = (c->lowest + k) % 8, bit = 1u << i;
		bool serving = (c->isr & bit) && !(c->smm && (c->imr & bit));
		bool asking = (c->irr & bit) && !(c->imr & bit);

		if (asking && (!serving || (master && c->sfnm && i == 2)))
			return (int)i;
		if (serving)
			return -1;
	}
	return -1;
}

static void check(void)
{
	const struct vpic_chip *m = &pic.s.chip[0], *s = &pic.s.chip[1];

	assert(intr == vpic_pending(&pic));
	assert(intr == (choose(m, true) >= 0));
	assert(!!(m->irr & 4) == (choose(s, false) >= 0));
	for (u32 n = 0; n < 2; n++) {
		const struct vpic_chip *c = &pic.s.chip[n];

		assert((c->irr & c->elcr) == (c->level & c->elcr));
		assert(!(c->irr & ~c->level)); /* a request ends with its line */
		assert(c->lowest < 8 && !(c->base & 7) && c->init != 1 && c->init <= 4);
	}
	assert(!(m->elcr & 0x07) && !(s->elcr & 0x21));
}

static void acknowledge(void)
{
	struct vpic_state old = pic.s;
	int i = choose(&old.chip[0], true), j = choose(&old.chip[1], false);
	u8 vector = vpic_ack(&pic);
	const struct vpic_chip *c;

	if (i < 0) {
		assert(vector == old.chip[0].base + 7);
		assert(!memcmp(&old, &pic.s, sizeof(old)));
		return;
	}
	assert(old.chip[0].aeoi || (pic.s.chip[0].isr & 1 << i));
	c = &pic.s.chip[i == 2];
	if (i == 2)
		i = j;
	assert(i >= 0 && vector == c->base + i);
	assert(c->aeoi || (c->isr & 1 << i));
	assert((c->elcr & 1 << i) || !(c->irr & 1 << i));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	struct devfuzz d;

	intr = false;
	devfuzz_init(&d);
	vpic_init(&pic, on_intr, NULL);
	vpic_reset(&pic);
	assert(vpic_attach(&pic, &d.bus) == OK);
	for (size_t at = 0; at + 4 <= size; at += 4) {
		/* Short records: operation, port or line, value. */
		u64 v = data[at + 2] | (u64)data[at + 3] << 8;
		u8 op = data[at];

		if (op < 0x60)
			io_bus_access(&d.bus, ports[data[at + 1] % 6], op & 1 ? 2 : 1, op & 2, &v, 0);
		else if (op < 0xc0)
			vpic_set_irq(&pic, data[at + 1] % 18, op & 1);
		else if (op < 0xff)
			acknowledge();
		else
			vpic_reset(&pic);
		check();
	}
	return 0;
}
