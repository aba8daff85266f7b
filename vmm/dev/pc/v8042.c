/* 8042: the controller between two PS/2 devices and ports 60h and 64h. */
#include "vmm/dev/pc/v8042.h"

#include "lib/string.h"

#define STS_OBF        0x01
#define STS_SYS        0x04
#define STS_CMD        0x08
#define STS_NOT_LOCKED 0x10
#define STS_AUX_OBF    0x20

/* Command byte. */
#define CTL_KBD_INT   0x01
#define CTL_AUX_INT   0x02
#define CTL_SYS       0x04 /* self test passed; status register's bit 2 */
#define CTL_KBD_OFF   0x10
#define CTL_AUX_OFF   0x20
#define CTL_TRANSLATE 0x40
#define CTL_POWER_ON  (CTL_KBD_OFF | CTL_AUX_OFF | CTL_TRANSLATE)

/* Output port. */
#define OUT_NO_RESET 0x01
#define OUT_A20      0x02
#define OUT_KBD_OBF  0x10
#define OUT_AUX_OBF  0x20
#define OUT_WIRES    0xc0 /* keyboard's data, and clock inverted: idle */

#define IN_NOT_LOCKED 0x80

#define BREAK 0xf0

enum {
	CMD_READ_RAM = 0x20,  /* to 3Fh */
	CMD_WRITE_RAM = 0x60, /* to 7Fh */
	CMD_PASSWORD = 0xa4,
	CMD_AUX_OFF = 0xa7,
	CMD_AUX_ON = 0xa8,
	CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa,
	CMD_KBD_TEST = 0xab,
	CMD_KBD_OFF = 0xad,
	CMD_KBD_ON = 0xae,
	CMD_READ_INPUT = 0xc0,
	CMD_READ_OUTPUT = 0xd0,
	CMD_WRITE_OUTPUT = 0xd1,
	CMD_AS_KBD = 0xd2,
	CMD_AS_AUX = 0xd3,
	CMD_WRITE_AUX = 0xd4,
	CMD_A20_OFF = 0xdd,
	CMD_A20_ON = 0xdf,
	CMD_TEST_INPUTS = 0xe0,
	CMD_PULSE = 0xf0, /* to FFh: pulses the output lines whose bit is 0 */
};

static const u8 gsis[] = { V8042_KBD_GSI, V8042_AUX_GSI };

static bool is_aux(u8 source)
{
	return source == V8042_AUX || source == V8042_AS_AUX;
}

/* ---- the output buffer ---- */

/* The controller's own answer. A device's byte that nobody has read yet waits. */
static void answer(struct v8042 *k, u8 val, u8 source)
{
	struct v8042_state *s = &k->s;

	if (s->full && (s->source == V8042_KBD || s->source == V8042_AUX)) {
		s->kept = s->out;
		s->kept_source = s->source;
	}
	s->out = val;
	s->source = source;
	s->full = true;
}

/* The keyboard's next byte into the output buffer; a break code's prefix is taken alone. */
static void load_kbd(struct v8042 *k)
{
	struct v8042_state *s = &k->s;
	u8 val = vps2kbd_read(&k->kbd);

	if (s->ram[0] & CTL_TRANSLATE) {
		if (val == BREAK) {
			s->released = true;
			return;
		}
		val = vps2_translate(val) | (s->released ? 0x80 : 0);
	}
	s->released = false;
	s->out = val;
	s->source = V8042_KBD;
	s->full = true;
}

static bool kbd_waits(const struct v8042 *k)
{
	return !(k->s.ram[0] & CTL_KBD_OFF) && vps2kbd_has(&k->kbd);
}

static bool aux_waits(const struct v8042 *k)
{
	return !(k->s.ram[0] & CTL_AUX_OFF) && vps2mouse_has(&k->mouse);
}

static void load(struct v8042 *k, u64 now)
{
	struct v8042_state *s = &k->s;

	if (s->full || s->ready_at > now)
		return;
	if (s->kept_source != V8042_CONTROLLER) {
		s->out = s->kept;
		s->source = s->kept_source;
		s->kept_source = V8042_CONTROLLER;
		s->full = true;
		return;
	}
	while (!s->full && kbd_waits(k)) /* a prefix, then what follows it */
		load_kbd(k);
	if (!s->full && aux_waits(k)) {
		s->out = vps2mouse_read(&k->mouse);
		s->source = V8042_AUX;
		s->full = true;
	}
}

/* i: 0 keyboard, 1 mouse. */
static bool wants_irq(const struct v8042_state *s, u32 i)
{
	return s->full && is_aux(s->source) == (i == 1) && (s->ram[0] & (i ? CTL_AUX_INT : CTL_KBD_INT));
}

static void drive_lines(struct v8042 *k)
{
	for (u32 i = 0; i < ARRAY_SIZE(gsis); i++) {
		bool level = wants_irq(&k->s, i);

		if (level == k->line[i])
			continue;
		k->line[i] = level;
		irqchip_set_line(k->irq, gsis[i], level);
	}
}

