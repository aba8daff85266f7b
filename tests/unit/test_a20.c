/* Address line 20, closed: the second root of the EPT against the VM's own one, and the emulator's walk. */
#include "mm/gwalk.h"
#include "quick_check.h"
#include "remap_world.h"
#include "suite.h"
#include "vmm/vm/a20.h"

#define TABLES_HPA 0x7777000000ull

static struct remap_world w;
static struct vm_a20 a20;
static u8 pages[VM_A20_TABLES * PAGE_SIZE] __aligned(4096);

static void begin(void)
{
	remap_world_init(&w, true);
	remap_world_settle(&w);
	memset(pages, 0, sizeof(pages));
	memset(&a20, 0, sizeof(a20));
	ck_assert_int_eq(vm_a20_create(&a20, &w.e, pages, HPA(TABLES_HPA)), OK);
	ck_assert(vm_a20_set(&a20, true));
}

static void end(void)
{
	remap_world_free(&w);
}

/* As the last vCPU does; how many pieces that took. */
static u32 flush(void)
{
	u32 n = 0;

	while (vm_a20_flushed(&a20))
		n++;
	return n;
}

static bool is_clear(const u8 *p, u64 len)
{
	for (u64 i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* Whatever the second root has is what the own one has for the same address without the bit. */
static int check_leaf(void *arg, const struct ept_leaf *l)
{
	u32 *n = arg;
	struct ept_leaf own;

	ck_assert_uint_eq(l->size, PAGE_SIZE);
	ck_assert_int_eq(ept_lookup(&w.e, GPA(l->gpa.v & ~VM_A20_BIT), &own), OK);
	ck_assert_uint_eq(l->hpa.v, own.hpa.v + ((l->gpa.v & ~VM_A20_BIT) - own.gpa.v));
	ck_assert_uint_eq(l->perms, own.perms);
	ck_assert_uint_eq(l->type, own.type);
	++*n;
	return OK;
}

static u32 check_all(void)
{
	u32 n = 0;

	ck_assert_int_eq(ept_walk(&a20.closed, GPA(0), BIT(48) - PAGE_SIZE, check_leaf, &n), OK);
	return n;
}

/* ---- the gate ---- */

START_TEST(open_and_closed)
{
	begin();
	ck_assert_ptr_eq(vm_a20_root(&a20, &w.e), &a20.closed);
	ck_assert_uint_eq(vm_a20_mask(&a20, 0x123456), 0x23456);
	ck_assert_uint_eq(vm_a20_mask(&a20, 0xfffffffff0), 0xffffeffff0);
	a20.nr_asked = 7;
	ck_assert(!vm_a20_set(&a20, true)); /* it is */
	ck_assert_uint_eq(a20.nr_asked, 7);
	ck_assert(vm_a20_set(&a20, false));
	ck_assert_uint_eq(a20.nr_asked, 0);
	ck_assert_ptr_eq(vm_a20_root(&a20, &w.e), &w.e);
	ck_assert_uint_eq(vm_a20_mask(&a20, 0x123456), 0x123456);
	end();
}
END_TEST

/* The machine that has no gate. */
START_TEST(none)
{
	static struct vm_a20 no;

	remap_world_init(&w, true);
	ck_assert(!vm_a20_set(&no, true));
	ck_assert_ptr_eq(vm_a20_root(&no, &w.e), &w.e);
	vm_a20_forget(&no);
	ck_assert(!vm_a20_flushed(&no));
	end();
}
END_TEST

/* ---- what is mapped ---- */

START_TEST(pages_of_4k)
{
	struct ept_leaf leaf;

	begin();
	ck_assert_int_eq(ept_lookup(&a20.closed, GPA(0x100000), &leaf), ERR_NOENT);
	ck_assert_int_eq(vm_a20_map(&a20, 0x100010, EPT_W), VM_A20_MAPPED);
	ck_assert_int_eq(ept_lookup(&a20.closed, GPA(0x100010), &leaf), OK);
	ck_assert_uint_eq(leaf.hpa.v, REMAP_RAM_HPA); /* of address 0 */
	ck_assert_uint_eq(check_all(), 1);
	ck_assert_int_eq(vm_a20_map(&a20, 0x10, EPT_R), VM_A20_MAPPED);
	ck_assert_uint_eq(check_all(), 2);
	end();
}
END_TEST

/* RAM of large pages: 64 KiB at once, and never across the megabyte. */
START_TEST(pieces_of_large_pages)
{
	struct ept_leaf leaf;

	begin();
	ck_assert_int_eq(vm_a20_map(&a20, 0x5ffffc, EPT_R | EPT_W), VM_A20_MAPPED);
	ck_assert_uint_eq(check_all(), 16);
	ck_assert_int_eq(ept_lookup(&a20.closed, GPA(0x5f0000), &leaf), OK);
	ck_assert_uint_eq(leaf.hpa.v, REMAP_RAM_HPA + 0x4f0000);
	ck_assert_int_eq(ept_lookup(&a20.closed, GPA(0x4f0000), &leaf), ERR_NOENT);
	ck_assert_int_eq(ept_lookup(&a20.closed, GPA(0x600000), &leaf), ERR_NOENT);
	end();
}
END_TEST

/* Devices, ROM and closed shadow RAM are what they are in the even megabyte. */
START_TEST(nothing_there)
{
	begin();
	ck_assert_int_eq(vm_a20_map(&a20, 0xfffffff0, EPT_X),
	                 VM_A20_NONE);                                    /* the reset vector is the ROM's no more */
	ck_assert_int_eq(vm_a20_map(&a20, 0x1a0000, EPT_W), VM_A20_NONE); /* the VGA */
	ck_assert_int_eq(vm_a20_map(&a20, 0x1f0000, EPT_X), VM_A20_MAPPED); /* the low ROM */
	ck_assert_int_eq(vm_a20_map(&a20, 0x1f0000, EPT_W), VM_A20_NONE);
	ck_assert_int_eq(vm_a20_map(&a20, 0xf0000, EPT_R | EPT_W), VM_A20_NONE);
	ck_assert_int_eq(vm_a20_map(&a20, BIT(47), EPT_R), VM_A20_NONE);
	ck_assert_uint_eq(check_all(), 1);
	end();
}
END_TEST

/* Code in large pages that was not to be executed from: what is given later is given here too. */
START_TEST(more_rights)
{
	struct ept_leaf leaf;

	begin();
	ck_assert_int_eq(ept_protect(&w.e, GPA(0x400000), SIZE_2M, EPT_RW), OK);
	ck_assert_int_eq(vm_a20_map(&a20, 0x500000, EPT_R), VM_A20_MAPPED);
	ck_assert_int_eq(vm_a20_map(&a20, 0x500000, EPT_X), VM_A20_NONE);
	ck_assert_int_eq(ept_protect(&w.e, GPA(0x400000), PAGE_SIZE, EPT_RWX), OK);
	ck_assert_int_eq(vm_a20_map(&a20, 0x500000, EPT_X), VM_A20_MAPPED);
	ck_assert_int_eq(ept_lookup(&a20.closed, GPA(0x500000), &leaf), OK);
	ck_assert_uint_eq(leaf.perms, EPT_RWX);
	ck_assert_uint_eq(check_all(), 16);
	end();
}
END_TEST

/* ---- forgetting ---- */

/* Closed once more, a segment opens: the old page is gone before anyone is told that it is. */
START_TEST(the_own_tables_change)
{
	struct ept_leaf leaf;

	begin();
	ck_assert_int_eq(vm_a20_map(&a20, 0x1c0000, EPT_R), VM_A20_NONE);
	vm_remap_shadow(&w.r, 0, true, true);
	remap_world_settle(&w);
	ck_assert_int_eq(vm_a20_map(&a20, 0x1c0000, EPT_W), VM_A20_MAPPED);
	vm_remap_shadow(&w.r, 0, true, false);
	remap_world_settle(&w);
	vm_a20_forget(&a20);
	ck_assert_int_eq(ept_lookup(&a20.closed, GPA(0x1c0000), &leaf), ERR_NOENT);
	/* TLBs may have it: no table is used again before they are flushed. */
	ck_assert(a20.forgot && !is_clear(pages, sizeof(pages)));
	ck_assert_int_eq(vm_a20_map(&a20, 0x1c0000, EPT_R), VM_A20_BUSY);
	ck_assert_int_eq(vm_a20_map(&a20, 0x1c0000, EPT_W), VM_A20_NONE);
	vm_a20_forget(&a20); /* once more, by another vCPU */
	ck_assert_uint_eq(flush(), 4 + 1);
	ck_assert(is_clear(pages, sizeof(pages)));
	ck_assert_uint_eq(a20.used, 1);
	ck_assert_int_eq(vm_a20_map(&a20, 0x1c0000, EPT_R), VM_A20_MAPPED);
	ck_assert_uint_eq(check_all(), 1);
	ck_assert_uint_eq(ept_eptp(&a20.closed) & ~0xfffull, TABLES_HPA); /* the root where vCPUs have it */
	end();
}
END_TEST

/* What nobody has used needs no work. */
START_TEST(nothing_to_forget)
{
	begin();
	vm_a20_forget(&a20);
	ck_assert(!a20.forgot && !a20.any && !flush());
	end();
}
END_TEST

/* A guest that goes over more memory than the tables hold: it has what it asked for last, whatever that was. */
START_TEST(full)
{
	struct ept_leaf leaf;
	u32 full_after = 0;

	begin();
	w.pages.limit = FAKE_PT_PAGES;
	ck_assert_int_eq(ept_map(&w.e, GPA(SIZE_1G), HPA(8 * SIZE_1G), 4 * SIZE_1G, EPT_RWX, EPT_MT_RAM, true), OK);
	for (u64 gpa = SIZE_1G; gpa < 5 * SIZE_1G; gpa += 24 * SIZE_2M) {
		enum vm_a20_found found = vm_a20_map(&a20, gpa + 0x180000, EPT_R);

		if (found == VM_A20_FULL) {
			full_after = full_after ? full_after : check_all();
			vm_a20_forget(&a20);
			ck_assert_uint_ge(flush(), VM_A20_TABLES);
			found = vm_a20_map(&a20, gpa + 0x180000, EPT_R);
		}
		ck_assert_int_eq(found, VM_A20_MAPPED);
		ck_assert_int_eq(ept_lookup(&a20.closed, GPA(gpa + 0x180000), &leaf), OK);
		(void)check_all();
	}
	ck_assert_uint_eq(full_after, 13 * 16);
	end();
}
END_TEST

/* ---- what the emulator goes by ---- */

static u8 ram[4 << 20] __aligned(4096);
static const struct guest_mem mem = { .base = ram, .nr_ranges = 1, .ranges = { { 0, sizeof(ram) } } };

START_TEST(walk_without_paging)
{
	struct gwalk_state s = { .cr0 = 1, .mem = &mem, .a20 = VM_A20_BIT };
	struct gwalk_result r;
	u32 v = 0x55aa55aa;

	memset(ram, 0, sizeof(ram));
	ck_assert_int_eq(gwalk(&s, GVA(0x100010), 0, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x10);
	ck_assert_uint_eq(r.left, VM_A20_BIT - 0x10);
	/* From the last bytes of the even megabyte to its first. */
	ck_assert_int_eq(gwalk_write(&s, GVA(0xffffe), &v, 4, 0, &r), GWALK_OK);
	ck_assert(ram[0xffffe] == 0xaa && ram[0xfffff] == 0x55 && ram[0] == 0xaa && ram[1] == 0x55);
	ck_assert(!ram[0x100000]);
	v = 0;
	ck_assert_int_eq(gwalk_read(&s, GVA(0x3ffffe), &v, 2, 0, &r), GWALK_OK); /* 2FFFFEh */
	ck_assert_uint_eq(v, 0);
	ck_assert_uint_eq(r.gpa.v, 0x2ffffe);
	s.a20 = 0;
	ck_assert_int_eq(gwalk(&s, GVA(0x100010), 0, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x100010);
}
END_TEST

static void put(u64 at, u64 entry)
{
	memcpy(ram + at, &entry, 8);
}

static u64 get(u64 at)
{
	u64 entry;

	memcpy(&entry, ram + at, 8);
	return entry;
}

/* Tables in odd megabytes are read, and get their flags, in even ones; so is the page. */
START_TEST(walk_with_paging)
{
	struct gwalk_state s = {
		.cr0 = 0x80000001, .cr3 = 0x101000, .cr4 = 0x20, .efer = 0x500, .mem = &mem, .a20 = VM_A20_BIT
	};
	struct gwalk_result r;

	memset(ram, 0, sizeof(ram));
	put(0x1000, 0x102000 | 7);
	put(0x2000, 0x303000 | 7);
	put(0x203000, 0x100000 | 7);
	put(0x10, 0x300000 | 7);            /* the table at 100000h, entry 2 */
	put(0x203008, 0x200000 | 7 | 0x80); /* 2 MiB */
	ck_assert_int_eq(gwalk(&s, GVA(0x2abc), GWALK_WRITE | GWALK_SET_AD, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x200abc);
	ck_assert_uint_eq(get(0x10) & 0x60, 0x60);
	ck_assert_uint_eq(get(0x1000) & 0x60, 0x20);
	ck_assert_uint_eq(get(0x100010), 0);
	ck_assert_int_eq(gwalk(&s, GVA(0x3ffff8), 0, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x2ffff8);
	ck_assert_uint_eq(r.left, 8);
	s.a20 = 0;
	ck_assert_int_eq(gwalk(&s, GVA(0x2abc), 0, &r), GWALK_FAULT);
}
END_TEST

START_TEST(walk_pdptes)
{
	struct gwalk_state s = { .mem = &mem, .a20 = VM_A20_BIT };
	u64 p[4];

	memset(ram, 0, sizeof(ram));
	put(0x1020, 0x5001);
	put(0x101020, 0x6001);
	ck_assert_int_eq(gwalk_load_pdptes(&s, 0x101020, p), GWALK_OK);
	ck_assert_uint_eq(p[0], 0x5001);
	s.a20 = 0;
	ck_assert_int_eq(gwalk_load_pdptes(&s, 0x101020, p), GWALK_OK);
	ck_assert_uint_eq(p[0], 0x6001);
}
END_TEST

SUITE_MAIN("a20", open_and_closed, none, pages_of_4k, pieces_of_large_pages, nothing_there, more_rights,
           the_own_tables_change, nothing_to_forget, full, walk_without_paging, walk_with_paging, walk_pdptes)
