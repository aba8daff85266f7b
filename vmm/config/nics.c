/* The nodes in that of a guest that are its network cards: "nic0" and so on. */
#include <libfdt.h>

#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/config/internal.h"

#define MAC_LEN   6u
#define MAC_CHARS (3 * MAC_LEN - 1)
#define MAC_GROUP 0x01u /* of its first byte: it is of many */
#define MAC_LOCAL 0x02u /* and no maker's */

static const char *const model_words[] = { "e1000", NULL };

const char *config_nic_model_str(enum vm_nic_model m)
{
	return (u32)m < ARRAY_SIZE(model_words) - 1 ? model_words[m] : "?";
}

static void nic_model(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, model_words, &i))
		t->nic->model = (enum vm_nic_model)i;
}

/* -1: it is none. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_mac(const char *s, u8 mac[MAC_LEN])
{
	if (strlen(s) != MAC_CHARS)
		return false;
	for (u32 i = 0; i < MAC_LEN; i++, s += 3) {
		int high = hex_digit(s[0]), low = hex_digit(s[1]);

		if (high < 0 || low < 0 || (i + 1 < MAC_LEN && s[2] != ':'))
			return false;
		mac[i] = (u8)(high << 4 | low);
	}
	return true;
}

static void nic_mac(struct where *w, const struct value *v, const struct target *t)
{
	static const u8 zero[MAC_LEN];
	const char *s = cfg_name(w, v);

	if (!s)
		return;
	if (!parse_mac(s, t->nic->mac))
		cfg_fail(w, "\"%.60s\" is no address: six bytes as \"52:54:00:12:34:56\"", s);
	else if (t->nic->mac[0] & MAC_GROUP)
		cfg_fail(w, "\"%.60s\" is the address of a group: its first byte must be even", s);
	else if (memcmp(t->nic->mac, zero, MAC_LEN) == 0)
		cfg_fail(w, "must not be all zeros");
}

static void nic_boot_order(struct where *w, const struct value *v, const struct target *t)
{
	cfg_boot_order(w, v, &t->nic->boot_order);
}

static const struct prop_def nic_props[] = {
	{ "model", nic_model },
	{ "mac", nic_mac },
	{ "boot-order", nic_boot_order },
};

/* The same at every boot, another one for every guest and card (FNV-1a of the guest's name). */
static void make_mac(const char *guest, struct vm_nic *n)
{
	u32 hash = 2166136261u;

	while (*guest)
		hash = (hash ^ (u8)*guest++) * 16777619u;
	n->mac[0] = MAC_LOCAL;
	n->mac[1] = (u8)(hash >> 24);
	n->mac[2] = (u8)(hash >> 16);
	n->mac[3] = (u8)(hash >> 8);
	n->mac[4] = (u8)hash;
	n->mac[5] = (u8)n->nr;
}

static void check_nic(struct where *w, const struct vm_config *vm, const struct vm_nic *n)
{
	for (u32 i = 0; i < vm->nr_nics; i++) {
		const struct vm_nic *o = &vm->nics[i];

		if (o->nr == n->nr)
			cfg_fail(w, "appears twice");
		else if (memcmp(o->mac, n->mac, MAC_LEN) == 0)
			cfg_fail(w, "has the address of nic%u", o->nr);
		if (n->boot_order && o->boot_order == n->boot_order)
			cfg_fail(w, "boot-order %u is that of nic%u", n->boot_order, o->nr);
	}
	for (u32 i = 0; i < vm->nr_drives; i++)
		if (n->boot_order && vm->drives[i].boot_order == n->boot_order)
			cfg_fail(w, "boot-order %u is that of %s%u", n->boot_order,
			         config_drive_kind_str(vm->drives[i].kind), vm->drives[i].nr);
}

void cfg_nic(struct where *guest, const void *blob, int node, u32 nr, struct vm_config *vm)
{
	struct vm_nic n = { .nr = nr };
	struct target t = { .vm = vm, .nic = &n };
	char prefix[sizeof(guest->path)];
	struct where w;
	u64 seen;

	fmt_snprintf(prefix, sizeof(prefix), "%s/", guest->path);
	cfg_where(&w, guest->errs, prefix, fdt_get_name(blob, node, NULL));
	if (nr >= CONFIG_MAX_NICS) {
		cfg_fail(&w, "there is no such card: nic0 to nic%u", CONFIG_MAX_NICS - 1);
	} else {
		make_mac(vm->name, &n);
		cfg_props(&w, blob, node, nic_props, ARRAY_SIZE(nic_props), &t, &seen);
		cfg_no_children(&w, blob, node);
		check_nic(&w, vm, &n);
		if (vm->nr_nics < CONFIG_MAX_NICS)
			vm->nics[vm->nr_nics++] = n;
	}
	guest->failed |= w.failed;
}
