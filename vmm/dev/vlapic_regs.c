/* The local APIC's register interface: MMIO and MSRs. SDM vol. 3 "Local APIC Register Address Map", "x2APIC". */
#include "lib/string.h"
#include "vmm/dev/vlapic_priv.h"

#define R  1u /* readable */
#define W  2u /* writable */
#define X  4u /* not in x2APIC mode */
#define X2 8u /* only in x2APIC mode */

#define LVT_TIMER_MASK 0x000710ffu
#define LVT_MASK       0x000117ffu
#define LVT_LINT_MASK  0x0001f7ffu
#define LVT_ERROR_MASK 0x000110ffu
#define LVT_RO         0x00005000u /* delivery status, remote IRR */
#define ICR_MASK       0x000ccfffu /* writable bits of the low word (bit 12, delivery status, reads 0) */

struct reg_info {
	u8 access;
	u32 wmask; /* bits a write may set */
};

static struct reg_info info(u32 off)
{
	switch (off) {
	case APIC_ID: return (struct reg_info){ R, 0 };
	case APIC_VERSION: return (struct reg_info){ R, 0 };
	case APIC_TPR: return (struct reg_info){ R | W, 0xff };
	case APIC_APR: return (struct reg_info){ R | X, 0 };
	case APIC_PPR: return (struct reg_info){ R, 0 };
	case APIC_EOI: return (struct reg_info){ W, 0 };
	case APIC_LDR: return (struct reg_info){ R | W, 0xff000000 };
	case APIC_DFR: return (struct reg_info){ R | W | X, 0xf0000000 };
	case APIC_SVR: return (struct reg_info){ R | W, 0x3ff };
	case APIC_ESR: return (struct reg_info){ R | W, 0 };
	case APIC_LVT_CMCI:
	case APIC_LVT_THERMAL:
	case APIC_LVT_PMC: return (struct reg_info){ R | W, LVT_MASK & ~0x800u };
	case APIC_LVT_TIMER: return (struct reg_info){ R | W, LVT_TIMER_MASK & ~0x1000u };
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1: return (struct reg_info){ R | W, LVT_LINT_MASK & ~LVT_RO };
	case APIC_LVT_ERROR: return (struct reg_info){ R | W, LVT_ERROR_MASK & ~0x1000u };
	case APIC_ICR: return (struct reg_info){ R | W, ICR_MASK };
	case APIC_ICR2: return (struct reg_info){ R | W | X, 0xff000000 };
	case APIC_TIMER_INIT: return (struct reg_info){ R | W, 0xffffffff };
	case APIC_TIMER_CUR: return (struct reg_info){ R, 0 };
	case APIC_TIMER_DIV: return (struct reg_info){ R | W, 0xb };
	case APIC_SELF_IPI: return (struct reg_info){ W | X2, 0xff };
	default: break;
	}
	if (off >= APIC_ISR && off < APIC_ESR)
		return (struct reg_info){ R, 0 };
	return (struct reg_info){ 0, 0 };
}

static u32 read_reg(struct vlapic *l, u32 off, u64 now)
{
	switch (off) {
	case APIC_TIMER_CUR: return vlapic_timer_current(l, now);
	case APIC_PPR: vlapic_pending_vector(l); break; /* brings PPR up to date */
	default: break;
	}
	vlapic_sync(l);
	return vlapic_rd(l, off);
}

void vlapic_icr(struct vlapic *l, u32 low, u32 dest)
{
	struct apic_msg m = {
		.dest = vlapic_is_x2apic(l) ? dest : dest >> 24,
		.x2apic = vlapic_is_x2apic(l),
		.logical = low & 0x800,
		.mode = low >> 8 & 7,
		.vector = (u8)low,
		.assert_ = low & 0x4000,
		.shorthand = low >> 18 & 3,
	};

	if (m.mode == APIC_MODE_INIT && !m.assert_ && (low & 0x8000))
		return; /* INIT level de-assert: nothing on processors since the Pentium 4 */
	m.assert_ = true;
	if ((m.mode == APIC_MODE_FIXED || m.mode == APIC_MODE_LOWEST) && m.vector < 16) {
		vlapic_error(l, ESR_SEND_ILLEGAL);
		return;
	}
	if (m.shorthand == 1) {
		vlapic_deliver(l, &m);
		return;
	}
	l->ops->send(l->ctx, l, &m);
}

