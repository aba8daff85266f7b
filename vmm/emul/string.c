/*
 * String instructions. One iteration touches memory first and registers last, and is then final; a REP stops after
 * about a page of work with EMUL_RETRY so that the caller can look at events. Ranges that map to plain RAM go in
 * bulk.
 */
#include "vmm/emul/insn.h"

#define REP_BUDGET 4096 /* bytes in one call */
#define SLOW_COST  16   /* what an iteration through the ops counts for */

static u32 str_size(const struct emul_ctxt *c)
{
	u32 size = opnd_size(c);

	/* I/O has no 8-byte form. */
	return c->d.opcode >= 0x6c && c->d.opcode <= 0x6f ? MIN(size, 4u) : size;
}

static u64 str_reg(struct emul_ctxt *c, u32 r)
{
	return c->gpr[r] & size_mask(c->d.ad_size);
}

/* Moves an index register by n elements in the direction of DF. */
static void str_step(struct emul_ctxt *c, u32 r, u64 n)
{
	u64 by = n * str_size(c);

	emul_reg_merge(c, r, c->d.ad_size, emul_flags(c) & FL_DF ? c->gpr[r] - by : c->gpr[r] + by);
}

static int read_si(struct emul_ctxt *c, u64 *v)
{
	return emul_mem_read(c, c->d.seg, str_reg(c, EMUL_RSI), str_size(c), v);
}

static int read_di(struct emul_ctxt *c, u64 *v)
{
	return emul_mem_read(c, EMUL_ES, str_reg(c, EMUL_RDI), str_size(c), v);
}

static int write_di(struct emul_ctxt *c, u64 v)
{
	return emul_mem_write(c, EMUL_ES, str_reg(c, EMUL_RDI), str_size(c), v);
}

/* --- one iteration --- */

static int movs_once(struct emul_ctxt *c)
{
	u64 v;
	int rc = read_si(c, &v);

	if (rc == EMUL_OK)
		rc = write_di(c, v);
	if (rc == EMUL_OK) {
		str_step(c, EMUL_RSI, 1);
		str_step(c, EMUL_RDI, 1);
	}
	return rc;
}

static int stos_once(struct emul_ctxt *c)
{
	int rc = write_di(c, c->gpr[EMUL_RAX]);

	if (rc == EMUL_OK)
		str_step(c, EMUL_RDI, 1);
	return rc;
}

static int lods_once(struct emul_ctxt *c)
{
	u64 v;
	int rc = read_si(c, &v);

	if (rc == EMUL_OK) {
		emul_reg_merge(c, EMUL_RAX, str_size(c), v);
		str_step(c, EMUL_RSI, 1);
	}
	return rc;
}

static void compare(struct emul_ctxt *c, u64 a, u64 b)
{
	u64 fl = emul_flags(c);

	alu_sub(a, b, 0, str_size(c), &fl);
	emul_set_flags(c, FL_ARITH, fl);
}

static int cmps_once(struct emul_ctxt *c)
{
	u64 a, b;
	int rc = read_si(c, &a);

	if (rc == EMUL_OK)
		rc = read_di(c, &b);
	if (rc == EMUL_OK) {
		compare(c, a, b);
		str_step(c, EMUL_RSI, 1);
		str_step(c, EMUL_RDI, 1);
	}
	return rc;
}

static int scas_once(struct emul_ctxt *c)
{
	u64 b;
	int rc = read_di(c, &b);

	if (rc == EMUL_OK) {
		compare(c, c->gpr[EMUL_RAX], b);
		str_step(c, EMUL_RDI, 1);
	}
	return rc;
}

/* The destination is checked before the device loses the datum. */
static int ins_once(struct emul_ctxt *c)
{
	u32 size = str_size(c);
	u64 lin, v = 0;
	int rc = emul_linear(c, EMUL_ES, str_reg(c, EMUL_RDI), size, true, &lin);

	if (rc == EMUL_OK && c->ops->check && !emul_wraps(c, lin, size))
		rc = c->ops->check(c, lin, size, EMUL_ACC_WRITE);
	if (rc == EMUL_OK)
		rc = c->ops->pio_in(c, (u16)c->gpr[EMUL_RDX], (u8)size, 1, &v);
	if (rc == EMUL_OK)
		rc = emul_lin_write(c, lin, &v, size, 0);
	if (rc == EMUL_OK)
		str_step(c, EMUL_RDI, 1);
	return rc;
}

