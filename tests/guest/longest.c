/*
 * How long one operation of a guest keeps a processor in root mode: every handled exit, every port, MMIO region and MSR
 * of the hypervisor's own tables (vmm/cpu/stretch_call.h), strings and odd accesses on them, hypercalls, and, over
 * restarts, what ends a guest. Prints a row for each kind of operation, the ticks of its longest stretch and where that
 * was: tests/system/longest.py judges them. Needs a hypervisor built with STRETCH=1.
 */
#include "tests/guest/rt/rt.h"
#include "tests/guest/rt/smp.h"
#include "vmm/cpu/stretch_call.h"

#define UNCLAIMED 0xd0000000ull   /* no RAM, no device */
#define TWICE     0x6000000000ull /* one device page, two times in a row; then another */
#define ROUNDS    300             /* random accesses of a kind to a region */

static u8 ram[8192] __aligned(4096);

/* ---- the hypervisor's side ---- */

static u64 stretch(u64 what, u64 arg, u64 more)
{
	u64 r = STRETCH_CALL;

	asm volatile("vmcall" : "+a"(r) : "b"(what), "c"(arg), "d"(more) : "memory");
	return r;
}

static bool listed(u64 list, u64 i, struct stretch_row *row)
{
	return stretch(list, i, (u64)row) == 1;
}

/* Ticks of the longest stretch since it was asked last. */
static u64 taken(char *what, u64 *polled)
{
	static struct stretch_row row;

	(void)listed(STRETCH_TAKE, 0, &row);
	if (what)
		memcpy(what, row.name, sizeof(row.name));
	if (polled)
		*polled = row.polled;
	return row.ticks;
}

/* ---- rows ---- */

static struct {
	char name[80], at[80], what[32];
	u64 ticks, n;
} row;

static void begin(const char *fmt, ...) __printf(1, 2);
static void begin(const char *fmt, ...)
{
	va_list ap;

	memset(&row, 0, sizeof(row));
	va_start(ap, fmt);
	fmt_vsnprintf(row.name, sizeof(row.name), fmt, ap);
	va_end(ap);
	(void)taken(NULL, NULL);
}

/* What was done since begin(), or since the last one. */
static void sample(const char *fmt, ...) __printf(1, 2);
static void sample(const char *fmt, ...)
{
	char what[32];
	u64 t = taken(what, NULL);
	va_list ap;

	row.n++;
	if (t <= row.ticks)
		return;
	row.ticks = t;
	memcpy(row.what, what, sizeof(what));
	va_start(ap, fmt);
	fmt_vsnprintf(row.at, sizeof(row.at), fmt, ap);
	va_end(ap);
}

static void end(void)
{
	if (row.n)
		rt_printf("row: %llu %s | %s, %s, of %llu\n", (unsigned long long)row.ticks, row.name, row.at,
		          row.what, (unsigned long long)row.n);
	else
		report(false, "%s: nothing was measured", row.name);
}

#define ONE(name, ...)              \
	do {                        \
		begin("%s", name);  \
		__VA_ARGS__;        \
		sample("%s", name); \
		end();              \
	} while (0)

/* ---- values ---- */

static u64 some_value(void)
{
	u64 r = rt_random();

	switch (r >> 60 & 3) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return BIT(r & 63);
	default: return r;
	}
}

/* ---- ports ---- */

/* What would end this guest, or garble its console. */
static u64 tame(u16 port, u32 size, u64 val)
{
	for (u32 i = 0; i < size; i++) {
		u32 shift = i * 8;
		u8 byte = (u8)(val >> shift);

		switch (port + i) {
		case 0x64: byte = byte >= 0xf0 || byte == 0xd1 ? 0xad : byte; break; /* pulses, output port */
		case 0x92: byte &= 0xfe; break;
		case 0xcf9: byte = 0; break;
		case 0x605: byte &= 0xdf; break; /* SLP_EN */
		default: break;
		}
		val = (val & ~(0xffull << shift)) | (u64)byte << shift;
	}
	return val;
}

static void out(u16 port, u32 size, u64 val)
{
	val = tame(port, size, val);
	if (size == 4)
		outl(port, (u32)val);
	else if (size == 2)
		outw(port, (u16)val);
	else
		outb(port, (u8)val);
}

static void in(u16 port, u32 size)
{
	if (size == 4)
		(void)inl(port);
	else if (size == 2)
		(void)inw(port);
	else
		(void)inb(port);
}

static void rep_in(u16 port, u32 size, void *to, u64 n)
{
	if (size == 4)
		asm volatile("rep insl" : "+D"(to), "+c"(n) : "d"(port) : "memory");
	else if (size == 2)
		asm volatile("rep insw" : "+D"(to), "+c"(n) : "d"(port) : "memory");
	else
		asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(port) : "memory");
}

static void rep_out(u16 port, u32 size, const void *from, u64 n)
{
	if (size == 4)
		asm volatile("rep outsl" : "+S"(from), "+c"(n) : "d"(port) : "memory");
	else if (size == 2)
		asm volatile("rep outsw" : "+S"(from), "+c"(n) : "d"(port) : "memory");
	else
		asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(port) : "memory");
}

