/*
 * Instruction emulator: any bytes, any registers, ops that answer, fail or refuse as the input says. Checked: never
 * more than 15 bytes fetched, bounded work, addresses as promised to the ops, and that anything but success changes
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/emul/emul.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
	const u8 *p;
	size_t n;
	u8 code[16];
	u64 code_lin;
	u32 calls;
	bool fetched_past;
};

static u64 take(struct input *in, u32 n)
{
	u64 v = 0;

	for (u32 i = 0; i < n && in->n; i++, in->n--)
		v |= (u64)*in->p++ << (8 * i);
	return v;
}

#define REQUIRE(c)               \
	do {                     \
		if (!(c))        \
			abort(); \
	} while (0)

/* Every op call: counts, and now and then fails. */
static int outcome(struct emul_ctxt *c)
{
	struct input *in = c->owner;
	u64 r = take(in, 1);

	REQUIRE(++in->calls < 5000);
	switch (r) {
	case 0xf0: return emul_raise_pf(c, 0x1234, 2);
	case 0xf1: return emul_raise_err(c, 13, 0);
	case 0xf2: return EMUL_UNSUPPORTED;
	case 0xf3: return EMUL_STOP;
	default: return EMUL_OK;
	}
}

static void check_range(struct emul_ctxt *c, u64 lin, u32 len)
{
	REQUIRE(len >= 1 && len <= 32);
	REQUIRE(lin + len - 1 >= lin);
	if (c->mode != EMUL_LONG64 && !(c->efer & BIT(10)))
		REQUIRE(lin + len <= BIT(32));
}

static int op_fetch(struct emul_ctxt *c, u64 lin, void *buf, u32 len)
{
	struct input *in = c->owner;
	int rc = outcome(c);

	REQUIRE(len >= 1 && c->insn_len + len <= EMUL_MAX_INSN);
	REQUIRE((lin & 4095) + len <= 4096);
	memcpy(buf, in->code + c->insn_len, len);
	return rc;
}

static int op_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags)
{
	int rc = outcome(c);

	(void)flags;
	check_range(c, lin, len);
	for (u32 i = 0; i < len; i += 8) {
		u64 v = take(c->owner, MIN(8u, len - i));

		memcpy((u8 *)buf + i, &v, MIN(8u, len - i));
	}
	return rc;
}

static int op_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags)
{
	volatile u8 sink = 0;

	(void)flags;
	check_range(c, lin, len);
	for (u32 i = 0; i < len; i++)
		sink ^= ((const u8 *)buf)[i];
	return outcome(c);
}

static int op_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags)
{
	(void)flags;
	REQUIRE(len <= 16);
	check_range(c, lin, len);
	(void)memcmp(oldv, newv, len);
	return take(c->owner, 1) & 1 ? EMUL_RETRY : outcome(c);
}

static u8 page[2][4096];

static void *op_map(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	struct input *in = c->owner;
	u64 r = take(in, 1);

	REQUIRE(++in->calls < 5000);
	REQUIRE(len >= 1 && (lin & 4095) + len <= 4096);
	return r & 1 ? NULL : page[(flags & EMUL_ACC_WRITE) && (r & 2)] + (lin & 4095);
}

static int op_check(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	(void)flags;
	check_range(c, lin, len);
	return outcome(c);
}

static int op_in(struct emul_ctxt *c, u16 port, u8 size, u32 count, void *buf)
{
	(void)port;
	REQUIRE(size == 1 || size == 2 || size == 4);
	REQUIRE(count >= 1 && count * size <= 4096);
	memset(buf, 0xa5, (size_t)size * count);
	return outcome(c);
}

static int op_out(struct emul_ctxt *c, u16 port, u8 size, u32 count, const void *buf)
{
	volatile u8 sink = 0;

	(void)port;
	REQUIRE(size == 1 || size == 2 || size == 4);
	REQUIRE(count >= 1 && count * size <= 4096);
	for (u32 i = 0; i < size * count; i++)
		sink ^= ((const u8 *)buf)[i];
	return outcome(c);
}

static int op_read_cr(struct emul_ctxt *c, u8 nr, u64 *val)
{
	REQUIRE(nr == 0 || nr == 2 || nr == 3 || nr == 4 || nr == 8);
	*val = take(c->owner, 8);
	return outcome(c);
}

