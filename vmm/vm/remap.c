/* Shadow RAM and memory of devices in a VM's extended page tables. */
#include "vmm/vm/remap.h"

#include "lib/assert.h"
#include "lib/string.h"

#define PIECE      (16ull << 10)  /* bytes of shadow RAM at a time */
#define MOST       6u             /* entries of the EPT at a time: 200 ticks each in Bochs, of 2,500 */
#define LARGE_MOST (64 * SIZE_2M) /* of a device that is mapped by large pages, however many pieces that takes */
#define LAST_SEG   (GUEST_SHADOW_SEGS - 1) /* the one of several pieces */

/* ---- the ROM ---- */

/* What the emulator reads there; who executes it or reads it plainly does so without an exit. Writes are dropped. */
static void rom_io(void *dev, struct io_access *io)
{
	const struct vm_remap *r = dev;
	const u8 *p = guest_shadow_rom(&r->shadow, r->rom_region.base + io->offset, io->size);

	if (io->write || !p)
		return;
	io->value = 0;
	memcpy(&io->value, p, io->size);
}

int vm_remap_create(struct vm_remap *r, struct ept *ept, const struct guest_map *map, const void *rom, u64 rom_len,
                    u64 rom_hpa)
{
	u64 base = GUEST_ROM_END - rom_len;
	hpa_t hpa;
	int err = ept_translate(ept, GPA(GUEST_SHADOW_BASE), &hpa);

	if (err)
		return err;
	r->ept = ept;
	r->ram_end = map->low_end;
	r->shadow_hpa = hpa.v;
	vm_remap_none(r);
	if (!rom)
		return OK;
	r->shadow.rom = rom;
	r->shadow.rom_len = (u32)rom_len;
	r->rom_hpa = rom_hpa;
	for (u32 i = 0; i < GUEST_SHADOW_SEGS; i++)
		vm_remap_shadow(r, i, false, false);
	r->rom_region = (struct io_region){ base, rom_len, rom_io, r, "rom" };
	return ept_map(ept, GPA(base), HPA(rom_hpa), rom_len, EPT_R | EPT_X, EPT_MT_RAM, false);
}

/* ---- shadow RAM ---- */

void vm_remap_shadow(struct vm_remap *r, u32 seg, bool read, bool write)
{
	u16 bit = (u16)BIT(seg % GUEST_SHADOW_SEGS);

	if (!r->shadow.rom || (!(r->shadow.read & bit) == !read && !(r->shadow.write & bit) == !write))
		return;
	r->shadow.read = (u16)(r->shadow.read & ~bit) | (read ? bit : 0);
	r->shadow.write = (u16)(r->shadow.write & ~bit) | (write ? bit : 0);
	if (seg == LAST_SEG) /* begins anew */
		r->quarter = 0;
	r->stale |= bit;
}

/* No table is needed: below 2 MiB every page of a PC has an entry of its own. */
static void map_shadow(struct vm_remap *r, u32 seg, u64 off, u64 len)
{
	u64 gpa = guest_shadow_seg_base(seg) + off;
	hpa_t ram = HPA(r->shadow_hpa + (gpa - GUEST_SHADOW_BASE));
	bool writable;
	int err;

	switch (guest_shadow_from(&r->shadow, seg, &writable)) {
	case SHADOW_FROM_RAM:
		err = ept_map(r->ept, GPA(gpa), ram, len, writable ? EPT_RWX : EPT_R | EPT_X, EPT_MT_RAM, true);
		break;
	case SHADOW_FROM_ROM:
		err = ept_map(r->ept, GPA(gpa),
		              HPA(r->rom_hpa + (u64)(guest_shadow_rom(&r->shadow, gpa, len) - r->shadow.rom)), len,
		              EPT_R | EPT_X, EPT_MT_RAM, true);
		break;
	default: err = ept_unmap(r->ept, GPA(gpa), len);
	}
	assert(err == OK);
	r->flush = true;
}

static void shadow_step(struct vm_remap *r)
{
	u32 seg = (u32)__builtin_ctz(r->stale);

	map_shadow(r, seg, seg == LAST_SEG ? r->quarter * PIECE : 0, PIECE);
	if (seg == LAST_SEG && ++r->quarter * PIECE < guest_shadow_seg_len(seg))
		return;
	r->quarter = 0;
	r->stale &= (u16)~BIT(seg);
}

/* ---- memory of devices ---- */

/* Tables are there already: of the VGA window that of the first 2 MiB, of what is below the ROM that of the ROM. */
static bool has_tables(const struct vm_remap *r, u64 gpa, u64 end)
{
	u64 rom = GUEST_ROM_END - r->shadow.rom_len;

	return (gpa >= GUEST_VGA_BASE && end <= GUEST_ROM_BASE) ||
	       (r->shadow.rom && gpa >= ALIGN_DOWN(rom, SIZE_2M) && end <= rom);
}

