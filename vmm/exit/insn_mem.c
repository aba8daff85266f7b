/* The emulator's memory: through the guest's page tables,
 * to RAM by the VM's window and to devices by the MMIO bus. */
#include "arch/x86/cpu.h"
#include "arch/x86/exc.h"
#include "arch/x86/fpu.h"
#include "lib/atomic.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/exit/exit.h"
#include "vmm/exit/insn_priv.h"
#include "vmm/vm/vm.h"

void emulate_walk_state(struct vcpu *v, struct gwalk_state *s)
{
	struct crs_state crs;

	cr_state(v, &crs);
	*s = (struct gwalk_state){
		.cr0 = crs.cr0,
		.cr3 = crs.cr3,
		.cr4 = crs.cr4,
		.efer = crs.efer,
		.rflags = vmcs_read(VMCS_GUEST_RFLAGS),
		.cpl = SEG_AR_DPL(vmcs_read32(VMCS_GUEST_SS_AR)),
		.phys_bits = v->crs.phys_bits,
		.page_1g = cpuid_has(v->cpuid, CPUID_FEAT_PDPE1GB),
		.a20 = v->vm->a20.bit,
		.mem = &v->vm->mem,
	};
	if (crs.cr4 & CR4_PKE)
		s->pkru = fpu_read_pkru();
	if ((crs.cr0 & CR0_PG) && (crs.cr4 & CR4_PAE) && !(crs.efer & EFER_LMA)) {
		s->have_pdptes = true;
		for (u32 i = 0; i < 4; i++)
			s->pdpte[i] = vmcs_read(vmcs_nth(VMCS_GUEST_PDPTE0, i));
	}
}

/* The walk state is read from the VMCS once per emulated instruction. */
static const struct gwalk_state *walk_state(struct emul_ctxt *c)
{
	struct emulation *e = vc(c)->emulation;

	if (!e->walk_valid) {
		emulate_walk_state(vc(c), &e->walk);
		e->walk_valid = true;
	}
	e->walk.cpl = c->have & EMUL_B_CPL ? c->cpl : e->walk.cpl;
	return &e->walk;
}

static int walk_failed(struct emul_ctxt *c, enum gwalk_status st, const struct gwalk_result *r)
{
	switch (st) {
	case GWALK_FAULT: return emul_raise_pf(c, r->cr2, r->error_code);
	case GWALK_NONCANON: return emul_raise_err(c, VEC_GP, 0);
	case GWALK_RETRY: return EMUL_RETRY;
	default: vm_kill(vc(c), "paging structure at gpa %#lx is not in RAM", r->gpa.v); return EMUL_STOP;
	}
}

/*
 * A page that the instruction went through before, for no less than access: as a TLB would know it. What it writes to
 * page tables itself, and others meanwhile, it need not see.
 */
static const struct emulation_page *known_page(const struct emulation *e, u64 lin, u32 access)
{
	for (u32 i = 0; i < MIN(e->nr_pages, (u32)EMULATION_PAGES); i++) {
		const struct emulation_page *p = &e->page[i];

		if (p->lin == ALIGN_DOWN(lin, PAGE_SIZE) && p->cpl == e->walk.cpl &&
		    !((p->access ^ access) & ~GWALK_WRITE) && !(access & ~p->access))
			return p;
	}
	return NULL;
}

static int translate(struct emul_ctxt *c, u64 lin, u32 access, struct gwalk_result *r)
{
	const struct emulation_page *known;
	struct emulation *e = vc(c)->emulation;
	const struct gwalk_state *s;
	enum gwalk_status st;

	if (c->hint_valid && ALIGN_DOWN(lin, PAGE_SIZE) == ALIGN_DOWN(c->hint_lin, PAGE_SIZE) &&
	    !(access & GWALK_EXEC) && (!(access & GWALK_WRITE) || vc(c)->emulation->hint_write)) {
		r->gpa = GPA(ALIGN_DOWN(c->hint_gpa, PAGE_SIZE) + (lin & (PAGE_SIZE - 1)));
		r->left = PAGE_SIZE - (lin & (PAGE_SIZE - 1));
		return EMUL_OK;
	}
	s = walk_state(c);
	known = known_page(e, lin, access);
	if (known) {
		r->gpa = GPA(known->gpa + (lin & (PAGE_SIZE - 1)));
		r->left = PAGE_SIZE - (lin & (PAGE_SIZE - 1));
		return EMUL_OK;
	}
	if (c->d.op && emulate_waits(c))
		return EMUL_RETRY;
	st = gwalk(s, GVA(lin), access | GWALK_SET_AD, r);
	if (st != GWALK_OK)
		return walk_failed(c, st, r);
	if (e->nr_pages < EMULATION_PAGES) /* else it takes the place of one that the next go will want */
		e->got_on = true;
	r->left = MIN(r->left, PAGE_SIZE - (lin & (PAGE_SIZE - 1)));
	e->page[e->nr_pages++ % EMULATION_PAGES] = (struct emulation_page){ .lin = ALIGN_DOWN(lin, PAGE_SIZE),
		                                                            .gpa = ALIGN_DOWN(r->gpa.v, PAGE_SIZE),
		                                                            .access = access,
		                                                            .cpl = s->cpl };
	return EMUL_OK;
}

