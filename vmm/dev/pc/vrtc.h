/*
 * Virtual real-time clock and CMOS memory at 70h/71h, interrupt on GSI 8. Pure. Motorola MC146818A data sheet;
 * register 32h is the century (ACPI, FADT "CENTURY"). The clock's registers are brought up to date when looked at.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/dev/pc/vcmos.h"
#include "vmm/dev/vdev.h"

#define VRTC_PORT    0x70
#define VRTC_GSI     8
#define VRTC_CENTURY 0x32
#define VRTC_NVRAM   0x0e /* first byte of CMOS memory */
#define VRTC_SIZE    0x80

#define VRTC_STATE(T, F, A, S)                                                                                   \
	A(T, u8, reg, VRTC_SIZE) /* as the guest would read them, but for register A's UIP */                    \
	F(T, u8, index)                                                                                          \
	F(T, bool, line)       /* GSI 8 as driven */                                                             \
	F(T, u64, second_at)   /* ns when the second in the registers began: the divider's phase; modulo 2^64 */ \
	F(T, u64, periodic_at) /* ns of the next periodic event, TIMER_OFF: none */
STATE_STRUCT(vrtc_state, VRTC_STATE);

struct vrtc {
	struct vrtc_state s;
	const struct irqchip *irq;
	struct timer timer;
	struct io_region region;
	struct io_bus *pio; /* set by attach */
	bool has_cmos;
	struct vcmos_cfg cmos;
};

struct vrtc_cfg {
	const struct vcmos_cfg *cmos; /* of a PC, written at each reset; it is copied. NULL: CMOS memory is blank */
};
/* cfg: struct vrtc_cfg, or NULL. The time is for the owner to set after a reset. */
extern const struct vdev_ops vrtc_ops;

/* The clock starts at 2000-01-01 00:00:00 at VM time 0. */
void vrtc_init(struct vrtc *r, const struct irqchip *irq, struct timerq *tq);
/* OK or io_bus_add's error. */
__must_check int vrtc_attach(struct vrtc *r, struct io_bus *pio);
/* Interrupts off, 24-hour BCD, clock running; time and CMOS memory stay, but for what follows from has_cmos. */
void vrtc_reset(struct vrtc *r, u64 now);
/* After s was restored: drives the line, arms the timer. */
void vrtc_restored(struct vrtc *r, u64 now);

/* Sets date and time, UTC, in the format the guest has chosen. unix_seconds began at now. */
void vrtc_set_time(struct vrtc *r, u64 unix_seconds, u64 now);
/* Sets a byte of CMOS memory, index VRTC_NVRAM to VRTC_SIZE - 1. */
void vrtc_set_nvram(struct vrtc *r, u8 index, u8 val);
/* How the guest wants to go on after a reset: VCMOS_SHUTDOWN, as it wrote it. */
u8 vrtc_shutdown(const struct vrtc *r);
