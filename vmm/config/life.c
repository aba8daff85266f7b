/* Properties of a guest about its life-cycle, what stands in for it, and what it may see and do. */
#include "lib/string.h"
#include "vmm/config/internal.h"

static const char *const action_words[] = { "stop", "restart", "restart-backoff", "halt-machine", NULL };
static const char *const after_words[] = { "started", "ready", NULL };
static const char *const watchdog_words[] = { "none", "i6300esb", NULL };
static const char *const standby_words[] = { "cold", "warm", NULL };
static const char *const control_words[] = { "none", "self", "all", NULL };
static const char *const signature_words[] = { "kvm", "none", NULL };
static const char *const pv_words[] = { "clock", "steal-time", "eoi", "unhalt", "tlb-flush", "ipi", NULL };
/* Bits of take_over. */
static const char *const take_words[] = { "com1", "com2", "com3", "com4", "control", NULL };
_Static_assert(ARRAY_SIZE(take_words) == CONFIG_NR_COM + 2, "a word each");

static const char *word(const char *const *words, size_t n, u32 i)
{
	return i < n - 1 ? words[i] : "?";
}
const char *config_action_str(enum vm_action a)
{
	return word(action_words, ARRAY_SIZE(action_words), a);
}
const char *config_after_state_str(enum vm_after_state a)
{
	return word(after_words, ARRAY_SIZE(after_words), a);
}
const char *config_watchdog_str(enum vm_watchdog w)
{
	return word(watchdog_words, ARRAY_SIZE(watchdog_words), w);
}
const char *config_standby_str(enum vm_standby s)
{
	return word(standby_words, ARRAY_SIZE(standby_words), s);
}
const char *config_control_str(enum vm_control c)
{
	return c == VM_CONTROL_LIST ? "list" : word(control_words, ARRAY_SIZE(control_words), c);
}
const char *config_pv_str(u32 i)
{
	return i < ARRAY_SIZE(pv_words) ? pv_words[i] : NULL;
}

static void set_action(struct where *w, const struct value *v, enum vm_action *a)
{
	u32 i;

	if (cfg_word(w, v, action_words, &i))
		*a = (enum vm_action)i;
}
void cfg_vm_on_poweroff(struct where *w, const struct value *v, const struct target *t)
{
	set_action(w, v, &t->vm->on_poweroff);
}
void cfg_vm_on_reset(struct where *w, const struct value *v, const struct target *t)
{
	set_action(w, v, &t->vm->on_reset);
}
void cfg_vm_on_crash(struct where *w, const struct value *v, const struct target *t)
{
	set_action(w, v, &t->vm->on_crash);
}

void cfg_vm_restart_limit(struct where *w, const struct value *v, const struct target *t)
{
	u32 n;

	if (!cfg_u32(w, v, &n))
		return;
	if (n < 1 || n > CONFIG_MAX_RESTARTS)
		cfg_fail(w, "must be 1 to %u", CONFIG_MAX_RESTARTS);
	else
		t->vm->restart_limit = n;
}
void cfg_vm_restart_window(struct where *w, const struct value *v, const struct target *t)
{
	(void)!cfg_duration(w, v, &t->vm->restart_window);
}
void cfg_vm_backoff(struct where *w, const struct value *v, const struct target *t)
{
	(void)!cfg_duration(w, v, &t->vm->backoff);
}
void cfg_vm_backoff_max(struct where *w, const struct value *v, const struct target *t)
{
	(void)!cfg_duration(w, v, &t->vm->backoff_max);
}

void cfg_vm_after(struct where *w, const struct value *v, const struct target *t)
{
	(void)!cfg_refs(w, v, CONFIG_MAX_AFTER, &t->vm->after);
}
void cfg_vm_after_state(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, after_words, &i))
		t->vm->after_state = (enum vm_after_state)i;
}
void cfg_vm_ready_text(struct where *w, const struct value *v, const struct target *t)
{
	const char *s = cfg_name(w, v);

	if (s && strlen(s) > CONFIG_READY_MAX)
		cfg_fail(w, "must not be longer than %u characters", CONFIG_READY_MAX);
	else
		t->vm->ready_text = s;
}

void cfg_vm_watchdog(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, watchdog_words, &i))
		t->vm->watchdog = (enum vm_watchdog)i;
}

void cfg_vm_standby_for(struct where *w, const struct value *v, const struct target *t)
{
	(void)!cfg_refs(w, v, 1, &t->vm->standby_for);
}
void cfg_vm_standby(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, standby_words, &i))
		t->vm->standby = (enum vm_standby)i;
}

