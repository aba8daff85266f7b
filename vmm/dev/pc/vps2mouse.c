/* PS/2 mouse: commands, packets, sample rate. */
#include "vmm/dev/pc/vps2mouse.h"

#include "lib/string.h"
#include "vmm/backend/input.h"
#include "vmm/base/timer.h"

enum {
	CMD_SCALE_1 = 0xe6,
	CMD_SCALE_2 = 0xe7,
	CMD_RESOLUTION = 0xe8,
	CMD_STATUS = 0xe9,
	CMD_STREAM = 0xea,
	CMD_READ = 0xeb,
	CMD_NO_WRAP = 0xec,
	CMD_WRAP = 0xee,
	CMD_REMOTE = 0xf0,
	CMD_IDENTIFY = 0xf2,
	CMD_RATE = 0xf3,
	CMD_ENABLE = 0xf4,
	CMD_DISABLE = 0xf5,
	CMD_DEFAULT = 0xf6,
	CMD_RESEND = 0xfe,
	CMD_RESET = 0xff,
};

#define REPLY_ACK    0xfa
#define REPLY_PASSED 0xaa
#define REPLY_RESEND 0xfe
#define REPLY_ERROR  0xfc

#define ID_WHEEL 3
#define SECOND   1000000000ull
#define RATE_MAX 200
#define BUTTONS  (INPUT_LEFT | INPUT_RIGHT | INPUT_MIDDLE)
#define COUNTS   32767

/* Of a packet's first byte. */
#define PACKET_ONE   0x08
#define PACKET_X_NEG 0x10
#define PACKET_Y_NEG 0x20

/* ---- what is to be sent ---- */

static void begin(struct vps2mouse_state *s, u8 val)
{
	s->out[0] = val;
	s->out_at = 0;
	s->out_end = 1;
}

static void put(struct vps2mouse_state *s, u8 val)
{
	if (s->out_end < VPS2MOUSE_OUT)
		s->out[s->out_end++] = val;
}

bool vps2mouse_has(const struct vps2mouse_state *s)
{
	return s->out_at != s->out_end;
}

u8 vps2mouse_read(struct vps2mouse_state *s)
{
	return vps2mouse_has(s) ? s->out[s->out_at++] : 0;
}

/* ---- packets ---- */

/* Takes out of what is to be told as much as the range allows. */
static s32 take(u32 *counts, s32 least, s32 most)
{
	s32 v = MIN(MAX((s32)*counts, least), most);

	*counts = (u32)((s32)*counts - v);
	return v;
}

/* 2:1 scaling: 0, 1, 1, 3, 6, 9, then twice. */
static s32 doubled(s32 v)
{
	static const u8 few[] = { 0, 1, 1, 3, 6, 9 };
	s32 size = v < 0 ? -v : v;

	size = size < (s32)sizeof(few) ? few[size] : 2 * size;
	return v < 0 ? -size : size;
}

/* Behind what is there to be sent. scaled: in stream mode alone. */
static void packet(struct vps2mouse_state *s, bool scaled)
{
	s32 limit = scaled ? 127 : 255, x = take(&s->dx, -limit, limit), y = take(&s->dy, -limit, limit);

	if (scaled) {
		x = doubled(x);
		y = doubled(y);
	}
	put(s, (u8)(PACKET_ONE | s->buttons | (x < 0 ? PACKET_X_NEG : 0) | (y < 0 ? PACKET_Y_NEG : 0)));
	put(s, (u8)x);
	put(s, (u8)y);
	if (s->id == ID_WHEEL)
		put(s, (u8)take(&s->dz, -8, 7));
	else
		s->dz = 0;
	s->told = s->buttons;
}

static u32 add(u32 counts, s32 d)
{
	s64 sum = (s64)(s32)counts + d;

	return (u32)(s32)MIN(MAX(sum, -COUNTS - 1), COUNTS);
}

static void forget(struct vps2mouse_state *s)
{
	s->dx = s->dy = s->dz = 0;
}

void vps2mouse_motion(struct vps2mouse_state *s, const struct input_motion *m)
{
	s->buttons = m->buttons & BUTTONS;
	s->dx = add(s->dx, m->dx);
	s->dy = add(s->dy, -(s64)m->dy > COUNTS ? COUNTS : -m->dy);
	s->dz = s->id == ID_WHEEL ? add(s->dz, m->wheel) : 0;
}

u64 vps2mouse_next(const struct vps2mouse_state *s)
{
	bool news = s->dx || s->dy || s->dz || s->buttons != s->told;

	if (!s->enabled || s->remote || s->wrap || !news || s->cmd || vps2mouse_has(s))
		return TIMER_OFF;
	return s->sample_at;
}

void vps2mouse_run(struct vps2mouse_state *s, u64 now)
{
	if (vps2mouse_next(s) > now)
		return;
	s->out_at = s->out_end = 0;
	packet(s, s->doubled);
	s->sample_at = now + SECOND / s->rate;
}

/* ---- commands ---- */

static void defaults(struct vps2mouse_state *s)
{
	forget(s);
	s->rate = 100;
	s->resolution = 2;
	s->knock = 0;
	s->doubled = s->remote = s->wrap = s->enabled = false;
	s->sample_at = 0;
}

void vps2mouse_init(struct vps2mouse_state *s)
{
	memset(s, 0, sizeof(*s));
	defaults(s);
}