static void fill(u16 port, u32 size)
{
	for (u32 i = 0; i < 2048; i += size) {
		u64 v = tame(port, size, some_value());

		memcpy(ram + i, &v, size);
	}
}

static u32 size_for(u16 port, u16 last)
{
	u32 size = 1u << (rt_random() >> 20) % 3;

	while (size > 1 && port + size - 1 > last)
		size /= 2;
	return size;
}

static u16 port_of(const struct stretch_row *r)
{
	return (u16)(r->first + (rt_random() >> 24) % (r->last - r->first + 1));
}

static u8 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

/* The alarm a second ago, which is nearly a day ahead, with its interrupt wanted. */
static void far_alarm(void)
{
	static const u8 from[] = { 0, 2, 4 };
	u8 v[3];

	outb(0x70, 0xb);
	outb(0x71, 0x26); /* binary, AIE */
	for (u32 i = 0; i < 3; i++)
		v[i] = cmos(from[i]);
	v[0] = v[0] ? v[0] - 1 : 59;
	for (u32 i = 0; i < 3; i++) {
		outb(0x70, from[i] + 1);
		outb(0x71, v[i]);
	}
}

static void walk_ports(const struct stretch_row *r)
{
	/* By turns, so that reads find what writes have made. */
	static const char *const kinds[] = { "OUT", "IN", "REP INS", "REP OUTS" };
	u32 rounds = ROUNDS;

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin("%s %s (%llx-%llx)", kinds[k], r->name, (unsigned long long)r->first,
		      (unsigned long long)r->last);
		for (u32 i = 0; i < (k < 2 ? rounds : rounds / 4); i++) {
			u16 port = port_of(r);
			u32 size = size_for(port, (u16)r->last), prep = k ? 3 : 0;
			u64 val = some_value();

			for (; prep; prep--) {
				u16 p = port_of(r);

				out(p, 1, some_value());
			}
			if (r->first == 0x70 && i % 4 == 1)
				far_alarm();
			if (k == 3)
				fill(port, size);
			(void)taken(NULL, NULL);
			switch (k) {
			case 0: out(port, size, val); break;
			case 1: in(port, size); break;
			case 2: rep_in(port, size, ram + 4096 - 40, 40); break;
			default: rep_out(port, size, ram, 40); break;
			}
			sample("port %x, %u bytes, %llx", port, size, (unsigned long long)val);
		}
		end();
	}
}

static void ports(void)
{
	static struct stretch_row r;

	for (u32 i = 0; listed(STRETCH_PORTS, i, &r); i++) {
		if (r.first == 0x3f8 || r.first == 0xf4) /* the console (COM2 is alike), the end */
			continue;
		walk_ports(&r);
	}
	r = (struct stretch_row){ .first = 0x5000, .last = 0x500f, .name = "no device" };
	walk_ports(&r);
	/* Over the ends of regions. */
	r = (struct stretch_row){ .first = 0x5e, .last = 0x72, .name = "over the ends of regions" };
	begin("IN %s", r.name);
	for (u32 i = 0; i < ROUNDS; i++) {
		u16 port = port_of(&r);

		in(port, 4);
		sample("port %x", port);
	}
	end();
}

/* ---- MMIO ---- */

static u64 mmio_val(u64 gpa, u64 val)
{
	/* An ICR that ends nobody: fixed or NMI. */
	if (gpa >> 12 == APIC_PHYS >> 12 && (gpa & 0xff0) == APIC_ICR)
		return (val & ~0x700ull) | (val & 0x400);
	return val;
}

static void one_read(u64 a, u32 size)
{
	switch (size) {
	case 1: (void)MMIO8(a); break;
	case 2: (void)MMIO16(a); break;
	case 4: (void)MMIO32(a); break;
	default: (void)MMIO64(a); break;
	}
}

static void one_write(u64 a, u32 size, u64 v)
{
	switch (size) {
	case 1: MMIO8(a) = (u8)v; break;
	case 2: MMIO16(a) = (u16)v; break;
	case 4: MMIO32(a) = (u32)v; break;
	default: MMIO64(a) = v; break;
	}
}

static const char *const mmio_kinds[] = {
	"read",         "write",         "XCHG",        "LOCK CMPXCHG",    "LOCK ADD", "MOVUPS read",
	"MOVUPS write", "REP MOVS from", "REP MOVS to", "REP MOVS within", "REP STOS", "REP LODS",
	"REP CMPS",     "REP SCAS",      "POP to",      "PUSH from",       "FXSAVE",   "far JMP",
	"REP MOVS, DF", "CMPXCHG16B",    "ENTER",       "IRET frame",
};

