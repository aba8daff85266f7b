/* A Linux kernel for the firmware to start: what a loader writes into its header. */
#include "vmm/firmware/direct.h"

#include "lib/bytes.h"
#include "vmm/firmware/priv.h"

/* The real-mode kernel header. */
#define SETUP_SECTS     0x1f1
#define BOOT_FLAG       0x1fe
#define MAGIC           0x202
#define VERSION         0x206
#define TYPE_OF_LOADER  0x210
#define LOADFLAGS       0x211
#define RAMDISK_IMAGE   0x218
#define RAMDISK_SIZE    0x21c
#define HEAP_END_PTR    0x224
#define CMD_LINE_PTR    0x228
#define INITRD_ADDR_MAX 0x22c
#define HEADER_END      0x230

#define SECTOR         512u
#define LOADED_HIGH    0x01
#define CAN_USE_HEAP   0x80
#define LOADER_OTHER   0xff /* no number of its own */
#define OLD_INITRD_MAX 0x37ffffffu
/* What firmware takes for itself at the end of low RAM. */
#define FIRMWARE_HIGH (1u << 20)

static int refuse(const char **why, int err, const char *text)
{
	*why = text;
	return err;
}

static int check(const u8 *image, u64 len, const char **why)
{
	if (len < HEADER_END)
		return refuse(why, ERR_TRUNC, "it ends before the header's end, 230h");
	if (get16(image + BOOT_FLAG) != 0xaa55 || memcmp(image + MAGIC, "HdrS", 4) != 0)
		return refuse(why, ERR_INVAL, "it is no Linux kernel: no AA55h at 1FEh, no \"HdrS\" at 202h");
	if (get16(image + VERSION) < 0x202)
		return refuse(why, ERR_NOTSUP, "its boot protocol (206h) is older than 2.02");
	if (!(image[LOADFLAGS] & LOADED_HIGH))
		return refuse(why, ERR_NOTSUP, "it is no bzImage: LOADED_HIGH is not set (211h)");
	return OK;
}

/* As high as its kernel, and firmware, allow. */
static int place_initrd(struct fw_direct *d, const struct fw_direct_in *in, const char **why)
{
	u64 max = get16(d->setup + VERSION) >= 0x203 ? get32(d->setup + INITRD_ADDR_MAX) : OLD_INITRD_MAX;
	u64 end = in->low_end - MIN(in->low_end, FIRMWARE_HIGH),
	    kernel_end = FW_DIRECT_KERNEL_ADDR + (u64)d->kernel_len;

	end = MIN(end, max + 1);
	if (kernel_end > end || in->initrd_len > end - kernel_end)
		return refuse(why, ERR_NOSPC, "kernel and initrd do not fit the guest's memory");
	if (!in->initrd_len)
		return OK;
	d->initrd_addr = (u32)ALIGN_DOWN(end - in->initrd_len, PAGE_SIZE);
	d->initrd_len = (u32)in->initrd_len;
	return d->initrd_addr < kernel_end ? refuse(why, ERR_NOSPC, "initrd does not fit the guest's memory") : OK;
}

int fw_direct_prepare(struct fw_direct *d, const struct fw_direct_in *in, const char **why)
{
	const u8 *image = in->kernel;
	u32 sectors;
	int err = check(image, in->kernel_len, why);

	if (err)
		return err;
	sectors = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	d->setup_len = (sectors + 1) * SECTOR;
	if (d->setup_len > sizeof(d->setup))
		return refuse(why, ERR_INVAL, "it has more than 64 setup sectors (1F1h)");
	if (in->kernel_len <= d->setup_len)
		return refuse(why, ERR_TRUNC, "it ends within its setup sectors");
	if (in->kernel_len - d->setup_len > 0xffffffff)
		return refuse(why, ERR_NOSPC, "it is larger than 4 GiB");
	d->kernel = image + d->setup_len;
	d->kernel_len = (u32)(in->kernel_len - d->setup_len);
	memcpy(d->setup, image, d->setup_len);
	err = place_initrd(d, in, why);
	if (err)
		return err;
	d->setup[TYPE_OF_LOADER] = LOADER_OTHER;
	d->setup[LOADFLAGS] |= CAN_USE_HEAP;
	fw_put16(d->setup, HEAP_END_PTR, FW_DIRECT_CMDLINE_ADDR - FW_DIRECT_SETUP_ADDR - 0x200);
	fw_put32(d->setup, CMD_LINE_PTR, FW_DIRECT_CMDLINE_ADDR);
	fw_put32(d->setup, RAMDISK_IMAGE, d->initrd_addr);
	fw_put32(d->setup, RAMDISK_SIZE, d->initrd_len);
	return OK;
}
