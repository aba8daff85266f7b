/* Reset ports and the keyboard controller without a keyboard. */
#include "vmm/dev/pc/vreset.h"

#include "lib/string.h"

#define CF9_SYS_RST  0x02
#define CF9_RST_CPU  0x04
#define CF9_READABLE 0x0e

#define PORT92_FAST_RESET 0x01
#define PORT92_A20        0x02

#define STS_OBF        0x01
#define STS_CMD        0x08
#define STS_NOT_LOCKED 0x10

#define CTL_SYS     0x04 /* self test passed; status register's bit 2 */
#define CTL_KBD_OFF 0x10
#define CTL_AUX_OFF 0x20

#define OUT_NO_RESET 0x01
#define OUT_A20      0x02

enum {
	KBC_READ_CTL = 0x20,
	KBC_WRITE_CTL = 0x60,
	KBC_AUX_OFF = 0xa7,
	KBC_AUX_ON = 0xa8,
	KBC_AUX_TEST = 0xa9,
	KBC_SELF_TEST = 0xaa,
	KBC_KBD_TEST = 0xab,
	KBC_KBD_OFF = 0xad,
	KBC_KBD_ON = 0xae,
	KBC_READ_INPUT = 0xc0,
	KBC_READ_OUTPUT = 0xd0,
	KBC_WRITE_OUTPUT = 0xd1,
	KBC_ECHO_KBD = 0xd2,
	KBC_ECHO_AUX = 0xd3,
	KBC_WRITE_AUX = 0xd4,
	KBC_A20_OFF = 0xdd,
	KBC_A20_ON = 0xdf,
	KBC_PULSE = 0xf0, /* to FFh: pulses the output lines whose bit is 0 */
};

/* ---- what the ports do ---- */

void vreset_pulse(struct vreset *r, const char *how)
{
	if (!r->soft_reset) {
		r->reset(r->arg, how);
		return;
	}
	/* The reset vector is in an odd megabyte. */
	vreset_set_a20(r, true);
	r->soft_reset(r->arg, how);
}

bool vreset_a20(const struct vreset *r)
{
	return r->s.port92 & PORT92_A20;
}

/* Both ways to the gate read what it is. */
static void put_a20(struct vreset *r, bool open)
{
	r->s.port92 = (r->s.port92 & (u8)~PORT92_A20) | (open ? PORT92_A20 : 0);
	r->s.kbc_outport = (r->s.kbc_outport & (u8)~OUT_A20) | (open ? OUT_A20 : 0);
}

void vreset_set_a20(struct vreset *r, bool open)
{
	bool was = vreset_a20(r);

	put_a20(r, open);
	if (open != was && r->a20)
		r->a20(r->arg, open);
}

void vreset_cf9(void *dev, struct io_access *io)
{
	struct vreset *r = dev;
	u8 old = r->s.cf9;

	if (!io->write) {
		io->value = old;
		return;
	}
	r->s.cf9 = (u8)io->value & CF9_READABLE;
	/* RST_CPU going from 0 to 1 resets; the FADT's value 6 does both at once. */
	if (!(r->s.cf9 & CF9_RST_CPU) || (old & CF9_RST_CPU))
		return;
	if (r->s.cf9 & CF9_SYS_RST)
		r->reset(r->arg, "hard reset through port CF9h");
	else
		vreset_pulse(r, "soft reset through port CF9h");
}

static void port92(void *dev, struct io_access *io)
{
	struct vreset *r = dev;
	u8 old = r->s.port92;

	if (!io->write) {
		io->value = old;
		return;
	}
	r->s.port92 = ((u8)io->value & PORT92_FAST_RESET) | (r->a20 ? old & PORT92_A20 : (u8)io->value & PORT92_A20);
	if (r->a20)
		vreset_set_a20(r, io->value & PORT92_A20);
	if ((r->s.port92 & PORT92_FAST_RESET) && !(old & PORT92_FAST_RESET))
		vreset_pulse(r, "fast reset through port 92h");
}

/* ---- the 8042 ---- */

static void put(struct vreset *r, u8 val)
{
	r->s.kbc_out = val;
	r->s.kbc_full = true;
}

static void write_outport(struct vreset *r, u8 val)
{
	if (r->a20)
		vreset_set_a20(r, val & OUT_A20);
	r->s.kbc_outport = val;
}

static void kbc_data(void *dev, struct io_access *io)
{
	struct vreset *r = dev;
	u8 cmd = r->s.kbc_cmd, val = (u8)io->value;

	if (!io->write) {
		io->value = r->s.kbc_out;
		r->s.kbc_full = false;
		return;
	}
	r->s.kbc_cmd = 0;
	r->s.kbc_last_cmd = false;
	switch (cmd) {
	case KBC_WRITE_CTL: r->s.kbc_ctl = val; break;
	case KBC_WRITE_OUTPUT:
		write_outport(r, val);
		if (!(val & OUT_NO_RESET))
			vreset_pulse(r, "reset through the keyboard controller's output port");
		break;
	/* The auxiliary echo lacks the status bit "from the auxiliary device": so drivers see that there is none. */
	case KBC_ECHO_KBD:
	case KBC_ECHO_AUX: put(r, val); break;
	default: break; /* no keyboard or mouse hears it */
	}
}

static bool wants_data(u8 cmd)
{
	return cmd == KBC_WRITE_CTL || cmd == KBC_WRITE_OUTPUT || cmd == KBC_ECHO_KBD || cmd == KBC_ECHO_AUX ||
	       cmd == KBC_WRITE_AUX;
}

