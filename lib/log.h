/*
 * Log: levels, one ring buffer of text, any number of sinks (consoles) registered from above.
 * Messages below the level are dropped. In hosted tests a fake or the real ring may be linked.
 */
#pragma once

#include <stdarg.h>

#include "lib/types.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_printf(enum log_level level, const char *fmt, ...) __printf(2, 3);
void log_vprintf(enum log_level level, const char *fmt, va_list ap) __printf(2, 0);
/* With whom it is about, a text, and a space before it. */
void log_vprintf_for(enum log_level level, const char *who, const char *fmt, va_list ap) __printf(3, 0);

#define log_err(...)   log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_printf(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(LOG_DEBUG, __VA_ARGS__)

/* Drop messages above this level (default LOG_INFO). */
void log_set_level(enum log_level level);

/*
 * A sink receives finished text (with newlines) of len bytes; it must not log. At registration it is replayed what
 * the ring holds. The sink struct belongs to the caller and must live on.
 */
struct log_sink {
	void (*write)(void *ctx, const char *text, size_t len);
	void *ctx;
	struct log_sink *next;
};
/*
 * The lock around the sinks (log_set_hooks): whoever writes to a sink's device by another way holds it, too. Gone
 * after a panic, whose text has to get out.
 */
void log_lock(void);
void log_unlock(void);
void log_add_sink(struct log_sink *sink);
/* Whether there is any. */
bool log_has_sink(void);

/* The lock hooks and the time stamp are supplied by the machine layer; NULL means none. now_us gives microseconds. */
void log_set_hooks(void (*lock)(void), void (*unlock)(void), u64 (*now_us)(void));

/* Copies up to len of the newest ring bytes (oldest first) to buf; returns how many. */
size_t log_ring_read(char *buf, size_t len);

/*
 * Copies from byte *pos of all ever logged on, and advances it. A position whose byte is overwritten moves to the
 * oldest kept, one beyond the end to the end. Returns the bytes copied, up to len; 0: at the end.
 */
size_t log_ring_read_at(u64 *pos, char *buf, size_t len);

/* Rate limit for messages a guest can trigger: burst messages per interval (ns of the caller's clock). */
struct log_limit {
	u64 window_start; /* ns */
	u32 in_window;
	u32 suppressed; /* since the last message that passed */
};
/* true when the message may be printed now; *suppressed gets how many were dropped before it. */
bool log_limit_ok(struct log_limit *l, u64 now_ns, u32 burst, u64 interval_ns, u32 *suppressed);
