/*
 * The log: each message becomes one piece of text in a ring and goes to every sink. The ring is global because the
 * log is; locking is the machine layer's through the hooks.
 */
#include "lib/log.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define RING_SIZE (256u << 10) /* power of two */
#define LINE_MAX  512

static char ring[RING_SIZE];
static u64 ring_head; /* bytes ever written */
static enum log_level max_level = LOG_INFO;
static struct log_sink *sinks;
static struct {
	void (*lock)(void);
	void (*unlock)(void);
	u64 (*now_us)(void);
} hooks;

void log_lock(void)
{
	if (hooks.lock)
		hooks.lock();
}

void log_unlock(void)
{
	if (hooks.unlock)
		hooks.unlock();
}

static void ring_write(const char *text, size_t len)
{
	size_t at = ring_head & (RING_SIZE - 1), first = MIN(len, RING_SIZE - at);

	memcpy(ring + at, text, first);
	memcpy(ring, text + first, len - first);
	ring_head += len;
}

/* n bytes that the ring has, from byte `from` of all ever written. */
static void ring_copy(char *buf, u64 from, size_t n)
{
	size_t at = from & (RING_SIZE - 1), first = MIN(n, RING_SIZE - at);

	memcpy(buf, ring + at, first);
	memcpy(buf + first, ring, n - first);
}

/* The newest len bytes (at most what the ring holds) to one sink, in up to two pieces. */
static void ring_replay(struct log_sink *sink)
{
	u64 n = MIN(ring_head, (u64)RING_SIZE);
	u64 start = (ring_head - n) & (RING_SIZE - 1);
	u64 first = MIN(n, RING_SIZE - start);

	if (first)
		sink->write(sink->ctx, ring + start, first);
	if (n > first)
		sink->write(sink->ctx, ring, n - first);
}

/* Decimal digits of v that end before end; spaces or zeros fill at least width. Returns the first one. */
static char *put_digits(char *end, u64 v, u32 width, char filler)
{
	char *at = end;

	do
		*--at = (char)('0' + v % 10);
	while (v /= 10);
	while (end - at < (s64)width)
		*--at = filler;
	return at;
}

/* "[%5lu.%06lu] ": each line has it, and the general way takes as long as the line. Returns its length. */
static size_t put_time(char *line, u64 us)
{
	char text[32], *end = text + sizeof(text), *at = end;
	size_t len;

	*--at = ' ';
	*--at = ']';
	at = put_digits(at, us % 1000000, 6, '0');
	*--at = '.';
	at = put_digits(at, us / 1000000, 5, ' ');
	*--at = '[';
	len = (size_t)(end - at);
	memcpy(line, at, len);
	return len;
}

void log_vprintf(enum log_level level, const char *fmt, va_list ap)
{
	log_vprintf_for(level, "", fmt, ap);
}

void log_vprintf_for(enum log_level level, const char *who, const char *fmt, va_list ap)
{
	static const char *const tag[] = { "error: ", "warning: ", "", "debug: " };
	char line[LINE_MAX];
	size_t len = 0, tag_len, who_len;
	int n;

	if (level > max_level)
		return;
	if (hooks.now_us)
		len = put_time(line, hooks.now_us());
	tag_len = strlen(tag[level]);
	memcpy(line + len, tag[level], tag_len);
	len += tag_len;
	who_len = strnlen(who, LINE_MAX / 4);
	memcpy(line + len, who, who_len);
	len += who_len;
	if (who_len)
		line[len++] = ' ';
	n = fmt_vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	if (n > (int)(sizeof(line) - len - 2)) { /* cut: show that, and keep room for the newline */
		len = sizeof(line) - 5;
		memcpy(line + len, "...", 3);
		len += 3;
	} else {
		len += (size_t)n;
	}
	if (!len || line[len - 1] != '\n')
		line[len++] = '\n';

	log_lock();
	ring_write(line, len);
	for (struct log_sink *s = sinks; s; s = s->next)
		s->write(s->ctx, line, len);
	log_unlock();
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(level, fmt, ap);
	va_end(ap);
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_add_sink(struct log_sink *sink)
{
	log_lock();
	ring_replay(sink);
	sink->next = sinks;
	sinks = sink;
	log_unlock();
}

bool log_has_sink(void)
{
	return sinks;
}

void log_set_hooks(void (*lock)(void), void (*unlock)(void), u64 (*now_us)(void))
{
	hooks.lock = lock;
	hooks.unlock = unlock;
	hooks.now_us = now_us;
}

size_t log_ring_read(char *buf, size_t len)
{
	size_t n;

	log_lock();
	n = (size_t)MIN(MIN(ring_head, (u64)RING_SIZE), (u64)len);
	ring_copy(buf, ring_head - n, n);
	log_unlock();
	return n;
}

size_t log_ring_read_at(u64 *pos, char *buf, size_t len)
{
	size_t n;

	log_lock();
	*pos = MIN(*pos, ring_head);
	if (ring_head - *pos > RING_SIZE)
		*pos = ring_head - RING_SIZE;
	n = (size_t)MIN(ring_head - *pos, (u64)len);
	ring_copy(buf, *pos, n);
	*pos += n;
	log_unlock();
	return n;
}

bool log_limit_ok(struct log_limit *l, u64 now_ns, u32 burst, u64 interval_ns, u32 *suppressed)
{
	if (now_ns - l->window_start >= interval_ns) {
		l->window_start = now_ns;
		l->in_window = 0;
	}
	if (l->in_window >= burst) {
		l->suppressed++;
		return false;
	}
	l->in_window++;
	*suppressed = l->suppressed;
	l->suppressed = 0;
	return true;
}