/* When something is to be done next: as the timer wants it. */
static u64 next_event(const struct v8042 *k)
{
	u64 next = MIN(k->kbd.repeat_at, vps2mouse_next(&k->mouse));

	if (!k->s.full && (k->s.kept_source || kbd_waits(k) || aux_waits(k)))
		next = MIN(next, k->s.ready_at);
	return next;
}

/* After anything: a byte moves, devices do what is due (a mouse not before its last packet has gone), lines follow. */
static void update(struct v8042 *k, u64 now)
{
	load(k, now);
	vps2kbd_run(&k->kbd, now);
	vps2mouse_run(&k->mouse, now);
	load(k, now);
	drive_lines(k);
	timer_set(&k->timer, next_event(k));
}

static void timer_fired(void *arg, u64 now)
{
	update(arg, now);
}

/* ---- commands ---- */

static bool is_ram(u8 cmd, u8 base)
{
	return cmd >= base && cmd < base + V8042_RAM;
}

static bool wants_data(u8 cmd)
{
	return is_ram(cmd, CMD_WRITE_RAM) || (cmd >= CMD_WRITE_OUTPUT && cmd <= CMD_WRITE_AUX);
}

static u8 output_port(struct v8042 *k)
{
	return OUT_NO_RESET | OUT_WIRES | (k->cfg.a20(k->cfg.arg) ? OUT_A20 : 0) | (k->line[0] ? OUT_KBD_OBF : 0) |
	       (k->line[1] ? OUT_AUX_OBF : 0);
}

static void command(struct v8042 *k, u8 cmd)
{
	struct v8042_state *s = &k->s;

	s->cmd = wants_data(cmd) ? cmd : 0;
	s->last_cmd = true;
	switch (cmd) {
	case CMD_PASSWORD: answer(k, 0xf1, V8042_CONTROLLER); break; /* none is installed */
	case CMD_AUX_OFF: s->ram[0] |= CTL_AUX_OFF; break;
	case CMD_AUX_ON: s->ram[0] &= (u8)~CTL_AUX_OFF; break;
	case CMD_AUX_TEST:
	case CMD_KBD_TEST: answer(k, 0x00, V8042_CONTROLLER); break; /* no error */
	case CMD_SELF_TEST:
		s->ram[0] |= CTL_SYS;
		s->kept_source = V8042_CONTROLLER;
		s->full = false;
		answer(k, 0x55, V8042_CONTROLLER); /* passed */
		break;
	case CMD_KBD_OFF: s->ram[0] |= CTL_KBD_OFF; break;
	case CMD_KBD_ON: s->ram[0] &= (u8)~CTL_KBD_OFF; break;
	case CMD_READ_INPUT: answer(k, IN_NOT_LOCKED, V8042_CONTROLLER); break;
	case CMD_READ_OUTPUT: answer(k, output_port(k), V8042_CONTROLLER); break;
	case CMD_A20_OFF:
	case CMD_A20_ON: k->cfg.set_a20(k->cfg.arg, cmd == CMD_A20_ON); break;
	case CMD_TEST_INPUTS: answer(k, 0x00, V8042_CONTROLLER); break; /* both clocks low: inhibited */
	default:
		if (is_ram(cmd, CMD_READ_RAM))
			answer(k, s->ram[cmd - CMD_READ_RAM], V8042_CONTROLLER);
		else if (cmd >= CMD_PULSE && !(cmd & OUT_NO_RESET))
			k->cfg.reset(k->cfg.arg, "reset through the keyboard controller");
		break;
	}
}

/* A byte for the keyboard lets it speak, as one for the mouse does. */
static void to_kbd(struct v8042 *k, u8 val, u64 now)
{
	u8 leds = k->kbd.leds;

	k->s.ram[0] &= (u8)~CTL_KBD_OFF;
	vps2kbd_write(&k->kbd, val, now);
	k->s.released = false;
	if (k->kbd.leds != leds)
		input_leds(&k->cfg.input, k->kbd.leds);
}

static void data(struct v8042 *k, u8 val, u64 now)
{
	struct v8042_state *s = &k->s;
	u8 cmd = s->cmd;

	s->cmd = 0;
	s->last_cmd = false;
	if (is_ram(cmd, CMD_WRITE_RAM)) {
		s->ram[cmd - CMD_WRITE_RAM] = val;
		return;
	}
	switch (cmd) {
	case CMD_WRITE_OUTPUT:
		k->cfg.set_a20(k->cfg.arg, val & OUT_A20);
		if (!(val & OUT_NO_RESET))
			k->cfg.reset(k->cfg.arg, "reset through the keyboard controller's output port");
		break;
	case CMD_AS_KBD: answer(k, val, V8042_CONTROLLER); break;
	case CMD_AS_AUX: answer(k, val, V8042_AS_AUX); break;
	case CMD_WRITE_AUX:
		s->ram[0] &= (u8)~CTL_AUX_OFF;
		vps2mouse_write(&k->mouse, val, now);
		break;
	default: to_kbd(k, val, now); break;
	}
}

