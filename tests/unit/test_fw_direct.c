/* A kernel for the firmware to start: where its parts are, what is written into its header, what is refused. */
#include "lib/bytes.h"
#include "lib/string.h"
#include "suite.h"
#include "vmm/firmware/direct.h"

#define MIB  (1ull << 20)
#define SIZE (40 * 512 + 1000)

static u8 image[SIZE];
static struct fw_direct d;
static struct fw_direct_in in;
static const char *why;

static void start(void)
{
	for (u32 i = 0; i < SIZE; i++)
		image[i] = (u8)(i * 3);
	image[0x1f1] = 39;
	memcpy(image + 0x1fe, "\x55\xaa", 2);
	memcpy(image + 0x202, "HdrS\x0f\x02", 6);
	image[0x211] = 0x01;
	memcpy(image + 0x22c, "\xff\xff\xff\x7f", 4);
	in = (struct fw_direct_in){ image, SIZE, 3 * MIB + 5, 64 * MIB };
	memset(&d, 0, sizeof(d));
	why = NULL;
}

START_TEST(prepared)
{
	start();
	ck_assert_int_eq(fw_direct_prepare(&d, &in, &why), OK);
	ck_assert_uint_eq(d.setup_len, 40 * 512);
	ck_assert_uint_eq(d.kernel_len, 1000);
	ck_assert_ptr_eq(d.kernel, image + 40 * 512);
	ck_assert_uint_eq(d.initrd_addr, 0x3bff000); /* below the last MiB */
	ck_assert_uint_eq(d.initrd_len, 3 * MIB + 5);
	ck_assert_uint_eq(d.setup[0x210], 0xff);
	ck_assert_uint_eq(d.setup[0x211], 0x81);
	ck_assert_uint_eq(get32(d.setup + 0x218), d.initrd_addr);
	ck_assert_uint_eq(get32(d.setup + 0x21c), d.initrd_len);
	ck_assert_uint_eq(get16(d.setup + 0x224), 0xfe00);
	ck_assert_uint_eq(get32(d.setup + 0x228), 0x20000);
	/* all else is the image's */
	ck_assert_mem_eq(d.setup, image, 0x210);
	ck_assert_mem_eq(d.setup + 0x22c, image + 0x22c, d.setup_len - 0x22c);
}
END_TEST

START_TEST(initrd)
{
	start();
	in.initrd_len = 0;
	ck_assert_int_eq(fw_direct_prepare(&d, &in, &why), OK);
	ck_assert_uint_eq(d.initrd_addr | d.initrd_len | get32(d.setup + 0x218), 0);
	/* no higher than the kernel can take it; old ones do not say */
	start();
	in.low_end = 3072 * MIB;
	ck_assert_int_eq(fw_direct_prepare(&d, &in, &why), OK);
	ck_assert_uint_eq(d.initrd_addr, 0x7fcff000);
	start();
	in.low_end = 3072 * MIB;
	image[0x206] = 2;
	ck_assert_int_eq(fw_direct_prepare(&d, &in, &why), OK);
	ck_assert_uint_eq(d.initrd_addr, 0x37cff000);
	/* 0 stands for four */
	start();
	image[0x1f1] = 0;
	ck_assert_int_eq(fw_direct_prepare(&d, &in, &why), OK);
	ck_assert_uint_eq(d.setup_len, 5 * 512);
}
END_TEST

START_TEST(refused)
{
	static const struct {
		u32 at;
		u8 value;
		u64 len, initrd;
		u64 low_end;
		int err;
		const char *why;
	} t[] = {
		{ 0, 0, 0x22f, 0, 0, ERR_TRUNC, "it ends before the header's end, 230h" },
		{ 0x1ff, 0, 0, 0, 0, ERR_INVAL, "it is no Linux kernel: no AA55h at 1FEh, no \"HdrS\" at 202h" },
		{ 0x205, 's', 0, 0, 0, ERR_INVAL, "it is no Linux kernel: no AA55h at 1FEh, no \"HdrS\" at 202h" },
		{ 0x206, 1, 0, 0, 0, ERR_NOTSUP, "its boot protocol (206h) is older than 2.02" },
		{ 0x211, 0x80, 0, 0, 0, ERR_NOTSUP, "it is no bzImage: LOADED_HIGH is not set (211h)" },
		{ 0x1f1, 65, 0, 0, 0, ERR_INVAL, "it has more than 64 setup sectors (1F1h)" },
		{ 0x1f1, 255, 0, 0, 0, ERR_INVAL, "it has more than 64 setup sectors (1F1h)" },
		{ 0, 0, 40 * 512, 0, 0, ERR_TRUNC, "it ends within its setup sectors" },
		{ 0, 0, 0, 62 * MIB, 0, ERR_NOSPC, "kernel and initrd do not fit the guest's memory" },
		{ 0, 0, 0, ~0ull, 0, ERR_NOSPC, "kernel and initrd do not fit the guest's memory" },
		{ 0, 0, 0, 1, 2 * MIB, ERR_NOSPC, "kernel and initrd do not fit the guest's memory" },
		{ 0, 0, 0, MIB - 1000, 3 * MIB, ERR_NOSPC, "initrd does not fit the guest's memory" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		start();
		if (t[i].at)
			image[t[i].at] = t[i].value;
		in.kernel_len = t[i].len ? t[i].len : SIZE;
		in.initrd_len = t[i].initrd;
		in.low_end = t[i].low_end ? t[i].low_end : in.low_end;
		ck_assert_int_eq(fw_direct_prepare(&d, &in, &why), t[i].err);
		ck_assert_str_eq(why, t[i].why);
	}
}
END_TEST

SUITE_MAIN("fw_direct", prepared, initrd, refused)
