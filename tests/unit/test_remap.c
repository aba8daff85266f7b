/* What moves in a running PC's EPT, against a model: shadow RAM, ROM, memory of devices; in pieces, without new tables. */
#include "quick_check.h"

#include "remap_world.h"
#include "suite.h"

static struct remap_world w;

static void settle_and_check(void)
{
	remap_world_settle(&w);
	remap_world_check_all(&w);
}

/* As a reset leaves it: nothing is open, the ROM is below 4 GiB and below 1 MiB. */
START_TEST(reset_vector)
{
	struct ept_leaf leaf;

	remap_world_init(&w, true);
	settle_and_check();
	ck_assert_uint_eq(w.steps, 16);
	ck_assert_int_eq(ept_lookup(&w.e, GPA(0xfffffff0), &leaf), OK);
	ck_assert_uint_eq(leaf.hpa.v, REMAP_ROM_HPA + REMAP_ROM_LEN - PAGE_SIZE);
	ck_assert_uint_eq(leaf.perms, EPT_R | EPT_X);
	ck_assert_int_eq(ept_lookup(&w.e, GPA(0xffff0), &leaf), OK);
	ck_assert_uint_eq(leaf.hpa.v, REMAP_ROM_HPA + REMAP_ROM_LEN - PAGE_SIZE);
	ck_assert_int_eq(ept_lookup(&w.e, GPA(0xdffff), &leaf), ERR_NOENT);
	vm_remap_undo(&w.r);
	remap_world_free(&w);
}
END_TEST

START_TEST(every_segment_and_setting)
{
	remap_world_init(&w, true);
	for (u32 seg = 0; seg < GUEST_SHADOW_SEGS; seg++) {
		for (u32 bits = 0; bits < 8; bits++) {
			vm_remap_shadow(&w.r, seg, bits & 1, bits & 2);
			settle_and_check();
			ck_assert(w.r.flush || !bits);
		}
	}
	remap_world_free(&w);
}
END_TEST

/* What is as it was needs no piece of work. */
START_TEST(nothing_new)
{
	remap_world_init(&w, true);
	settle_and_check();
	w.r.flush = false;
	for (u32 seg = 0; seg < GUEST_SHADOW_SEGS; seg++)
		vm_remap_shadow(&w.r, seg, false, false);
	ck_assert(!vm_remap_due(&w.r) && !vm_remap_step(&w.r) && !w.r.flush);
	remap_world_free(&w);
}
END_TEST

/* The last segment takes four pieces; others change, and it does again, while they are under way. */
START_TEST(changes_between_pieces)
{
	for (u32 pieces = 0; pieces < 5; pieces++) {
		remap_world_init(&w, true);
		settle_and_check();
		vm_remap_shadow(&w.r, 12, true, true);
		for (u32 i = 0; i < pieces; i++)
			(void)vm_remap_step(&w.r);
		vm_remap_shadow(&w.r, 3, true, false);
		(void)vm_remap_step(&w.r);
		vm_remap_shadow(&w.r, 12, true, false);
		settle_and_check();
		remap_world_free(&w);
	}
}
END_TEST

START_TEST(without_firmware_all_is_ram)
{
	remap_world_init(&w, false);
	for (u32 seg = 0; seg < GUEST_SHADOW_SEGS; seg++)
		vm_remap_shadow(&w.r, seg, false, false);
	ck_assert(!vm_remap_due(&w.r));
	settle_and_check();
	ck_assert(!guest_shadow_hides(&w.r.shadow, 0xf0000));
	vm_remap_undo(&w.r);
	remap_world_free(&w);
}
END_TEST

/* A frame buffer where its BAR says, and where that moves; no table more than was set aside. */
START_TEST(frame_buffer_moves)
{
	static const u64 places[] = { 0xfd000000, 0xe0000000, 0x80000000, 0xbf000000, 0xc0000000, 0xfd000000 };

	remap_world_init(&w, true);
	settle_and_check();
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		struct ept_leaf leaf;

		vm_remap_device(&w.r, 2, places[i], REMAP_DEV_HPA, 16 << 20, false);
		settle_and_check();
		ck_assert_uint_eq(w.r.is[2].gpa, places[i]);
		ck_assert_int_eq(ept_lookup(&w.e, GPA(places[i]), &leaf), OK);
		ck_assert_uint_eq(leaf.size, SIZE_2M);
		ck_assert_uint_eq(leaf.perms, EPT_RWX);
	}
	vm_remap_device(&w.r, 2, 0, 0, 0, false);
	settle_and_check();
	ck_assert(!w.r.is[2].len);
	remap_world_free(&w);
}
END_TEST