static int op_write_cr(struct emul_ctxt *c, u8 nr, u64 val)
{
	(void)val;
	REQUIRE(nr == 0 || nr == 2 || nr == 3 || nr == 4 || nr == 8);
	REQUIRE(c->mode == EMUL_REAL || c->cpl == 0);
	return outcome(c);
}

static int op_read_dr(struct emul_ctxt *c, u8 nr, u64 *val)
{
	REQUIRE(nr < 8 && nr != 4 && nr != 5);
	*val = take(c->owner, 8);
	return outcome(c);
}

static int op_write_dr(struct emul_ctxt *c, u8 nr, u64 val)
{
	(void)val;
	REQUIRE(nr < 8 && nr != 4 && nr != 5);
	return outcome(c);
}

static int op_rdmsr(struct emul_ctxt *c, u32 index, u64 *val)
{
	(void)index;
	*val = take(c->owner, 8);
	return outcome(c);
}

static int op_wrmsr(struct emul_ctxt *c, u32 index, u64 val)
{
	(void)index;
	(void)val;
	return outcome(c);
}

static int op_cpuid(struct emul_ctxt *c, u32 leaf, u32 subleaf, u32 out[4])
{
	(void)leaf;
	memset(out, (int)subleaf, 16);
	return outcome(c);
}

static int op_rdtsc(struct emul_ctxt *c, u64 *tsc, u32 *aux)
{
	*tsc = *aux = 1;
	return outcome(c);
}

static int op_xcr(struct emul_ctxt *c, u32 index, u64 *val, bool write)
{
	(void)index;
	if (!write)
		*val = 7;
	return outcome(c);
}

static int op_misc(struct emul_ctxt *c, enum emul_misc what, u64 arg)
{
	(void)what;
	(void)arg;
	return outcome(c);
}

static int op_get_xmm(struct emul_ctxt *c, u8 nr, u64 val[2])
{
	REQUIRE(nr < 16);
	val[0] = val[1] = nr;
	return outcome(c);
}

static int op_get_ymm(struct emul_ctxt *c, u8 nr, u64 val[4])
{
	REQUIRE(nr < 16);
	val[0] = val[1] = val[2] = val[3] = nr;
	return outcome(c);
}

static int op_set_ymm(struct emul_ctxt *c, u8 nr, const u64 val[4])
{
	volatile u64 sink = val[0] ^ val[1] ^ val[2] ^ val[3];

	(void)sink;
	REQUIRE(nr < 16);
	return outcome(c);
}

static int op_set_xmm(struct emul_ctxt *c, u8 nr, const u64 val[2])
{
	volatile u64 sink = val[0] ^ val[1];

	(void)sink;
	REQUIRE(nr < 16);
	return outcome(c);
}

static int op_get_mm(struct emul_ctxt *c, u8 nr, u64 *val)
{
	REQUIRE(nr < 8);
	*val = nr;
	return outcome(c);
}

static int op_set_mm(struct emul_ctxt *c, u8 nr, u64 val)
{
	(void)val;
	REQUIRE(nr < 8);
	return outcome(c);
}

static int op_fpu(struct emul_ctxt *c, enum emul_fpu what, u32 *val)
{
	(void)what;
	*val ^= 1;
	return outcome(c);
}

static int op_x87(struct emul_ctxt *c, struct emul_x87 *x)
{
	int rc = outcome(c);

	REQUIRE(x->op < 64 && x->len >= 2 && x->len <= sizeof(x->data));
	if (rc == EMUL_OK && x->store && (x->data[9] ^= 1))
		x->len = 0;
	return rc;
}

static void op_x87_undo(struct emul_ctxt *c)
{
	(void)c;
}

static const struct emul_ops ops = {
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.map = op_map,
	.check = op_check,
	.pio_in = op_in,
	.pio_out = op_out,
	.read_cr = op_read_cr,
	.write_cr = op_write_cr,
	.read_dr = op_read_dr,
	.write_dr = op_write_dr,
	.rdmsr = op_rdmsr,
	.wrmsr = op_wrmsr,
	.cpuid = op_cpuid,
	.rdtsc = op_rdtsc,
	.rdpmc = op_rdmsr,
	.xcr = op_xcr,
	.misc = op_misc,
	.get_xmm = op_get_xmm,
	.set_xmm = op_set_xmm,
	.get_ymm = op_get_ymm,
	.set_ymm = op_set_ymm,
	.get_mm = op_get_mm,
	.set_mm = op_set_mm,
	.fpu = op_fpu,
	.x87 = op_x87,
	.x87_undo = op_x87_undo,
};