static u32 access_bits(u32 flags, bool write)
{
	return (write || (flags & (EMUL_ACC_WRITE | EMUL_ACC_RMW)) ? GWALK_WRITE : 0) |
	       (flags & EMUL_ACC_SYS ? GWALK_IMPLICIT : 0);
}

static void apic_access(struct vcpu *v, u64 gpa, u8 size, bool write, u64 *val, u64 now)
{
	struct io_access io = { .offset = gpa & (PAGE_SIZE - 1),
		                .value = write ? *val : ~0ull,
		                .now = now,
		                .size = size,
		                .write = write };

	vlapic_mmio(&v->lapic, &io);
	if (write)
		vcpu_request_self(v, VCPU_REQ_EVENT);
	else
		*val = io.value;
}

/* A device access of any length within a page: cut into naturally sized pieces. */
static inline __attribute__((always_inline)) void mmio_bytes(struct emul_ctxt *c, u64 gpa, u8 *buf, u32 len,
                                                             bool write)
{
	struct vcpu *v = vc(c);
	bool apic = vlapic_mmio_claims(&v->lapic, gpa);
	u64 now;

	vm_lock(v->vm);
	now = vm_now(v->vm);
	while (len) {
		u8 size = len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
		u64 val = 0;

		if (write)
			memcpy(&val, buf, size);
		if (unlikely(apic))
			apic_access(v, gpa, size, write, &val, now);
		else
			io_bus_access(&v->vm->mmio, gpa, size, write, &val, now);
		if (!write)
			memcpy(buf, &val, size);
		buf += size;
		gpa += size;
		len -= size;
	}
	vm_unlock(v->vm);
}

/* RAM that may be read and written: NULL, too, for shadow RAM that is not open for both. len: within a page. */
static inline __attribute__((always_inline)) void *plain_ram(const struct vm *vm, gpa_t gpa, u32 len)
{
	return guest_shadow_hides(&vm->remap.shadow, gpa.v) ? NULL : gmem_ptr(&vm->mem, gpa, len);
}

static int mmio_piece(struct emul_ctxt *c, u64 gpa, u8 *buf, u32 len, bool write)
{
	enum emul_done_kind kind = write ? EMUL_DONE_WRITE : EMUL_DONE_READ;

	if (!c->d.op) { /* a plain MOV: there is nothing to it but this */
		mmio_bytes(c, gpa, buf, len, write);
		return EMUL_OK;
	}
	switch (emulate_access(c, kind, gpa, buf, len)) {
	case ACCESS_DONE: return EMUL_OK;
	case ACCESS_WAIT: return EMUL_RETRY;
	default: break;
	}
	mmio_bytes(c, gpa, buf, len, write);
	emulate_accessed(c, kind, gpa, buf, len);
	return EMUL_OK;
}

/* Reads that no memory answers go on to the bus. */
static __attribute__((noinline)) int shadow_piece(struct emul_ctxt *c, gpa_t gpa, void *ram, u8 *buf, u32 len,
                                                  bool write)
{
	if (guest_shadow_access(&vc(c)->vm->remap.shadow, gpa.v, ram, buf, len, write))
		return EMUL_OK;
	return mmio_piece(c, gpa.v, buf, len, false);
}

static int move_piece(struct emul_ctxt *c, gpa_t gpa, u8 *buf, u32 len, bool write)
{
	void *p = gmem_ptr(&vc(c)->vm->mem, gpa, len);

	if (!p)
		return mmio_piece(c, gpa.v, buf, len, write);
	if (unlikely(guest_shadow_hides(&vc(c)->vm->remap.shadow, gpa.v)))
		return shadow_piece(c, gpa, p, buf, len, write);
	if (write)
		memcpy(p, buf, len);
	else
		memcpy(buf, p, len);
	return EMUL_OK;
}

/*
 * The two parts of an access over the end of a page. Of a write, RAM comes last: when the device's part is left to the
 * next go, that one reads the RAM of an update again, and must find it as it was.
 */
static __attribute__((noinline)) int move_parts(struct emul_ctxt *c, gpa_t a, gpa_t b, u8 *buf, u32 first, u32 len,
                                                bool write)
{
	const struct guest_mem *mem = &vc(c)->vm->mem;
	bool swap = write && gmem_ptr(mem, a, first) && !gmem_ptr(mem, b, len - first);
	int r = EMUL_OK;

	if (swap)
		r = move_piece(c, b, buf + first, len - first, write);
	if (r == EMUL_OK)
		r = move_piece(c, a, buf, first, write);
	if (r == EMUL_OK && !swap)
		r = move_piece(c, b, buf + first, len - first, write);
	return r;
}

