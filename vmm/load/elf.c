/* ELF kernels: header checks, segment loading, PVH and raw entry. */
#include "vmm/load/elf.h"

#include "lib/fmt.h"
#include "vmm/load/put.h"

#define ELF_IDENT     16
#define ELFCLASS32    1
#define ELFCLASS64    2
#define ELFDATA2LSB   1
#define ET_EXEC       2
#define ET_DYN        3
#define EM_386        3
#define EM_X86_64     62
#define EHDR32_SIZE   52
#define EHDR64_SIZE   64
#define PHDR32_SIZE   32
#define PHDR64_SIZE   56
#define PT_LOAD       1
#define PT_NOTE       4
#define NOTE_PHYS32   18
#define NOTES_MAX     1024 /* notes looked at; a bound, no image has as many */
#define PVH_MAGIC     0x336ec578u
#define PVH_INFO_SIZE 56
#define PVH_MOD_SIZE  32
#define PVH_MMAP_SIZE 24
#define PVH_MMAP_GPA  LOAD_LISTS_GPA
#define PVH_MODS_GPA  (LOAD_LISTS_GPA + 0x1000)

/* Refusal text for elf_parse, whose caller may want none. */
#define PARSE_REFUSE(err, ...)                                    \
	do {                                                      \
		if (why && why_size)                              \
			fmt_snprintf(why, why_size, __VA_ARGS__); \
		return err;                                       \
	} while (0)

int elf_parse(const void *image, u64 len, struct elf_info *info, char *why, size_t why_size)
{
	const u8 *p = image;
	u32 type, want;

	memset(info, 0, sizeof(*info));
	if (len < EHDR32_SIZE)
		PARSE_REFUSE(ERR_TRUNC, "ELF: header cut off, the file has %llu bytes", (unsigned long long)len);
	if (memcmp(p, "\177ELF", 4) != 0)
		PARSE_REFUSE(ERR_INVAL, "ELF: magic %02x%02x%02x%02x", p[0], p[1], p[2], p[3]);
	if (p[4] != ELFCLASS32 && p[4] != ELFCLASS64)
		PARSE_REFUSE(ERR_INVAL, "ELF: class %u is neither 32 nor 64 bits", p[4]);
	if (p[5] != ELFDATA2LSB)
		PARSE_REFUSE(ERR_NOTSUP, "ELF: data encoding %u is not little-endian", p[5]);
	info->is64 = p[4] == ELFCLASS64;
	if (info->is64 && len < EHDR64_SIZE)
		PARSE_REFUSE(ERR_TRUNC, "ELF: header cut off, the file has %llu bytes", (unsigned long long)len);
	type = load_rd16(p + ELF_IDENT);
	info->machine = load_rd16(p + ELF_IDENT + 2);
	if (type != ET_EXEC && type != ET_DYN)
		PARSE_REFUSE(ERR_NOTSUP, "ELF: e_type %u is not an executable", type);
	if (info->machine != EM_386 && info->machine != EM_X86_64)
		PARSE_REFUSE(ERR_NOTSUP, "ELF: e_machine %u is not x86", info->machine);
	info->entry = info->is64 ? load_rd64(p + 24) : load_rd32(p + 24);
	info->phoff = info->is64 ? load_rd64(p + 32) : load_rd32(p + 28);
	info->phentsize = load_rd16(p + (info->is64 ? 54 : 42));
	info->phnum = load_rd16(p + (info->is64 ? 56 : 44));
	want = info->is64 ? PHDR64_SIZE : PHDR32_SIZE;
	if (info->phentsize != want)
		PARSE_REFUSE(ERR_INVAL, "ELF: e_phentsize %u is not %u", info->phentsize, want);
	if (!info->phnum || info->phnum > LOAD_SEGMENTS_MAX)
		PARSE_REFUSE(ERR_INVAL, "ELF: e_phnum %u is not 1 to %u", info->phnum, LOAD_SEGMENTS_MAX);
	if (info->phoff > len || (u64)info->phnum * want > len - info->phoff)
		PARSE_REFUSE(ERR_TRUNC, "ELF: %u program headers at 0x%llx beyond the end of the %llu-byte file",
		             info->phnum, (unsigned long long)info->phoff, (unsigned long long)len);
	return OK;
}