/* The effects of a write; the page holds the new value already, old the one before. */
static void write_done(struct vlapic *l, u32 off, u32 old, u64 now)
{
	u32 val = vlapic_rd(l, off);

	switch (off) {
	case APIC_SVR:
		if (val & 0x100)
			break;
		/* Software disable masks all LVTs. SDM "Local APIC State After It Has Been Software Disabled". */
		for (u32 r = APIC_LVT_TIMER; r <= APIC_LVT_ERROR; r += 16)
			*vlapic_reg(l, r) |= 0x10000;
		*vlapic_reg(l, APIC_LVT_CMCI) |= 0x10000;
		break;
	case APIC_ESR:
		*vlapic_reg(l, APIC_ESR) = l->s.esr_pending;
		l->s.esr_pending = 0;
		break;
	case APIC_EOI: vlapic_eoi(l); break;
	case APIC_ICR: vlapic_icr(l, val, vlapic_rd(l, APIC_ICR2)); break;
	case APIC_LVT_TIMER: vlapic_timer_lvt(l, old, now); break;
	case APIC_TIMER_INIT: vlapic_timer_init_count(l, now); break;
	case APIC_TIMER_DIV: vlapic_timer_divider(l, old, now); break;
	case APIC_SELF_IPI: vlapic_icr(l, 0x40000 | (val & 0xff), 0); break;
	default: break;
	}
	if (off >= APIC_LVT_CMCI && off <= APIC_LVT_ERROR && off != APIC_ICR && off != APIC_ICR2 &&
	    !vlapic_sw_enabled(l))
		*vlapic_reg(l, off) |= 0x10000;
}

static void write_reg(struct vlapic *l, u32 off, u32 val, u64 now)
{
	struct reg_info i = info(off);
	u32 old = vlapic_rd(l, off);

	if (off == APIC_LDR && vlapic_is_x2apic(l))
		return;
	*vlapic_reg(l, off) = off == APIC_DFR ? val | 0x0fffffff : val & i.wmask;
	write_done(l, off, old, now);
}

void vlapic_write_effect(struct vlapic *l, u32 off, u64 now)
{
	struct reg_info i = info(off);

	/* The processor stored whatever the guest wrote: bring it into the shape a write gives. */
	if (off == APIC_DFR)
		*vlapic_reg(l, off) |= 0x0fffffff;
	else if (off != APIC_EOI && off != APIC_ESR)
		*vlapic_reg(l, off) &= i.wmask;
	/* The old value is gone: a mode change of the timer is judged by what runs. */
	write_done(l, off, off == APIC_LVT_TIMER ? l->lvt_timer_seen : l->div_seen, now);
	l->lvt_timer_seen = vlapic_rd(l, APIC_LVT_TIMER);
	l->div_seen = vlapic_rd(l, APIC_TIMER_DIV);
}

bool vlapic_mmio_claims(const struct vlapic *l, u64 gpa)
{
	return (l->s.base & (VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC)) == VLAPIC_BASE_ENABLE &&
	       (gpa & ~(PAGE_SIZE - 1)) == (l->s.base & 0xffffff000ull);
}

void vlapic_mmio(struct vlapic *l, struct io_access *io)
{
	u32 off = (u32)io->offset & 0xff0, shift = ((u32)io->offset & 0xf) * 8;
	struct reg_info i = info(off);
	u32 val;

	if ((i.access & X2) || !(i.access & (io->write ? W : R))) {
		if (!i.access || (i.access & X2))
			vlapic_error(l, ESR_ILLEGAL_REG);
		if (!io->write)
			io->value = 0;
		return;
	}
	if (io->write) {
		/* Registers are written by aligned 32-bit stores; anything else is undefined and ignored here. */
		if (io->size == 4 && !shift) {
			write_reg(l, off, (u32)io->value, io->now);
			l->lvt_timer_seen = vlapic_rd(l, APIC_LVT_TIMER);
			l->div_seen = vlapic_rd(l, APIC_TIMER_DIV);
		}
		return;
	}
	val = shift < 32 ? read_reg(l, off, io->now) >> shift : 0;
	io->value = io->size >= 4 ? val : val & ((1u << io->size * 8) - 1);
}

int vlapic_msr_read(struct vlapic *l, u32 msr, u64 *val, u64 now)
{
	u32 off = (msr & 0xff) << 4;
	struct reg_info i = info(off);

	if (!vlapic_is_x2apic(l) || !(i.access & R) || (i.access & X))
		return ERR_INVAL;
	*val = read_reg(l, off, now);
	if (off == APIC_ICR)
		*val |= (u64)vlapic_rd(l, APIC_ICR2) << 32;
	return OK;
}

int vlapic_msr_write(struct vlapic *l, u32 msr, u64 val, u64 now)
{
	u32 off = (msr & 0xff) << 4;
	struct reg_info i = info(off);

	if (!vlapic_is_x2apic(l) || !(i.access & W) || (i.access & X) || off == APIC_LDR)
		return ERR_INVAL;
	if (off == APIC_ICR) {
		if ((u32)val & ~ICR_MASK)
			return ERR_INVAL;
		*vlapic_reg(l, APIC_ICR) = (u32)val;
		*vlapic_reg(l, APIC_ICR2) = (u32)(val >> 32);
		vlapic_icr(l, (u32)val, (u32)(val >> 32));
		return OK;
	}
	/* Reserved bits: #GP; EOI and ESR take only 0. The read-only status bits of the LVTs may be written back. */
	if (val & ~(u64)(i.wmask | (off >= APIC_LVT_CMCI && off <= APIC_LVT_ERROR ? LVT_RO : 0)))
		return ERR_INVAL;
	write_reg(l, off, (u32)val, now);
	l->lvt_timer_seen = vlapic_rd(l, APIC_LVT_TIMER);
	l->div_seen = vlapic_rd(l, APIC_TIMER_DIV);
	return OK;
}
