/* The 32-bit part of neighbours.c: task gates exist there only. Runs in protected mode without paging. */
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEL_TSS_NOW 0x58 /* SEL_FREE */
#define SEL_TSS_BAD 0x60

void gates32(void);
static u64 idt[32];

/*
 * Every exception goes through a task gate to a TSS that is too short: #UD makes #TS, that #DF, and that a triple
 * fault. Should a hypervisor that switches tasks itself not see the chain, it goes on without end.
 */
void gates32(void)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u32)(unsigned long)idt };

	for (u32 i = 0; i < 32; i++)
		idt[i] = (u64)SEL_TSS_BAD << 16 | 0x8500ull << 32;
	asm volatile("ltr %w0" : : "r"(SEL_TSS_NOW));
	asm volatile("lidt %0\n\tud2" : : "m"(idtr));
}