/* A ROM by small pages wherever its BAR says; what is no longer needed of tables comes back. */
START_TEST(small_pages)
{
	static const u64 places[] = { 0xfebf0000, 0xfeb40000, 0x80001000, 0xfebe0000, 0xc0000000, 0xfe800000 };
	const u64 len = 64 << 10;
	u32 tables;

	remap_world_init(&w, true);
	settle_and_check();
	tables = w.pages.in_use;
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		struct ept_leaf leaf;

		vm_remap_device(&w.r, VM_REMAP_SMALL, places[i], REMAP_DEV_HPA + PAGE_SIZE, len, true);
		settle_and_check();
		ck_assert_uint_eq(w.r.is[VM_REMAP_SMALL].gpa, places[i]);
		ck_assert_int_eq(ept_lookup(&w.e, GPA(places[i]), &leaf), OK);
		ck_assert(leaf.size == PAGE_SIZE && leaf.perms == (EPT_R | EPT_X));
		/* From one place to the next before TLBs are flushed: once there is a table for it. */
		vm_remap_device(&w.r, VM_REMAP_SMALL, 0xfd200000, REMAP_DEV_HPA, len, true);
		while (vm_remap_step(&w.r))
			;
		ck_assert_uint_eq(w.r.is[VM_REMAP_SMALL].len, len);
		vm_remap_device(&w.r, VM_REMAP_SMALL, 0, 0, 0, true);
		settle_and_check();
		/* The directories of two GiB stay. */
		ck_assert_uint_le(w.pages.in_use, tables + 1);
	}
	/* Where and what it is may suit large pages, and its length not: it comes and goes by 6 entries. */
	vm_remap_device(&w.r, VM_REMAP_SMALL, 0xfe800000, REMAP_DEV_HPA, 132 * PAGE_SIZE, true);
	settle_and_check();
	ck_assert_uint_eq(w.steps, 22);
	vm_remap_device(&w.r, VM_REMAP_SMALL, 0, 0, 0, true);
	settle_and_check();
	ck_assert_uint_eq(w.steps, 23); /* and its table */
	/* A large one comes where it was. */
	vm_remap_device(&w.r, 0, 0xfea00000, REMAP_DEV_HPA, SIZE_2M, false);
	settle_and_check();
	ck_assert_uint_eq(w.r.is[0].len, SIZE_2M);
	/* Not over that, the APICs, RAM or out of 2 MiB; nor anybody else. */
	vm_remap_device(&w.r, VM_REMAP_SMALL, 0xfeb00000, REMAP_DEV_HPA, len, true);
	settle_and_check();
	ck_assert(!w.r.is[VM_REMAP_SMALL].len);
	vm_remap_device(&w.r, VM_REMAP_SMALL, 0xfebf8000, REMAP_DEV_HPA, len, true);
	ck_assert(!vm_remap_due(&w.r));
	vm_remap_device(&w.r, VM_REMAP_SMALL, 0xfee00000, REMAP_DEV_HPA, PAGE_SIZE, true);
	ck_assert(!vm_remap_due(&w.r));
	vm_remap_device(&w.r, VM_REMAP_SMALL, 0x7fff0000, REMAP_DEV_HPA, PAGE_SIZE, true);
	ck_assert(!vm_remap_due(&w.r));
	vm_remap_device(&w.r, VM_REMAP_SMALL, 0xe01f8000, REMAP_DEV_HPA, len, true);
	ck_assert(!vm_remap_due(&w.r));
	vm_remap_device(&w.r, 5, 0xe0100000, REMAP_DEV_HPA, len, true);
	ck_assert(!vm_remap_due(&w.r));
	remap_world_free(&w);
}
END_TEST

