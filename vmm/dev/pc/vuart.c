/* 16550A serial port. Register and bit names are the PC16550D data sheet's. */
#include "vmm/dev/pc/vuart.h"

#include "lib/string.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR, NR_REGS };

#define IER_RDA   0x01 /* received data */
#define IER_THRE  0x02
#define IER_RLS   0x04 /* receiver line status */
#define IER_MODEM 0x08
#define IER_ALL   0x0f

#define IIR_NONE    0x01
#define IIR_MODEM   0x00
#define IIR_THRE    0x02
#define IIR_RDA     0x04
#define IIR_RLS     0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS   0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_TRIGGER  0xc0

#define LCR_WORD   0x03
#define LCR_STOP   0x04
#define LCR_PARITY 0x08
#define LCR_BREAK  0x40
#define LCR_DLAB   0x80

#define MCR_DTR  0x01
#define MCR_RTS  0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_ALL  0x1f

#define LSR_DR      0x01
#define LSR_OE      0x02
#define LSR_FE      0x08
#define LSR_BI      0x10
#define LSR_ERRORS  0x1e
#define LSR_THRE    0x20
#define LSR_TEMT    0x40
#define LSR_FIFOERR 0x80

#define MSR_DELTAS 0x0f
#define MSR_TERI   0x04
#define MSR_CTS    0x10
#define MSR_DSR    0x20
#define MSR_RI     0x40
#define MSR_DCD    0x80

#define CLOCK_HZ      1843200ull
#define RESET_DIVISOR 12 /* 9600 baud, what firmware leaves */

static bool has_fifos(const struct vuart *u)
{
	return u->s.fcr & FCR_ENABLE;
}

static u32 rx_capacity(const struct vuart *u)
{
	return has_fifos(u) ? VUART_FIFO_SIZE : 1;
}

/* Bytes that make "received data available". */
static u32 rx_trigger(const struct vuart *u)
{
	static const u8 level[4] = { 1, 4, 8, 14 };

	return has_fifos(u) ? level[u->s.fcr >> 6] : 1;
}

/* Four character times in ns: start, data, parity and stop bits of 16 divided clocks each. */
static u64 timeout_ns(const struct vuart *u)
{
	u32 word = u->s.lcr & LCR_WORD, divisor = u->s.divisor ? u->s.divisor : 1;
	u32 half_bits = 2 * (1 + 5 + word) + 2;

	if (u->s.lcr & LCR_PARITY)
		half_bits += 2;
	if (u->s.lcr & LCR_STOP)
		half_bits += word ? 2 : 1; /* 1.5 stop bits with 5-bit words */
	return (u64)4 * half_bits * 8 * divisor * 1000000000 / CLOCK_HZ;
}

/* ---- interrupts ---- */