void elf_get_phdr(const void *image, const struct elf_info *info, u32 i, struct elf_phdr *ph)
{
	const u8 *p = (const u8 *)image + info->phoff + (u64)i * info->phentsize;

	ph->type = load_rd32(p);
	if (info->is64) {
		ph->flags = load_rd32(p + 4);
		ph->offset = load_rd64(p + 8);
		ph->vaddr = load_rd64(p + 16);
		ph->paddr = load_rd64(p + 24);
		ph->filesz = load_rd64(p + 32);
		ph->memsz = load_rd64(p + 40);
		ph->align = load_rd64(p + 48);
	} else {
		ph->offset = load_rd32(p + 4);
		ph->vaddr = load_rd32(p + 8);
		ph->paddr = load_rd32(p + 12);
		ph->filesz = load_rd32(p + 16);
		ph->memsz = load_rd32(p + 20);
		ph->flags = load_rd32(p + 24);
		ph->align = load_rd32(p + 28);
	}
}

/* Looks for the PHYS32_ENTRY note in len bytes of notes. */
static bool find_note(const u8 *p, u64 len, u64 align, u32 *entry)
{
	u64 at = 0;

	for (u32 n = 0; n < NOTES_MAX && len - at >= 12; n++) {
		u64 namesz = load_rd32(p + at), descsz = load_rd32(p + at + 4);
		u32 type = load_rd32(p + at + 8);
		u64 name = at + 12, desc = name + ALIGN_UP(namesz, align);
		u64 next = desc + ALIGN_UP(descsz, align);

		if (desc > len || descsz > len - desc)
			return false;
		if (type == NOTE_PHYS32 && namesz == 4 && !memcmp(p + name, "Xen", 4) && descsz >= 4) {
			*entry = load_rd32(p + desc);
			return descsz < 8 || load_rd32(p + desc + 4) == 0;
		}
		if (next > len)
			return false;
		at = next;
	}
	return false;
}

bool elf_find_pvh(const void *image, u64 len, u32 *entry)
{
	struct elf_info info;
	struct elf_phdr ph;

	if (elf_parse(image, len, &info, NULL, 0) != OK)
		return false;
	for (u32 i = 0; i < info.phnum; i++) {
		elf_get_phdr(image, &info, i, &ph);
		if (ph.type != PT_NOTE || ph.offset > len || ph.filesz > len - ph.offset)
			continue;
		if (find_note((const u8 *)image + ph.offset, ph.filesz, ph.align == 8 ? 8 : 4, entry))
			return true;
	}
	return false;
}

/* How far the image's segments reach in memory: what memory has to be there for all of them. */
static u64 highest_end(const struct load_in *in, const struct elf_info *info)
{
	struct elf_phdr ph;
	u64 end = 0;

	for (u32 i = 0; i < info->phnum; i++) {
		elf_get_phdr(in->kernel, info, i, &ph);
		if (ph.type == PT_LOAD && ph.memsz)
			end = MAX(end, ph.paddr + MIN(ph.memsz, ~0ull - ph.paddr));
	}
	return end;
}

/*
 * One PT_LOAD: inside the file, inside RAM, clear of the low memory that we use. end: how far all of them reach,
 * looked up once: an image has as many headers as it likes, up to LOAD_SEGMENTS_MAX.
 */
