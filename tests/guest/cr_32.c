/* The 32-bit part of cr.c: runs in protected mode without paging; see rt_call32(). */
typedef unsigned int u32;
typedef unsigned long long u64;

void cr32_modes(void);
u32 cr32_results[16], cr32_done;
static u32 pd[1024] __attribute__((aligned(4096)));
static u32 pt[1024] __attribute__((aligned(4096)));
static u64 pdpt[4] __attribute__((aligned(4096)));
static u64 pae_pd[512] __attribute__((aligned(4096)));
static volatile u32 probe[1024] __attribute__((aligned(4096)));
static volatile u32 gp_seen;
static u64 idt[32];
u32 cr32_fixup;
extern u32 rt_cr3;
extern void cr32_gp(void);

/* #GP: continue at cr32_fixup with the error code off the stack */
asm(".globl cr32_gp\ncr32_gp:\n\taddl $4, %esp\n\tpushl %eax\n\tmovl cr32_fixup, %eax\n\tmovl %eax, 4(%esp)\n\t"
    "popl %eax\n\tincl cr32_gp_count\n\tiretl\n");
volatile u32 cr32_gp_count;

static inline u32 cr0(void)
{
	u32 v;

	asm volatile("movl %%cr0, %0" : "=r"(v) : : "memory");
	return v;
}
static inline u32 cr4(void)
{
	u32 v;

	asm volatile("movl %%cr4, %0" : "=r"(v) : : "memory");
	return v;
}
#define SET_CR(n, v) asm volatile("movl %0, %%cr" #n "\n\tjmp 1f\n1:" : : "r"((u32)(v)) : "memory")
static inline u32 efer(void)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000080));
	return lo;
}
static inline void set_efer(u32 v)
{
	asm volatile("wrmsr" : : "a"(v), "d"(0), "c"(0xc0000080));
}

void cr32_modes(void)
{
	struct {
		unsigned short len;
		u32 base;
	} __attribute__((packed)) idtp = { sizeof(idt) - 1, (u32)idt };
	u32 e;

	idt[13] = ((u32)cr32_gp & 0xffff) | 0x18u << 16 | (u64)(0x8e00 | ((u32)cr32_gp & 0xffff0000)) << 32;
	asm volatile("lidt %0" : : "m"(idtp));
	cr32_results[0] = !(cr0() & 0x80000000) && (cr0() & 1);
	cr32_results[1] = !(efer() & 0x500);

	/* 32-bit paging, one to one in 4-MiB pages; one 4-KiB page at 3 GiB */
	for (u32 i = 0; i < 1024; i++)
		pd[i] = i << 22 | 0x83;
	for (u32 i = 0; i < 1024; i++)
		pt[i] = 0;
	probe[0] = 0x12345678;
	pt[0] = (u32)probe | 3;
	pd[768] = (u32)pt | 3;
	SET_CR(4, (cr4() & ~0x20u) | 0x10);
	SET_CR(3, pd);
	SET_CR(0, cr0() | 0x80000000);
	cr32_results[2] = (cr0() >> 31) && *(volatile u32 *)probe == 0x12345678;
	cr32_results[3] = *(volatile u32 *)0xc0000000 == 0x12345678;
	*(volatile u32 *)0xc0000004 = 7;
	cr32_results[3] &= *(volatile u32 *)&probe[1] == 7;
	SET_CR(0, cr0() & ~0x80000000);

	/* PAE: 1 GiB in 2-MiB pages, the second one moved */
	for (u32 i = 0; i < 512; i++)
		pae_pd[i] = ((u64)i << 21) | 0x83;
	pdpt[0] = (u32)pae_pd | 1;
	pdpt[1] = (u32)pae_pd | 1; /* the same again at 1 GiB */
	pdpt[2] = pdpt[3] = 0;
	SET_CR(4, (cr4() & ~0x10u) | 0x20);
	SET_CR(3, pdpt);
	SET_CR(0, cr0() | 0x80000000);
	probe[2] = 0xabcdef01;
	cr32_results[4] = *(volatile u32 *)((u32)&probe[2] + 0x40000000) == 0xabcdef01;
	/* a reserved bit in a PDPTE makes the CR3 load fault, and the old ones stay ("PDPTE Registers") */
	pdpt[1] |= 2;
	cr32_gp_count = 0;
	asm volatile("movl $1f, cr32_fixup\n\tmovl %0, %%cr3\n1:" : : "r"((u32)pdpt) : "memory");
	cr32_results[5] = cr32_gp_count == 1 && *(volatile u32 *)((u32)&probe[2] + 0x40000000) == 0xabcdef01;
	pdpt[1] &= ~2ull;
	SET_CR(3, pdpt);
	SET_CR(0, cr0() & ~0x80000000);
	SET_CR(4, cr4() & ~0x20u);
	cr32_results[6] = !(cr4() & 0x20);

	/* long mode with this code in compatibility mode */
	SET_CR(4, cr4() | 0x20);
	SET_CR(3, rt_cr3);
	e = efer();
	set_efer(e | 0x100);
	SET_CR(0, cr0() | 0x80000000);
	cr32_results[7] = cr0() >> 31;
	cr32_results[8] = (efer() & 0x500) == 0x500;
	SET_CR(0, cr0() & ~0x80000000);
	set_efer(e);
	cr32_results[9] = !(efer() & 0x500);
	cr32_done = 1;
}
