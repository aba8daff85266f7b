/* What loaders put into guest RAM: parts of files, texts, page tables, modules; at once or, when bounded, later. */
#include "vmm/load/put.h"

#include "lib/fmt.h"

int load_refuse(struct load_out *out, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
	return err;
}

int load_put(const struct load_in *in, struct load_out *out, u64 gpa, const void *data, u64 len, const char *what)
{
	if (len && gmem_write(in->mem, GPA(gpa), data, len) != OK)
		return load_refuse(out, ERR_FAULT, "%s: no RAM at 0x%llx for %llu bytes", what,
		                   (unsigned long long)gpa, (unsigned long long)len);
	return OK;
}

/* Bytes [from, from + n) of a part of len bytes of data with zeros behind them, to gpa on, which is RAM. */
static void copy(const struct guest_mem *mem, u64 gpa, const u8 *data, u64 len, u64 from, u64 n)
{
	u64 copied = from < len ? MIN(n, len - from) : 0;

	memcpy(mem->base + gpa + from, data + from, copied);
	memset(mem->base + gpa + from + copied, 0, n - copied);
}

bool load_copy_some(const struct guest_mem *mem, struct load_copies *c, u64 max)
{
	while (c->nr && max) {
		__typeof__(&c->part[0]) p = &c->part[c->nr - 1];
		u64 n = MIN(max, p->size - c->done);

		copy(mem, p->gpa, p->data, p->len, c->done, n);
		c->done += n;
		max -= n;
		if (c->done < p->size)
			break;
		c->done = 0;
		c->nr--;
	}
	return c->nr;
}

int load_put_file(const struct load_in *in, struct load_out *out, u64 gpa, const void *data, u64 len, u64 size,
                  const char *what)
{
	struct load_copies *c = in->copies;

	if (len > size || (size && !gmem_ptr(in->mem, GPA(gpa), size)))
		return load_refuse(out, ERR_FAULT, "%s: no RAM at 0x%llx for %llu bytes", what,
		                   (unsigned long long)gpa, (unsigned long long)size);
	if (!size)
		return OK;
	if (!c) {
		copy(in->mem, gpa, data, len, 0, size);
		return OK;
	}
	if (c->nr == LOAD_COPIES_MAX)
		return load_refuse(out, ERR_NOSPC, "%s: the image has more than %u parts", what, LOAD_COPIES_MAX);
	c->part[c->nr].gpa = gpa;
	c->part[c->nr].len = len;
	c->part[c->nr].size = size;
	c->part[c->nr++].data = data;
	return OK;
}

int load_claim(const struct load_in *in, struct load_out *out, u64 base, u64 end)
{
	if (end < base || !guest_map_is_ram(in->map, base, end - base))
		return ERR_RANGE;
	if (base >= LOAD_EXTRA_END)
		return OK;
	if (base < LOAD_IMAGE_LOW || end > LOAD_IMAGE_LOW_END)
		return ERR_RANGE;
	out->shift = MAX(out->shift, ALIGN_UP(end, PAGE_SIZE));
	return OK;
}

/* PML4, PDPT and four page directories: 4 GiB identity-mapped by 2-MiB pages (SDM vol. 3, "4-Level Paging"). */
static int put_page_tables(const struct load_in *in, struct load_out *out)
{
	const u64 table = 0x3; /* present, writable */
	const u64 leaf = 0x83; /* and page size */
	u64 gpa = LOAD_PML4_GPA + out->shift;
	u64 *t = gmem_ptr(in->mem, GPA(gpa), 6 * PAGE_SIZE);

	if (!t)
		return load_refuse(out, ERR_FAULT, "no RAM at 0x%llx for page tables", (unsigned long long)gpa);
	memset(t, 0, 2 * PAGE_SIZE);
	t[0] = (gpa + PAGE_SIZE) | table;
	for (u32 i = 0; i < 4; i++)
		t[512 + i] = (gpa + (2 + i) * PAGE_SIZE) | table;
	for (u64 i = 0; i < 4 * 512; i++)
		t[1024 + i] = i * SIZE_2M | leaf;
	return OK;
}

int load_start_state(const struct load_in *in, struct load_out *out, enum load_mode mode, u64 rip)
{
	const u64 gdt[4] = {
		0,
		0,
		mode == LOAD_MODE_LONG64 ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull,
		0x00cf93000000ffffull,
	};
	int r;

	if (rip >= GUEST_PCI_HOLE_END)
		return load_refuse(out, ERR_RANGE, "entry point 0x%llx is above 4 GiB", (unsigned long long)rip);
	r = load_put(in, out, LOAD_GDT_GPA + out->shift, gdt, sizeof(gdt), "GDT");
	if (r == OK && mode == LOAD_MODE_LONG64)
		r = put_page_tables(in, out);
	if (r != OK)
		return r;
	out->mode = mode;
	out->rip = rip;
	out->rsp = LOAD_STACK_GPA + out->shift;
	out->cr3 = mode == LOAD_MODE_LONG64 ? LOAD_PML4_GPA + out->shift : 0;
	out->gdt_base = LOAD_GDT_GPA + out->shift;
	out->gdt_limit = sizeof(gdt) - 1;
	return OK;
}

int load_put_text(const struct load_in *in, struct load_out *out, u64 gpa, u64 end, const char *text,
                  const char *what, u64 *next)
{
	u64 room = gpa < end ? end - gpa : 0;
	size_t len;
	int r;

	if (!text)
		text = "";
	len = strnlen(text, room);
	if (len == room)
		return load_refuse(out, ERR_RANGE, "%s: longer than the %llu bytes there are for it", what,
		                   (unsigned long long)room);
	r = load_put(in, out, gpa, text, len + 1, what);
	if (r == OK && next)
		*next = gpa + len + 1;
	return r;
}

int load_place_modules(const struct load_in *in, struct load_out *out, u64 floor, u64 limit, u64 *gpas)
{
	u64 at, total = 0;
	int r;

	if (in->nr_modules > LOAD_MODULES_MAX)
		return load_refuse(out, ERR_RANGE, "%u modules: at most %u", in->nr_modules, LOAD_MODULES_MAX);
	limit = ALIGN_DOWN(MIN(limit, in->map->low_end), PAGE_SIZE);
	/* No sum of so few goes over: each is cut to what is too much already. */
	for (u32 i = 0; i < in->nr_modules; i++)
		total += ALIGN_UP(MIN(in->modules[i].len, BIT(52)), PAGE_SIZE);
	if (total > limit || limit - total < floor)
		return load_refuse(out, ERR_NOMEM,
		                   "the %u module%s of %llu bytes: no room between 0x%llx (image end) and 0x%llx",
		                   in->nr_modules, in->nr_modules == 1 ? "" : "s together", (unsigned long long)total,
		                   (unsigned long long)floor, (unsigned long long)limit);
	at = limit - total;
	if (in->nr_modules) {
		out->modules_base = at;
		out->modules_end = limit;
	}
	for (u32 i = 0; i < in->nr_modules; i++) {
		r = load_put_file(in, out, at, in->modules[i].data, in->modules[i].len, in->modules[i].len, "module");
		if (r != OK)
			return r;
		gpas[i] = at;
		at += ALIGN_UP(in->modules[i].len, PAGE_SIZE);
	}
	return OK;
}
