/*
 * Messages on their way to the local APICs, one after the other. SDM vol. 3 "Determining IPI Destination".
 *
 * What is sent to many goes out in pieces: each looks at a few APICs and delivers to one at most. What an APIC sends waits
 * with it. What I/O APIC and devices send waits in a queue of the chip's, in the order of the sending; a pin says so by
 * its delivery status. A message that equals one in the queue, of the same pin, is as good as that one, which then goes
 * round to all once more: it is as with two of a vector at one APIC.
 */
#include "lib/atomic.h"
#include "lib/string.h"
#include "vmm/dev/irq/pc_irqchip_priv.h"

#define SHORTHAND_OTHERS 3
#define LOOKS            32 /* APICs in a piece */

STATE_DESC(irq_waiting, IRQ_WAITING, 1);

static bool is_lowest(const struct apic_msg *m)
{
	return m->mode == APIC_MODE_LOWEST && !m->shorthand;
}

/* One target, and APIC IDs are mostly the vCPUs' numbers. */
static bool is_for_one(const struct pc_irqchip *c, const struct apic_msg *m)
{
	return !m->shorthand && !m->logical && m->dest < MIN(c->nr, 0xffu) &&
	       vlapic_id(c->lapics[m->dest]) == m->dest;
}

static bool deliver(struct vlapic *l, const struct vlapic *from, const struct apic_msg *m)
{
	return l == from ? vlapic_deliver_self(l, m) : vlapic_deliver(l, m);
}

static bool is_for(const struct vlapic *l, const struct vlapic *from, const struct apic_msg *m)
{
	if (m->shorthand)
		return !(m->shorthand == SHORTHAND_OTHERS && l == from) && vlapic_enabled(l);
	return vlapic_match(l, m) && (m->mode != APIC_MODE_LOWEST || vlapic_sw_enabled(l));
}

/* The next piece. Lowest priority: to one of those that match, in turn. */
static bool go_on(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m, struct irq_way *w)
{
	bool accepted = false, done = false;

	for (u32 looks = 0; w->left && looks < LOOKS; looks++) {
		struct vlapic *l = c->lapics[w->at];

		if (is_for(l, from, m)) {
			if (done)
				break;
			accepted = deliver(l, from, m);
			done = true;
		}
		w->at = w->at + 1 == c->nr ? 0 : w->at + 1;
		w->left--;
		if (done && is_lowest(m)) {
			atomic_store_relaxed(&c->s.next_lowest, w->at);
			w->left = 0;
		}
	}
	return accepted;
}

static struct irq_way way_of(const struct pc_irqchip *c, const struct apic_msg *m)
{
	u32 next = atomic_load_relaxed(&c->s.next_lowest);

	if (is_for_one(c, m))
		return (struct irq_way){ m->dest, 1 };
	return (struct irq_way){ is_lowest(m) && next < c->nr ? next : 0, c->nr };
}

bool pc_irqchip_send_some(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m, struct irq_way *w)
{
	if (is_for_one(c, m)) {
		w->left = 0;
		return is_for(c->lapics[m->dest], from, m) && deliver(c->lapics[m->dest], from, m);
	}
	*w = way_of(c, m);
	return go_on(c, from, m, w);
}

bool pc_irqchip_send_more(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m, struct irq_way *w)
{
	return go_on(c, from, m, w);
}

bool pc_irqchip_send(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m)
{
	struct irq_way w;
	bool accepted = pc_irqchip_send_some(c, from, m, &w);

	while (w.left)
		accepted |= go_on(c, from, m, &w);
	return accepted;
}

/* ---- the queue ---- */

static struct apic_msg msg_of(const struct irq_waiting *q)
{
	return (struct apic_msg){ .dest = q->dest,
		                  .logical = q->logical,
		                  .mode = q->mode,
		                  .vector = q->vector,
		                  .level = q->level,
		                  .assert_ = true };
}

static bool same_msg(const struct irq_waiting *q, const struct apic_msg *m)
{
	return q->dest == m->dest && q->logical == m->logical && q->mode == m->mode && q->vector == m->vector &&
	       q->level == m->level;
}

/* The one that it equals, if there is one; *behind: one of the same source and vector waits, which comes first. */
static struct irq_waiting *find_same(struct pc_irqchip *c, const struct apic_msg *m, u8 pin, bool *behind)
{
	*behind = false;
	for (u32 i = 0; i < c->s.nr_waiting; i++) {
		struct irq_waiting *q = &c->s.waiting[i];

		if (q->pin != pin)
			continue;
		if (same_msg(q, m))
			return q;
		*behind |= q->vector == m->vector;
	}
	return NULL;
}

u32 pc_irqchip_post(struct pc_irqchip *c, u8 pin, const struct apic_msg *m)
{
	struct irq_waiting *same = NULL;
	struct irq_way w = { 0 };
	bool accepted = false, behind = false;

	if (unlikely(c->s.nr_waiting))
		same = find_same(c, m, pin, &behind);
	if (same) {
		same->left = (u16)(is_for_one(c, m) ? 1 : c->nr);
		return VIOAPIC_UNDER_WAY;
	}
	if (!c->waits || c->s.nr_waiting == IRQ_WAITING_MAX)
		return pc_irqchip_send(c, NULL, m) ? VIOAPIC_ACCEPTED : 0;
	if (behind || c->gone) {
		w = way_of(c, m);
	} else {
		accepted = pc_irqchip_send_some(c, NULL, m, &w);
		c->gone = c->one;
	}
	if (likely(!w.left))
		return accepted ? VIOAPIC_ACCEPTED : 0;
	c->s.waiting[c->s.nr_waiting] = (struct irq_waiting){ .dest = m->dest,
		                                              .at = (u16)w.at,
		                                              .left = (u16)w.left,
		                                              .pin = pin,
		                                              .mode = m->mode,
		                                              .vector = m->vector,
		                                              .logical = m->logical,
		                                              .level = m->level };
	atomic_store_relaxed(&c->s.nr_waiting, c->s.nr_waiting + 1);
	c->waits(c->arg);
	return VIOAPIC_UNDER_WAY | (accepted ? VIOAPIC_ACCEPTED : 0);
}

