/* Floppy controller: what its state can be. */
#include "vmm/dev/pc/vfdc_priv.h"

/* The command that a phase is about. */
static bool valid_command(const struct vfdc_state *s, struct state_check *c)
{
	u8 kind = s->cmd[0] & CMD_KIND;
	u32 bytes = fdc_cmd_bytes(s->cmd[0]);
	bool sectors = bytes == 9 || bytes == 6, is_read = sectors && !fdc_is_write(s) && kind != CMD_VERIFY;

	if (s->cmd_len > sizeof(s->cmd) || (s->phase == VFDC_COMMAND && s->cmd_len && s->cmd_len >= bytes) ||
	    (s->phase != VFDC_COMMAND && s->cmd_len != bytes))
		return state_refuse(c, "cmd_len", s->cmd_len, "is not what the command has, or its phase");
	if ((s->phase == VFDC_DELAY && (kind != CMD_READ_ID || bytes != 2)) ||
	    (s->phase == VFDC_MEDIUM && !sectors) || (s->phase == VFDC_TAKE && !(sectors && fdc_is_write(s))) ||
	    (s->phase == VFDC_GIVE && !is_read))
		return state_refuse(c, "phase", s->phase, "is none of the command's");
	if (!(s->dor & DOR_RUN) && (s->phase != VFDC_COMMAND || s->cmd_len || s->irq))
		return state_refuse(c, "dor", s->dor, "says reset, and something is under way");
	if (s->phase == VFDC_RESULT && (s->result_len > sizeof(s->result) || s->result_at >= s->result_len))
		return state_refuse(c, "result_at", s->result_at, "is beyond the result");
	if (s->asking && (s->phase != VFDC_MEDIUM || kind == CMD_VERIFY || (fdc_is_write(s) && !s->filled)))
		return state_refuse(c, "asking", 1, "needs a command that waits for the medium");
	if ((s->phase == VFDC_TAKE || s->phase == VFDC_GIVE) &&
	    s->pos >= (s->phase == VFDC_TAKE && kind == CMD_FORMAT ? 4 : BLK_SECTOR))
		return state_refuse(c, "pos", s->pos, "is beyond the buffer");
	return true;
}

static bool valid_times(const struct vfdc_state *s, u64 now, struct state_check *c)
{
	bool waits = s->phase == VFDC_DELAY || s->phase == VFDC_MEDIUM;

	if (waits != (s->due_at != TIMER_OFF) || (waits && s->due_at > now && s->due_at - now > VFDC_POLL_NS))
		return state_refuse(c, "due_at", s->due_at, "is not when the phase goes on");
	for (u32 i = 0; i < 4; i++)
		if (s->seek_at[i] != TIMER_OFF && s->seek_at[i] > now && s->seek_at[i] - now > VFDC_SEEK_NS)
			return state_refuse(c, "seek_at", s->seek_at[i], "is farther off than a seek takes");
	return true;
}

bool fdc_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vfdc_state *s = part[0];

	if (s->phase >= VFDC_NR_PHASES)
		return state_refuse(c, "phase", s->phase, "is none");
	if ((s->dsr & 0x80) || (s->tdr & 0xfc) || (s->config & 0x80))
		return state_refuse(c, "dsr", s->dsr, "has bits that are not kept, or tdr or config has");
	if ((s->sought | s->failed | s->polled) & 0xf0)
		return state_refuse(c, "sought", s->sought, "has bits that are no drives, or failed or polled has");
	return valid_command(s, c) && valid_times(s, c->now, c);
}