/* The interrupt with the highest priority, as IIR shows it. */
static u8 iir(const struct vuart *u)
{
	const struct vuart_state *s = &u->s;

	if ((s->ier & IER_RLS) && s->line_err)
		return IIR_RLS;
	if ((s->ier & IER_RDA) && s->rx_count >= rx_trigger(u))
		return IIR_RDA;
	if ((s->ier & IER_RDA) && s->timed_out)
		return IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thri)
		return IIR_THRE;
	if ((s->ier & IER_MODEM) && (s->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

/*
 * The data sheet has the OUT2 pin inactive in loopback mode, but interrupts "fully operational": then the register's
 * bit decides as well, so that drivers can test their interrupts that way.
 */
static bool wants_line(const struct vuart *u)
{
	return (u->s.mcr & MCR_OUT2) && iir(u) != IIR_NONE;
}

/* Above the trigger level there is an interrupt already; it ends by a read, which starts the time anew. */
static void arm(struct vuart *u)
{
	const struct vuart_state *s = &u->s;

	timer_set(&u->timeout, (s->ier & IER_RDA) && s->rx_count < rx_trigger(u) ? s->timeout_at : TIMER_OFF);
}

static void drive(const struct vuart *u)
{
	irqchip_set_line(u->irq, u->gsi, u->s.line || (u->shares && u->shares->s.line));
}

static void update(struct vuart *u, u64 now)
{
	struct vuart_state *s = &u->s;
	bool line;

	if (s->timeout_at <= now) {
		s->timed_out = true;
		s->timeout_at = TIMER_OFF;
	}
	line = wants_line(u);
	if (line != s->line) {
		s->line = line;
		drive(u);
	}
	arm(u);
}

static void timed_out(void *arg, u64 now)
{
	update(arg, now);
}

/* ---- receiver ---- */

/* The receive FIFO was read or filled. */
static void rx_touched(struct vuart *u, u64 now)
{
	u->s.timed_out = false;
	u->s.timeout_at = has_fifos(u) && u->s.rx_count ? now + timeout_ns(u) : TIMER_OFF;
}

static void rx_clear(struct vuart *u)
{
	u->s.rx_head = u->s.rx_count = 0;
	memset(u->s.rx, 0, sizeof(u->s.rx));
	memset(u->s.rx_err, 0, sizeof(u->s.rx_err));
	u->s.timed_out = false;
	u->s.timeout_at = TIMER_OFF;
}

static void rx_put(struct vuart *u, u8 byte, u8 err, u64 now)
{
	struct vuart_state *s = &u->s;
	u32 at;

	if (s->rx_count == rx_capacity(u)) {
		s->line_err |= LSR_OE;
		/* With FIFOs the byte that does not fit is lost, without them the one before. */
		if (has_fifos(u))
			return;
		s->rx_count = 0;
	}
	at = (s->rx_head + s->rx_count) % VUART_FIFO_SIZE;
	s->rx[at] = byte;
	s->rx_err[at] = err;
	/* Errors show when their byte is at the top. */
	if (s->rx_count++ == 0)
		s->line_err |= err;
	rx_touched(u, now);
}

static u8 rx_get(struct vuart *u, u64 now)
{
	struct vuart_state *s = &u->s;
	u8 byte;

	if (!s->rx_count)
		return s->rx[(s->rx_head + VUART_FIFO_SIZE - 1) % VUART_FIFO_SIZE]; /* the last one again */
	byte = s->rx[s->rx_head];
	s->rx_err[s->rx_head] = 0;
	s->rx_head = (s->rx_head + 1) % VUART_FIFO_SIZE;
	if (--s->rx_count)
		s->line_err |= s->rx_err[s->rx_head];
	rx_touched(u, now);
	return byte;
}

static u8 read_lsr(struct vuart *u)
{
	struct vuart_state *s = &u->s;
	u8 val = LSR_THRE | LSR_TEMT | s->line_err | (s->rx_count ? LSR_DR : 0);

	for (u32 i = 0; i < s->rx_count && has_fifos(u); i++)
		if (s->rx_err[(s->rx_head + i) % VUART_FIFO_SIZE])
			val |= LSR_FIFOERR;
	s->line_err = 0;
	s->rx_err[s->rx_head] = 0;
	return val;
}

/* ---- transmitter and modem ---- */

static void transmit(struct vuart *u, u8 byte, u64 now)
{
	/* A fall of the line between two bytes, for controllers that look for edges. */
	u->s.thri = false;
	update(u, now);
	if (u->s.mcr & MCR_LOOP)
		rx_put(u, byte & (u8)((0x20 << (u->s.lcr & LCR_WORD)) - 1), 0, now);
	else if (!(u->s.lcr & LCR_BREAK))
		chr_out(&u->chr, &byte, 1);
	u->s.thri = true;
}

/* The modem lines as MCR puts them: those of a peer that is always ready, or MCR's own in loopback mode. */
static void update_modem(struct vuart *u)
{
	u8 mcr = u->s.mcr, lines = MSR_DCD | MSR_DSR | MSR_CTS, changed;

	if (mcr & MCR_LOOP)
		lines = (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		        (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
	changed = lines ^ (u->s.msr & ~MSR_DELTAS);
	u->s.msr = (u->s.msr & MSR_DELTAS) | lines | ((changed & ~MSR_RI) >> 4);
	if ((changed & MSR_RI) && !(lines & MSR_RI))
		u->s.msr |= MSR_TERI;
}

/* ---- registers ---- */

static u8 read_reg(struct vuart *u, u32 reg, u64 now)
{
	struct vuart_state *s = &u->s;
	u8 val;

	switch (reg) {
	case RBR_THR: return s->lcr & LCR_DLAB ? (u8)s->divisor : rx_get(u, now);
	case IER: return s->lcr & LCR_DLAB ? (u8)(s->divisor >> 8) : s->ier;
	case IIR_FCR:
		val = iir(u);
		if (val == IIR_THRE)
			s->thri = false;
		return val | (has_fifos(u) ? IIR_FIFOS : 0);
	case LCR: return s->lcr;
	case MCR: return s->mcr;
	case LSR: return read_lsr(u);
	case MSR:
		val = s->msr;
		s->msr &= ~MSR_DELTAS;
		return val;
	default: return s->scr;
	}
}

static void write_ier(struct vuart *u, u8 val)
{
	if ((val & IER_THRE) && !(u->s.ier & IER_THRE))
		u->s.thri = true; /* THR is always empty */
	u->s.ier = val & IER_ALL;
}

static void write_fcr(struct vuart *u, u8 val)
{
	if (((val ^ u->s.fcr) & FCR_ENABLE) || ((val & FCR_ENABLE) && (val & FCR_CLEAR_RX)))
		rx_clear(u);
	u->s.fcr = val & FCR_ENABLE ? val & (FCR_ENABLE | FCR_TRIGGER) : 0;
}

static void write_lcr(struct vuart *u, u8 val, u64 now)
{
	bool breaks = (val & LCR_BREAK) && !(u->s.lcr & LCR_BREAK);

	u->s.lcr = val;
	if (breaks && (u->s.mcr & MCR_LOOP))
		rx_put(u, 0, LSR_BI | LSR_FE, now);
}

static void write_reg(struct vuart *u, u32 reg, u8 val, u64 now)
{
	struct vuart_state *s = &u->s;

	switch (reg) {
	case RBR_THR:
		if (s->lcr & LCR_DLAB)
			s->divisor = (s->divisor & 0xff00) | val;
		else
			transmit(u, val, now);
		break;
	case IER:
		if (s->lcr & LCR_DLAB)
			s->divisor = (u16)(val << 8 | (s->divisor & 0xff));
		else
			write_ier(u, val);
		break;
	case IIR_FCR: write_fcr(u, val); break;
	case LCR: write_lcr(u, val, now); break;
	case MCR:
		s->mcr = val & MCR_ALL;
		update_modem(u);
		break;
	case SCR: s->scr = val; break;
	default: break; /* LSR and MSR are read-only */
	}
}

/* Wider accesses are bytes one after the other, as on the ISA bus. */
static void uart_io(void *dev, struct io_access *io)
{
	struct vuart *u = dev;
	size_t space = vuart_rx_space(u);
	u64 val = 0;

	update(u, io->now); /* a timeout that is due but whose timer has not run */
	for (u32 i = 0; i < io->size; i++) {
		u32 reg = (u32)io->offset + i;

		if (io->write)
			write_reg(u, reg, (u8)(io->value >> i * 8), io->now);
		else
			val |= (u64)read_reg(u, reg, io->now) << i * 8;
	}
	if (!io->write)
		io->value = val;
	update(u, io->now);
	if (vuart_rx_space(u) > space)
		chr_room(&u->chr);
}

/* ---- for the owner ---- */

void vuart_init(struct vuart *u, u16 base, u32 gsi, const struct irqchip *irq, struct timerq *tq,
                const struct chr *chr)
{
	memset(u, 0, sizeof(*u));
	u->irq = irq;
	u->gsi = gsi;
	u->chr = *chr;
	timer_init(&u->timeout, tq, timed_out, u);
	u->region =
	        (struct io_region){ .base = base, .len = NR_REGS, .fn = uart_io, .dev = u, .name = "uart-16550a" };
	vuart_reset(u, 0);
}

int vuart_attach(struct vuart *u, struct io_bus *pio)
{
	u->pio = pio;
	return io_bus_add(pio, &u->region);
}

void vuart_reset(struct vuart *u, u64 now)
{
	bool line = u->s.line;

	memset(&u->s, 0, sizeof(u->s));
	u->s.line = line; /* update() takes it down */
	u->s.msr = MSR_DCD | MSR_DSR | MSR_CTS;
	u->s.divisor = RESET_DIVISOR;
	u->s.timeout_at = TIMER_OFF;
	update(u, now);
}

void vuart_restored(struct vuart *u, u64 now)
{
	/* Low it may be held high by the port that shares it. */
	if (u->s.line)
		irqchip_set_line(u->irq, u->gsi, true);
	arm(u);
}

size_t vuart_rx_space(const struct vuart *u)
{
	return u->s.mcr & MCR_LOOP ? 0 : rx_capacity(u) - u->s.rx_count;
}

size_t vuart_rx(struct vuart *u, const u8 *buf, size_t len, u64 now)
{
	size_t taken = MIN(len, vuart_rx_space(u));

	for (size_t i = 0; i < taken; i++)
		rx_put(u, buf[i], 0, now);
	update(u, now);
	return taken;
}

void vuart_rx_break(struct vuart *u, u64 now)
{
	if (!(u->s.mcr & MCR_LOOP))
		rx_put(u, 0, LSR_BI | LSR_FE, now);
	update(u, now);
}

/* ---- as a device of the board ---- */

STATE_DESC(vuart_state, VUART_STATE, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct vuart_cfg *c = cfg;

	vuart_init(dev, c->base, c->gsi, env->irq, env->timers, &c->chr);
	vuart_share(dev, c->shares);
	return vuart_attach(dev, env->pio);
}

static void detach(void *dev)
{
	struct vuart *u = dev;

	timer_cancel(&u->timeout);
	io_bus_remove(u->pio, &u->region);
}

static void reset(void *dev, u64 now)
{
	vuart_reset(dev, now);
}

/* The registers' bits. */
static bool valid_regs(const struct vuart_state *s, struct state_check *c)
{
	if (s->ier & ~IER_ALL)
		return state_refuse(c, "ier", s->ier, "has bits that the register lacks");
	if (s->fcr & ~(s->fcr & FCR_ENABLE ? FCR_ENABLE | FCR_TRIGGER : 0))
		return state_refuse(c, "fcr", s->fcr, "has bits that are not kept");
	if (s->mcr & ~MCR_ALL)
		return state_refuse(c, "mcr", s->mcr, "has bits that the register lacks");
	if (s->line_err & ~LSR_ERRORS)
		return state_refuse(c, "line_err", s->line_err, "has bits that are no errors");
	for (u32 i = 0; i < VUART_FIFO_SIZE; i++)
		if (s->rx_err[i] & ~LSR_ERRORS)
			return state_refuse(c, "rx_err", s->rx_err[i], "has bits that are no errors");
	return true;
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vuart_state *s = part[0];
	const struct vuart u = { .s = *s };
	const struct vuart slowest = { .s = { .lcr = LCR_WORD | LCR_STOP | LCR_PARITY, .divisor = 0xffff } };
	bool waits = has_fifos(&u) && s->rx_count;

	if (!valid_regs(s, c))
		return false;
	if (s->rx_head >= VUART_FIFO_SIZE)
		return state_refuse(c, "rx_head", s->rx_head, "is beyond the FIFO");
	if (s->rx_count > rx_capacity(&u))
		return state_refuse(c, "rx_count", s->rx_count, "is more than the receiver holds");
	if (s->timed_out && !waits)
		return state_refuse(c, "timed_out", s->timed_out, "needs bytes in the FIFO");
	if ((s->timeout_at != TIMER_OFF) != (waits && !s->timed_out))
		return state_refuse(c, "timeout_at", s->timeout_at, "does not fit the bytes in the FIFO");
	if (s->timeout_at != TIMER_OFF && s->timeout_at > c->now + timeout_ns(&slowest))
		return state_refuse(c, "timeout_at", s->timeout_at, "is farther off than four characters");
	if (s->line != wants_line(&u))
		return state_refuse(c, "line", s->line, "is not what IIR and OUT2 make of it");
	return true;
}

static void restored(void *dev, u64 now)
{
	vuart_restored(dev, now);
}

VDEV_OPS(vuart, "uart", VDEV_STATE(vuart, s, vuart_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
