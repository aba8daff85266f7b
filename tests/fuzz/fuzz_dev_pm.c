/* ACPI fixed hardware: any sequence of register accesses, events and pauses; the SCI and the timer by their rules. */
#include "devfuzz.h"
#include "vmm/dev/pc/vpm.h"

static struct vpm pm;
static u32 sleeps;

static void on_sleep(void *arg, u8 typ)
{
	assert(typ < 8);
	sleeps++;
}

static void check(struct devfuzz *d)
{
	const struct vpm_state *s = &pm.s;
	u64 ticks = (u64)((unsigned __int128)d->now * VPM_TIMER_HZ / 1000000000);
	bool sci = (s->cnt & PM1_SCI_EN) && ((s->sts & s->en) || (s->gpe_sts & s->gpe_en));

	assert(d->irq.level[VPM_SCI] == sci && s->line == sci);
	assert(!(s->cnt & PM1_SLP_EN) && !(s->en & ~0x0521u) && !(s->sts & ~(PM1_TMR | PM1_PWRBTN)));
	assert(devfuzz_in(d, VPM_BASE + 8, 4) == (u32)ticks);
	/* A timer runs only for somebody who wants to hear of it, and not before the next wrap. */
	if (s->en & PM1_TMR)
		assert(timerq_next(&d->tq) > d->now && timerq_next(&d->tq) <= d->now + 600000000000ull);
	else
		assert(timerq_next(&d->tq) == TIMER_OFF);
	assert(s->half <= ticks >> 31);
	assert(!(s->en & PM1_TMR) || s->half == ticks >> 31);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u16 ports[] = { VPM_BASE,     VPM_BASE + 2, VPM_BASE + 4, VPM_BASE + 5,
		                     VPM_BASE + 8, VPM_GPE,      VPM_SMI_CMD,  VPM_SMI_CMD - 2 };
	struct devfuzz d;

	sleeps = 0;
	devfuzz_init(&d);
	vpm_init(&pm, &d.irq.chip, &d.tq, on_sleep, NULL);
	vpm_reset(&pm, 0);
	assert(vpm_attach(&pm, &d.bus) == OK);
	for (; size >= 8; data += 8, size -= 8) {
		u32 slept = sleeps;

		devfuzz_step(&d, data, ports, ARRAY_SIZE(ports));
		if (!d.is_io) {
			switch (d.event % 8) {
			case 0: vpm_power_button(&pm, d.now); break;
			case 1: vpm_reset(&pm, d.now); break;
			case 2: vpm_restored(&pm, d.now); break;
			case 3: devfuzz_pass(&d, (u64)d.value << 12); break;
			case 4: d.value = VPM_ACPI_ENABLE; /* fall through */
			case 5: io_bus_access(&d.bus, VPM_SMI_CMD, 1, true, &(u64){ d.value & 0xff }, d.now); break;
			default: vpm_raise_gpe(&pm, d.value % 20); break;
			}
		}
		assert(sleeps - slept <= 1 && (sleeps == slept || (d.is_io && d.write)));
		check(&d);
	}
	return 0;
}
