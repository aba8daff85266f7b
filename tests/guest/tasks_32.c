/*
 * The 32-bit part of tasks.c: attempts by every way into a task at every row of tasks_rows.h, with paging and CR0.WP on,
 * and what SDM vol. 3's table "Effect of a Task Switch on Busy Flag, NT Flag, Previous Task Link Field, and TS Flag" says
 * of each.
 */
#include "tests/guest/tasks_rows.h"

/* For tasks.c: rows by name, and what failed: row, way, what (a string), got, want. */
u32 tm_row_name[64], tm_row_checks[64], tm_rows, tm_failure[5 * 64], tm_failures;
void tm_all(void);

static void check(const char *what, u32 got, u32 want)
{
	u32 *f = tm_failure + 5 * tm_failures;

	tm_row_checks[row]++;
	if (got == want || tm_failures == 64)
		return;
	f[0] = row;
	f[1] = way;
	f[2] = (u32)what;
	f[3] = got;
	f[4] = want;
	tm_failures++;
}

/* ---- one attempt --------------------------------------------------------------------------------------------- */

static u64 gate(u8 *at)
{
	return ((u32)at & 0xffff) | CS32 << 16 | (u64)0x8e00 << 32 | (u64)((u32)at >> 16) << 48;
}

static u64 task_gate(u32 sel)
{
	return (u64)sel << 16 | (u64)0x8500 << 32;
}

static struct tss task(u8 *eip, u8 *esp)
{
	return (struct tss){ .cr3 = (u32)pd,
		             .eip = (u32)eip,
		             .eflags = 2,
		             .gpr = { 1, 2, 3, 4, (u32)esp, 6, 7, 8 },
		             .seg = { DS32, CS32, DS32, DS32, DS32, DS32 },
		             .iomap = sizeof(struct tss) };
}

static void prepare(const struct row *r)
{
	new_tss = task(tm_ok, stack + 4000);
	main_tss = (struct tss){ .prev = SEL_NEW, .cr3 = (u32)pd };
	old_at = &main_tss;
	new_at = &new_tss;
	old_is_16 = new_is_16 = 0;
	tm_main_cr3 = (u32)pd;
	set_tss(SEL_NEW, &new_tss, 103, way == IRET ? 0xb : 9);
	rt_gdt[SEL_GATE / 8] = task_gate(SEL_NEW);
	rt_gdt[SEL_LDT / 8] = descriptor((u32)ldt, 15, 0x82, 0);
	rt_gdt[SEL_C16 / 8] = descriptor((u32)tm_ok, 0xffff, 0x9b, 4);
	rt_gdt[SEL_S16 / 8] = descriptor((u32)stack, 0xffff, 0x93, 0);
	for (u32 i = 0; i < 6; i++) {
		fault_tss[i] = task(tm_fault, fault_stack + sizeof(fault_stack));
		set_tss(SEL_FAULT + 8 * i, &fault_tss[i], 103, 9);
		idt[vectors[i]] = r->where == OLD ? gate(traps[i]) : task_gate(SEL_FAULT + 8 * i);
	}
	idt[1] = gate(tm_trap1);
	idt[6] = idt[0x30] = task_gate(SEL_NEW);
	if (way == GP)
		idt[13] = task_gate(SEL_NEW);
	set_tss(SEL_MAIN, &main_tss, 103, 9);
	asm volatile("ltr %w0" : : "r"(SEL_MAIN) : "memory");
	tm_vector = tm_where = tm_handler = tm_error = tm_cr2 = tm_eip = 0xdead;
	asm volatile("movl %0, %%dr6" : : "r"(0xffff0ff0u));
	asm volatile("movl %0, %%dr7" : : "r"(0x403u)); /* L0, G0 */
	r->set();
}

static u32 expected(const struct row *r, u32 *error)
{
	u32 vector = r->vector;

	*error = r->error;
	if (vector == BAD_TSS)
		vector = way == IRET ? TS : GP_FAULT;
	if (vector == NONE || vector == DB || vector == PF)
		return vector;
	/* Of what comes by #GP it makes a double fault, and EXT is set in what comes by #UD. */
	if (way == GP)
		*error = 0;
	else if (way == UD && r->set != virtual_8086)
		*error |= 1;
	return way == GP ? DF : vector;
}

static void check_old_image(void)
{
	u32 flags = old_is_16 ? main16.flags : old_at->eflags;

	check("the old task's EIP", old_is_16 ? main16.ip : old_at->eip,
	      (u32)ways[way].next & (old_is_16 ? 0xffff : ~0u));
	check("the old task's ECX", old_is_16 ? main16.gpr[1] : old_at->gpr[1],
	      0x11111111 & (old_is_16 ? 0xffff : ~0u));
	check("the old task's EDI", old_is_16 ? main16.gpr[7] : old_at->gpr[7],
	      0x77777777 & (old_is_16 ? 0xffff : ~0u));
	check("the old task's NT", flags & NT, 0);
	check("the old task's CS", old_is_16 ? main16.seg[CS] : old_at->seg[CS], CS32);
	check("the old task's DS", old_is_16 ? main16.seg[DS] : old_at->seg[DS], DS32);
}