static void mmio_op(u32 kind, u64 a, u32 size, u64 v)
{
	u64 si = a, di = (u64)ram, n = 30, old = v;

	switch (kind) {
	case 0: one_read(a, size); break;
	case 1: one_write(a, size, v); break;
	case 2: asm volatile("xchgq %0, (%1)" : "+r"(old) : "r"(a) : "memory"); break;
	case 3: asm volatile("lock cmpxchgq %2, (%1)" : "+a"(old) : "r"(a), "r"(v) : "memory", "cc"); break;
	case 4: asm volatile("lock addl %k0, (%1)" : : "r"(v), "r"(a) : "memory", "cc"); break;
	case 5: asm volatile("movups (%0), %%xmm0" : : "r"(a)); break;
	case 6: asm volatile("movups %%xmm0, (%0)" : : "r"(a) : "memory"); break;
	case 7: asm volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(n) : : "memory"); break;
	case 8:
		si = (u64)ram;
		di = a;
		asm volatile("rep movsq" : "+S"(si), "+D"(di), "+c"(n) : : "memory");
		break;
	case 9:
		di = a + 8;
		asm volatile("rep movsw" : "+S"(si), "+D"(di), "+c"(n) : : "memory");
		break;
	case 10:
		di = a;
		asm volatile("rep stosq" : "+D"(di), "+c"(n) : "a"(v) : "memory");
		break;
	case 11: asm volatile("rep lodsb" : "+S"(si), "+c"(n) : : "rax", "memory"); break;
	case 12:
		di = a;
		asm volatile("repe cmpsb" : "+S"(si), "+D"(di), "+c"(n) : : "memory", "cc");
		break;
	case 13:
		di = a;
		asm volatile("repne scasq" : "+D"(di), "+c"(n) : "a"(v) : "memory", "cc");
		break;
	case 14: asm volatile("pushq %1\n\tpopq (%0)" : : "r"(a), "r"(v) : "memory"); break;
	case 15: asm volatile("pushq (%0)\n\tpopq %1" : : "r"(a), "r"(v) : "memory"); break;
	case 16: (void)TRY("fxsave (%0)", : : "r"(a & ~15ull) : "memory"); break;
	case 17: (void)TRY("ljmpl *(%0)", : : "r"(a) : "memory"); break;
	case 18:
		si = a + 512;
		di = (u64)ram + 4096;
		asm volatile("std\n\trep movsb\n\tcld" : "+S"(si), "+D"(di), "+c"(n) : : "memory");
		break;
	case 19:
		(void)TRY("lock cmpxchg16b (%0)",
		          :
		          : "r"(a & ~15ull), "a"(v), "b"(v), "c"(v), "d"(v)
		          : "memory", "cc");
		break;
	case 20:
		asm volatile("movq %%rsp, %%r8\n\tmovq %%rbp, %%r9\n\tleaq 64(%0), %%rsp\n\tenter $16, $0\n\t"
		             "movq %%r8, %%rsp\n\tmovq %%r9, %%rbp"
		             :
		             : "r"(a)
		             : "r8", "r9", "memory");
		break;
	default:
		(void)TRY("movq %%rsp, %%r8\n\tmovq %0, %%rsp\n\tlretq\n\tmovq %%r8, %%rsp",
		          :
		          : "r"(a)
		          : "r8", "memory");
		break;
	}
}

/* Kinds that may write anything anywhere behind a. */
static bool writes_wide(u32 kind)
{
	return kind == 2 || kind == 3 || kind == 4 || kind == 6 || kind == 8 || kind == 9 || kind == 10 ||
	       kind == 14 || kind == 16 || kind == 19 || kind == 20;
}

static void walk_mmio(const struct stretch_row *r)
{
	bool apic = r->first == APIC_PHYS;

	for (u32 page = 0; page < 4; page++)
		rt_map(TWICE + page * PAGE_SIZE, ALIGN_DOWN(r->first, PAGE_SIZE), PTE_P | PTE_W | PTE_PCD);
	for (u32 k = 0; k < ARRAY_SIZE(mmio_kinds); k++) {
		if (apic && writes_wide(k))
			continue;
		if (k == 21) /* its stack is no place for the recovery: see devops */
			continue;
		begin("%s %s (%llx-%llx)", mmio_kinds[k], r->name, (unsigned long long)r->first,
		      (unsigned long long)r->last);
		for (u32 i = 0; i < ROUNDS / 3; i++) {
			u64 off = (r->first & 0xfff) + (rt_random() >> 24) % (MIN(r->last - r->first, 0xfffull) + 1);
			u32 size = 1u << (rt_random() >> 20) % 4;
			u64 v = some_value(), a;

			if (i % 4)
				off &= ~15ull; /* where registers are */
			else if (i % 8 == 4 && !apic)
				off = 0xfff; /* over two pages */
			if (apic)
				size = MIN(size, 4u);
			if (apic && k == 1)
				off &= ~3ull;
			a = TWICE + off;
			for (u32 prep = k ? 2 : 0; prep; prep--) {
				u64 to = ((rt_random() >> 24) & 0xff0) % (r->last - (r->first & ~0xfffull) + 1);

				one_write(TWICE + to, 4, mmio_val(r->first + to, some_value()));
			}
			(void)taken(NULL, NULL);
			mmio_op(k, a, size, mmio_val(r->first + off, v));
			sample("at %llx, %u bytes, %llx", (unsigned long long)(r->first + off), size,
			       (unsigned long long)v);
		}
		end();
	}
}

