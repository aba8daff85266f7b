/*
 * Application processors for guest payloads: start, work handed to them, number of the CPU one runs on.
 * TRY, rt_guard and rt_run_user keep their state in globals: one CPU at a time may use them.
 */
#pragma once

#include "tests/guest/rt/rt.h"

#define RT_MAX_CPUS 16
#define RT_AP_PAGE  0x6000u /* the start-up code; its vector is RT_AP_PAGE >> 12 */

/* CPUs that the MADT calls enabled: their APIC IDs. Number of them, 0 without a table. */
u32 rt_madt_cpus(u32 *ids, u32 max);
/*
 * INIT and start-up IPI to all others, then waits until n CPUs (this one included) run, at most max ticks. The others
 * wait for work with interrupts off, the IDT loaded, their APIC software-enabled. Number of CPUs that run.
 */
u32 rt_smp_start(u32 n, u64 max);
/* As rt_smp_start, for one that has been started before: it keeps its number. */
bool rt_smp_restart(u32 cpu, u64 max);
/* This CPU's number: 0 is the bootstrap processor. */
u32 rt_cpu(void);
/* APIC ID of a CPU that has been started. */
u32 rt_cpu_apic_id(u32 cpu);
/* Runs fn(arg) on another CPU; returns at once. The CPU must be idle. */
void rt_on_cpu(u32 cpu, void (*fn)(void *), void *arg);
/* Waits until the CPU is idle again, at most max ticks. */
bool rt_wait_cpu(u32 cpu, u64 max);
/* Both, with a generous limit; reports a failure when it is over. */
void rt_call_cpu(u32 cpu, void (*fn)(void *), void *arg);

/* ---- interrupts received by each CPU: handlers count in rt_got[rt_cpu()] ---- */

extern volatile u32 rt_got[RT_MAX_CPUS];
/* CPUs 1 to n - 1 let interrupts in until rt_close(); so does this one. */
void rt_open(u32 n);
void rt_open_one(u32 cpu);
void rt_close(u32 n);
void rt_got_none(void);
/*
 * Waits until as many interrupts have come as mask has bits, then a little longer for those that should not. A bit
 * for each CPU that got one, and its bit 16 above for more than one.
 */
u32 rt_received(u32 n, u32 mask);
u32 rt_bits(u32 mask);