/* Moves len (at most 32) bytes; both pages are translated before the first byte moves. */
static int move(struct emul_ctxt *c, u64 lin, u8 *buf, u32 len, bool write, u32 access)
{
	struct gwalk_result a, b;
	u32 first;
	int r = translate(c, lin, access, &a);

	if (r)
		return r;
	first = (u32)MIN(a.left, len);
	if (likely(first == len)) {
		r = move_piece(c, a.gpa, buf, len, write);
	} else {
		r = translate(c, lin + first, access, &b);
		if (!r)
			r = move_parts(c, a.gpa, b.gpa, buf, first, len, write);
	}
	return r ? r : vm_stop(vc(c)->vm) ? EMUL_STOP : EMUL_OK;
}

/* Code in ROM, or in shadow RAM that is not open for all. false: there is neither. */
static __attribute__((noinline)) bool fetch_shadow(const struct vm *vm, gpa_t gpa, u8 *to, u32 len)
{
	u8 *ram = gmem_ptr(&vm->mem, gpa, len);
	const u8 *rom;

	if (ram)
		return guest_shadow_access(&vm->remap.shadow, gpa.v, ram, to, len, false);
	rom = guest_shadow_rom(&vm->remap.shadow, gpa.v, len);
	if (rom)
		memcpy(to, rom, len);
	return rom;
}

/* Devices are not asked for code: FFh is there, as where nothing is, and FFh FFh is no instruction. */
int emulate_fetch(struct emul_ctxt *c, u64 lin, void *buf, u32 len)
{
	u8 *to = buf;

	while (len) {
		struct gwalk_result r;
		int st = translate(c, lin, GWALK_EXEC, &r);
		const u8 *ram;
		u32 n;

		if (st)
			return st;
		n = (u32)MIN(r.left, len);
		ram = plain_ram(vc(c)->vm, r.gpa, n);
		if (likely(ram))
			memcpy(to, ram, n);
		else if (!fetch_shadow(vc(c)->vm, r.gpa, to, n))
			memset(to, 0xff, n);
		to += n;
		lin += n;
		len -= n;
	}
	return EMUL_OK;
}

int emulate_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags)
{
	int r = move(c, lin, buf, len, false, access_bits(flags, false));

	if (!r && !(flags & EMUL_ACC_SYS))
		vcpu_check_breakpoints(vc(c), CRS_ACCESS_READ, lin, len);
	return r;
}

int emulate_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags)
{
	int r = move(c, lin, (u8 *)(u64)buf, len, true, access_bits(flags, true));

	if (!r && !(flags & EMUL_ACC_SYS))
		vcpu_check_breakpoints(vc(c), CRS_ACCESS_WRITE, lin, len);
	return r;
}

int emulate_check(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	struct gwalk_result r;
	int st = translate(c, lin, access_bits(flags, false), &r);

	if (!st && len > r.left)
		st = translate(c, lin + r.left, access_bits(flags, false), &r);
	return st;
}

void *emulate_map(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	struct gwalk_result r;

	if (c->hint_valid && ALIGN_DOWN(lin, PAGE_SIZE) == ALIGN_DOWN(c->hint_lin, PAGE_SIZE))
		return NULL;
	/* Element by element, each is looked at. */
	if (vmcs_read(VMCS_GUEST_DR7) & DR7_ENABLED)
		return NULL;
	if (gwalk(walk_state(c), GVA(lin), access_bits(flags, false) | GWALK_SET_AD, &r) != GWALK_OK)
		return NULL;
	return plain_ram(vc(c)->vm, r.gpa, len);
}

static bool cas(void *p, const void *oldv, const void *newv, u32 len)
{
	u64 o = 0, n = 0;
	bool ok;

	memcpy(&o, oldv, MIN(len, 8));
	memcpy(&n, newv, MIN(len, 8));
	switch (len) {
	case 1: return atomic_cas((u8 *)p, (u8 *)&o, (u8)n);
	case 2: return atomic_cas((u16 *)p, (u16 *)&o, (u16)n);
	case 4: return atomic_cas((u32 *)p, (u32 *)&o, (u32)n);
	case 8: return atomic_cas((u64 *)p, &o, n);
	default: {
		const u64 *ov = oldv, *nv = newv;
		u64 lo = ov[0], hi = ov[1];

		__asm__ volatile("lock cmpxchg16b %1\n\tsete %0"
		                 : "=q"(ok), "+m"(*(unsigned __int128 *)p), "+a"(lo), "+d"(hi)
		                 : "b"(nv[0]), "c"(nv[1])
		                 : "cc", "memory");
		return ok;
	}
	}
}

int emulate_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags)
{
	struct gwalk_result r;
	void *p;
	int st = translate(c, lin, access_bits(flags, true), &r);

	if (st)
		return st;
	p = len <= r.left ? plain_ram(vc(c)->vm, r.gpa, len) : NULL;
	if (!p || (len == 16 && (r.gpa.v & 15)))
		return emulate_write(c, lin, newv, len, flags);
	if (!cas(p, oldv, newv, len))
		return EMUL_RETRY;
	vcpu_check_breakpoints(vc(c), CRS_ACCESS_WRITE, lin, len);
	return EMUL_OK;
}