static int outs_once(struct emul_ctxt *c)
{
	u64 v;
	int rc = read_si(c, &v);

	if (rc == EMUL_OK)
		rc = c->ops->pio_out(c, (u16)c->gpr[EMUL_RDX], (u8)str_size(c), 1, &v);
	if (rc == EMUL_OK)
		str_step(c, EMUL_RSI, 1);
	return rc;
}

/* --- bulk --- */

/*
 * The longest run of elements from seg:rI, at most n, that lies in one page, wraps nothing and passes the segment
 * checks; 0: take the slow path, which will also find the fault if there is one.
 */
static u32 bulk_span(struct emul_ctxt *c, u32 seg, u32 reg, bool write, u32 n, u64 *lin)
{
	u32 size = str_size(c);
	u64 off = str_reg(c, reg), room;

	if (emul_linear(c, seg, off, size, write, lin) != EMUL_OK)
		return 0;
	room = PAGE_SIZE - (*lin & (PAGE_SIZE - 1));
	n = (u32)MIN((u64)n, room / size);
	if (!n || off + (u64)n * size - 1 > size_mask(c->d.ad_size) || off + (u64)n * size < off)
		return 0;
	return emul_linear(c, seg, off, n * size, write, lin) == EMUL_OK ? n : 0;
}

static void copy_forward(u8 *dst, const u8 *src, u32 n, u32 size)
{
	if (dst + (size_t)n * size <= src || src + (size_t)n * size <= dst) {
		memcpy(dst, src, (size_t)n * size);
		return;
	}
	for (u32 i = 0; i < n; i++) { /* overlapping: element by element, as the instruction does */
		u64 v = 0;

		memcpy(&v, src + i * size, size);
		memcpy(dst + i * size, &v, size);
	}
}

static bool time_is_up(struct emul_ctxt *c)
{
	return c->ops->time_is_up && c->ops->time_is_up(c);
}

/*
 * Up to n accesses of a port from or to RAM: as many as its device does at once, else one by one, as many as there is
 * time for: it may be slow. How many it were, or 0 with *rc. EMUL_RETRY comes with those that were done before, for there
 * is no time for more.
 */
static u32 port_bulk(struct emul_ctxt *c, u8 *dst, const u8 *src, u32 n, s32 *budget, int *rc)
{
	u16 port = (u16)c->gpr[EMUL_RDX];
	u32 size = str_size(c), step = 1, done = 0;

	if (c->ops->pio_string)
		done = c->ops->pio_string(c, port, (u8)size, dst != NULL, n, dst ? dst : (u8 *)(u64)src);
	if (done) {
		*budget -= (s32)(done * size);
		return done;
	}
	n = MIN(n, (u32)*budget / SLOW_COST);
	if (!c->ops->time_is_up)
		step = n;
	do {
		*rc = dst ? c->ops->pio_in(c, port, (u8)size, step, dst + done * size)
		          : c->ops->pio_out(c, port, (u8)size, step, src + done * size);
		if (*rc != EMUL_OK)
			break;
		done += step;
	} while (done < n && !time_is_up(c));
	if (done && *rc != EMUL_RETRY)
		*rc = EMUL_OK; /* the one that failed comes again */
	*budget -= (s32)(done * SLOW_COST);
	return done;
}

static bool is_hint(const struct emul_ctxt *c, u64 lin)
{
	return c->hint_valid && (lin ^ c->hint_lin) < PAGE_SIZE;
}

static void fill(struct emul_ctxt *c, u8 *dst, u32 n, u32 size)
{
	if (size == 1)
		memset(dst, (u8)c->gpr[EMUL_RAX], n);
	else
		for (u32 i = 0; i < n; i++)
			memcpy(dst + i * size, &c->gpr[EMUL_RAX], size);
}

/*
 * Does up to count iterations of a MOVS, STOS, INS or OUTS, as many as *budget is for, which they lessen; returns how many
 * (0: none possible), with what stopped it in *rc. *device: there is one at an end of it, and no use in trying again.
 */
