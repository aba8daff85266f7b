/* The loader-independent boot information: what both multiboot parsers fill in. */
#include "boot/boot_info.h"
#include "lib/fmt.h"
#include "lib/string.h"

void boot_info_init(struct boot_info *bi, const char *protocol)
{
	memset(bi, 0, sizeof(*bi));
	bi->protocol = protocol;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts text into its first word (name) and the rest (args). */
static void split_words(struct boot_module *m, char *p)
{

	while (blank(*p))
		p++;
	m->name = p;
	while (*p && !blank(*p))
		p++;
	if (*p)
		*p++ = '\0';
	while (blank(*p))
		p++;
	m->args = p;
}

static int too_many(struct boot_info *bi)
{
	bi->advice = "load fewer boot modules: guests may share them (docs/command-line.md, \"Boot modules\")";
	return ERR_NOSPC;
}

int boot_info_add_module(struct boot_info *bi, u64 start, u64 end, const char *str, size_t str_len, char *err,
                         size_t err_size)
{
	struct boot_module *m;
	char *text = bi->strings + bi->strings_len;

	str_len = strnlen(str, str_len);
	if (bi->nr_modules == BOOT_MAX_MODULES) {
		fmt_snprintf(err, err_size, "more than %u boot modules", BOOT_MAX_MODULES);
		return too_many(bi);
	}
	if (end < start || end > BIT(52)) {
		fmt_snprintf(err, err_size, "module %u: range %#lx-%#lx is not sane", bi->nr_modules,
		             (unsigned long)start, (unsigned long)end);
		return ERR_RANGE;
	}
	if (str_len >= BOOT_MODSTR_MAX) {
		fmt_snprintf(err, err_size, "module %u: its line has %s%zu characters, %u are allowed",
		             bi->nr_modules, str_len > BOOT_MODSTR_MAX ? "" : "at least ", str_len,
		             BOOT_MODSTR_MAX - 1);
		bi->advice = "shorten what stands behind the file on that module's line of the boot loader's menu";
		return ERR_RANGE;
	}
	if (str_len >= BOOT_STRINGS_MAX - bi->strings_len) {
		fmt_snprintf(err, err_size, "the lines of the first %u modules have more than %u characters",
		             bi->nr_modules + 1, BOOT_STRINGS_MAX);
		bi->advice = "shorten what stands behind the files on the modules' lines of the boot loader's menu";
		return ERR_NOSPC;
	}
	m = &bi->modules[bi->nr_modules++];
	m->start = start;
	m->len = end - start;
	memcpy(text, str, str_len);
	text[str_len] = '\0';
	bi->strings_len += (u32)str_len + 1;
	split_words(m, text);
	return OK;
}

int boot_info_set_cmdline(struct boot_info *bi, const char *str, size_t str_len, char *err, size_t err_size)
{
	str_len = strnlen(str, str_len);
	if (str_len >= BOOT_CMDLINE_MAX) {
		fmt_snprintf(err, err_size, "the command line has %zu characters, %d are allowed", str_len,
		             BOOT_CMDLINE_MAX - 1);
		bi->advice = "shorten Bulkhead's line of the boot loader's menu";
		return ERR_RANGE;
	}
	memcpy(bi->cmdline, str, str_len);
	bi->cmdline[str_len] = '\0';
	return OK;
}

void boot_info_set_loader(struct boot_info *bi, const char *str, size_t str_len)
{
	str_len = strnlen(str, str_len);
	if (str_len >= sizeof(bi->loader)) {
		str_len = sizeof(bi->loader) - 1;
		bi->strings_cut = true;
	}
	memcpy(bi->loader, str, str_len);
	bi->loader[str_len] = '\0';
}

/* The last component of a name that is a path; NULL: it is none. */
static const char *last_component(const struct boot_module *m)
{
	const char *slash = strrchr(m->name, '/');

	return slash ? slash + 1 : NULL;
}

const struct boot_module *boot_info_module(const struct boot_info *bi, const char *name)
{
	for (u32 i = 0; i < bi->nr_modules; i++) {
		if (!strcmp(bi->modules[i].name, name))
			return &bi->modules[i];
	}
	for (u32 i = 0; i < bi->nr_modules; i++) {
		const char *last = last_component(&bi->modules[i]);

		if (last && !strcmp(last, name))
			return &bi->modules[i];
	}
	return NULL;
}

u32 boot_info_namesake(const struct boot_info *bi, u32 i)
{
	const struct boot_module *m = &bi->modules[i];
	const char *last = last_component(m);

	for (u32 k = 0; k < i; k++) {
		const char *other = last_component(&bi->modules[k]);

		if (!strcmp(bi->modules[k].name, m->name) || (last && other && !strcmp(last, other)))
			return k;
	}
	return i;
}

static int reserve_pages(struct e820_map *map, u64 start, u64 len)
{
	u64 base = ALIGN_DOWN(start, PAGE_SIZE);

	return len ? e820_reserve(map, base, ALIGN_UP(start + len, PAGE_SIZE) - base, E820_MODULE) : OK;
}

int boot_info_reserve(struct boot_info *bi)
{
	int r = reserve_pages(&bi->map, bi->info_pa, bi->info_len);

	for (u32 i = 0; !r && i < bi->nr_modules; i++)
		r = reserve_pages(&bi->map, bi->modules[i].start, bi->modules[i].len);
	return r;
}
