/* What a PC's BIOS leaves below 1 MiB: its data area for the text screen, and the entry at FFFF0h. */
#include "guest_ram.h"
#include "suite.h"
#include "vmm/firmware/tables.h"

static struct guest_ram g;

static const u8 *at(u64 gpa)
{
	return g.mem.base + gpa;
}

static void build(const struct fw_config *cfg)
{
	gpa_t rsdp;

	guest_ram_init(&g, 2ull << 20);
	memset(g.mem.base, 0, 0x1000);
	ck_assert_int_eq(fwtables_build(cfg, &g.mem, &rsdp, NULL, 0), OK);
}

/* What a BIOS leaves for programs that print to a text screen. */
START_TEST(bios_data)
{
	struct fw_config cfg = { .nr_cpus = 1, .map = &g.map, .com_mask = 0x5 };

	build(&cfg);
	ck_assert_uint_eq(guest_ram_get(&g, 0x410, 2), 0x2 | 0x20 | 2 << 9); /* FPU, 80x25 colour, two UARTs */
	ck_assert_uint_eq(at(0x449)[0], 3);
	ck_assert_uint_eq(guest_ram_get(&g, 0x44a, 2), 80);
	ck_assert_uint_eq(guest_ram_get(&g, 0x44c, 2), 4096);
	ck_assert_uint_eq(guest_ram_get(&g, 0x44e, 2), 0); /* page 0, */
	ck_assert_uint_eq(guest_ram_get(&g, 0x450, 2), 0); /* the cursor at its beginning */
	ck_assert_uint_eq(guest_ram_get(&g, 0x463, 2), 0x3d4);
	ck_assert_uint_eq(at(0x484)[0], 24);
	ck_assert_uint_eq(guest_ram_get(&g, 0x485, 2), 16);
	guest_ram_free(&g);
}
END_TEST

/* A jump to FFFF:0000 goes on in the same segment of ROM, to code that writes the FADT's reset register. */
START_TEST(reset_entry)
{
	struct fw_config cfg = { .nr_cpus = 1, .map = &g.map };
	u64 code;

	build(&cfg);
	ck_assert_uint_eq(at(0xffff0)[0], 0xea); /* JMP ptr16:16 */
	code = (guest_ram_get(&g, 0xffff3, 2) << 4) + guest_ram_get(&g, 0xffff1, 2);
	ck_assert(code >= 0xf0000 && code < 0xffff0);
	ck_assert_mem_eq(at(code), "\xfa\xba\xf9\x0c", 4);             /* CLI; MOV DX, 0CF9h */
	ck_assert_mem_eq(at(code + 4), "\xb0\x02\xee\xb0\x06\xee", 6); /* MOV AL, 2; OUT DX, AL; then 6 */
	ck_assert_mem_eq(at(code + 10), "\xf4\xeb\xfd", 3);            /* HLT; JMP to it */
	ck_assert_mem_eq(at(0xffff5), "01/01/25", 8);
	ck_assert_uint_eq(at(0xffffe)[0], 0xfc);
	guest_ram_free(&g);
}
END_TEST

SUITE_MAIN("bios", bios_data, reset_entry)
