/* The log: levels, ring, replay to late sinks, hooks, rate limit. Each Check test runs in its own process. */
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "suite.h"

struct capture {
	char text[300000];
	size_t len;
	unsigned int calls;
};

static struct capture cap, cap2;
static int lock_depth, lock_count;

static void capture(void *ctx, const char *text, size_t len)
{
	struct capture *c = ctx;

	ck_assert_uint_lt(c->len + len, sizeof(c->text));
	memcpy(c->text + c->len, text, len);
	c->len += len;
	c->calls++;
}

static struct log_sink sink = { capture, &cap, NULL }, sink2 = { capture, &cap2, NULL };

START_TEST(levels)
{
	log_add_sink(&sink);
	log_err("e%d", 1);
	log_warn("w");
	log_info("i\n");
	log_debug("hidden");
	log_set_level(LOG_DEBUG);
	log_debug("d");
	log_set_level(LOG_ERR);
	log_warn("hidden");
	log_info("hidden");
	ck_assert_str_eq(cap.text, "error: e1\nwarning: w\ni\ndebug: d\n");
}
END_TEST

static void say_for(const char *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf_for(LOG_WARN, who, fmt, ap);
	va_end(ap);
}

START_TEST(about_somebody)
{
	char who[600];

	log_add_sink(&sink);
	say_for("a.1:", "%d of %s\n", 3, "four");
	ck_assert_str_eq(cap.text, "warning: a.1: 3 of four\n");
	/* One with an absurd name leaves room for what there is to say. */
	memset(who, 'n', sizeof(who) - 1);
	who[sizeof(who) - 1] = '\0';
	cap.len = 0;
	say_for(who, "what");
	ck_assert_ptr_nonnull(strstr(cap.text, "nn what\n"));
}
END_TEST

START_TEST(late_sink_gets_a_replay)
{
	char buf[64];

	ck_assert_uint_eq(log_ring_read(buf, sizeof(buf)), 0);
	log_info("one");
	log_info("two");
	ck_assert(!log_has_sink());
	log_add_sink(&sink);
	ck_assert(log_has_sink());
	ck_assert_str_eq(cap.text, "one\ntwo\n");
	log_add_sink(&sink2);
	log_info("three");
	ck_assert_str_eq(cap.text, "one\ntwo\nthree\n");
	ck_assert_str_eq(cap2.text, cap.text);
	memset(buf, 0, sizeof(buf));
	ck_assert_uint_eq(log_ring_read(buf, 6), 6);
	ck_assert_str_eq(buf, "three\n");
}
END_TEST

START_TEST(ring_wraps)
{
	static char big[1 << 19];
	size_t n;

	for (int i = 0; i < 20000; i++)
		log_info("line number %d", i);
	n = log_ring_read(big, sizeof(big));
	ck_assert_uint_eq(n, 256 << 10);
	ck_assert_mem_eq(big + n - 18, "line number 19999\n", 18);
	log_add_sink(&sink);
	ck_assert_uint_eq(cap.len, n);
	ck_assert_mem_eq(cap.text, big, n);
	ck_assert_uint_le(cap.calls, 2);
}
END_TEST

START_TEST(readers_by_position)
{
	static char big[300000];
	u64 pos = 0, end = UINT64_MAX;
	size_t n;

	ck_assert_uint_eq(log_ring_read_at(&end, big, sizeof(big)), 0);
	ck_assert_uint_eq(end, 0);
	log_info("one");
	log_info("two");
	ck_assert_uint_eq(log_ring_read_at(&pos, big, 3), 3);
	ck_assert_mem_eq(big, "one", 3);
	ck_assert_uint_eq(log_ring_read_at(&pos, big, sizeof(big)), 5);
	ck_assert_mem_eq(big, "\ntwo\n", 5);
	ck_assert_uint_eq(log_ring_read_at(&pos, big, sizeof(big)), 0);
	end = UINT64_MAX;
	ck_assert_uint_eq(log_ring_read_at(&end, big, 0), 0);
	ck_assert_uint_eq(end, 8);
	for (int i = 0; i < 60000; i++)
		log_info("%05d", i);
	n = log_ring_read_at(&pos, big, sizeof(big)); /* what was overwritten is passed over */
	ck_assert_uint_eq(n, 256 << 10);
	ck_assert_uint_eq(pos, 8 + 60000 * 6);
	ck_assert_mem_eq(big + n - 12, "59998\n59999\n", 12);
}
END_TEST

START_TEST(long_lines_are_cut)
{
	char big[2000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	log_add_sink(&sink);
	log_info("%s", big);
	ck_assert_uint_lt(cap.len, 520);
	ck_assert_mem_eq(cap.text + cap.len - 5, "x...\n", 5);
	log_info("%s", "");
	ck_assert_int_eq(cap.text[cap.len - 1], '\n');
	/* every length around the buffer's end */
	for (int n = 500; n < 520; n++) {
		cap.len = 0;
		log_info("%.*s", n, big);
		ck_assert_int_eq(cap.text[cap.len - 1], '\n');
		ck_assert_int_ne(cap.text[cap.len - 2], '\n');
	}
}
END_TEST

static void lock(void)
{
	ck_assert_int_eq(lock_depth++, 0);
	lock_count++;
}

static void unlock(void)
{
	ck_assert_int_eq(--lock_depth, 0);
}

static u64 now(void)
{
	return 12345678;
}

START_TEST(hooks)
{
	log_set_hooks(lock, unlock, now);
	log_add_sink(&sink);
	log_warn("x");
	ck_assert_str_eq(cap.text, "[   12.345678] warning: x\n");
	ck_assert_int_eq(lock_count, 2);
	ck_assert_int_eq(lock_depth, 0);
}
END_TEST

START_TEST(rate_limit)
{
	struct log_limit l = { 0 };
	u32 suppressed = 99;

	for (int i = 0; i < 3; i++) {
		ck_assert(log_limit_ok(&l, 1000 + i, 3, 1000, &suppressed));
		ck_assert_uint_eq(suppressed, 0);
	}
	for (int i = 0; i < 5; i++)
		ck_assert(!log_limit_ok(&l, 1500, 3, 1000, &suppressed));
	ck_assert(log_limit_ok(&l, 2000, 3, 1000, &suppressed));
	ck_assert_uint_eq(suppressed, 5);
	ck_assert(log_limit_ok(&l, 2001, 3, 1000, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
}
END_TEST

SUITE_MAIN("log", levels, about_somebody, late_sink_gets_a_replay, ring_wraps, readers_by_position,
           long_lines_are_cut, hooks, rate_limit)
