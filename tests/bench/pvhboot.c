/*
 * Starts Linux on the bare machine the way Bulkhead does: GRUB loads this program with two modules, the kernel's ELF
 * image and an initramfs; it enters the kernel through its PVH entry and says at which tick of the TSC it does. The
 * program's arguments are the kernel's command line. Xen's "x86/HVM direct boot ABI"; ELF-64 Object File Format.
 */
#include "tests/guest/rt/rt.h"

#define START_MAGIC  0x336ec578u
#define NOTE_PVH     18           /* XEN_ELFNOTE_PHYS32_ENTRY */
#define LOW          0x4000000ull /* what has to move goes above this */
#define ALIGNMENT    0x200000ull
#define TIME_TO_TELL 5000000 /* ticks, for the serial port to send the line */
#define MAX_MAP      64

struct start_info {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline, rsdp, memmap;
	u32 memmap_entries, reserved;
};
_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info, version 1");
struct module_entry {
	u64 addr, size, cmdline, reserved;
};
struct memmap_entry {
	u64 addr, size;
	u32 type, reserved;
};
struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum;
};
struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static struct start_info info;
static struct module_entry initrd_entry;
static struct memmap_entry memmap[MAX_MAP];
u32 pvh_info, pvh_entry;
void pvh_jump(void);

/* Runs in 32-bit mode without paging, as the ABI wants it: EBX is the start information, CR0 has PE alone. */
asm(".code32\n"
    ".globl pvh_jump\n"
    "pvh_jump:\n\t"
    "movl $0x11, %eax\n\t"
    "movl %eax, %cr0\n\t"
    "movl pvh_info, %ebx\n\t"
    "jmp *pvh_entry\n"
    ".code64\n");

static __noreturn void give_up(const char *why)
{
	report(false, "%s", why);
	rt_finish();
}

static const struct elf_segment *segments(const struct rt_module *k, u32 *n)
{
	const struct elf_header *h = k->data;

	if (k->len < sizeof(*h) || memcmp(h->ident, "\177ELF\2\1", 6) || h->phentsize != sizeof(struct elf_segment) ||
	    h->phoff > k->len || h->phnum * sizeof(struct elf_segment) > k->len - h->phoff)
		give_up("the first module is no ELF64 image");
	*n = h->phnum;
	return (const void *)((const u8 *)k->data + h->phoff);
}

static u32 note_entry(const u8 *p, u64 len)
{
	while (len >= 12) {
		const u32 *n = (const u32 *)p;
		u64 desc = 12 + ALIGN_UP((u64)n[0], 4), size = desc + ALIGN_UP((u64)n[1], 4);

		if (size > len)
			break;
		if (n[2] == NOTE_PVH && n[0] == 4 && n[1] >= 4 && !memcmp(p + 12, "Xen", 4))
			return *(const u32 *)(p + desc);
		p += size;
		len -= size;
	}
	return 0;
}

static bool overlap(u64 a, u64 alen, u64 b, u64 blen)
{
	return a < b + blen && b < a + alen;
}

/* Moves the module away when it lies where the kernel goes, to where nothing is. */
static void move_away(struct rt_module *m, const struct rt_module *other, u64 start, u64 end)
{
	u64 to = LOW;

	if (!overlap((u64)m->data, m->len, start, end - start))
		return;
	while (overlap(to, m->len, start, end - start) || overlap(to, m->len, (u64)m->data, m->len) ||
	       overlap(to, m->len, (u64)other->data, other->len))
		to += ALIGNMENT;
	memcpy((void *)to, m->data, m->len);
	m->data = (void *)to;
}

static void load(const struct rt_module *k, const struct elf_segment *s, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const u8 *from = (const u8 *)k->data + s[i].offset;

		if (s[i].offset > k->len || s[i].filesz > k->len - s[i].offset)
			give_up("the kernel is cut off");
		if (s[i].type == 4 && !pvh_entry)
			pvh_entry = note_entry(from, s[i].filesz);
		if (s[i].type != 1)
			continue;
		memcpy((void *)s[i].paddr, from, s[i].filesz);
		memset((u8 *)s[i].paddr + s[i].filesz, 0, s[i].memsz - s[i].filesz);
	}
	if (!pvh_entry)
		give_up("the kernel has no PVH entry");
}

static void describe(const struct rt_module *initrd, const char *cmdline)
{
	static struct mmap_entry map[MAX_MAP];
	u32 n = rt_memory_map(map, MAX_MAP);

	for (u32 i = 0; i < n; i++)
		memmap[i] = (struct memmap_entry){ .addr = map[i].base, .size = map[i].len, .type = map[i].type };
	initrd_entry = (struct module_entry){ .addr = (u64)initrd->data, .size = initrd->len };
	/* No RSDP: the kernel finds it where a BIOS leaves it. */
	info = (struct start_info){ .magic = START_MAGIC,
		                    .version = 1,
		                    .nr_modules = 1,
		                    .modules = (u64)&initrd_entry,
		                    .cmdline = (u64)cmdline,
		                    .memmap = (u64)memmap,
		                    .memmap_entries = n };
	pvh_info = (u32)(u64)&info;
}

void main(const char *cmdline)
{
	struct rt_module m[2];
	u64 start = ~0ull, end = 0, at;
	const struct elf_segment *s;
	u32 n;

	cli();
	if (rt_modules(m, 2) != 2)
		give_up("two modules are wanted: the kernel's ELF image and an initramfs");
	s = segments(&m[0], &n);
	for (u32 i = 0; i < n; i++) {
		if (s[i].type != 1)
			continue;
		start = MIN(start, s[i].paddr);
		end = MAX(end, s[i].paddr + s[i].memsz);
	}
	if (start >= end || start < (u64)image_end)
		give_up("the kernel would overwrite this program");
	move_away(&m[0], &m[1], start, end);
	move_away(&m[1], &m[0], start, end);
	s = segments(&m[0], &n);
	load(&m[0], s, n);
	describe(&m[1], cmdline);
	at = rdtsc() + TIME_TO_TELL;
	rt_printf("BOOT kernel entered at tick %llu\n", (unsigned long long)at);
	while (rdtsc() < at)
		cpu_pause();
	rt_call32(pvh_jump);
}
