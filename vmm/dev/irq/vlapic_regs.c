/* The local APIC's register interface: MMIO and MSRs. SDM vol. 3 "Local APIC Register Address Map", "x2APIC". */
#include "lib/atomic.h"
#include "vmm/dev/irq/vlapic_priv.h"

#define R  1u /* readable */
#define W  2u /* writable */
#define X  4u /* not in x2APIC mode */
#define X2 8u /* only in x2APIC mode */

#define ICR_STATUS 0x00001000u /* delivery status: reads 0, may be written back */

struct reg_info {
	u8 access;
	u32 wmask; /* bits a write may set */
};

/* Other offsets are reserved. SDM vol. 3 "Local APIC Register Address Map", "x2APIC Register Address Space". */
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
	case APIC_SVR: return (struct reg_info){ R | W, SVR_W };
	case APIC_ESR: return (struct reg_info){ R | W, 0 };
	case APIC_LVT_THERMAL:
	case APIC_LVT_PMC: return (struct reg_info){ R | W, LVT_LOCAL_W };
	case APIC_LVT_TIMER: return (struct reg_info){ R | W, LVT_TIMER_W };
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1: return (struct reg_info){ R | W, LVT_LINT_W };
	case APIC_LVT_ERROR: return (struct reg_info){ R | W, LVT_ERROR_W };
	case APIC_ICR: return (struct reg_info){ R | W, ICR_W };
	case APIC_ICR2: return (struct reg_info){ R | W | X, 0xff000000 };
	case APIC_TIMER_INIT: return (struct reg_info){ R | W, 0xffffffff };
	case APIC_TIMER_CUR: return (struct reg_info){ R, 0 };
	case APIC_TIMER_DIV: return (struct reg_info){ R | W, TIMER_DIV_W };
	case APIC_SELF_IPI: return (struct reg_info){ W | X2, 0xff };
	default: break;
	}
	if (off >= APIC_ISR && off < APIC_ESR)
		return (struct reg_info){ R, 0 };
	return (struct reg_info){ 0, 0 };
}

static bool is_lvt(u32 off)
{
	return off >= APIC_LVT_TIMER && off <= APIC_LVT_ERROR;
}

static u32 read_reg(struct vlapic *l, u32 off, u64 now)
{
	switch (off) {
	case APIC_TIMER_CUR: return vlapic_timer_current(l, now);
	case APIC_PPR: return vlapic_update_ppr(l);
	default: break;
	}
	vlapic_sync(l);
	return vlapic_rd(l, off);
}

/* SDM vol. 3 "Local APIC State After It Has Been Software Disabled": all LVT entries are masked, and stay so. */
static void mask_lvts(struct vlapic *l)
{
	for (u32 off = APIC_LVT_TIMER; off <= APIC_LVT_ERROR; off += 16)
		*vlapic_reg(l, off) |= LVT_MASKED;
}

/* The effects of a write; the page holds the new value already. */
static void write_done(struct vlapic *l, u32 off, u64 now)
{
	u32 val;

	if (is_lvt(off) && !vlapic_sw_enabled(l))
		*vlapic_reg(l, off) |= LVT_MASKED;
	val = vlapic_rd(l, off);
	switch (off) {
	case APIC_TPR: vlapic_update_ppr(l); break;
	case APIC_SVR:
		if (!(val & SVR_ENABLE))
			mask_lvts(l);
		break;
	case APIC_ESR: *vlapic_reg(l, off) = atomic_exchange_relaxed(&l->s.esr_pending, 0); break;
	case APIC_ICR: vlapic_icr(l, val, vlapic_rd(l, APIC_ICR2)); break;
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1: vlapic_lint_changed(l, (off - APIC_LVT_LINT0) / 16); break;
	case APIC_LVT_TIMER: vlapic_timer_lvt(l, l->lvt_timer_seen, now); break;
	case APIC_TIMER_INIT: vlapic_timer_init_count(l, now); break;
	case APIC_TIMER_DIV: vlapic_timer_divider(l, l->div_seen, now); break;
	default: break;
	}
	l->lvt_timer_seen = vlapic_rd(l, APIC_LVT_TIMER);
	l->div_seen = vlapic_rd(l, APIC_TIMER_DIV);
}