/* A word out of a list of them, whose bit is set in *mask. */
struct mask {
	const char *const *words;
	u32 *bits;
};
static void one_bit(struct where *w, const char *s, void *arg)
{
	const struct mask *m = arg;
	struct value v = { s, (u32)strlen(s) + 1 };
	u32 i;

	if (cfg_word(w, &v, m->words, &i))
		*m->bits |= 1u << i;
}
void cfg_vm_take_over(struct where *w, const struct value *v, const struct target *t)
{
	struct mask m = { take_words, &t->vm->take_over };

	cfg_list(w, v, one_bit, &m);
}

void cfg_vm_signature(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, signature_words, &i))
		t->vm->signature = (enum hv_signature)i;
}
void cfg_vm_pv(struct where *w, const struct value *v, const struct target *t)
{
	struct mask m = { pv_words, &t->vm->pv };

	t->vm->pv = 0;
	cfg_list(w, v, one_bit, &m);
}
void cfg_vm_no_pv(struct where *w, const struct value *v, const struct target *t)
{
	if (cfg_flag(w, v))
		t->vm->signature = HV_SIGNATURE_NONE;
}

/* A word, or references: no phandle that dtc gives out has its upper byte set, as "all" as one cell would. */
void cfg_vm_control(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (v->len && v->len % 4 == 0 && !v->data[0]) {
		if (cfg_refs(w, v, CONFIG_MAX_LINKED, &t->vm->controls))
			t->vm->control = VM_CONTROL_LIST;
	} else if (cfg_word(w, v, control_words, &i)) {
		t->vm->control = (enum vm_control)i;
	}
}

bool config_has_control_port(const struct vm_config *vm)
{
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->com[i] == VM_SERIAL_CONTROL)
			return true;
	return false;
}

static void check_restarts(struct where *w, const struct vm_config *vm, bool (*has)(u64 seen, const char *name),
                           u64 seen)
{
	static const char *const names[] = { "restart-limit", "restart-window", "backoff", "backoff-max" };

	if (vm->backoff > vm->backoff_max)
		cfg_fail(w, "backoff is longer than backoff-max");
	if (vm->on_crash == VM_ACTION_RESTART_BACKOFF || vm->on_reset == VM_ACTION_RESTART_BACKOFF ||
	    vm->on_poweroff == VM_ACTION_RESTART_BACKOFF)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (has(seen, names[i]))
			cfg_fail(w, "%s is only for on-crash, on-reset or on-poweroff = \"restart-backoff\"",
			         names[i]);
}

static void check_standby(struct where *w, const struct vm_config *vm, bool (*has)(u64 seen, const char *name),
                          u64 seen)
{
	if (!vm->standby_for.nr) {
		if (has(seen, "standby") || has(seen, "take-over"))
			cfg_fail(w, "%s is only for guests with standby-for",
			         has(seen, "standby") ? "standby" : "take-over");
		return;
	}
	if (vm->standby == VM_STANDBY_WARM && !vm->autostart)
		cfg_fail(w, "a warm standby is started at boot: no-autostart contradicts it");
	if (vm->standby == VM_STANDBY_WARM && !vm->ready_text && !config_has_control_port(vm))
		cfg_fail(w, "a warm standby needs ready-text or a control port: nothing tells when to pause it");
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if ((vm->take_over & 1u << i) && vm->com[i] == VM_SERIAL_NONE)
			cfg_fail(w, "take-over names com%u, which it does not have: give it com%u = \"null\"", i + 1,
			         i + 1);
}

void cfg_check_life(struct where *w, struct vm_config *vm, bool (*has)(u64 seen, const char *name), u64 seen)
{
	u32 ports = 0;

	check_restarts(w, vm, has, seen);
	check_standby(w, vm, has, seen);
	if (has(seen, "after-state") && !vm->after.nr)
		cfg_fail(w, "after-state is only for guests with after");
	if (has(seen, "no-pv") && (has(seen, "pv") || has(seen, "hypervisor-signature")))
		cfg_fail(w, "no-pv excludes pv and hypervisor-signature");
	else if (has(seen, "pv") && vm->signature == HV_SIGNATURE_NONE)
		cfg_fail(w, "pv is only for hypervisor-signature = \"kvm\"");
	if (vm->signature == HV_SIGNATURE_NONE)
		vm->pv = 0;
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		ports += vm->com[i] == VM_SERIAL_CONTROL;
	if (ports > 1)
		cfg_fail(w, "only one serial port can be \"control\"");
	if (vm->control != VM_CONTROL_NONE && !ports && !(vm->take_over & VM_TAKE_CONTROL))
		cfg_fail(w, "control gives rights, but no serial port is \"control\"");
	if ((vm->take_over & VM_TAKE_CONTROL) && !ports)
		cfg_fail(w, "take-over names control, but no serial port is \"control\"");
}
