/* Shadow RAM and memory of devices in a VM's extended page tables. */
#include "vmm/vm/remap.h"

#include "lib/assert.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/vm/vm.h"

#define PIECE      (16ull << 10) /* bytes of shadow RAM at a time */
#define MOST       64u           /* entries of the EPT at a time */
#define VGA_WINDOW (GUEST_ROM_BASE - GUEST_VGA_BASE)

/* ---- the ROM ---- */

/* What the emulator reads there; who executes it or reads it plainly does so without an exit. Writes are dropped. */
static void rom_io(void *dev, struct io_access *io)
{
	const struct vm *vm = dev;
	const struct guest_shadow *s = &vm->remap.shadow;
	const u8 *p = guest_shadow_rom(s, GUEST_ROM_END - s->rom_len + io->offset, io->size);

	if (io->write || !p)
		return;
	io->value = 0;
	memcpy(&io->value, p, io->size);
}

static int map_rom(struct vm *vm)
{
	struct guest_shadow *s = &vm->remap.shadow;
	u64 base = GUEST_ROM_END - s->rom_len;
	int err = ept_map(&vm->ept, GPA(base), virt_to_phys(s->rom), s->rom_len, EPT_R | EPT_X, EPT_MT_RAM, false);

	vm->remap.rom_region = (struct io_region){ base, s->rom_len, rom_io, vm, "rom" };
	return err ? err : io_bus_add(&vm->mmio, &vm->remap.rom_region);
}

int vm_remap_create(struct vm *vm)
{
	struct vm_remap *r = &vm->remap;
	hpa_t hpa;
	int err;

	guest_shadow_open(&r->shadow);
	if (!vm->map.pc)
		return OK;
	err = ept_translate(&vm->ept, GPA(GUEST_SHADOW_BASE), &hpa);
	if (err)
		return err;
	r->shadow_hpa = hpa.v;
	r->shadow.rom = vm->rom.data;
	r->shadow.rom_len = (u32)vm->rom.len;
	if (!r->shadow.rom)
		return OK;
	for (u32 i = 0; i < GUEST_SHADOW_SEGS; i++)
		vm_remap_shadow(vm, i, false, false);
	return map_rom(vm);
}

/* ---- shadow RAM ---- */

void vm_remap_shadow(struct vm *vm, u32 seg, bool read, bool write)
{
	struct vm_remap *r = &vm->remap;
	u16 bit = (u16)BIT(seg % GUEST_SHADOW_SEGS);

	if (!r->shadow.rom || (!(r->shadow.read & bit) == !read && !(r->shadow.write & bit) == !write))
		return;
	r->shadow.read = (u16)(r->shadow.read & ~bit) | (read ? bit : 0);
	r->shadow.write = (u16)(r->shadow.write & ~bit) | (write ? bit : 0);
	if ((r->stale & -r->stale) == bit) /* begins anew */
		r->quarter = 0;
	r->stale |= bit;
}

/* No table is needed: below 2 MiB every page of a PC has an entry of its own. */
static void map_shadow(struct vm *vm, u32 seg, u64 off, u64 len)
{
	struct vm_remap *r = &vm->remap;
	u64 gpa = guest_shadow_seg_base(seg) + off;
	hpa_t ram = HPA(r->shadow_hpa + (gpa - GUEST_SHADOW_BASE));
	bool writable;
	int err;

	switch (guest_shadow_from(&r->shadow, seg, &writable)) {
	case SHADOW_FROM_RAM:
		err = ept_map(&vm->ept, GPA(gpa), ram, len, writable ? EPT_RWX : EPT_R | EPT_X, EPT_MT_RAM, true);
		break;
	case SHADOW_FROM_ROM:
		err = ept_map(&vm->ept, GPA(gpa), virt_to_phys(guest_shadow_rom(&r->shadow, gpa, len)), len,
		              EPT_R | EPT_X, EPT_MT_RAM, true);
		break;
	default: err = ept_unmap(&vm->ept, GPA(gpa), len);
	}
	assert(err == OK);
	r->flush = true;
}