START_TEST(vga_window)
{
	struct ept_leaf leaf;

	remap_world_init(&w, true);
	settle_and_check();
	vm_remap_device(&w.r, 0, 0xa0000, REMAP_DEV_HPA, 0x10000, false);
	vm_remap_device(&w.r, 1, 0xb8000, REMAP_DEV_HPA + 0x20000, 0x8000, true);
	settle_and_check();
	ck_assert_int_eq(ept_lookup(&w.e, GPA(0xb8000), &leaf), OK);
	ck_assert_uint_eq(leaf.perms, EPT_R | EPT_X);
	/* Another bank, and the two change places. */
	vm_remap_device(&w.r, 0, 0xb8000, REMAP_DEV_HPA + 0x10000, 0x8000, false);
	vm_remap_device(&w.r, 1, 0xa0000, REMAP_DEV_HPA + 0x40000, 0x10000, false);
	settle_and_check();
	ck_assert(w.r.is[0].len && w.r.is[1].len);
	vm_remap_undo(&w.r);
	ck_assert_int_eq(ept_lookup(&w.e, GPA(0xa0000), &leaf), ERR_NOENT);
	remap_world_free(&w);
}
END_TEST

/* Flash is right below the ROM, by small pages and so in several pieces; it goes and comes whenever a command is given. */
START_TEST(flash_below_the_rom)
{
	const u64 len = 528 << 10, base = GUEST_ROM_END - REMAP_ROM_LEN - len;

	remap_world_init(&w, true);
	settle_and_check();
	for (u32 i = 0; i < 3; i++) {
		vm_remap_device(&w.r, 7, base, REMAP_DEV_HPA, len, true);
		settle_and_check();
		ck_assert_uint_eq(w.steps, 22);
		ck_assert_uint_eq(w.r.is[7].len, len);
		vm_remap_device(&w.r, 7, 0, 0, 0, false);
		settle_and_check();
		ck_assert_uint_eq(w.r.is[7].len, 0);
		/* Away before it is all there, and back. */
		vm_remap_device(&w.r, 7, base, REMAP_DEV_HPA, len, true);
		(void)vm_remap_step(&w.r);
		remap_world_check_all(&w);
		vm_remap_device(&w.r, 7, 0, 0, 0, false);
		(void)vm_remap_step(&w.r);
		remap_world_check_all(&w);
	}
	/* Another one lies in its second piece: none of it is there. */
	vm_remap_device(&w.r, 6, base + (300 << 10), REMAP_DEV_HPA, PAGE_SIZE, true);
	settle_and_check();
	vm_remap_device(&w.r, 7, base, REMAP_DEV_HPA, len, true);
	settle_and_check();
	ck_assert(w.r.is[6].len && !w.r.is[7].len);
	vm_remap_device(&w.r, 7, GUEST_ROM_END - SIZE_2M - PAGE_SIZE, REMAP_DEV_HPA, len, true);
	ck_assert(!vm_remap_due(&w.r)); /* no table there */
	remap_world_free(&w);
}
END_TEST

