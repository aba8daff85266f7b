/* Integer arithmetic with exact flags (SDM vol. 1, "EFLAGS Register"; vol. 2, the instructions' pages). */
#include "vmm/emul/insn.h"

static u64 parity_flag(u64 v)
{
	v ^= v >> 4;
	return (0x9669u >> (v & 0xf)) & 1 ? FL_PF : 0; /* bit n: n has an even number of ones */
}

static u64 msb(u64 v, u32 size)
{
	return (v >> (8 * size - 1)) & 1;
}

u64 alu_szp(u64 res, u32 size)
{
	res &= size_mask(size);
	return (res ? 0 : FL_ZF) | (msb(res, size) ? FL_SF : 0) | parity_flag(res & 0xff);
}

static void set(u64 *fl, u64 mask, u64 val)
{
	*fl = (*fl & ~mask) | (val & mask);
}

u64 alu_add(u64 a, u64 b, u64 carry, u32 size, u64 *fl)
{
	u64 m = size_mask(size), res, f;

	a &= m;
	b &= m;
	res = (a + b + carry) & m;
	f = alu_szp(res, size);
	/* The carries out of every bit, from the operands and the result. */
	f |= msb((a & b) | ((a | b) & ~res), size) ? FL_CF : 0;
	f |= msb((a ^ res) & (b ^ res), size) ? FL_OF : 0;
	f |= (a ^ b ^ res) & FL_AF;
	set(fl, FL_ARITH, f);
	return res;
}

u64 alu_sub(u64 a, u64 b, u64 borrow, u32 size, u64 *fl)
{
	u64 m = size_mask(size), res, f;

	a &= m;
	b &= m;
	res = (a - b - borrow) & m;
	f = alu_szp(res, size);
	f |= msb((~a & b) | ((~a | b) & res), size) ? FL_CF : 0;
	f |= msb((a ^ b) & (a ^ res), size) ? FL_OF : 0;
	f |= (a ^ b ^ res) & FL_AF;
	set(fl, FL_ARITH, f);
	return res;
}

/* AF is undefined after logic instructions; hardware clears it. */
u64 alu_logic(u64 res, u32 size, u64 *fl)
{
	res &= size_mask(size);
	set(fl, FL_ARITH, alu_szp(res, size));
	return res;
}

static u64 rotate(u32 kind, u64 a, u32 count, u32 size, u64 *fl)
{
	u32 bits = 8 * size, n;
	u64 m = size_mask(size), cf = *fl & FL_CF, res = a;

	if (kind < 2) { /* ROL, ROR */
		n = count % bits;
		if (kind == 1 && n)
			n = bits - n;
		if (n)
			res = ((a << n) | (a >> (bits - n))) & m;
		cf = kind == 0 ? res & 1 : msb(res, size);
	} else { /* RCL, RCR: bits + 1 positions */
		n = count % (bits + 1);
		if (!n)
			return a;
		if (kind == 3)
			n = bits + 1 - n;
		/* Rotate left by n through carry; n is 1..bits. */
		res = cf << (n - 1);
		if (n < bits)
			res |= a << n;
		if (n > 1)
			res |= a >> (bits + 1 - n);
		res &= m;
		cf = (a >> (bits - n)) & 1;
	}
	/* OF is defined for a count of 1 only; hardware computes the same expression for all. */
	n = kind & 1 ? (u32)(msb(res, size) ^ msb(res << 1, size)) : (u32)(msb(res, size) ^ cf);
	set(fl, FL_CF | FL_OF, cf | (n ? FL_OF : 0));
	return res;
}

u64 alu_shift(u32 kind, u64 a, u32 count, u32 size, u64 *fl)
{
	u32 bits = 8 * size;
	u64 m = size_mask(size), res, cf, of;

	a &= m;
	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	if (kind < 4)
		return rotate(kind, a, count, size, fl);
	if (kind == 5) { /* SHR */
		res = count < bits ? a >> count : 0;
		cf = count <= bits ? (a >> (count - 1)) & 1 : 0;
		of = msb(a, size);
	} else if (kind == 7) { /* SAR */
		s64 s = (s64)sign_extend(a, size);

		res = (u64)(s >> count) & m;
		cf = (u64)(s >> (count - 1)) & 1;
		of = 0;
	} else { /* SHL, and 6, its undocumented alias */
		res = count < bits ? (a << count) & m : 0;
		cf = count <= bits ? (a >> (bits - count)) & 1 : 0;
		of = msb(res, size) ^ cf;
	}
	set(fl, FL_ARITH, alu_szp(res, size) | cf | (of ? FL_OF : 0));
	return res;
}

