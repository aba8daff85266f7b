/* Floppy controller: commands without data. */
#include "lib/string.h"
#include "vmm/dev/pc/vfdc_priv.h"

u32 fdc_cmd_bytes(u8 first)
{
	if ((first & 0x7f) == CMD_LOCK || first == CMD_SENSE || first == CMD_VERSION || first == CMD_DUMPREG)
		return 1;
	switch (first & CMD_KIND) {
	case CMD_READ:
	case CMD_READ_DELETED:
	case CMD_READ_TRACK:
	case CMD_WRITE:
	case CMD_WRITE_DELETED:
	case CMD_VERIFY: return 9;
	case CMD_FORMAT: return 6;
	case CMD_READ_ID: return 2;
	default: break;
	}
	switch (first) {
	case CMD_RECALIBRATE:
	case CMD_DRIVE_STATUS:
	case CMD_PERPENDICULAR: return 2;
	case CMD_SPECIFY:
	case CMD_SEEK:
	case CMD_SEEK | 0x80: /* relative, outwards and inwards */
	case CMD_SEEK | 0xc0: return 3;
	case CMD_CONFIGURE: return 4;
	default: return 1; /* invalid */
	}
}

void fdc_result(struct vfdc *f, u32 n, bool irq)
{
	f->s.phase = VFDC_RESULT;
	f->s.result_at = 0;
	f->s.result_len = (u8)n;
	f->s.irq |= irq;
	if (irq) /* a guest that did not ask for all of what a reset polled does not want to know */
		f->s.polled = 0;
	f->s.due_at = TIMER_OFF;
}

static void done(struct vfdc *f)
{
	f->s.phase = VFDC_COMMAND;
	f->s.cmd_len = 0;
}

/* What an interrupt was about: the next drive of those a reset has polled, a seek that has ended, or nothing. */
static void sense(struct vfdc *f)
{
	struct vfdc_state *s = &f->s;
	u8 mask = s->polled ? s->polled : s->sought;
	u32 unit = 0;

	s->irq = false;
	if (!mask) {
		s->result[0] = ST0_INVALID;
		fdc_result(f, 1, false);
		return;
	}
	while (!(mask >> unit & 1))
		unit++;
	if (s->polled) {
		s->result[0] = (u8)(ST0_POLLED | unit);
	} else {
		s->result[0] = (u8)(ST0_SEEK_END | (s->failed >> unit & 1 ? ST0_ABNORMAL | ST0_CHECK : 0) | unit);
		s->failed &= (u8)~BIT(unit);
		s->sought &= (u8)~BIT(unit);
	}
	s->polled &= (u8)~BIT(unit);
	s->result[1] = s->pcn[unit];
	fdc_result(f, 2, false);
}

static void seek(struct vfdc *f, u8 target, u64 now)
{
	struct vfdc_state *s = &f->s;
	u32 unit = fdc_unit(s);

	s->target[unit] = target;
	s->sought &= (u8)~BIT(unit);
	s->failed &= (u8)~BIT(unit);
	s->seek_at[unit] = now + VFDC_SEEK_NS;
	done(f);
}

/* Seeks that have ended by now. */
void fdc_seeks(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;

	for (u32 i = 0; i < 4; i++) {
		bool there = i < VFDC_DRIVES && f->cfg.present[i];

		if (s->seek_at[i] > now)
			continue;
		s->seek_at[i] = TIMER_OFF;
		s->pcn[i] = s->target[i];
		if (!there && !s->target[i])
			s->failed |= (u8)BIT(i);
		/* A step with a medium in the drive ends its change line. */
		if (there && fdc_medium(f, i).heads)
			s->changed[i] = false;
		s->sought |= (u8)BIT(i);
		s->irq = true;
		s->polled = 0;
	}
}

static void seek_relative(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	u32 from = s->pcn[fdc_unit(s)], by = s->cmd[2];

	if (s->cmd[0] & 0x40)
		seek(f, (u8)MIN(from + by, 255u), now);
	else
		seek(f, (u8)(from > by ? from - by : 0), now);
}

static void drive_status(struct vfdc *f)
{
	struct vfdc_state *s = &f->s;
	u32 unit = fdc_unit(s);
	bool there = unit < VFDC_DRIVES && f->cfg.present[unit];

	s->result[0] = (u8)(0x28 | (s->cmd[1] & 7)); /* ready, two sides */
	if (there && !s->pcn[unit])
		s->result[0] |= 0x10;
	if (there && blk_info(&f->cfg.blk[unit])->read_only)
		s->result[0] |= 0x40;
	fdc_result(f, 1, false);
}

static void dump(struct vfdc *f)
{
	struct vfdc_state *s = &f->s;

	memcpy(s->result, s->pcn, 4);
	memcpy(s->result + 4, s->specify, 2);
	s->result[6] = s->left;
	s->result[7] = (u8)((s->lock ? 0x80 : 0) | (s->perpendicular & 0x7f));
	s->result[8] = s->config;
	s->result[9] = s->pretrk;
	fdc_result(f, 10, false);
}

void fdc_execute(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	u8 cmd = s->cmd[0];

	if (fdc_cmd_bytes(cmd) > 3 && cmd != CMD_CONFIGURE) {
		fdc_begin(f, now);
		return;
	}
	if ((cmd & CMD_KIND) == CMD_READ_ID && fdc_cmd_bytes(cmd) == 2) {
		s->phase = VFDC_DELAY;
		s->due_at = now + VFDC_POLL_NS;
		return;
	}
	switch (cmd) {
	case CMD_SPECIFY:
		memcpy(s->specify, s->cmd + 1, 2);
		done(f);
		break;
	case CMD_DRIVE_STATUS: drive_status(f); break;
	case CMD_RECALIBRATE: seek(f, 0, now); break;
	case CMD_SENSE: sense(f); break;
	case CMD_SEEK: seek(f, s->cmd[2], now); break;
	case CMD_SEEK | 0x80:
	case CMD_SEEK | 0xc0: seek_relative(f, now); break;
	case CMD_VERSION:
		s->result[0] = 0x90; /* an enhanced controller */
		fdc_result(f, 1, false);
		break;
	case CMD_DUMPREG: dump(f); break;
	case CMD_PERPENDICULAR:
		s->perpendicular = s->cmd[1];
		done(f);
		break;
	case CMD_CONFIGURE:
		s->config = s->cmd[2] & 0x7f;
		s->pretrk = s->cmd[3];
		done(f);
		break;
	case CMD_LOCK:
	case CMD_LOCK | 0x80:
		s->lock = cmd & 0x80;
		s->result[0] = s->lock ? 0x10 : 0;
		fdc_result(f, 1, false);
		break;
	default:
		s->result[0] = ST0_INVALID;
		fdc_result(f, 1, false);
		break;
	}
}