/* Where it cannot be, it is not, and nothing else has changed. */
START_TEST(no_place)
{
	static const struct {
		u64 gpa, hpa, len;
	} t[] = {
		{ 0x100000, REMAP_DEV_HPA, 0x10000 },   /* RAM */
		{ 0x9f000, REMAP_DEV_HPA, 0x2000 },     /* reaches into the window */
		{ 0xbf000, REMAP_DEV_HPA, 0x2000 },     /* reaches out of it */
		{ 0xfd000800, REMAP_DEV_HPA, SIZE_2M }, /* not a page */
		{ 0xfd000000, REMAP_DEV_HPA, 0x1000 },  /* not 2 MiB */
		{ 0xfd000000, REMAP_DEV_HPA + 0x1000, SIZE_2M },
		{ 0xfd100000, REMAP_DEV_HPA, SIZE_2M },
		{ 0x40000000, REMAP_DEV_HPA, SIZE_2M }, /* below 2 GiB: no table there */
		{ 0xffe00000, REMAP_DEV_HPA, SIZE_2M }, /* the ROM */
		{ 0xffe00000, REMAP_DEV_HPA, 4 << 20 }, /* out of 4 GiB */
		{ 0x100000000, REMAP_DEV_HPA, SIZE_2M },
		{ 0xffffffffffe00000, REMAP_DEV_HPA, 4 << 20 },
		{ 0xbff00000, REMAP_DEV_HPA, 4 << 20 }, /* from one GiB to the next */
		{ 0xbfe00000, REMAP_DEV_HPA, 4 << 20 },
		{ 0xc0000000, REMAP_DEV_HPA, 256 << 20 }, /* more than a piece */
	};

	remap_world_init(&w, true);
	settle_and_check();
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		vm_remap_device(&w.r, i % VM_REMAP_SLOTS, t[i].gpa, t[i].hpa, t[i].len, false);
		settle_and_check();
		ck_assert_msg(!w.r.is[i % VM_REMAP_SLOTS].len, "case %u", i);
	}
	/* Another device's. */
	vm_remap_device(&w.r, 0, 0xe0000000, REMAP_DEV_HPA, 4 << 20, false);
	vm_remap_device(&w.r, 1, 0xe0200000, REMAP_DEV_HPA, 4 << 20, false);
	settle_and_check();
	ck_assert(w.r.is[0].len && !w.r.is[1].len);
	remap_world_free(&w);
}
END_TEST

/* When it is taken apart, the frames in the EPT are the guest's own. */
START_TEST(undone)
{
	remap_world_init(&w, true);
	settle_and_check();
	vm_remap_shadow(&w.r, 12, true, false);
	vm_remap_device(&w.r, 0, 0xa0000, REMAP_DEV_HPA, 0x20000, false);
	vm_remap_device(&w.r, 1, 0xe0000000, REMAP_DEV_HPA, 4 << 20, false);
	settle_and_check();
	vm_remap_shadow(&w.r, 4, false, true); /* not yet done */
	vm_remap_undo(&w.r);
	for (u64 gpa = 0; gpa < REMAP_RAM; gpa += PAGE_SIZE) {
		struct ept_leaf leaf;
		bool window = gpa >= GUEST_VGA_BASE && gpa < GUEST_ROM_BASE;

		ck_assert_int_eq(ept_lookup(&w.e, GPA(gpa), &leaf), window ? ERR_NOENT : OK);
		if (!window)
			ck_assert_uint_eq(leaf.hpa.v + (gpa - leaf.gpa.v), REMAP_RAM_HPA + gpa);
	}
	for (u64 gpa = REMAP_RAM; gpa < 0x101000000; gpa += 0x10000)
		ck_assert_int_eq(ept_translate(&w.e, GPA(gpa), &(hpa_t){ 0 }), ERR_NOENT);
	vm_remap_undo(&w.r);
	remap_world_free(&w);
}
END_TEST

/* What the emulator finds there. */
START_TEST(rom_on_the_bus)
{
	struct io_region *store[2];
	struct io_bus bus;
	u64 v = 0;

	remap_world_init(&w, true);
	w.rom[REMAP_ROM_LEN - 16] = 0xea;
	w.rom[REMAP_ROM_LEN - 15] = 0x5b;
	io_bus_init(&bus, store, ARRAY_SIZE(store), ~0ull);
	ck_assert_int_eq(io_bus_add(&bus, &w.r.rom_region), OK);
	ck_assert(io_bus_access(&bus, 0xfffffff0, 2, false, &v, 0));
	ck_assert_uint_eq(v, 0x5bea);
	v = 0;
	(void)io_bus_access(&bus, 0xfffffff0, 2, true, &v, 0);
	(void)io_bus_access(&bus, 0xfffffff0, 8, false, &v, 0);
	ck_assert_uint_eq(v, 0x5bea);
	remap_world_free(&w);
}
END_TEST

SUITE_MAIN("remap", reset_vector, every_segment_and_setting, nothing_new, changes_between_pieces,
           without_firmware_all_is_ram, frame_buffer_moves, small_pages, vga_window, flash_below_the_rom, no_place,
           undone, rom_on_the_bus)