static void mmio(void)
{
	static struct stretch_row r;

	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	for (u32 i = 0; listed(STRETCH_MMIO, i, &r); i++)
		walk_mmio(&r);
	r = (struct stretch_row){ .first = UNCLAIMED, .last = UNCLAIMED + 0xfff, .name = "no device" };
	walk_mmio(&r);
	r = (struct stretch_row){ .first = APIC_PHYS, .last = APIC_PHYS + 0xfff, .name = "local APIC" };
	walk_mmio(&r);
	apic_init();
}

/* ---- MSRs ---- */

/* Values that leave this program at work. */
static u64 msr_value(u32 msr, u32 i, u64 was)
{
	switch (msr) {
	case 0x11:
	case 0x12:
	case 0x4b564d00:
	case 0x4b564d01:
	case 0x4b564d03:
	case 0x4b564d04: return i & 1 ? (u64)ram | 1 : 0;
	case MSR_EFER: return was ^ (i & 1 ? EFER_SCE : EFER_NXE);
	case MSR_APIC_BASE: return was; /* see apic_base() */
	case 0x830: return some_value() & ~0x700ull;
	default: return i < 2 ? was : some_value();
	}
}

static void walk_msr(const struct stretch_row *r)
{
	u32 step = (u32)MAX((r->last - r->first) / 64, 1ull);

	begin("RDMSR %s (%llx-%llx)", r->name, (unsigned long long)r->first, (unsigned long long)r->last);
	for (u64 msr = r->first; msr <= r->last; msr += step) {
		u64 v;

		(void)!rdmsr_safe((u32)msr, &v);
		sample("%llx", (unsigned long long)msr);
	}
	end();
	begin("WRMSR %s (%llx-%llx)", r->name, (unsigned long long)r->first, (unsigned long long)r->last);
	for (u64 msr = r->first; msr <= r->last; msr += step) {
		u64 was = 0;
		bool there = rdmsr_safe((u32)msr, &was) == 0;

		for (u32 i = 0; i < 8; i++) {
			u64 v = msr_value((u32)msr, i, was);

			(void)taken(NULL, NULL);
			(void)!wrmsr_safe((u32)msr, v);
			sample("%llx = %llx", (unsigned long long)msr, (unsigned long long)v);
		}
		if (there)
			(void)!wrmsr_safe((u32)msr, was);
	}
	end();
}

static void msrs(void)
{
	static struct stretch_row r;

	for (u32 i = 0; listed(STRETCH_MSRS, i, &r); i++)
		walk_msr(&r);
	begin("RDMSR, WRMSR of none");
	for (u32 i = 0; i < 40; i++) {
		u32 msr = 0x5000 + i * 0x1111111;
		u64 v;

		(void)!rdmsr_safe(msr, &v);
		(void)!wrmsr_safe(msr, 0);
		sample("%x", msr);
	}
	end();
}

/* The APIC's page moves: in its 2 MiB, to others, over RAM, off and on. */
static void apic_base(void)
{
	u64 was = rdmsr(MSR_APIC_BASE), low = was & 0xfff;

	begin("WRMSR APIC_BASE, another address");
	for (u32 i = 0; i < 24; i++) {
		u64 at = i % 3 ? 0xe0000000 + i * 0x11000000ull : BIT(30 + i % 8);

		(void)!wrmsr_safe(MSR_APIC_BASE, at | low);
		(void)cpuid(0, 0);
		sample("%llx", (unsigned long long)at);
		(void)!wrmsr_safe(MSR_APIC_BASE, was);
		(void)cpuid(0, 0);
		sample("back from %llx", (unsigned long long)at);
	}
	end();
	begin("WRMSR APIC_BASE, off and on");
	wrmsr(MSR_APIC_BASE, was & ~0x800ull);
	(void)cpuid(0, 0);
	sample("off");
	wrmsr(MSR_APIC_BASE, was);
	(void)cpuid(0, 0);
	sample("on");
	end();
	apic_init();
	if (!(cpuid(1, 0).c & CPUID1_ECX_X2APIC))
		return;
	begin("WRMSR APIC_BASE, x2APIC and back");
	wrmsr(MSR_APIC_BASE, was | 0xc00);
	(void)cpuid(0, 0);
	sample("x2APIC");
	end();
	apic_init();
	walk_msr(&(struct stretch_row){ .first = 0x800, .last = 0x83f, .name = "x2APIC, in that mode" });
	wrmsr(MSR_APIC_BASE, was & ~0xc00ull);
	wrmsr(MSR_APIC_BASE, was);
	(void)cpuid(0, 0);
	apic_init();
}

/* ---- instructions ---- */

static void on_vector(struct frame *f)
{
	apic_eoi();
}