static bool pin_waits(const struct pc_irqchip *c, u32 pin)
{
	for (u32 i = 0; i < c->s.nr_waiting; i++)
		if (c->s.waiting[i].pin == pin)
			return true;
	return false;
}

void pc_irqchip_eoi_later(struct pc_irqchip *c, u8 vector)
{
	if (!c->waits) {
		vioapic_eoi(&c->ioapic, vector);
		return;
	}
	if (!(c->s.eois[vector / 64] & BIT(vector % 64)))
		atomic_store_relaxed(&c->s.nr_eois, c->s.nr_eois + 1);
	c->s.eois[vector / 64] |= BIT(vector % 64);
	c->waits(c->arg);
}

/* A vector may be that of all pins: the first one that still asks sends at once, the others' messages wait. */
static void end_one(struct pc_irqchip *c)
{
	u32 i = 0, bit;

	while (!c->s.eois[i])
		i++;
	bit = (u32)__builtin_ctzll(c->s.eois[i]);
	c->s.eois[i] &= ~BIT(bit);
	atomic_store_relaxed(&c->s.nr_eois, c->s.nr_eois - 1);
	c->one = true;
	vioapic_eoi(&c->ioapic, (u8)(i * 64 + bit));
	c->one = c->gone = false;
}

/* The first one that waits goes on. */
static void go_on_first(struct pc_irqchip *c)
{
	struct irq_waiting *q = c->s.waiting;
	u32 nr = c->s.nr_waiting, pin = q->pin, what;
	struct irq_way w = { q->at, q->left };
	struct apic_msg m = msg_of(q);

	/* An edge is accepted for good, whatever the pin was made meanwhile. */
	what = go_on(c, NULL, &m, &w) && m.level ? VIOAPIC_ACCEPTED : 0;
	q->at = (u16)w.at;
	q->left = (u16)w.left;
	if (!w.left) {
		memmove(q, q + 1, (nr - 1) * sizeof(*q));
		q[nr - 1] = (struct irq_waiting){ 0 };
		atomic_store_relaxed(&c->s.nr_waiting, nr - 1);
	}
	if (pin != IRQ_NO_PIN)
		vioapic_sent(&c->ioapic, pin, what | (pin_waits(c, pin) ? VIOAPIC_UNDER_WAY : 0));
}

void pc_irqchip_go_on(struct pc_irqchip *c)
{
	if (c->s.nr_eois)
		end_one(c);
	else if (c->s.nr_waiting)
		go_on_first(c);
}

/* ---- what can be ---- */

static bool waiting_valid(const struct pc_irqchip *chip, const struct irq_waiting *q, struct state_check *c)
{
	if (q->pin != IRQ_NO_PIN && q->pin >= VIOAPIC_PINS)
		return state_refuse(c, "pin", q->pin, "is none of the I/O APIC's");
	if (q->dest > 0xff)
		return state_refuse(c, "dest", q->dest, "has more than 8 bits");
	if (q->mode > 7 || (q->pin != IRQ_NO_PIN && (q->mode == APIC_MODE_EXTINT || (q->level && q->mode > 1))))
		return state_refuse(c, "mode", q->mode, "is not sent so");
	if (q->at >= chip->nr)
		return state_refuse(c, "at", q->at, "is beyond the last local APIC");
	if (!q->left || q->left > chip->nr)
		return state_refuse(c, "left", q->left, "is nothing, or more than there are local APICs");
	return true;
}

bool pc_irqchip_queue_valid(const struct pc_irqchip *chip, const struct pc_irqchip_state *s, u32 pins,
                            struct state_check *c)
{
	u32 waiting = 0, eois = 0;

	for (u32 i = 0; i < ARRAY_SIZE(s->eois); i++)
		for (u64 left = s->eois[i]; left; left &= left - 1)
			eois++;
	if (s->nr_eois != eois)
		return state_refuse(c, "nr_eois", s->nr_eois, "is not how many vectors are in eois");
	if (s->nr_waiting > IRQ_WAITING_MAX)
		return state_refuse(c, "nr_waiting", s->nr_waiting, "is more than can wait");
	for (u32 i = 0; i < IRQ_WAITING_MAX; i++) {
		const struct irq_waiting *q = &s->waiting[i];

		if (i >= s->nr_waiting) {
			if (q->dest || q->at || q->left || q->pin || q->mode || q->vector || q->logical || q->level)
				return state_refuse(c, "waiting", i, "is not empty, though nothing waits there");
			continue;
		}
		if (!waiting_valid(chip, q, c))
			return false;
		if (q->pin != IRQ_NO_PIN)
			waiting |= 1u << q->pin;
	}
	if (waiting != pins)
		return state_refuse(c, "rte", pins ^ waiting, "says of a pin what the queue does not");
	return true;
}