static bool may_map(const struct vm_remap *r, u32 slot)
{
	const struct vm_remap_range *w = &r->want[slot];
	u64 end = w->gpa + w->len, bits = w->gpa | w->len | w->hpa, from = MAX(r->ram_end, 2 * SIZE_1G);

	if (bits % PAGE_SIZE || end < w->gpa)
		return false;
	if (has_tables(r, w->gpa, end))
		return true;
	if (slot == VM_REMAP_SMALL)
		return w->gpa >= from && end <= GUEST_IOAPIC_BASE &&
		       ALIGN_DOWN(w->gpa, SIZE_2M) == ALIGN_DOWN(end - 1, SIZE_2M);
	/* The directories there are set aside (VM_REMAP_TABLES), and no table below them; one at a time is work enough. */
	if (ALIGN_DOWN(w->gpa, SIZE_1G) != ALIGN_DOWN(end - 1, SIZE_1G))
		return false;
	return r->ept->caps.page_2m && bits % SIZE_2M == 0 && w->gpa >= from && end <= GUEST_PCI_HOLE_END &&
	       w->len <= LARGE_MOST;
}

void vm_remap_device(struct vm_remap *r, u32 slot, u64 gpa, u64 hpa, u64 len, bool read_only)
{
	struct vm_remap_range *w = &r->want[slot % VM_REMAP_SLOTS];

	*w = (struct vm_remap_range){ gpa, len, hpa, read_only };
	if (!r->ept || !len || !may_map(r, slot % VM_REMAP_SLOTS))
		*w = (struct vm_remap_range){ 0 };
}

/* What is there is all that is wanted, or its beginning. */
static bool begins(const struct vm_remap_range *is, const struct vm_remap_range *want)
{
	return is->gpa == want->gpa && is->hpa == want->hpa && is->read_only == want->read_only &&
	       is->len <= want->len;
}

/* Bytes that a piece maps or unmaps at most. */
static u64 piece_of(const struct vm_remap *r, const struct vm_remap_range *d, u64 len)
{
	bool large = r->ept->caps.page_2m && (d->gpa | d->hpa | d->len) % SIZE_2M == 0;

	return MIN(len, MOST * (large ? SIZE_2M : PAGE_SIZE));
}

static void take_out(struct vm_remap *r, struct vm_remap_range *is)
{
	u64 n = piece_of(r, is, is->len);
	int err;

	is->len -= n;
	err = ept_unmap(r->ept, GPA(is->gpa + is->len), n);
	assert(err == OK); /* whole leaves */
	r->flush = true;
	if (is == &r->is[VM_REMAP_SMALL] && !is->len && !has_tables(r, is->gpa, is->gpa + n))
		r->prune = is->gpa;
}

static void put_in(struct vm_remap *r, struct vm_remap_range *is, struct vm_remap_range *want)
{
	u64 at = is->len, n = piece_of(r, want, want->len - at);

	if (ept_map(r->ept, GPA(want->gpa + at), HPA(want->hpa + at), n, want->read_only ? EPT_R | EPT_X : EPT_RWX,
	            EPT_MT_RAM, false) != OK) {
		want->len = 0; /* what is there of it goes, too */
		return;
	}
	*is = *want;
	is->len = at + n;
}

/* What goes makes room before anything comes; what then still has no room is nowhere until the device asks again. */
static bool device_step(struct vm_remap *r)
{
	if (r->prune) {
		(void)ept_prune(r->ept, GPA(r->prune));
		r->prune = 0;
		return true;
	}
	for (u32 i = 0; i < VM_REMAP_SLOTS; i++) {
		if (!r->is[i].len || begins(&r->is[i], &r->want[i]))
			continue;
		take_out(r, &r->is[i]);
		return true;
	}
	for (u32 i = 0; i < VM_REMAP_SLOTS; i++) {
		if (r->is[i].len >= r->want[i].len)
			continue;
		put_in(r, &r->is[i], &r->want[i]);
		return true;
	}
	return false;
}

bool vm_remap_due(const struct vm_remap *r)
{
	for (u32 i = 0; i < VM_REMAP_SLOTS; i++)
		if (r->is[i].len != r->want[i].len || (r->is[i].len && !begins(&r->is[i], &r->want[i])))
			return true;
	return r->stale || r->prune;
}

bool vm_remap_step(struct vm_remap *r)
{
	if (!r->stale)
		return device_step(r);
	shadow_step(r);
	return true;
}

void vm_remap_undo(struct vm_remap *r)
{
	if (!r->ept)
		return;
	memset(r->want, 0, sizeof(r->want));
	if (r->shadow.rom) {
		int err = ept_unmap(r->ept, GPA(r->rom_region.base), r->shadow.rom_len);

		assert(err == OK);
		for (u32 i = 0; i < GUEST_SHADOW_SEGS; i++)
			vm_remap_shadow(r, i, true, true);
	}
	while (vm_remap_step(r))
		;
	r->ept = NULL;
}