static void instructions(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();
	static const u16 none[5];

	begin("CPUID");
	for (u32 i = 0; i < 0x60; i++) {
		u32 leaf = (i < 0x20 ? 0 : i < 0x40 ? 0x40000000 : 0x80000000) + i % 0x20;

		for (u32 sub = 0; sub < 4; sub++) {
			(void)cpuid(leaf, sub);
			sample("%x.%u", leaf, sub);
		}
	}
	end();
	begin("MOV CR0");
	for (u32 i = 0; i < 64; i++) {
		u64 v = cr0 ^ BIT(i);

		if (i == 0 || i == 31)
			continue;
		(void)TRY("movq %0, %%cr0", : : "r"(v) : "memory");
		sample("bit %u", i);
		(void)TRY("movq %0, %%cr0", : : "r"(cr0) : "memory");
	}
	end();
	begin("MOV CR4");
	for (u32 i = 0; i < 64; i++) {
		u64 v = cr4 ^ BIT(i);

		if (i == 20 || i == 21) /* SMEP, SMAP: all of this program is the user's */
			continue;
		(void)TRY("movq %0, %%cr4", : : "r"(v) : "memory");
		sample("bit %u", i);
		(void)TRY("movq %0, %%cr4", : : "r"(cr4) : "memory");
	}
	end();
	ONE("MOV CR3", write_cr3(read_cr3()));
	ONE("MOV CR8", write_cr8(5); write_cr8(0); (void)read_cr8());
	ONE("CLTS, LMSW, SMSW", asm volatile("clts\n\tlmsw %w0\n\tsmsw (%1)" : : "r"(cr0), "r"(ram) : "memory"));
	ONE("MOV DR", write_dr0(1); write_dr7(0x402); (void)read_dr7(); write_dr7(0x400));
	ONE("INVLPG", invlpg((u64)ram));
	ONE("WBINVD, INVD", asm volatile("wbinvd\n\tinvd" : : : "memory"));
	ONE("PAUSE", for (u32 i = 0; i < 100; i++) cpu_pause());
	ONE("RDTSC", (void)rdtsc());
	ONE("RDPMC", (void)TRY("rdpmc", : : "c"(0) : "rax", "rdx"));
	/* Where there is no XSAVE, the bit is reserved and XSETBV a #UD without an exit. */
	if (cpuid(1, 0).c & CPUID1_ECX_XSAVE)
		write_cr4(cr4 | CR4_OSXSAVE);
	begin("XSETBV");
	for (u32 i = 0; i < 64; i++) {
		u64 v = 1 | BIT(i) | (i & 1 ? 6 : 0);

		(void)TRY("xsetbv", : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
		sample("%llx", (unsigned long long)v);
	}
	(void)TRY("xsetbv", : : "c"(0), "a"(1), "d"(0) : "memory");
	end();
	write_cr4(cr4);
#define VMX(name, ...) ONE(name, (void)TRY(__VA_ARGS__))
	VMX("VMCLEAR", "vmclear (%0)", : : "r"(ram) : "memory");
	VMX("VMPTRLD", "vmptrld (%0)", : : "r"(ram) : "memory");
	VMX("VMPTRST", "vmptrst (%0)", : : "r"(ram) : "memory");
	VMX("VMREAD", "vmread %0, %0", : : "r"(0ull) : "memory");
	VMX("VMWRITE", "vmwrite %0, %0", : : "r"(0ull) : "memory");
	VMX("VMLAUNCH", "vmlaunch", : : : "memory");
	VMX("VMRESUME", "vmresume", : : : "memory");
	VMX("VMXOFF", "vmxoff", : : : "memory");
	VMX("VMXON", "vmxon (%0)", : : "r"(ram) : "memory");
	VMX("INVEPT", "invept (%0), %1", : : "r"(ram), "r"(1ull) : "memory");
	VMX("INVVPID", "invvpid (%0), %1", : : "r"(ram), "r"(1ull) : "memory");
	VMX("VMFUNC", ".byte 0x0f, 0x01, 0xd4", : : "a"(0) : "memory");
	VMX("MONITOR", "monitor", : : "a"(ram), "c"(0), "d"(0) : "memory");
	VMX("MWAIT", "mwait", : : "a"(0), "c"(0) : "memory");
	VMX("GETSEC", "getsec", : : "a"(0) : "memory");
	VMX("RSM", "rsm", : : : "memory");
	VMX("ENCLS", ".byte 0x0f, 0x01, 0xcf", : : "a"(0) : "memory");
	VMX("ENCLU", ".byte 0x0f, 0x01, 0xd7", : : "a"(0) : "memory");
	VMX("SEAMCALL", ".byte 0x66, 0x0f, 0x01, 0xcf", : : "a"(0) : "memory");
	VMX("TDCALL", ".byte 0x66, 0x0f, 0x01, 0xcc", : : "a"(0) : "memory");
	VMX("LGDT, LLDT, STR", "sgdt (%0)\n\tlgdt (%0)\n\tlldt %w1\n\tstr (%0)", : : "r"(ram), "r"(0ull) : "memory");
	VMX("forced emulation", ".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d\n\tcpuid", : : "a"(0), "c"(0) : "rbx", "rdx");
	VMX("#UD", "ud2");
	VMX("#DB by a single step", "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop", : : : "memory", "cc");
	VMX("#DB by INT1", ".byte 0xf1");
	VMX("a jump into a device", "jmp *%0", : : "r"(UNCLAIMED));
	(void)none;
}

static void hypercalls(void)
{
	static u8 page[4096] __aligned(4096);
	static const struct {
		u64 nr, a[4];
	} calls[] = {
		{ 1, { 0 } },
		{ 5, { 0, 0 } },
		{ 5, { 0, 63 } },
		{ 9, { (u64)0, 0 } },
		{ 9, { ~0ull, 0 } },
		{ 10, { ~0ull, ~0ull, 0, 0x60 } },
		{ 10, { ~1ull, ~0ull, 0, 0x460 } },
		{ 10, { ~0ull, ~0ull, 0, 0x3 } },
		{ 10, { ~1ull, ~0ull, 0, 0x4500 } },
		{ 11, { 0 } },
		{ 11, { 63 } },
		{ 99, { 0 } },
	};

	begin("VMCALL");
	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		u64 r = calls[i].nr, b = calls[i].a[0];

		if (calls[i].nr == 9 && !b)
			b = (u64)page;
		asm volatile("vmcall"
		             : "+a"(r)
		             : "b"(b), "c"(calls[i].a[1]), "d"(calls[i].a[2]), "S"(calls[i].a[3])
		             : "memory");
		sample("%llu(%llx, %llx, %llx, %llx)", (unsigned long long)calls[i].nr, (unsigned long long)b,
		       (unsigned long long)calls[i].a[1], (unsigned long long)calls[i].a[2],
		       (unsigned long long)calls[i].a[3]);
	}
	end();
}

