/* multiboot1 images: header, loading by address fields or ELF, information structure. */
#include "vmm/load/mb1.h"

#include "vmm/load/elf.h"
#include "vmm/load/put.h"

#define HDR_MAGIC    0x1badb002u
#define HDR_SEARCH   8192u
#define FLAG_ALIGN   BIT(0) /* modules on page boundaries: they always are */
#define FLAG_MEMINFO BIT(1) /* always given */
#define FLAG_VIDEO   BIT(2) /* a wish, ignored */
#define FLAG_ADDRS   BIT(16)
#define FLAGS_MUST   0xffffu

#define INFO_MEM     BIT(0)
#define INFO_CMDLINE BIT(2)
#define INFO_MODS    BIT(3)
#define INFO_MMAP    BIT(6)
#define INFO_LOADER  BIT(9)

#define MMAP_GPA  LOAD_LISTS_GPA
#define MODS_GPA  (LOAD_LISTS_GPA + 0x1000)
#define MMAP_SIZE 24 /* entry, with its size word */

struct mb1_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name, apm_table;
	u32 vbe[4], framebuffer[7];
};
_Static_assert(sizeof(struct mb1_info) == 116, "multiboot information");
_Static_assert(offsetof(struct mb1_info, boot_loader_name) == 64, "multiboot information");

bool mb1_find_header(const void *image, u64 len, u32 from, struct mb1_header *h)
{
	const u8 *p = image;
	u64 end = MIN(len, (u64)HDR_SEARCH);

	for (u32 at = from; at + 12 <= end; at += 4) {
		u32 flags = load_rd32(p + at + 4);

		if (load_rd32(p + at) != HDR_MAGIC || HDR_MAGIC + flags + load_rd32(p + at + 8) != 0)
			continue;
		memset(h, 0, sizeof(*h));
		h->offset = at;
		h->flags = flags;
		if (flags & FLAG_ADDRS) {
			if (at + 32 > end)
				continue;
			h->header_addr = load_rd32(p + at + 12);
			h->load_addr = load_rd32(p + at + 16);
			h->load_end_addr = load_rd32(p + at + 20);
			h->bss_end_addr = load_rd32(p + at + 24);
			h->entry_addr = load_rd32(p + at + 28);
		}
		return true;
	}
	return false;
}

/* "The address fields of Multiboot header" */
int mb1_load_by_addrs(const struct load_in *in, struct load_out *out, const struct mb1_header *h)
{
	u64 before = (u64)h->header_addr - h->load_addr; /* bytes loaded before the header */
	u64 off, filesz, end;

	if (h->load_addr > h->header_addr || before > h->offset)
		return load_refuse(out, ERR_INVAL,
		                   "multiboot: header_addr 0x%x, load_addr 0x%x do not agree with header offset 0x%x",
		                   h->header_addr, h->load_addr, h->offset);
	off = h->offset - before;
	filesz = h->load_end_addr ? (u64)h->load_end_addr - h->load_addr : in->kernel_len - off;
	if ((h->load_end_addr && h->load_end_addr < h->load_addr) || filesz > in->kernel_len - off)
		return load_refuse(
		        out, ERR_TRUNC,
		        "multiboot: load_end_addr 0x%x (load_addr 0x%x) beyond the end of the %llu-byte file",
		        h->load_end_addr, h->load_addr, (unsigned long long)in->kernel_len);
	end = MAX((u64)h->load_addr + filesz, (u64)h->bss_end_addr);
	if (h->bss_end_addr && h->bss_end_addr < h->load_addr + filesz)
		return load_refuse(out, ERR_INVAL,
		                   "multiboot: bss_end_addr 0x%x is inside the loaded part (to 0x%llx)",
		                   h->bss_end_addr, (unsigned long long)(h->load_addr + filesz));
	if (load_claim(in, out, h->load_addr, end) != OK)
		return load_refuse(out, ERR_RANGE,
		                   "multiboot: load_addr 0x%x to 0x%llx is outside the guest's RAM (0x%llx-0x%llx and"
		                   " 0x%llx-0x%llx)",
		                   h->load_addr, (unsigned long long)end, LOAD_IMAGE_LOW, LOAD_IMAGE_LOW_END,
		                   LOAD_EXTRA_END, (unsigned long long)in->map->low_end);
	if (h->entry_addr < h->load_addr || h->entry_addr >= end)
		return load_refuse(out, ERR_RANGE, "multiboot: entry_addr 0x%x is outside the image (0x%x-0x%llx)",
		                   h->entry_addr, h->load_addr, (unsigned long long)end);
	out->load_base = h->load_addr;
	out->load_end = end;
	return load_put_file(in, out, h->load_addr, (const u8 *)in->kernel + off, filesz, end - h->load_addr,
	                     "multiboot: image");
}