static void shadow_step(struct vm *vm)
{
	struct vm_remap *r = &vm->remap;
	u32 seg = (u32)__builtin_ctz(r->stale);

	map_shadow(vm, seg, r->quarter * PIECE, PIECE);
	if (++r->quarter * PIECE < guest_shadow_seg_len(seg))
		return;
	r->quarter = 0;
	r->stale &= (u16)~BIT(seg);
}

/* ---- memory of devices ---- */

static bool may_map(const struct vm *vm, const struct vm_remap_range *w)
{
	u64 end = w->gpa + w->len, bits = w->gpa | w->len | w->hpa;

	if (bits % PAGE_SIZE || end < w->gpa)
		return false;
	if (w->gpa >= GUEST_VGA_BASE && end <= GUEST_ROM_BASE)
		return true;
	/* The directories there are set aside (VM_REMAP_TABLES), and no table below them. */
	return vm->ept.caps.page_2m && bits % SIZE_2M == 0 && w->gpa >= MAX(vm->map.low_end, 2 * SIZE_1G) &&
	       end <= GUEST_PCI_HOLE_END && w->len <= MOST * SIZE_2M;
}

void vm_remap_device(struct vm *vm, u32 slot, u64 gpa, const void *mem, u64 len, bool read_only)
{
	struct vm_remap_range *w = &vm->remap.want[slot % VM_REMAP_SLOTS];

	*w = (struct vm_remap_range){ .gpa = gpa, .len = len, .read_only = read_only };
	if (len)
		w->hpa = (vm_devmem_has(mem) ? vm_devmem_hpa(vm, mem) : virt_to_phys(mem)).v;
	if (!len || !may_map(vm, w))
		*w = (struct vm_remap_range){ 0 };
}

static bool same(const struct vm_remap_range *a, const struct vm_remap_range *b)
{
	return a->gpa == b->gpa && a->len == b->len && a->hpa == b->hpa && a->read_only == b->read_only;
}

/* What lies in another's place waits for that one to go; what lies in RAM, ROM or the APIC's place is nowhere. */
static bool device_step(struct vm *vm)
{
	struct vm_remap *r = &vm->remap;

	for (u32 i = 0; i < VM_REMAP_SLOTS; i++) {
		int err;

		if (!r->is[i].len || same(&r->is[i], &r->want[i]))
			continue;
		err = ept_unmap(&vm->ept, GPA(r->is[i].gpa), r->is[i].len);
		assert(err == OK); /* whole leaves */
		r->is[i].len = 0;
		r->flush = true;
		return true;
	}
	for (u32 i = 0; i < VM_REMAP_SLOTS; i++) {
		struct vm_remap_range *w = &r->want[i];

		if (!w->len || same(&r->is[i], w))
			continue;
		if (ept_map(&vm->ept, GPA(w->gpa), HPA(w->hpa), w->len, w->read_only ? EPT_R | EPT_X : EPT_RWX,
		            EPT_MT_RAM, false) == OK)
			r->is[i] = *w;
		else
			w->len = 0;
		return true;
	}
	return false;
}

bool vm_remap_due(const struct vm *vm)
{
	const struct vm_remap *r = &vm->remap;

	for (u32 i = 0; i < VM_REMAP_SLOTS; i++)
		if ((r->is[i].len || r->want[i].len) && !same(&r->is[i], &r->want[i]))
			return true;
	return r->stale;
}

bool vm_remap_step(struct vm *vm)
{
	if (!vm->remap.stale)
		return device_step(vm);
	shadow_step(vm);
	return true;
}

void vm_remap_undo(struct vm *vm)
{
	struct vm_remap *r = &vm->remap;

	if (!r->shadow_hpa)
		return;
	memset(r->want, 0, sizeof(r->want));
	if (r->shadow.rom) {
		int err = ept_unmap(&vm->ept, GPA(GUEST_ROM_END - r->shadow.rom_len), r->shadow.rom_len);

		assert(err == OK);
		for (u32 i = 0; i < GUEST_SHADOW_SEGS; i++)
			vm_remap_shadow(vm, i, true, true);
	}
	while (vm_remap_step(vm))
		;
}