/* ---- interrupts ---- */

static volatile u32 nmis;

static void on_nmi(struct frame *f)
{
	nmis++;
}

#define HALT_PAGE 0x7000u

/* Messages to all other vCPUs, which wait for the start-up IPI, or halt in real mode and return from NMIs. */
static void many(u32 others)
{
	static const u8 halt[] = { 0xfa, 0xf4, 0xeb, 0xfd }, iret = 0xcf;
	u64 r = 10;

	memcpy((void *)(u64)HALT_PAGE, halt, sizeof(halt));
	*(volatile u8 *)(HALT_PAGE + 16ull) = iret;
	*(volatile u32 *)8 = HALT_PAGE >> 4 << 16 | 16;
	ONE("INIT to all others", apic_icr(0, 0xc4500));
	rt_delay(5000000);
	ONE("INIT to all others, again", apic_icr(0, 0xc4500));
	rt_delay(5000000);
	ONE("SIPI to all others", apic_icr(0, 0xc4600 | HALT_PAGE >> 12));
	rt_delay(5000000);
	ONE("an NMI to all others, halted", apic_icr(0, 0xc4400));
	rt_delay(5000000);
	ONE("an NMI to a logical destination", apic_icr(0xff, 0x4c00));
	rt_delay(5000000);
	begin("SEND_IPI to all others, halted");
	asm volatile("vmcall" : "+a"(r) : "b"(~1ull), "c"(0ull), "d"(0ull), "S"(0x4400ull) : "memory");
	sample("%llu reached, of %u", (unsigned long long)r, others);
	end();
	report_eq(r, others, "SEND_IPI reached all others");
	rt_delay(5000000);
	begin("a message of the I/O APIC to all, halted");
	ioapic_set_rte(2, 0xff00000000000400ull);
	outb(0x43, 0x30);
	outb(0x40, 2);
	outb(0x40, 0);
	rt_delay(500000);
	sample("an NMI");
	end();
	ioapic_set_rte(2, 0x10000);
	rt_delay(5000000);
	apic_icr(0, 0xc4500);
	rt_delay(5000000);
	(void)taken(NULL, NULL);
}

static void interrupts(void)
{
	static u32 ids[64];
	u32 others;

	rt_set_handler(0x60, on_vector);
	rt_set_handler(0x61, on_vector);
	rt_set_handler(EXC_NMI, on_nmi);
	ONE("an IPI to itself", apic_self_ipi(0x60); sti_nop_cli());
	ONE("an NMI to itself", apic_icr(apic_id(), 0x4400); sti_nop_cli());
	ONE("two NMIs to itself", apic_icr(apic_id(), 0x4400); apic_icr(apic_id(), 0x4400); sti_nop_cli());
	ONE("IPIs to all", apic_icr(0, 0x84060); apic_icr(0, 0xc4060); sti_nop_cli());
	others = rt_madt_cpus(ids, ARRAY_SIZE(ids)) - 1;
	if (others)
		many(others);
	ONE("TPR above and below an interrupt", write_cr8(8); apic_self_ipi(0x60); sti(); write_cr8(0); cli());
	begin("a timer of the APIC");
	apic_write(APIC_TDCR, 0xb);
	for (u32 i = 0; i < 20; i++) {
		apic_write(APIC_LVTT, 0x60 | (i & 1 ? 0x20000 : 0));
		apic_write(APIC_TMICT, i + 1);
		sti();
		asm volatile("hlt");
		cli();
		sample("count %u", i + 1);
	}
	apic_write(APIC_TMICT, 0);
	sti_nop_cli();
	end();
	begin("HLT with a deadline");
	apic_write(APIC_LVTT, 0x40060);
	for (u32 i = 0; i < 20; i++) {
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + i * 997);
		sti_hlt_cli();
		sample("%u ticks", i * 997);
	}
	apic_write(APIC_LVTT, 0x10060);
	end();
	begin("interrupts of the 8254 by the I/O APIC");
	ioapic_set_rte(2, 0x61);
	for (u32 i = 0; i < 16; i++) {
		outb(0x43, 0x34);
		outb(0x40, 2);
		outb(0x40, (u8)i);
		sti();
		asm volatile("hlt");
		cli();
		sample("count %u", i << 8 | 2);
	}
	outb(0x43, 0x30);
	ioapic_set_rte(2, 0x10000);
	end();
}