static void set_rate(struct vps2mouse_state *s, u8 rate)
{
	static const u8 knock[] = { 200, 100, 80 };

	s->rate = MIN(MAX(rate, 1), RATE_MAX);
	s->sample_at = 0;
	if (rate == knock[s->knock])
		s->knock++;
	else
		s->knock = rate == knock[0];
	if (s->knock == ARRAY_SIZE(knock)) {
		s->knock = 0;
		s->id = ID_WHEEL;
	}
}

static void status(struct vps2mouse_state *s)
{
	begin(s, REPLY_ACK);
	put(s, (u8)((s->remote ? 0x40 : 0) | (s->enabled ? 0x20 : 0) | (s->doubled ? 0x10 : 0) |
	            (s->buttons & INPUT_LEFT ? 4 : 0) | (s->buttons & INPUT_MIDDLE ? 2 : 0) |
	            (s->buttons & INPUT_RIGHT ? 1 : 0)));
	put(s, s->resolution);
	put(s, s->rate);
}

/* Again what was sent last, all of it. */
static void resend(struct vps2mouse_state *s)
{
	s->out_at = 0;
}

static void refuse(struct vps2mouse_state *s)
{
	begin(s, s->refused ? REPLY_ERROR : REPLY_RESEND);
	s->refused = !s->refused;
}

static void argument(struct vps2mouse_state *s, u8 cmd, u8 val)
{
	if ((cmd == CMD_RESOLUTION && val > 3) || (cmd == CMD_RATE && (val < 1 || val > RATE_MAX))) {
		s->cmd = s->refused ? 0 : cmd; /* it may be sent again */
		refuse(s);
		return;
	}
	s->refused = false;
	if (cmd == CMD_RATE)
		set_rate(s, val);
	else
		s->resolution = val;
	begin(s, REPLY_ACK);
}

/* What changes a mode. Whether val is such. */
static bool mode(struct vps2mouse_state *s, u8 val)
{
	switch (val) {
	case CMD_SCALE_1:
	case CMD_SCALE_2: s->doubled = val == CMD_SCALE_2; break;
	case CMD_STREAM:
	case CMD_REMOTE: s->remote = val == CMD_REMOTE; break;
	case CMD_NO_WRAP: s->wrap = false; break;
	case CMD_WRAP: s->wrap = true; break;
	case CMD_ENABLE:
	case CMD_DISABLE: s->enabled = val == CMD_ENABLE; break;
	case CMD_DEFAULT: defaults(s); break;
	case CMD_RESOLUTION:
	case CMD_RATE: s->cmd = val; break;
	default: return false;
	}
	if (val != CMD_RATE)
		s->knock = 0;
	begin(s, REPLY_ACK);
	return true;
}

void vps2mouse_write(struct vps2mouse_state *s, u8 val, u64 now)
{
	u8 cmd = s->cmd;

	if (s->wrap && val != CMD_NO_WRAP && val != CMD_RESET) {
		begin(s, val);
		return;
	}
	s->cmd = 0;
	if (cmd) {
		argument(s, cmd, val);
		return;
	}
	if (val == CMD_RESEND) {
		resend(s);
		return;
	}
	if (val != CMD_READ)
		forget(s); /* any command does */
	switch (val) {
	case CMD_STATUS: status(s); break;
	case CMD_READ:
		begin(s, REPLY_ACK);
		packet(s, false);
		break;
	case CMD_IDENTIFY:
		begin(s, REPLY_ACK);
		put(s, s->id);
		break;
	case CMD_RESET:
		vps2mouse_init(s);
		begin(s, REPLY_ACK);
		put(s, REPLY_PASSED);
		put(s, 0); /* its identity by then */
		break;
	default:
		if (!mode(s, val)) {
			refuse(s);
			return;
		}
		break;
	}
	s->refused = false;
}

static bool valid_counts(u32 counts)
{
	return (s32)counts >= -COUNTS - 1 && (s32)counts <= COUNTS;
}

bool vps2mouse_valid(const struct vps2mouse_state *s, struct state_check *c)
{
	if (s->out_end > VPS2MOUSE_OUT || s->out_at > s->out_end)
		return state_refuse(c, "out_at", s->out_at, "is beyond what is to be sent");
	if (s->cmd && s->cmd != CMD_RESOLUTION && s->cmd != CMD_RATE)
		return state_refuse(c, "cmd", s->cmd, "is no command that waits for an argument");
	if (s->id && s->id != ID_WHEEL)
		return state_refuse(c, "id", s->id, "is no mouse");
	if (s->knock > 2)
		return state_refuse(c, "knock", s->knock, "is a knock that was heard");
	if (s->rate < 1 || s->rate > RATE_MAX)
		return state_refuse(c, "rate", s->rate, "is no sample rate");
	if (s->resolution > 3)
		return state_refuse(c, "resolution", s->resolution, "is no resolution");
	if ((s->buttons | s->told) & ~BUTTONS)
		return state_refuse(c, "buttons", s->buttons | s->told, "has bits that are no buttons");
	if (!valid_counts(s->dx) || !valid_counts(s->dy) || !valid_counts(s->dz))
		return state_refuse(c, "dx", s->dx, "is farther than is remembered, or another is");
	if (!s->id && s->dz)
		return state_refuse(c, "dz", s->dz, "needs a wheel");
	if (s->sample_at > c->now && s->sample_at - c->now > SECOND / s->rate)
		return state_refuse(c, "sample_at", s->sample_at, "is farther off than the next sample");
	return true;
}