/* For 16-bit operands a count above 16 is undefined; like hardware, the bits of a follow those of b. */
u64 alu_shld(u64 a, u64 b, u32 count, u32 size, u64 *fl)
{
	u32 bits = 8 * size;
	u64 m = size_mask(size), res, cf;

	a &= m;
	b &= m;
	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	if (size == 2) {
		u64 w = (a << 32) | (b << 16) | a;

		res = (w << count >> 32) & m;
		cf = (w >> (48 - count)) & 1;
	} else {
		res = ((a << count) | (b >> (bits - count))) & m;
		cf = (a >> (bits - count)) & 1;
	}
	set(fl, FL_ARITH, alu_szp(res, size) | cf | (msb(res ^ a, size) ? FL_OF : 0));
	return res;
}

u64 alu_shrd(u64 a, u64 b, u32 count, u32 size, u64 *fl)
{
	u32 bits = 8 * size;
	u64 m = size_mask(size), res, cf;

	a &= m;
	b &= m;
	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	if (size == 2) {
		u64 w = (a << 32) | (b << 16) | a;

		res = (w >> count) & m;
		cf = (w >> (count - 1)) & 1;
	} else {
		res = ((a >> count) | (b << (bits - count))) & m;
		cf = (a >> (count - 1)) & 1;
	}
	set(fl, FL_ARITH, alu_szp(res, size) | cf | (msb(res ^ a, size) ? FL_OF : 0));
	return res;
}

bool alu_cond(u64 fl, u32 cc)
{
	bool r;
	bool less = !(fl & FL_SF) != !(fl & FL_OF);

	switch ((cc >> 1) & 7) {
	case 0: r = fl & FL_OF; break;
	case 1: r = fl & FL_CF; break;
	case 2: r = fl & FL_ZF; break;
	case 3: r = fl & (FL_CF | FL_ZF); break;
	case 4: r = fl & FL_SF; break;
	case 5: r = fl & FL_PF; break;
	case 6: r = less; break;
	default: r = less || (fl & FL_ZF); break;
	}
	return r != (cc & 1);
}

void alu_mul(u64 a, u64 b, u32 size, bool is_signed, u64 *lo, u64 *hi, u64 *fl)
{
	u32 bits = 8 * size;
	u64 m = size_mask(size);
	unsigned __int128 p;
	bool over;

	if (is_signed)
		p = (unsigned __int128)((__int128)(s64)sign_extend(a, size) * (s64)sign_extend(b, size));
	else
		p = (unsigned __int128)(a & m) * (b & m);
	*lo = (u64)p & m;
	*hi = (u64)(p >> bits) & m;
	over = is_signed ? *hi != (msb(*lo, size) ? m : 0) : *hi != 0;
	/* SF, ZF, AF and PF are undefined; Intel processors set SF and PF from the low half and clear ZF and AF. */
	set(fl, FL_ARITH, (alu_szp(*lo, size) & (FL_SF | FL_PF)) | (over ? FL_CF | FL_OF : 0));
}

/* hi:lo / b for hi < b, bit by bit: there is no 128-bit division to link against. */
static u64 div128(u64 hi, u64 lo, u64 b, u64 *rem)
{
	if (!hi) {
		*rem = lo % b;
		return lo / b;
	}
	for (u32 i = 0; i < 64; i++) {
		u64 top = hi >> 63;

		hi = (hi << 1) | (lo >> 63);
		lo <<= 1;
		if (top || hi >= b) {
			hi -= b;
			lo |= 1;
		}
	}
	*rem = hi;
	return lo;
}

static bool div_unsigned(u64 hi, u64 lo, u64 b, u32 size, u64 *quot, u64 *rem)
{
	u64 m = size_mask(size);

	if (!b || hi >= b) /* the quotient does not fit exactly when hi >= b */
		return false;
	if (size < 8) {
		lo |= hi << (8 * size);
		hi = 0;
	}
	*quot = div128(hi, lo, b, rem) & m;
	return true;
}

bool alu_div(u64 hi, u64 lo, u64 b, u32 size, bool is_signed, u64 *quot, u64 *rem)
{
	u64 m = size_mask(size), limit;
	bool neg_a, neg_b;

	hi &= m;
	lo &= m;
	b &= m;
	if (!is_signed)
		return div_unsigned(hi, lo, b, size, quot, rem);
	neg_a = msb(hi, size);
	neg_b = msb(b, size);
	if (neg_a) {
		lo = -lo & m;
		hi = (~hi + (lo == 0)) & m;
	}
	if (neg_b)
		b = -b & m;
	if (!div_unsigned(hi, lo, b, size, quot, rem))
		return false;
	limit = BIT(8 * size - 1) - (neg_a == neg_b);
	if (*quot > limit)
		return false;
	if (neg_a != neg_b)
		*quot = -*quot & m;
	if (neg_a)
		*rem = -*rem & m;
	return true;
}
