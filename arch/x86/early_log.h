/* Where a panic is told as long as there is no console: COM1 and the VGA text screen, whether they are there or not. */
#pragma once

/* Registers the sink. The first 4 GiB may still be mapped at 0, as boot/entry.asm does; see early_log_unmapped(). */
void early_log_open(void);
/* They are not any more, or soon not: only COM1 is left. */
void early_log_unmapped(void);