/* A write in the shape that register gives it. */
static void write_reg(struct vlapic *l, u32 off, u32 val, u64 now)
{
	switch (off) {
	case APIC_EOI: vlapic_eoi(l); return;
	case APIC_SELF_IPI: vlapic_icr(l, 0x40000 | (val & 0xff), 0); return;
	case APIC_DFR: val |= DFR_RESERVED; break;
	case APIC_LVT_TIMER: val &= vlapic_lvt_timer_bits(l); break;
	default: val &= info(off).wmask; break;
	}
	*vlapic_reg(l, off) = val;
	write_done(l, off, now);
}

void vlapic_write_effect(struct vlapic *l, u32 off, u64 now)
{
	u32 val;

	if (off > APIC_SELF_IPI)
		return;
	off &= 0xff0;
	val = vlapic_rd(l, off);
	/* The processor stored whatever the guest wrote, also where a register cannot be written. */
	switch (off) {
	case APIC_ID: *vlapic_reg(l, off) = vlapic_is_x2apic(l) ? l->x2apic_id : l->x2apic_id << 24; return;
	case APIC_EOI:
	case APIC_SELF_IPI: *vlapic_reg(l, off) = 0; break;
	default: break;
	}
	if (info(off).access & W)
		write_reg(l, off, val, now);
}

bool vlapic_mmio_claims(const struct vlapic *l, u64 gpa)
{
	return (l->s.base & (VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC)) == VLAPIC_BASE_ENABLE &&
	       ALIGN_DOWN(gpa, PAGE_SIZE) == ALIGN_DOWN(l->s.base, PAGE_SIZE);
}

void vlapic_mmio(struct vlapic *l, struct io_access *io)
{
	u32 off = (u32)io->offset & 0xff0, at = (u32)io->offset & 0xf;
	u8 access = info(off).access;
	u32 val;

	if (!access || (access & X2)) {
		vlapic_error(l, ESR_ILLEGAL_REG);
		access = 0;
	}
	if (io->write) {
		if ((access & W) && io->size == 4 && !at)
			write_reg(l, off, (u32)io->value, io->now);
		return;
	}
	io->value = 0;
	if (!(access & R) || at + io->size > 4)
		return;
	val = read_reg(l, off, io->now) >> at * 8;
	io->value = io->size == 4 ? val : val & ((1u << io->size * 8) - 1);
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

static int write_icr(struct vlapic *l, u64 val)
{
	u32 low = (u32)val & ~ICR_STATUS;

	if (low & ~ICR_W)
		return ERR_INVAL;
	*vlapic_reg(l, APIC_ICR) = low;
	*vlapic_reg(l, APIC_ICR2) = (u32)(val >> 32);
	vlapic_icr(l, low, (u32)(val >> 32));
	return OK;
}

int vlapic_msr_write(struct vlapic *l, u32 msr, u64 val, u64 now)
{
	u32 off = (msr & 0xff) << 4;
	struct reg_info i = info(off);

	if (!vlapic_is_x2apic(l) || !(i.access & W) || (i.access & X) || off == APIC_LDR)
		return ERR_INVAL;
	if (off == APIC_ICR)
		return write_icr(l, val);
	/* Reserved bits: #GP; EOI and ESR take only 0. The read-only bits of the LVT entries may be written back. */
	if (off == APIC_LVT_TIMER)
		i.wmask = vlapic_lvt_timer_bits(l);
	if (val & ~(u64)(i.wmask | (is_lvt(off) ? LVT_STATUS | LVT_REMOTE_IRR : 0)))
		return ERR_INVAL;
	write_reg(l, off, (u32)val, now);
	return OK;
}
