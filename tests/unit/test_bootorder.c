/* Boot order as firmware reads it: paths, their order, the room they need. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/firmware/bootorder.h"

static char buf[300];
static size_t len;

START_TEST(order)
{
	static const struct fw_boot drives[] = {
		{ FW_BOOT_DISK, .place = 0, .order = 9 }, { FW_BOOT_CD, .place = 3, .order = 2 },
		{ FW_BOOT_DISK, .place = 2, .order = 0 }, { FW_BOOT_FLOPPY, .place = 1, .order = 255 },
		{ FW_BOOT_DISK, .place = 1, .order = 1 }, { FW_BOOT_NIC, .place = 12, .order = 3 },
	};
	static const char want[] = "/rom@genroms/linuxboot_dma.bin\n"
	                           "/pci@i0cf8/ide@1,1/drive@0/disk@1\n"
	                           "/pci@i0cf8/ide@1,1/drive@1/disk@1\n"
	                           "/pci@i0cf8/ethernet@c/ethernet-phy@0\n"
	                           "/pci@i0cf8/ide@1,1/drive@0/disk@0\n"
	                           "/pci@i0cf8/isa@1/fdc@03f0/floppy@1";

	ck_assert_int_eq(fw_bootorder(buf, sizeof(buf), "genroms/linuxboot_dma.bin", drives, 6, &len), OK);
	ck_assert_str_eq(buf, want);
	ck_assert_uint_eq(len, sizeof(want));
	/* Exactly as much room as it takes, and a byte less. */
	ck_assert_int_eq(fw_bootorder(buf, sizeof(want), "genroms/linuxboot_dma.bin", drives, 6, &len), OK);
	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(fw_bootorder(buf, sizeof(want) - 1, "genroms/linuxboot_dma.bin", drives, 6, &len),
	                 ERR_NOSPC);
	ck_assert_int_eq(buf[sizeof(want) - 1], 'x');
	ck_assert_int_eq(fw_bootorder(buf, 3, "rom", drives, 0, &len), ERR_NOSPC);
}
END_TEST

START_TEST(nothing_to_say)
{
	static const struct fw_boot drives[] = { { FW_BOOT_DISK, .place = 0 }, { FW_BOOT_DISK, .place = 1 } };

	ck_assert_int_eq(fw_bootorder(buf, sizeof(buf), NULL, drives, 2, &len), OK);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(fw_bootorder(buf, sizeof(buf), NULL, NULL, 0, &len), OK);
	ck_assert_uint_eq(len, 0);
}
END_TEST

/* For CMOS: each kind once, by the first of it. */
START_TEST(kinds)
{
	static const struct fw_boot drives[] = {
		{ FW_BOOT_DISK, .place = 0, .order = 5 },    { FW_BOOT_CD, .place = 2, .order = 7 },
		{ FW_BOOT_DISK, .place = 1, .order = 6 },    { FW_BOOT_NIC, .place = 3, .order = 9 },
		{ FW_BOOT_FLOPPY, .place = 0, .order = 10 }, { FW_BOOT_FLOPPY, .place = 1 }
	};
	u8 is[3];

	fw_boot_kinds(drives, 6, is);
	ck_assert(is[0] == FW_BOOT_DISK && is[1] == FW_BOOT_CD && is[2] == FW_BOOT_NIC);
	fw_boot_kinds(drives + 1, 2, is);
	ck_assert(is[0] == FW_BOOT_DISK && is[1] == FW_BOOT_CD && is[2] == FW_BOOT_NONE);
	fw_boot_kinds(drives + 5, 1, is);
	ck_assert(is[0] == FW_BOOT_NONE && is[1] == FW_BOOT_NONE && is[2] == FW_BOOT_NONE);
}
END_TEST

SUITE_MAIN("bootorder", kinds, order, nothing_to_say)