/* ---- what the console shows of this guest ---- */

/* text, many times: the longest stretch while the machine's consoles take it, at their pace. */
static void print(const char *name, const char *text)
{
	char what[32];
	u64 polled;

	begin("console, %s", name);
	for (u32 i = 0; i < 60; i++)
		rt_printf("%s", text);
	rt_delay(20000000);
	row.ticks = MAX(taken(what, &polled), polled);
	row.n = 1;
	memcpy(row.what, polled == row.ticks ? "poll" : what, 5);
	fmt_snprintf(row.at, sizeof(row.at), "60 times");
	rt_printf("\x1b[2J\x1b[H\n");
	end();
}

static void console(void)
{
	print("text", "The quick brown fox jumps over the lazy dog, and back again.\n");
	print("line feeds", "\n\n\n\n\n\n\n\n");
	print("lines inserted, screens cleared", "ab\x1b[L\x1b[L\x1b[9M\x1b[2J\x1b[25;1H\x1b[9L\x1b[S\x1b[T");
}

/* ---- control channel (COM2) ---- */

#define COM2 0x2f8

static void send_text(const char *text)
{
	for (; *text; text++) {
		for (u32 i = 0; i < 100000 && !(inb(COM2 + 5) & 0x20); i++)
			cpu_pause();
		outb(COM2, (u8)*text);
	}
}

/* An answer's line, cut to size; false: there is none in time. */
static bool answer(char *line, u32 size)
{
	u64 until = rdtsc() + 20000000;
	u32 n = 0;

	while (rdtsc() < until) {
		char c;

		if (!(inb(COM2 + 5) & 1))
			continue;
		c = (char)inb(COM2);
		if (c == '\n') {
			line[MIN(n, size - 1)] = '\0';
			if (line[1] == '"' && line[2] == 'e' && line[3] == 'v') { /* an event */
				n = 0;
				continue;
			}
			return true;
		}
		if (n + 1 < size)
			line[n++] = c;
	}
	return false;
}

static char help[32768];

/* One request: what it costs where it arrives, and where it is carried out. */
static void request(const char *name, const char *args, const char *told)
{
	static char line[16384];
	u64 polled = 0;
	char what[32];

	begin("control request %s%s", name, told);
	send_text("{\"cmd\":\"");
	send_text(name);
	send_text("\"");
	send_text(args);
	send_text("}\n");
	if (!answer(line, sizeof(line)))
		memcpy(line, "(none)", 7);
	row.ticks = taken(what, &polled);
	row.ticks = MAX(row.ticks, polled);
	row.n = 1;
	line[40] = '\0';
	fmt_snprintf(row.at, sizeof(row.at), "answer %s", line);
	memcpy(row.what, polled == row.ticks ? "poll" : what, 5);
	end();
}

static void control(void)
{
	static char name[32];
	u32 found = 0;

	send_text("\n");
	while (answer(help, sizeof(help)))
		;
	send_text("{\"cmd\":\"help\"}\n");
	if (!answer(help, sizeof(help))) {
		report(false, "the control channel answers");
		return;
	}
	for (const char *h = help; *h; h++) {
		u32 n = 0;

		if (strncmp(h, "\"command\":\"", 11))
			continue;
		for (h += 11; *h && *h != '"' && *h != ' ' && n + 1 < sizeof(name); h++)
			name[n++] = *h;
		name[n] = '\0';
		found++;
		/* What ends the machine or this guest is no request here. */
		if (!strcmp(name, "poweroff") || !strcmp(name, "destroy") || !strcmp(name, "reset") ||
		    !strcmp(name, "pause") || !strcmp(name, "shutdown"))
			continue;
		request(name, "", "");
		request(name, ",\"args\":[\"payload\"]", " payload");
	}
	request("no command", "", "");
	report(found > 10, "the control channel has %u commands", found);
}

/* ---- several vCPUs at the VM's lock ---- */

static volatile bool enough;

static u64 attack_page(u64 cpu)
{
	return TWICE + PAGE_SIZE * 8 * cpu;
}

/* The longest that there is, without end. */
static void attack(void *arg)
{
	u64 page = attack_page((u64)arg);

	while (!enough) {
		u64 di = page + 1024, si = page, n = 60;

		asm volatile("rep movsq" : "+S"(si), "+D"(di), "+c"(n) : : "memory");
		n = 30;
		si = (u64)ram;
		asm volatile("rep outsl" : "+S"(si), "+c"(n) : "d"((u16)0x40) : "memory");
		asm volatile("xchgq %%rax, (%0)" : : "r"(page + 0xfff) : "rax", "memory");
	}
}

