/* Which of the loaders an image is for. */
#include "vmm/load/load.h"

#include "vmm/load/elf.h"
#include "vmm/load/linux.h"
#include "vmm/load/mb1.h"
#include "vmm/load/mb2.h"
#include "vmm/load/put.h"

enum load_kind load_detect(const void *image, u64 len)
{
	struct mb1_header h;
	struct elf_info info;
	u32 entry, offset;

	if (linux_is_bzimage(image, len))
		return LOAD_BZIMAGE;
	if (mb1_find_header(image, len, 0, &h))
		return LOAD_MULTIBOOT1;
	if (mb2_find_header(image, len, 0, &offset))
		return LOAD_MULTIBOOT2;
	if (elf_parse(image, len, &info, NULL, 0) != OK)
		return LOAD_UNKNOWN;
	return elf_find_pvh(image, len, &entry) ? LOAD_ELF_PVH : LOAD_ELF;
}

const char *load_kind_str(enum load_kind kind)
{
	switch (kind) {
	case LOAD_BZIMAGE: return "Linux bzImage";
	case LOAD_MULTIBOOT1: return "multiboot1";
	case LOAD_MULTIBOOT2: return "multiboot2";
	case LOAD_ELF_PVH: return "ELF with PVH entry";
	case LOAD_ELF: return "ELF";
	default: return "unknown";
	}
}

int load_image(const struct load_in *in, struct load_out *out)
{
	struct elf_info info;
	int r;

	switch (in->kind != LOAD_UNKNOWN ? in->kind : load_detect(in->kernel, in->kernel_len)) {
	case LOAD_BZIMAGE: return load_bzimage(in, out);
	case LOAD_MULTIBOOT1: return load_multiboot1(in, out);
	case LOAD_MULTIBOOT2: return load_multiboot2(in, out);
	case LOAD_ELF_PVH: return load_elf_pvh(in, out);
	case LOAD_ELF: return load_elf_raw(in, out);
	default: break;
	}
	memset(out, 0, sizeof(*out));
	if (in->kernel_len < 4)
		return load_refuse(out, ERR_TRUNC, "kernel image of %llu bytes: nothing to load",
		                   (unsigned long long)in->kernel_len);
	if (memcmp(in->kernel, "\177ELF", 4) != 0)
		return load_refuse(out, ERR_NOTSUP,
		                   "kernel image is neither a bzImage, a multiboot nor an ELF image");
	r = elf_parse(in->kernel, in->kernel_len, &info, out->why, sizeof(out->why));
	return r == OK ? ERR_NOTSUP : r;
}