static void kbc_command(struct vreset *r, u8 cmd)
{
	struct vreset_state *s = &r->s;

	s->kbc_cmd = wants_data(cmd) ? cmd : 0;
	s->kbc_last_cmd = true;
	switch (cmd) {
	case KBC_READ_CTL: put(r, s->kbc_ctl); break;
	case KBC_AUX_OFF: s->kbc_ctl |= CTL_AUX_OFF; break;
	case KBC_AUX_ON: s->kbc_ctl &= (u8)~CTL_AUX_OFF; break;
	case KBC_AUX_TEST: put(r, 0x01); break; /* clock line stuck low: nothing there */
	case KBC_SELF_TEST:
		s->kbc_ctl |= CTL_SYS;
		put(r, 0x55); /* passed */
		break;
	case KBC_KBD_TEST: put(r, 0x00); break; /* no error */
	case KBC_KBD_OFF: s->kbc_ctl |= CTL_KBD_OFF; break;
	case KBC_KBD_ON: s->kbc_ctl &= (u8)~CTL_KBD_OFF; break;
	case KBC_READ_INPUT: put(r, 0x80); break; /* not locked */
	case KBC_READ_OUTPUT: put(r, s->kbc_outport); break;
	case KBC_A20_OFF: write_outport(r, s->kbc_outport & (u8)~OUT_A20); break;
	case KBC_A20_ON: write_outport(r, s->kbc_outport | OUT_A20); break;
	default:
		if (cmd >= KBC_PULSE && !(cmd & OUT_NO_RESET))
			vreset_pulse(r, "reset through the keyboard controller");
		break;
	}
}

static void kbc_cmd(void *dev, struct io_access *io)
{
	struct vreset *r = dev;

	if (io->write)
		kbc_command(r, (u8)io->value);
	else
		io->value = STS_NOT_LOCKED | (r->s.kbc_ctl & CTL_SYS) | (r->s.kbc_full ? STS_OBF : 0) |
		            (r->s.kbc_last_cmd ? STS_CMD : 0);
}

/* ---- for the owner ---- */

void vreset_init(struct vreset *r, void (*reset)(void *arg, const char *how), void *arg)
{
	memset(r, 0, sizeof(*r));
	r->reset = reset;
	r->arg = arg;
	r->port92_region =
	        (struct io_region){ .base = VRESET_PORT92, .len = 1, .fn = port92, .dev = r, .name = "port92" };
	r->kbc_data_region =
	        (struct io_region){ .base = VRESET_KBC_DATA, .len = 1, .fn = kbc_data, .dev = r, .name = "kbc-data" };
	r->kbc_cmd_region = (struct io_region){
		.base = VRESET_KBC_CMD, .len = 1, .fn = kbc_cmd, .dev = r, .name = "kbc-command"
	};
	vreset_reset(r);
}

/* How many of its regions, in their order, are on the bus. */
static u32 nr_regions(const struct vreset *r)
{
	return r->other_kbc ? 1 : 3;
}

int vreset_attach(struct vreset *r, struct io_bus *pio)
{
	struct io_region *regions[] = { &r->port92_region, &r->kbc_data_region, &r->kbc_cmd_region };
	int err;

	r->pio = pio;
	for (u32 i = 0; i < nr_regions(r); i++) {
		err = io_bus_add(pio, regions[i]);
		if (!err)
			continue;
		while (i--)
			io_bus_remove(pio, regions[i]);
		return err;
	}
	return OK;
}

void vreset_reset(struct vreset *r)
{
	/* A20 is open, as GRUB and the loaders' protocols promise, and as the reset vector below 4 GiB needs it. */
	r->s = (struct vreset_state){
		.port92 = PORT92_A20,
		.kbc_ctl = CTL_SYS | CTL_KBD_OFF,
		.kbc_outport = 0xdc | OUT_A20 | OUT_NO_RESET,
	};
	if (r->a20)
		r->a20(r->arg, true);
}

/* ---- as a device of the board ---- */

STATE_DESC(vreset_state, VRESET_STATE, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct vreset_cfg *c = cfg;
	struct vreset *r = dev;

	vreset_init(r, c->reset, c->arg);
	r->soft_reset = c->soft_reset;
	r->a20 = c->a20;
	r->other_kbc = c->other_kbc;
	return vreset_attach(r, env->pio);
}

static void detach(void *dev)
{
	struct vreset *r = dev;

	io_bus_remove(r->pio, &r->port92_region);
	if (r->other_kbc)
		return;
	io_bus_remove(r->pio, &r->kbc_data_region);
	io_bus_remove(r->pio, &r->kbc_cmd_region);
}

static void reset(void *dev, u64 now)
{
	vreset_reset(dev);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vreset *r = dev;
	const struct vreset_state *s = part[0];

	if (s->cf9 & ~CF9_READABLE)
		return state_refuse(c, "cf9", s->cf9, "has bits that the register lacks");
	if (s->port92 & ~(PORT92_FAST_RESET | PORT92_A20))
		return state_refuse(c, "port92", s->port92, "has bits that the register lacks");
	if (s->kbc_cmd && !wants_data(s->kbc_cmd))
		return state_refuse(c, "kbc_cmd", s->kbc_cmd, "is no command that waits for data");
	if (s->kbc_cmd && !s->kbc_last_cmd)
		return state_refuse(c, "kbc_last_cmd", s->kbc_last_cmd, "denies the command that waits for data");
	if (r->a20 && !(s->port92 & PORT92_A20) != !(s->kbc_outport & OUT_A20))
		return state_refuse(c, "kbc_outport", s->kbc_outport, "has another A20 than port 92h");
	return true;
}

/* Nothing outside depends on it but A20: there is no line and no timer. */
static void restored(void *dev, u64 now)
{
	struct vreset *r = dev;

	if (r->a20)
		r->a20(r->arg, vreset_a20(r));
}

VDEV_OPS(vreset, "reset", VDEV_STATE(vreset, s, vreset_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