static void together(u32 cpus)
{
	report_eq(rt_smp_start(cpus, 2000000000), cpus, "vCPUs run");
	for (u64 i = 1; i < cpus; i++) { /* by one of them: the page tables have no lock */
		rt_map(attack_page(i), UNCLAIMED, PTE_P | PTE_W | PTE_PCD);
		rt_map(attack_page(i) + PAGE_SIZE, UNCLAIMED, PTE_P | PTE_W | PTE_PCD);
	}
	begin("%u vCPUs at the longest at once", cpus);
	for (u64 i = 1; i < cpus; i++)
		rt_on_cpu((u32)i, attack, (void *)i);
	for (u32 i = 0; i < 20; i++) {
		rt_delay(50000);
		sample("look %u", i);
	}
	for (u32 i = 0; i < 20; i++) {
		(void)inb(0x71);
		sample("a read of port 71h");
	}
	end();
	enough = true;
	for (u32 i = 1; i < cpus; i++)
		rt_wait_cpu(i, 2000000000);
}

/* ---- all exits ---- */

/* What has a handler and cannot come here: another payload's, or none's on these machines. */
static const struct {
	u32 reason;
	const char *why;
} elsewhere[] = {
	{ 1, "of the machine: none comes to a guest that is alone" },
	{ 2, "ends the guest: a row behind its restart" },
	{ 3, "of the machine: no guest sends it" },
	{ 7, "an interrupt that waits for IF: payload irq" },
	{ 8, "payload inject" },
	{ 9, "payload task" },
	{ 11, "#UD without an exit: CR4.SMXE is hidden" },
	{ 16, "where CPUID hides the TSC: payload notsc" },
	{ 17, "#UD without an exit outside SMM" },
	{ 40, "loops of PAUSE exit where there are more vCPUs: payload smp" },
	{ 43, "without virtual-interrupt delivery: payload irq" },
	{ 45, "with virtual-interrupt delivery, level-triggered: payload ioapic" },
	{ 49, "a fault of ours: ends the guest" },
	{ 51, "where CPUID hides the TSC: payload notsc" },
	{ 59, "#UD without an exit: VM functions are off" },
	{ 60, "SGX is hidden: #UD, or an exit on processors that have it" },
	{ 76, "TDX processors only" },
	{ 77, "TDX processors only" },
};

/* And what only newer processors have. */
static const char *of_newer(u32 reason)
{
	if (cpuid(1, 0).c & CPUID1_ECX_XSAVE)
		return NULL;
	switch (reason) {
	case 55: return "#UD without an exit: there is no XSAVE";
	case 56: return "without APIC-register virtualization: payload longest there";
	default: return NULL;
	}
}

static void exits(void)
{
	static struct stretch_row r;

	for (u32 i = 0; i < 128; i++) {
		const char *why = of_newer(i);

		if (!listed(STRETCH_EXITS, i, &r))
			continue;
		for (u32 k = 0; k < ARRAY_SIZE(elsewhere); k++)
			if (elsewhere[k].reason == i)
				why = elsewhere[k].why;
		rt_printf("exit: %s %llu %llu%s%s\n", r.name, (unsigned long long)r.ticks,
		          (unsigned long long)r.count, why ? " " : "", why ? why : "");
		report(r.count || why, "exits by %s were measured", r.name);
	}
}

/* ---- what ends a guest ---- */

static const char *const lives[] = { "reset by CF9h",
	                             "reset by port 92h",
	                             "reset by the keyboard controller",
	                             "triple fault, with its dump",
	                             "crash, with its dump",
	                             "crash, with its dump and VMCS",
	                             "hard reset by PCI" };

static void die(u32 how)
{
	static const u16 none[5];

	switch (how) {
	case 0:
		outb(0xcf9, 2);
		outb(0xcf9, 6);
		break;
	case 1: outb(0x92, 1); break;
	case 2: outb(0x64, 0xfe); break;
	case 3: asm volatile("lidt %0\n\tud2" : : "m"(none)); break;
	case 4: write_cr3(UNCLAIMED); break;
	case 5: (void)stretch(STRETCH_CRASH, 0, 0); break;
	default: outb(0xcf9, 0xe); break;
	}
	rt_delay(1000000);
	report(false, "still at work after: %s", lives[how]);
}

void main(const char *cmdline)
{
	static struct stretch_row kept;
	u64 polled;

	if (!listed(STRETCH_KEPT, 0, &kept)) {
		report_skip("this hypervisor does not measure itself");
		return;
	}
	if (kept.first) { /* it ended at least once */
		row.n = 1;
		row.ticks = taken(row.what, &polled);
		fmt_snprintf(row.name, sizeof(row.name), "%s, and the start after it", lives[kept.first - 1]);
		end();
	} else {
		row.n = 1;
		row.ticks = taken(row.what, &polled);
		fmt_snprintf(row.name, sizeof(row.name), "the first start");
		end();
		apic_init();
		cli();
		rt_set_handler(EXC_NMI, on_nmi);
		instructions();
		if (rt_option("together")) {
			together(4);
			return;
		}
		interrupts();
		if (rt_option("many"))
			goto ends;
		hypercalls();
		console();
		control();
		apic_base();
		msrs();
		mmio();
		ports();
		exits();
	}
ends:
	if (kept.first < ARRAY_SIZE(lives)) {
		(void)stretch(STRETCH_KEEP, 0, kept.first + 1);
		(void)taken(NULL, NULL);
		die((u32)kept.first);
	}
	report(true, "all rows are there");
}