/* ---- ports ---- */

static void data_io(void *dev, struct io_access *io)
{
	struct v8042 *k = dev;
	struct v8042_state *s = &k->s;

	if (io->write) {
		data(k, (u8)io->value, io->now);
	} else {
		io->value = s->out;
		if (s->full && s->source != V8042_CONTROLLER)
			s->ready_at = io->now + V8042_WIRE_NS;
		s->full = false;
		drive_lines(k); /* low, be it that the next byte is there already */
	}
	update(k, io->now);
}

static void cmd_io(void *dev, struct io_access *io)
{
	struct v8042 *k = dev;
	const struct v8042_state *s = &k->s;

	if (io->write) {
		command(k, (u8)io->value);
		update(k, io->now);
		return;
	}
	io->value = STS_NOT_LOCKED | (s->full ? STS_OBF : 0) | (s->full && is_aux(s->source) ? STS_AUX_OBF : 0) |
	            (s->ram[0] & CTL_SYS ? STS_SYS : 0) | (s->last_cmd ? STS_CMD : 0);
}

/* ---- for back-ends ---- */

static void on_key(void *dev, u16 key, bool down, u64 now)
{
	struct v8042 *k = dev;

	vps2kbd_key(&k->kbd, key, down, now);
	update(k, now);
}

static u32 key_room(const void *dev)
{
	const struct v8042 *k = dev;

	return k->s.ram[0] & CTL_KBD_OFF ? 0 : vps2kbd_room(&k->kbd);
}

static void on_motion(void *dev, const struct input_motion *m, u64 now)
{
	struct v8042 *k = dev;

	vps2mouse_motion(&k->mouse, m);
	update(k, now);
}

const struct input_dev_ops v8042_input = { .key = on_key, .key_room = key_room, .motion = on_motion };

/* ---- as a device of the board ---- */

STATE_DESC(v8042_state, V8042_STATE, 1);
STATE_DESC(vps2kbd_state, VPS2KBD_STATE, 1);
STATE_DESC(vps2mouse_state, VPS2MOUSE_STATE, 1);

static void reset(void *dev, u64 now)
{
	struct v8042 *k = dev;

	memset(&k->s, 0, sizeof(k->s));
	k->s.ram[0] = CTL_POWER_ON;
	vps2kbd_init(&k->kbd);
	vps2mouse_init(&k->mouse);
	input_leds(&k->cfg.input, 0);
	update(k, now);
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct v8042 *k = dev;
	int err;

	k->cfg = *(const struct v8042_cfg *)cfg;
	k->irq = env->irq;
	k->pio = env->pio;
	timer_init(&k->timer, env->timers, timer_fired, k);
	k->data_region =
	        (struct io_region){ .base = V8042_DATA, .len = 1, .fn = data_io, .dev = k, .name = "8042-data" };
	k->cmd_region =
	        (struct io_region){ .base = V8042_CMD, .len = 1, .fn = cmd_io, .dev = k, .name = "8042-command" };
	err = io_bus_add(k->pio, &k->data_region);
	if (err)
		return err;
	err = io_bus_add(k->pio, &k->cmd_region);
	if (err) {
		io_bus_remove(k->pio, &k->data_region);
		return err;
	}
	reset(k, 0);
	return OK;
}

static void detach(void *dev)
{
	struct v8042 *k = dev;

	timer_cancel(&k->timer);
	io_bus_remove(k->pio, &k->data_region);
	io_bus_remove(k->pio, &k->cmd_region);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct v8042_state *s = part[0];

	if (s->cmd && !wants_data(s->cmd))
		return state_refuse(c, "cmd", s->cmd, "is no command that waits for data");
	if (s->cmd && !s->last_cmd)
		return state_refuse(c, "last_cmd", s->last_cmd, "denies the command that waits for data");
	if (s->source >= V8042_SOURCES)
		return state_refuse(c, "source", s->source, "is no source of bytes");
	if (s->kept_source > V8042_AUX)
		return state_refuse(c, "kept_source", s->kept_source, "is no device");
	if (s->ready_at > c->now && s->ready_at - c->now > V8042_WIRE_NS)
		return state_refuse(c, "ready_at", s->ready_at, "is farther off than a byte takes");
	return vps2kbd_valid(part[1], c) && vps2mouse_valid(part[2], c);
}

/* Due bytes and repeats come by the timer. */
static void restored(void *dev, u64 now)
{
	struct v8042 *k = dev;

	for (u32 i = 0; i < ARRAY_SIZE(gsis); i++) {
		k->line[i] = wants_irq(&k->s, i);
		if (k->line[i])
			irqchip_set_line(k->irq, gsis[i], true);
	}
	timer_set(&k->timer, next_event(k));
}

VDEV_OPS(v8042, "8042", VDEV_STATE(v8042, s, v8042_state), .state[1] = VDEV_STATE(v8042, kbd, vps2kbd_state),
         .state[2] = VDEV_STATE(v8042, mouse, vps2mouse_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