static u32 bulk(struct emul_ctxt *c, u64 count, s32 *budget, int *rc, bool *device)
{
	u8 op = c->d.opcode;
	u32 size = str_size(c), n = (u32)MIN(count, (u64)*budget / size);
	bool has_si = op == 0xa4 || op == 0xa5 || op == 0x6e || op == 0x6f, has_di = op != 0x6e && op != 0x6f;
	u64 slin = 0, dlin = 0;
	u8 *src = NULL, *dst = NULL;

	if (!c->ops->map || (emul_flags(c) & FL_DF))
		return 0;
	if (op >= 0xa6 && op != 0xaa && op != 0xab)
		return 0;
	if (has_si)
		n = bulk_span(c, c->d.seg, EMUL_RSI, false, n, &slin);
	if (has_di && n)
		n = bulk_span(c, EMUL_ES, EMUL_RDI, true, n, &dlin);
	if (n < 2)
		return 0;
	*device = true;
	/* The exit came from one of them. */
	if ((has_si && is_hint(c, slin)) || (has_di && is_hint(c, dlin)))
		return 0;
	if (has_si && !(src = c->ops->map(c, slin, n * size, 0)))
		return 0;
	if (has_di && !(dst = c->ops->map(c, dlin, n * size, EMUL_ACC_WRITE)))
		return 0;
	*device = false;
	if (op < 0x70)
		n = port_bulk(c, dst, src, n, budget, rc);
	else if (has_si)
		copy_forward(dst, src, n, size);
	else
		fill(c, dst, n, size);
	if (op >= 0x70)
		*budget -= (s32)(n * size);
	if (has_si)
		str_step(c, EMUL_RSI, n);
	if (has_di)
		str_step(c, EMUL_RDI, n);
	return n;
}

/* REPE (F3) and REPNE (F2) end a comparison on ZF; for the others both prefixes are plain REP. */
static bool ended(struct emul_ctxt *c)
{
	u8 op = c->d.opcode;
	bool compares = op == 0xa6 || op == 0xa7 || op == 0xae || op == 0xaf;

	return compares && !(emul_flags(c) & FL_ZF) == (c->d.rep == 0xf3);
}

static int run_string(struct emul_ctxt *c, int (*once)(struct emul_ctxt *c))
{
	u64 count = str_reg(c, EMUL_RCX);
	s32 budget = REP_BUDGET;
	bool single = emul_flags(c) & FL_TF, device = single;

	if (!c->d.rep)
		return once(c);
	(void)time_is_up(c); /* the first iteration begins */
	while (count) {
		int rc = EMUL_OK;
		u32 n = device ? 0 : bulk(c, count, &budget, &rc, &device);

		if (rc == EMUL_OK && !n) {
			rc = once(c);
			n = rc == EMUL_OK;
			budget -= SLOW_COST;
		}
		if (!n)
			return rc;
		count -= n;
		emul_reg_merge(c, EMUL_RCX, c->d.ad_size, count);
		/* These iterations are final: nothing undoes them. */
		c->dirty |= c->undo;
		c->undo = 0;
		if (rc != EMUL_OK)
			return rc;
		if (ended(c))
			break;
		if (count && (single || budget < SLOW_COST || time_is_up(c)))
			return EMUL_RETRY;
	}
	return EMUL_OK;
}

int emul_op_movs(struct emul_ctxt *c)
{
	return run_string(c, movs_once);
}

int emul_op_stos(struct emul_ctxt *c)
{
	return run_string(c, stos_once);
}

int emul_op_lods(struct emul_ctxt *c)
{
	return run_string(c, lods_once);
}

int emul_op_cmps(struct emul_ctxt *c)
{
	return run_string(c, cmps_once);
}

int emul_op_scas(struct emul_ctxt *c)
{
	return run_string(c, scas_once);
}

int emul_op_ins(struct emul_ctxt *c)
{
	int rc = emul_io_allowed(c, (u16)c->gpr[EMUL_RDX], str_size(c));

	if (rc == EMUL_OK && !c->ops->pio_in)
		rc = EMUL_UNSUPPORTED;
	return rc == EMUL_OK ? run_string(c, ins_once) : rc;
}

int emul_op_outs(struct emul_ctxt *c)
{
	int rc = emul_io_allowed(c, (u16)c->gpr[EMUL_RDX], str_size(c));

	if (rc == EMUL_OK && !c->ops->pio_out)
		rc = EMUL_UNSUPPORTED;
	return rc == EMUL_OK ? run_string(c, outs_once) : rc;
}

int emul_string_io(struct emul_ctxt *c, bool in, u8 size, u8 ad_size, u8 seg, bool rep, u8 insn_len)
{
	struct emul_insn *d = &c->d;

	memset(d, 0, sizeof(*d));
	d->opcode = (in ? 0x6c : 0x6e) + (size != 1);
	d->op = &emul_op1[d->opcode];
	d->op_size = size;
	d->ad_size = ad_size;
	d->seg = seg;
	d->rep = rep ? 0xf3 : 0;
	d->len = insn_len;
	return emul_exec(c);
}
