/*
 * Soundness of a device tree blob, before anything in it is looked at (Devicetree Specification, "Flattened
 * Devicetree (DTB) Format"). libfdt checks as well, but releases before 1.7 add a property's length to an offset
 * without looking for overflow and may then walk in circles: so the tokens are walked here first, strictly forward.
 */
#include <libfdt.h>

#include "lib/string.h"
#include "vmm/config/internal.h"

/* Far more than any machine's guests need; bounds the quadratic searches elsewhere in the parser. */
#define MAX_BLOB    (1u << 20)
#define FDT_VERSION 17
#define MAX_DEPTH   8u /* deeper than any node that means something */

/* The structure block being walked. */
struct walk {
	const char *p;
	u32 off, len;
	u32 len_strings;
};

/* Takes n bytes and the padding to the next token. false: there are not that many. */
static bool take(struct walk *w, u32 n)
{
	u32 left = w->len - w->off;

	if (n > left || ALIGN_UP(n, 4u) > left)
		return false;
	w->off += ALIGN_UP(n, 4u);
	return true;
}

static bool take_name(struct walk *w)
{
	size_t left = w->len - w->off, n = strnlen(w->p + w->off, left);

	return n < left && take(w, (u32)n + 1);
}

static bool take_property(struct walk *w)
{
	const char *p = w->p + w->off;
	u32 len;

	if (!take(w, 8))
		return false;
	len = cfg_cell(p);
	return cfg_cell(p + 4) < w->len_strings && len <= MAX_BLOB && take(w, len);
}

/* Walks all tokens. NULL, or what is wrong. */
static const char *walk_tokens(struct walk *w)
{
	u32 depth = 0;

	/* Every round moves on by at least a token. */
	while (w->len - w->off >= 4) {
		u32 tag = cfg_cell(w->p + w->off);

		w->off += 4;
		switch (tag) {
		case FDT_BEGIN_NODE:
			if (++depth > MAX_DEPTH)
				return "nodes are nested too deeply";
			if (!take_name(w))
				return "a node name has no end";
			break;
		case FDT_PROP:
			if (!depth || !take_property(w))
				return "a property does not fit";
			break;
		case FDT_END_NODE:
			if (!depth--)
				return "a node ends that did not begin";
			break;
		case FDT_NOP: break;
		case FDT_END: return depth ? "a node does not end" : NULL;
		default: return "unknown token";
		}
	}
	return "no end";
}

/* Whether block [off, off + len) lies in the first size bytes. */
static bool fits(u32 off, u32 len, u32 size)
{
	return off <= size && len <= size - off;
}

static const char *check_layout(const void *data, size_t size)
{
	u32 total = fdt_totalsize(data), off = fdt_off_dt_struct(data);
	struct walk w = { .len = fdt_size_dt_struct(data), .len_strings = fdt_size_dt_strings(data) };

	if (total > size)
		return "it is longer than the file";
	if (off % 4 || !fits(off, w.len, total) || !fits(fdt_off_dt_strings(data), w.len_strings, total))
		return "a block lies outside";
	w.p = (const char *)data + off;
	return walk_tokens(&w);
}

int cfg_check_blob(const void *data, size_t size, struct config_errs *errs)
{
	const char *wrong;
	struct where w;
	int r;

	cfg_where(&w, errs, "/", "");
	if ((uintptr_t)data % 8) {
		cfg_fail(&w, "the blob is not 8-byte aligned in memory");
		return ERR_INVAL;
	}
	size = MIN(size, (size_t)MAX_BLOB);
	if (size < sizeof(struct fdt_header)) {
		cfg_fail(&w, "too short for a device tree (%zu bytes)", size);
		return ERR_INVAL;
	}
	if (fdt_magic(data) != FDT_MAGIC) {
		cfg_fail(&w, "not a device tree blob: compile it with dtc -I dts -O dtb");
		return ERR_INVAL;
	}
	if (fdt_version(data) < FDT_VERSION || fdt_last_comp_version(data) > FDT_VERSION) {
		cfg_fail(&w, "device tree version %u cannot be read, only %u", fdt_version(data), FDT_VERSION);
		return ERR_INVAL;
	}
	if (fdt_totalsize(data) > MAX_BLOB) {
		cfg_fail(&w, "the blob is larger than %u bytes", MAX_BLOB);
		return ERR_INVAL;
	}
	wrong = check_layout(data, size);
	if (wrong) {
		cfg_fail(&w, "damaged device tree: %s", wrong);
		return ERR_INVAL;
	}
	r = fdt_check_full(data, size);
	if (r) {
		cfg_fail(&w, "damaged device tree: %s", fdt_strerror(r));
		return ERR_INVAL;
	}
	return OK;
}

int cfg_root_child(const void *blob, const char *name)
{
	int node;

	fdt_for_each_subnode(node, blob, 0)
	{
		const char *n = fdt_get_name(blob, node, NULL);

		if (n && !strcmp(n, name))
			return node;
	}
	return -1;
}

int cfg_guests_node(const void *blob)
{
	return cfg_root_child(blob, "guests");
}
