/* Prints and exits: the smallest payload. */
#include "tests/guest/rt/rt.h"

void main(const char *cmdline)
{
	rt_printf("Hello from a guest; command line \"%s\"\n", cmdline);
	report(true, "hello");
}
