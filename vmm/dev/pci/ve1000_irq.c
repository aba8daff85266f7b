/*
 * e1000: interrupts. A cause that is not masked asserts INTA, no sooner than ITR allows; those of sent and received
 * frames may be delayed, so that one stands for many.
 */
#include "vmm/dev/pci/ve1000_priv.h"

#define ITR_NS    256u  /* of ITR */
#define DELAY_NS  1024u /* of the others */
#define DELAY_MAX (0xffffull * DELAY_NS)

static u64 next_delayed(const struct ve1000_state *s)
{
	return MIN(MIN(s->tx_due, s->tx_latest), MIN(s->rx_due, s->rx_latest));
}

void ve1000_update(struct ve1000 *d, u64 now)
{
	struct ve1000_state *s = &d->s;
	bool want = s->icr & s->ims, line = d->pci.s.intx;
	u64 next = next_delayed(s);

	if (want && !line && now >= s->itr_until) {
		s->itr_until = now + s->reg[E_ITR] * ITR_NS;
		vpci_intx_set(&d->pci, true);
	} else if (want && !line) {
		next = MIN(next, s->itr_until);
	} else if (!want && line) {
		vpci_intx_set(&d->pci, false);
	}
	timer_set(&d->timer, next);
}

void ve1000_raise(struct ve1000 *d, u32 causes, u64 now)
{
	d->s.icr |= causes;
	ve1000_update(d, now);
}

void ve1000_flush_tx(struct ve1000 *d, u64 now)
{
	struct ve1000_state *s = &d->s;
	bool waits = MIN(s->tx_due, s->tx_latest) != TIMER_OFF;

	s->tx_due = s->tx_latest = TIMER_OFF;
	ve1000_raise(d, waits ? ICR_TXDW : 0, now);
}

void ve1000_flush_rx(struct ve1000 *d, u64 now)
{
	struct ve1000_state *s = &d->s;
	bool waits = MIN(s->rx_due, s->rx_latest) != TIMER_OFF;

	s->rx_due = s->rx_latest = TIMER_OFF;
	ve1000_raise(d, waits ? ICR_RXT0 : 0, now);
}

/* Each one more puts it off; the first one's absolute timer does not. */
static void delay(struct ve1000 *d, u64 *due, u64 *latest, u32 each, u32 absolute, u64 now)
{
	*due = now + (u64)each * DELAY_NS;
	if (absolute && *latest == TIMER_OFF)
		*latest = now + (u64)absolute * DELAY_NS;
	ve1000_update(d, now);
}

void ve1000_raise_tx(struct ve1000 *d, bool wait, u64 now)
{
	struct ve1000_state *s = &d->s;

	if (wait && s->reg[E_TIDV]) {
		delay(d, &s->tx_due, &s->tx_latest, s->reg[E_TIDV], s->reg[E_TADV], now);
		return;
	}
	s->tx_due = s->tx_latest = TIMER_OFF;
	ve1000_raise(d, ICR_TXDW, now);
}

void ve1000_raise_rx(struct ve1000 *d, u64 now)
{
	struct ve1000_state *s = &d->s;

	if (s->reg[E_RDTR]) {
		delay(d, &s->rx_due, &s->rx_latest, s->reg[E_RDTR], s->reg[E_RADV], now);
		return;
	}
	s->rx_due = s->rx_latest = TIMER_OFF;
	ve1000_raise(d, ICR_RXT0, now);
}

void ve1000_irq_reset(struct ve1000 *d)
{
	struct ve1000_state *s = &d->s;

	s->icr = s->ims = 0;
	s->itr_until = 0;
	s->tx_due = s->tx_latest = s->rx_due = s->rx_latest = TIMER_OFF;
	timer_cancel(&d->timer);
	vpci_intx_set(&d->pci, false);
}

static bool moment_valid(u64 t, const char *name, struct state_check *c)
{
	if (t != TIMER_OFF && t > c->now && t - c->now > DELAY_MAX)
		return state_refuse(c, name, t, "is later than the longest delay");
	return true;
}

bool ve1000_irq_valid(const struct ve1000_state *s, const struct vpci_dev_state *pci, struct state_check *c)
{
	if (!moment_valid(s->tx_due, "tx_due", c) || !moment_valid(s->tx_latest, "tx_latest", c) ||
	    !moment_valid(s->rx_due, "rx_due", c) || !moment_valid(s->rx_latest, "rx_latest", c))
		return false;
	if (s->itr_until > c->now && s->itr_until - c->now > 0xffffull * ITR_NS)
		return state_refuse(c, "itr_until", s->itr_until, "is later than ITR can say");
	if (pci->intx && !(s->icr & s->ims))
		return state_refuse(c, "icr", s->icr, "and ims do not make the function's INTx");
	return true;
}
