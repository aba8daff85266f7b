/*
 * Driver for fuzzing a port device. The input is a sequence of records of 8 bytes:
 *
 *   0  operation: bits 0-1 size (1, 2, 4; 3: see below), bit 2 write, bits 3-7 time step
 *   1  which port of the device's list
 *   2  added to that port: bits 0-2
 *   3  events for the target (operation with size 3)
 *   4  value, 4 bytes
 *
 * Before every operation time goes on by up to 2^31 ns (the step is an exponent) and due timers run.
 */
#pragma once

#include "../unit/fake_irq.h"
#include "lib/assert.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/timer.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct devfuzz {
	struct fake_irq irq;
	struct timerq tq;
	struct io_bus bus;
	struct io_region *store[8];
	u64 now;
	/* What the last record was. */
	bool is_io, write;
	u32 port, event, value;
	u8 len;
};

static inline void devfuzz_init(struct devfuzz *d)
{
	memset(d, 0, sizeof(*d));
	fake_irq_init(&d->irq);
	timerq_init(&d->tq, NULL);
	io_bus_init(&d->bus, d->store, ARRAY_SIZE(d->store), 0xffff);
}

static inline u64 devfuzz_in(struct devfuzz *d, u32 port, u8 size)
{
	u64 v = 0;

	io_bus_access(&d->bus, port, size, false, &v, d->now);
	assert(size == 8 || v < BIT(size * 8));
	return v;
}

/* Lets time pass and runs timers: nothing may fire more than a few times however long the pause was. */
static inline void devfuzz_pass(struct devfuzz *d, u64 ns)
{
	u32 rounds = 0;

	d->now += ns;
	while (timerq_next(&d->tq) <= d->now) {
		assert(timerq_run(&d->tq, d->now) <= 8);
		assert(++rounds <= 4);
	}
}

/* Decodes a record and performs it when it is an access; else is_io is false and the target handles the event. */
static inline void devfuzz_step(struct devfuzz *d, const u8 *rec, const u16 *ports, u32 nr_ports)
{
	u32 step = rec[0] >> 3;
	u64 v;

	devfuzz_pass(d, step ? BIT(step) - 1 + rec[2] : 0);
	d->is_io = (rec[0] & 3) != 3;
	d->len = (u8)(1u << (rec[0] & 3));
	d->write = rec[0] & 4;
	d->port = ports[rec[1] % nr_ports] + (rec[2] & 7);
	d->event = rec[3];
	memcpy(&d->value, rec + 4, sizeof(d->value));
	if (!d->is_io)
		return;
	v = d->value;
	io_bus_access(&d->bus, d->port, d->len, d->write, &v, d->now);
	if (!d->write) {
		assert(v < BIT(d->len * 8));
		d->value = (u32)v;
	}
}