static void fill(struct emul_ctxt *c, struct input *in, u64 *gpr)
{
	u64 bits = take(in, 2);

	c->mode = (enum emul_mode)(bits % 5);
	c->cpl = c->mode == EMUL_REAL ? 0 : c->mode == EMUL_VM86 ? 3 : (bits >> 3) & 3;
	c->rflags = (take(in, 3) & 0x3f7fd5) | 2;
	if (c->mode == EMUL_VM86)
		c->rflags |= BIT(17);
	c->cr0 = (bits & 0x100 ? 0x80000031 : 0x8004003f) | (c->mode != EMUL_REAL);
	c->cr4 = bits & 0x200 ? 0x620 : ~0ull;
	c->efer = c->mode == EMUL_LONG64 || (c->mode >= EMUL_PROT16 && bits & 0x400) ? 0xd01 : 0;
	for (u32 s = 0; s < EMUL_NR_SEG; s++) {
		u64 r = take(in, 2);

		c->seg[s].base = r & 1 ? take(in, 4) : 0;
		c->seg[s].limit = r & 2 ? 0xffffffff : (u32)take(in, 4);
		c->seg[s].attr = r & 4 ? 0xc093 : (u32)take(in, 3) & 0x1f0ff;
		c->seg[s].sel = (u16)(r >> 3);
	}
	c->gdtr.base = take(in, 4);
	c->gdtr.limit = (u16)take(in, 2);
	c->idtr.base = 0;
	c->idtr.limit = 0;
	for (u32 r = 0; r < 16; r++)
		gpr[r] = take(in, (u32)take(in, 1) & 8 ? 8 : 4);
	c->rip = c->mode == EMUL_LONG64 ? take(in, 8) : take(in, 4);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { .p = data, .n = size };
	static struct emul_ctxt c, before;
	u64 gpr[16], gpr_before[16];
	int rc;

	if (size < 16)
		return 0;
	memcpy(in.code, data, 15);
	in.p += 15;
	in.n -= 15;
	memset(&c, 0, sizeof(c));
	emul_init(&c, &ops, &in, gpr);
	fill(&c, &in, gpr);
	c.have = EMUL_HAVE_ALL;
	before = c;
	memcpy(gpr_before, gpr, sizeof(gpr));

	rc = emul_run(&c);

	REQUIRE(c.insn_len <= EMUL_MAX_INSN);
	REQUIRE(rc >= EMUL_OK && rc <= EMUL_STOP);
	if (rc == EMUL_OK) {
		REQUIRE(c.d.len >= 1 && c.d.len <= EMUL_MAX_INSN);
		return 0;
	}
	REQUIRE(c.rip == before.rip);
	REQUIRE(c.d.op == NULL || c.undo == 0);
	/* What is not named dirty is unchanged; only a REP string may have dirtied anything. */
	for (u32 r = 0; r < 16; r++)
		REQUIRE((c.dirty & EMUL_B_GPR(r)) || gpr[r] == gpr_before[r]);
	REQUIRE((c.dirty & EMUL_B_RFLAGS) || c.rflags == before.rflags);
	REQUIRE(c.cpl == before.cpl);
	for (u32 s = 0; s < EMUL_NR_SEG; s++)
		REQUIRE(c.seg[s].base == before.seg[s].base && c.seg[s].limit == before.seg[s].limit &&
		        c.seg[s].attr == before.seg[s].attr && c.seg[s].sel == before.seg[s].sel);
	REQUIRE(c.gdtr.base == before.gdtr.base && c.idtr.limit == before.idtr.limit);
	if (c.dirty)
		REQUIRE(c.d.rep &&
		        (rc == EMUL_FAULT || rc == EMUL_RETRY || rc == EMUL_UNSUPPORTED || rc == EMUL_STOP));
	if (rc == EMUL_FAULT && c.exception.kind != EMUL_EXC_HW)
		REQUIRE(c.exception.insn_len == c.d.len);
	return 0;
}
