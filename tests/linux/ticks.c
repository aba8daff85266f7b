/* Prints the processor's time stamp counter: for the scripts beside it. A static program without any library. */
typedef unsigned long u64;

static long syscall3(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

__attribute__((noreturn)) void _start(void);
void _start(void)
{
	char text[24], *p = text + sizeof(text);
	unsigned int lo, hi;
	u64 t;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	t = (u64)hi << 32 | lo;
	*--p = '\n';
	do {
		*--p = (char)('0' + t % 10);
		t /= 10;
	} while (t);
	syscall3(1, 1, (long)p, text + sizeof(text) - p); /* write */
	for (;;)
		syscall3(60, 0, 0, 0); /* exit */
}