static void check_marks(u32 nests, u32 switched)
{
	check("the old TSS's type", type_of(SEL_MAIN), (old_is_16 ? 1 : 9) | (!switched || nests ? 2 : 0));
	check("the new TSS's type", type_of(SEL_NEW), (new_is_16 ? 1 : 9) | 2);
	check("the link", new_is_16 ? new16.prev : (u16)new_at->prev, nests ? SEL_MAIN : 0);
}

static void check_arrival(const struct row *r, u32 nests)
{
	u32 len = way == GP ? (new_is_16 ? 2 : 4) : 0;
	u32 esp = new_is_16 ? 4000 : (u32)stack + 4000;

	check("EAX", tm_gpr[0] & 0xffff, 1);
	check("EDI", tm_gpr[7] & (new_is_16 ? 0xffff : ~0u), 8);
	check("ESP", tm_gpr[4] & (new_is_16 ? 0xffff : ~0u), esp - len - 4);
	if (len)
		check("the error code pushed", *(u16 *)(stack + 4000 - len), SEL_BEHIND);
	check("NT", tm_flags & NT, nests ? NT : 0);
	check("CR0.TS", tm_cr0 & 8, 8);
	check("DR7", tm_dr7 & 0xff, 2);
	check("CR3", tm_cr3, new_is_16 ? (u32)pd : new_tss.cr3);
	check("memory by CR3", tm_window, !new_is_16 && new_tss.cr3 == (u32)pd2 ? 2 : 1);
	check("DS", tm_seg[0], new_is_16 ? DS32 : new_tss.seg[DS]);
	check("FS", tm_seg[2], new_is_16 ? 0 : DS32);
	check("LDTR", tm_ldt & 0xffff, r->set == ldt_good ? SEL_LDT : 0);
}

static void attempt(const struct row *r)
{
	u32 nests = NESTING >> way & 1, error, vector = expected(r, &error), tr, by_task;

	prepare(r);
	tm_insn = (u32)ways[way].run;
	tm_attempt();
	by_task = tm_handler != 0xdead;
	tr = by_task ? fault_tss[(tm_handler - SEL_FAULT) / 8].prev : tm_where & 0xffff;
	check("vector", by_task ? vectors[(tm_handler - SEL_FAULT) / 8] : tm_vector, vector);
	check("the task that has it", tr, r->where == OLD ? SEL_MAIN : SEL_NEW);
	if (vector != NONE)
		check("error code", tm_error & 0xffff, error);
	if (vector == PF && r->where == OLD)
		check("CR2", tm_cr2 >> 12, r->set == new_straddles ? 0x80002 : 0x80001);
	if (vector != DF && r->where == OLD)
		check("EIP", tm_eip, (u32)ways[way].at);
	if (r->where == OLD)
		return;
	check_marks(nests, 1);
	check_old_image();
	if (by_task) {
		check("the new task's EIP", new_tss.eip,
		      r->set == virtual_8086 ? 0
		      : r->set == eip_limit  ? 0x10000
		                             : (u32)tm_ok);
		check("the new task's VM", new_tss.eflags & VM, r->set == virtual_8086 ? VM : 0);
	}
	if (vector == NONE)
		check_arrival(r, nests);
	check("DR6.BT", tm_vector == DB ? tm_dr6 & 0xe00f : 0, r->vector == DB ? 0x8000 : 0);
}

/* ---- all ----------------------------------------------------------------------------------------------------- */

static void paging(void)
{
	for (u32 i = 0; i < 1024; i++)
		pd[i] = pd2[i] = i << 22 | 0x83;
	pd[0] |= 4; /* virtual-8086 mode is the user's */
	pd2[0] |= 4;
	pd[WINDOW >> 22] = (u32)pt | 3;
	pd2[WINDOW >> 22] = (u32)pt2 | 3;
	*(u32 *)page_a = 1;
	*(u32 *)page_b = 2;
	pt[0] = (u32)stack | 3;
	*(volatile u32 *)stack = 1;
	pt2[0] = (u32)page_b | 3;
	asm volatile(
	        "movl %%cr4, %%eax\n\torl $0x10, %%eax\n\tmovl %%eax, %%cr4\n\t" /* PSE */
	        "movl %0, %%cr3\n\tmovl %%cr0, %%eax\n\torl $0x80010000, %%eax\n\tmovl %%eax, %%cr0\n\tjmp 1f\n1:"
	        :
	        : "r"(pd)
	        : "eax", "memory");
}

void tm_all(void)
{
	struct {
		u16 len;
		u32 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u32)idt };

	asm volatile("lidt %0" : : "m"(idtr));
	paging();
	ldt[0] = descriptor(0, 0xfffff, 0x93, 0xc);
	tm_rows = sizeof(rows) / sizeof(rows[0]);
	for (row = 0; row < tm_rows; row++) {
		tm_row_name[row] = (u32)rows[row].name;
		for (way = 0; way < WAYS; way++)
			if (rows[row].ways >> way & 1)
				attempt(&rows[row]);
	}
	asm volatile("movl %%cr0, %%eax\n\tandl $0x7fffffff, %%eax\n\tmovl %%eax, %%cr0\n\tjmp 1f\n1:\n\t"
	             "movl %%cr4, %%eax\n\tandl $~0x10, %%eax\n\tmovl %%eax, %%cr4\n\tmovl $0x400, %%eax\n\t"
	             "movl %%eax, %%dr7"
	             :
	             :
	             : "eax", "memory");
}
