/* The I/O APIC: lines, register accesses and EOIs in any order; its entries against the 82093AA's rules. */
#include "lib/assert.h"
#include "lib/string.h"
#include "vmm/dev/irq/vioapic.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MASKED BIT(16)
#define LEVEL  BIT(15)
#define RIRR   BIT(14)
#define STATUS BIT(12)

static struct {
	bool accept, slow;
	u32 under_way; /* bit n: a message of pin n is */
	u32 sent;
	struct apic_msg last;
} bus;

static u32 on_send(void *ctx, u32 pin, const struct apic_msg *m)
{
	assert(m->dest <= 0xff && !m->x2apic && !m->shorthand && m->mode != APIC_MODE_EXTINT);
	assert(!m->level || m->mode <= APIC_MODE_LOWEST);
	bus.sent++;
	bus.last = *m;
	bus.under_way |= bus.slow ? 1u << pin : 0;
	return (bus.accept ? VIOAPIC_ACCEPTED : 0) | (bus.slow ? VIOAPIC_UNDER_WAY : 0);
}

static bool is_level(u64 rte)
{
	return (rte & LEVEL) && (rte >> 8 & 7) <= APIC_MODE_LOWEST;
}

static void check(const struct vioapic *a, bool always_accepts)
{
	assert(a->s.lines < BIT(VIOAPIC_PINS));
	for (u32 pin = 0; pin < VIOAPIC_PINS; pin++) {
		u64 r = a->s.rte[pin];
		bool asserted = a->s.lines >> pin & 1;

		assert(!(r & 0x00fffffffffe0000ull) && !(r & STATUS) == !(bus.under_way >> pin & 1));
		assert(!(r & RIRR) || is_level(r));
		/* Nothing that asks is forgotten. */
		if (always_accepts && is_level(r) && asserted && !(r & MASKED))
			assert(r & (RIRR | STATUS));
	}
}

/* Setting a line sends exactly when the entry says so. */
static void set_line(struct vioapic *a, u32 pin, bool on)
{
	u64 r = pin < VIOAPIC_PINS ? a->s.rte[pin] : MASKED;
	bool was = pin < VIOAPIC_PINS && (a->s.lines >> pin & 1);
	bool want = on && !(r & (MASKED | RIRR)) && (is_level(r) ? !(r & STATUS) : !was) &&
	            (r >> 8 & 7) != APIC_MODE_EXTINT;
	u32 before = bus.sent;

	vioapic_set_pin(a, pin, on);
	assert(bus.sent == before + want);
	if (want)
		assert(bus.last.vector == (u8)r && bus.last.dest == r >> 56 && bus.last.mode == (r >> 8 & 7) &&
		       bus.last.logical == !!(r & BIT(11)) && bus.last.level == is_level(r));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct io_region *storage[1];
	struct io_bus mmio;
	struct vioapic a;
	bool always = size && (data[0] & 1);

	memset(&bus, 0, sizeof(bus));
	bus.accept = true;
	io_bus_init(&mmio, storage, 1, ~0ull);
	vioapic_init(&a, 4, on_send, NULL);
	vioapic_reset(&a);
	assert(vioapic_attach(&a, &mmio) == OK);
	for (size_t i = 1; i + 6 <= size; i += 6) {
		u8 op = data[i], n = data[i + 1];
		u32 val;
		u64 v;

		memcpy(&val, data + i + 2, 4);
		v = val;
		switch (op & 7) {
		case 0:
		case 1: set_line(&a, n & 0x1f, op & 1); break;
		case 2: vioapic_eoi(&a, n); break;
		case 3: /* a register, properly */
			v = 0x10 + n % 0x30;
			io_bus_access(&mmio, VIOAPIC_BASE, 4, true, &v, 0);
			v = val;
			io_bus_access(&mmio, VIOAPIC_BASE + 0x10, 4, true, &v, 0);
			break;
		case 4:
			io_bus_access(&mmio, VIOAPIC_BASE + ((u32)op >> 3 << 4 | n % 16), (u8)(1u << (n >> 6)), true,
			              &v, 0);
			break;
		case 5: io_bus_access(&mmio, VIOAPIC_BASE + (val & 0xfff), (u8)(1u << (n & 3)), false, &v, 0); break;
		case 6:
			bus.accept = always || (n & 1);
			bus.slow = n & 2;
			break;
		default:
			if (n == 0xff) {
				vioapic_reset(&a);
				bus.under_way = 0;
			} else if (bus.under_way >> n % 24 & 1) {
				bus.under_way &= ~(op & 8 ? 1u << n % 24 : 0);
				vioapic_sent(&a, n % 24,
				             (bus.accept ? VIOAPIC_ACCEPTED : 0) | (op & 8 ? 0 : VIOAPIC_UNDER_WAY));
			}
			break;
		}
		check(&a, always);
	}
	return 0;
}