/* "<name> <cmdline>" at its place; *next gets the address after it. */
static int put_cmdline(const struct load_in *in, struct load_out *out, u64 *next)
{
	u64 at, end = LOAD_CMDLINE_END + out->shift;
	int r = load_put_text(in, out, LOAD_CMDLINE_GPA + out->shift, end, in->name ? in->name : "kernel",
	                      "image name", &at);

	if (r != OK || !in->cmdline || !in->cmdline[0]) {
		*next = at;
		return r;
	}
	r = load_put(in, out, at - 1, " ", 1, "command line");
	if (r == OK)
		r = load_put_text(in, out, at, end, in->cmdline, "command line", next);
	return r;
}

static int put_modules(const struct load_in *in, struct load_out *out, const u64 *gpas, u64 *text)
{
	int r = OK;

	for (u32 i = 0; i < in->nr_modules && r == OK; i++) {
		u32 e[4] = { (u32)gpas[i], (u32)(gpas[i] + in->modules[i].len), (u32)*text, 0 };

		r = load_put(in, out, MODS_GPA + out->shift + i * sizeof(e), e, sizeof(e), "module list");
		if (r == OK)
			r = load_put_text(in, out, *text, LOAD_EXTRA_END, in->modules[i].cmdline, "module string",
			                  text);
	}
	return r;
}

static int put_mmap(const struct load_in *in, struct load_out *out)
{
	int r = OK;

	for (u32 i = 0; i < in->map->nr_e820 && r == OK; i++) {
		const struct guest_e820 *m = &in->map->e820[i];
		u32 e[6] = { MMAP_SIZE - 4, (u32)m->base,        (u32)(m->base >> 32),
			     (u32)m->len,   (u32)(m->len >> 32), m->type };

		r = load_put(in, out, MMAP_GPA + out->shift + i * MMAP_SIZE, e, sizeof(e), "memory map");
	}
	return r;
}

static int put_info(const struct load_in *in, struct load_out *out, const u64 *gpas)
{
	struct mb1_info info = {
		.flags = INFO_MEM | INFO_CMDLINE | INFO_MODS | INFO_MMAP | INFO_LOADER,
		.mem_lower = (u32)(GUEST_EBDA_BASE / 1024),
		.mem_upper = (u32)((in->map->low_end - GUEST_HIGH_BASE) / 1024),
		.cmdline = (u32)(LOAD_CMDLINE_GPA + out->shift),
		.mods_count = in->nr_modules,
		.mods_addr = (u32)(MODS_GPA + out->shift),
		.mmap_length = in->map->nr_e820 * MMAP_SIZE,
		.mmap_addr = (u32)(MMAP_GPA + out->shift),
	};
	u64 text = LOAD_EXTRA_GPA + out->shift, next;
	int r = put_cmdline(in, out, &next);

	if (r == OK)
		r = put_modules(in, out, gpas, &text);
	if (r == OK)
		r = put_mmap(in, out);
	info.boot_loader_name = (u32)text;
	if (r == OK)
		r = load_put_text(in, out, text, LOAD_EXTRA_END, "Bulkhead", "loader name", NULL);
	if (r == OK)
		r = load_put(in, out, LOAD_INFO_GPA + out->shift, &info, sizeof(info), "multiboot information");
	return r;
}

int load_multiboot1(const struct load_in *in, struct load_out *out)
{
	u64 gpas[LOAD_MODULES_MAX], entry = 0, floor;
	struct mb1_header h;
	struct elf_info info;
	u32 unknown;
	int r;

	memset(out, 0, sizeof(*out));
	if (!mb1_find_header(in->kernel, in->kernel_len, in->mb1_at, &h))
		return load_refuse(
		        out, ERR_INVAL,
		        "multiboot: no header with a right checksum in the first 8 KiB of the %llu-byte file",
		        (unsigned long long)in->kernel_len);
	unknown = h.flags & FLAGS_MUST & ~(u32)(FLAG_ALIGN | FLAG_MEMINFO | FLAG_VIDEO);
	if (unknown)
		return load_refuse(out, ERR_NOTSUP, "multiboot: header flags 0x%x ask for unknown features 0x%x",
		                   h.flags, unknown);
	if (h.flags & FLAG_ADDRS) {
		r = mb1_load_by_addrs(in, out, &h);
		entry = h.entry_addr;
		floor = MAX(out->load_end, GUEST_HIGH_BASE);
	} else {
		r = elf_load(in, out, &info, &entry);
		floor = r == OK ? elf_low_end(in, &info) : 0;
	}
	if (r == OK)
		r = load_place_modules(in, out, floor, GUEST_PCI_HOLE, gpas);
	if (r == OK)
		r = put_info(in, out, gpas);
	if (r == OK)
		r = load_start_state(in, out, LOAD_MODE_PROT32, entry);
	out->rax = MB1_BOOT_MAGIC;
	out->rbx = LOAD_INFO_GPA + out->shift;
	return r;
}
