/* The hypercall of builds with VMCS_COUNT=1, for tests/bench/bench.c. */
#pragma once

/* In RAX. Gives the VMREADs so far in RAX and the VMWRITEs in RDX; other builds answer it as unknown. */
#define VMCS_COUNT_CALL 0x62680001