static int check_segment(const struct load_in *in, struct load_out *out, u64 end, u32 i, const struct elf_phdr *ph)
{
	if (ph->filesz > ph->memsz)
		return load_refuse(out, ERR_INVAL, "ELF: segment %u: p_filesz 0x%llx exceeds p_memsz 0x%llx", i,
		                   (unsigned long long)ph->filesz, (unsigned long long)ph->memsz);
	if (ph->offset > in->kernel_len || ph->filesz > in->kernel_len - ph->offset)
		return load_refuse(
		        out, ERR_TRUNC,
		        "ELF: segment %u: p_offset 0x%llx + p_filesz 0x%llx beyond the end of the %llu-byte file", i,
		        (unsigned long long)ph->offset, (unsigned long long)ph->filesz,
		        (unsigned long long)in->kernel_len);
	if (end > in->map->low_end && end <= GUEST_PCI_HOLE)
		return load_refuse(out, ERR_RANGE,
		                   "ELF: the image reaches up to 0x%llx, the guest's RAM ends at 0x%llx: give it more"
		                   " memory",
		                   (unsigned long long)end, (unsigned long long)in->map->low_end);
	if (load_claim(in, out, ph->paddr, ph->paddr + ph->memsz) != OK)
		return load_refuse(out, ERR_RANGE,
		                   "ELF: segment %u: p_paddr 0x%llx + p_memsz 0x%llx is outside the guest's RAM"
		                   " (0x%llx-0x%llx and 0x%llx-0x%llx)",
		                   i, (unsigned long long)ph->paddr, (unsigned long long)ph->memsz, LOAD_IMAGE_LOW,
		                   LOAD_IMAGE_LOW_END, LOAD_EXTRA_END, (unsigned long long)in->map->low_end);
	return OK;
}

int elf_load_segments(const struct load_in *in, struct load_out *out, const struct elf_info *info, u64 *base,
                      u64 *end)
{
	u64 reach = highest_end(in, info);
	struct elf_placed placed = { 0 };
	struct elf_phdr ph;
	int r;

	*base = ~0ull;
	*end = 0;
	for (u32 i = 0; i < info->phnum; i++) {
		elf_get_phdr(in->kernel, info, i, &ph);
		if (ph.type != PT_LOAD || !ph.memsz)
			continue;
		r = check_segment(in, out, reach, i, &ph);
		if (r == OK)
			r = elf_place(in, out, info, i, &placed);
		if (r != OK)
			return r;
		r = load_put_file(in, out, ph.paddr, (const u8 *)in->kernel + ph.offset, ph.filesz, ph.memsz,
		                  "ELF: segment");
		if (r != OK)
			return r;
		*base = MIN(*base, ph.paddr);
		*end = MAX(*end, ph.paddr + ph.memsz);
	}
	if (!*end)
		return load_refuse(out, ERR_INVAL, "ELF: none of the %u program headers is a PT_LOAD", info->phnum);
	out->load_base = *base;
	out->load_end = *end;
	return OK;
}

/* The physical address of an entry point, which may be given as a physical or a virtual one; ~0: in no segment. */
static u64 entry_phys(const struct load_in *in, const struct elf_info *info, u64 entry)
{
	struct elf_phdr ph;

	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 i = 0; i < info->phnum; i++) {
			elf_get_phdr(in->kernel, info, i, &ph);
			if (ph.type == PT_LOAD && entry - (pass ? ph.vaddr : ph.paddr) < ph.memsz)
				return pass ? entry - ph.vaddr + ph.paddr : entry;
		}
	}
	return ~0ull;
}

int elf_load(const struct load_in *in, struct load_out *out, struct elf_info *info, u64 *entry)
{
	u64 base, end;
	int r = elf_parse(in->kernel, in->kernel_len, info, out->why, sizeof(out->why));

	if (r == OK)
		r = elf_load_segments(in, out, info, &base, &end);
	if (r != OK)
		return r;
	if (!*entry)
		*entry = info->entry;
	base = entry_phys(in, info, *entry);
	if (base == ~0ull)
		return load_refuse(out, ERR_RANGE, "ELF: entry point 0x%llx is in no PT_LOAD segment",
		                   (unsigned long long)*entry);
	*entry = base;
	return OK;
}

/* One past what an image occupies in low RAM: where modules may start. */
u64 elf_low_end(const struct load_in *in, const struct elf_info *info)
{
	struct elf_phdr ph;
	u64 end = GUEST_HIGH_BASE;

	for (u32 i = 0; i < info->phnum; i++) {
		elf_get_phdr(in->kernel, info, i, &ph);
		if (ph.type == PT_LOAD && ph.memsz && ph.paddr < GUEST_PCI_HOLE)
			end = MAX(end, ph.paddr + ph.memsz);
	}
	return end;
}

