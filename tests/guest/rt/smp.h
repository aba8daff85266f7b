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