/* The module list with its strings; modules are already at gpas. */
static int put_pvh_modules(const struct load_in *in, struct load_out *out, const u64 *gpas)
{
	u64 text = LOAD_EXTRA_GPA + out->shift;
	int r = OK;

	for (u32 i = 0; i < in->nr_modules && r == OK; i++) {
		u64 e[4] = { gpas[i], in->modules[i].len, 0, 0 };

		if (in->modules[i].cmdline) {
			e[2] = text;
			r = load_put_text(in, out, text, LOAD_EXTRA_END, in->modules[i].cmdline, "module string",
			                  &text);
		}
		if (r == OK)
			r = load_put(in, out, PVH_MODS_GPA + out->shift + i * PVH_MOD_SIZE, e, sizeof(e),
			             "module list");
	}
	return r;
}

static int put_pvh_info(const struct load_in *in, struct load_out *out)
{
	struct {
		u32 magic, version, flags, nr_modules;
		u64 modlist, cmdline, rsdp, memmap;
		u32 memmap_entries, reserved;
	} info = {
		.magic = PVH_MAGIC,
		.version = 1,
		.nr_modules = in->nr_modules,
		.modlist = in->nr_modules ? PVH_MODS_GPA + out->shift : 0,
		.cmdline = LOAD_CMDLINE_GPA + out->shift,
		.rsdp = in->rsdp.v,
		.memmap = PVH_MMAP_GPA + out->shift,
		.memmap_entries = in->map->nr_e820,
	};
	int r;

	_Static_assert(sizeof(info) == PVH_INFO_SIZE, "hvm_start_info");
	for (u32 i = 0; i < in->map->nr_e820; i++) {
		const struct guest_e820 *m = &in->map->e820[i];
		struct {
			u64 addr, size;
			u32 type, reserved;
		} e = { m->base, m->len, m->type, 0 };

		_Static_assert(sizeof(e) == PVH_MMAP_SIZE, "hvm_memmap_table_entry");
		r = load_put(in, out, PVH_MMAP_GPA + out->shift + i * PVH_MMAP_SIZE, &e, sizeof(e), "memory map");
		if (r != OK)
			return r;
	}
	return load_put(in, out, LOAD_INFO_GPA + out->shift, &info, sizeof(info), "hvm_start_info");
}

int load_elf_pvh(const struct load_in *in, struct load_out *out)
{
	u64 gpas[LOAD_MODULES_MAX], entry;
	struct elf_info info;
	u32 pvh = 0;
	int r;

	memset(out, 0, sizeof(*out));
	r = elf_parse(in->kernel, in->kernel_len, &info, out->why, sizeof(out->why));
	if (r != OK)
		return r;
	if (!elf_find_pvh(in->kernel, in->kernel_len, &pvh) || !pvh)
		return load_refuse(out, ERR_NOTSUP, "ELF: no PVH entry point (note \"Xen\" type 18)");
	entry = pvh;
	r = elf_load(in, out, &info, &entry);
	if (r == OK)
		r = load_place_modules(in, out, elf_low_end(in, &info), GUEST_PCI_HOLE, gpas);
	if (r == OK)
		r = load_put_text(in, out, LOAD_CMDLINE_GPA + out->shift, LOAD_CMDLINE_END + out->shift, in->cmdline,
		                  "command line", NULL);
	if (r == OK)
		r = put_pvh_modules(in, out, gpas);
	if (r == OK)
		r = put_pvh_info(in, out);
	if (r == OK)
		r = load_start_state(in, out, LOAD_MODE_PROT32, entry);
	out->rbx = LOAD_INFO_GPA + out->shift;
	return r;
}

int load_elf_raw(const struct load_in *in, struct load_out *out)
{
	struct elf_info info;
	u64 entry = 0;
	int r;

	memset(out, 0, sizeof(*out));
	if (in->nr_modules)
		return load_refuse(out, ERR_INVAL, "ELF: %u modules given, a raw ELF image takes none",
		                   in->nr_modules);
	r = elf_load(in, out, &info, &entry);
	if (r == OK)
		r = load_put_text(in, out, LOAD_CMDLINE_GPA + out->shift, LOAD_CMDLINE_END + out->shift, in->cmdline,
		                  "command line", NULL);
	if (r == OK)
		r = load_start_state(in, out, info.is64 ? LOAD_MODE_LONG64 : LOAD_MODE_PROT32, entry);
	out->rsi = LOAD_CMDLINE_GPA + out->shift;
	return r;
}
