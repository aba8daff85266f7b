/* The filter of guest output: what passes, what does not, sequences in pieces,
 * what a detach undoes; the scroll-back ring. */
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "vmm/mon/vt.h"

static struct vt_filter f;
static u8 out[9000];

static const char *filter_n(const char *in, size_t n)
{
	size_t len = vt_filter(&f, (const u8 *)in, n, out);

	out[len] = '\0';
	return (const char *)out;
}

static const char *filter(const char *in)
{
	vt_init(&f, false);
	return filter_n(in, strlen(in));
}

START_TEST(passes)
{
	static const char *const good[] = {
		"plain text ~!",
		"line\r\nline\ttab\b\b",
		"\a",
		"gr\xc3\xbc\xc3\x9f"
		"e \xe2\x82\xac \xf0\x9f\x98\x80",
		"\x1b[0m\x1b[1;31;44m\x1b[m\x1b[38;5;200m\x1b[38:2::1:2:3m",
		"\x1b[A\x1b[10B\x1b[C\x1b[3D\x1b[E\x1b[F\x1b[5G\x1b[H\x1b[3;4H\x1b[3;4f\x1b[2d",
		"\x1b[J\x1b[2J\x1b[K\x1b[1K\x1b[3L\x1b[2M\x1b[P\x1b[4@\x1b[5X",
		"\x1b[s\x1b[u\x1b"
		"7\x1b"
		"8\x1b"
		"D\x1b"
		"E\x1b"
		"M\x1b=\x1b>",
		"\x1b[2;20r\x1b[S\x1b[2T",
		"\x1b[?25l\x1b[?25h\x1b[?7l\x1b[?1h\x1b[?1049h\x1b[?1049l\x1b[?2004h\x1b[?1;7h",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_str_eq(filter(good[i]), good[i]);
		ck_assert_uint_eq(f.dropped, 0);
	}
}
END_TEST

/* Each stands between "<" and ">" and must vanish without a trace. */
START_TEST(drops)
{
	static const char *const bad[] = {
		"\x05", /* ENQ: answerback */
		"\x0e",
		"\x0f", /* character sets */
		"\x11",
		"\x13", /* XON, XOFF */
		"\v",
		"\f",
		"\x7f",
		"\x1c",
		"\x1b[c",
		"\x1b[0c",
		"\x1b[>c",
		"\x1b[=c", /* device attributes */
		"\x1b[5n",
		"\x1b[6n",
		"\x1b[?6n", /* status, cursor position */
		"\x1b[x",
		"\x1b[1x", /* terminal parameters */
		"\x1b[21t",
		"\x1b[8;1;1t",
		"\x1b[20t", /* window operations, title reports */
		"\x1b[5i",
		"\x1b[4i",
		"\x1b[?5i", /* media copy */
		"\x1b[!p",  /* soft reset */
		"\x1b[1\"q",
		"\x1b[2 q",
		"\x1b[>4;2m",
		"\x1b[?1$p",
		"\x1b[1;2'z",
		"\x1b[20h",
		"\x1b[4h",
		"\x1b[12l", /* ANSI modes */
		"\x1b[?1000h",
		"\x1b[?1003h",
		"\x1b[?1006h",
		"\x1b[?3h",
		"\x1b[?5h",
		"\x1b[?6h",
		"\x1b[?25;1000h",
		"\x1b[?45l",
		"\x1b[?J",
		"\x1b[9999999b",
		"\x1b[5b",     /* repeat */
		"\x1b[99999H", /* too large */
		"\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17m",
		"\x1b[1:2H",
		"\x1b[1;2;3;4;5T",
		"\x1b[g",
		"\x1b[3g",
		"\x1b[y",
		"\x1b[q",
		"\x1b[Z",
		"\x1b[I",
		"\x1b"
		"c", /* reset */
		"\x1b"
		"Z", /* identify */
		"\x1b(0",
		"\x1b)B",
		"\x1b*A",
		"\x1b-A",
		"\x1b%G",
		"\x1b%@",
		"\x1b#8",
		"\x1b F",
		"\x1b"
		"H",
		"\x1b"
		"N",
		"\x1b"
		"O",
		"\x1b"
		"n",
		"\x1b"
		"o",
		"\x1b|",
		"\x1b"
		"V",
		"\x1b\\",
		"\x1b]0;title\a",
		"\x1b]0;title\x1b\\",
		"\x1b]52;c;cm0gLXJm\a",
		"\x1b]4;1;?\a",
		"\x1bP$qm\x1b\\",
		"\x1bP+q544e\x1b\\",
		"\x1b_Gdata\x1b\\",
		"\x1b^private\x1b\\",
		"\x1bXsos\x1b\\",
		"\x1b]no end\x18",
		"\x1b]no end\x1a",
		"\xc2\x90",
		"\xc2\x9b",
		"\xc2\x85", /* C1 as UTF-8 */
		"\xe2\x80\xae",
		"\xe2\x81\xa6",
		"\xe2\x80\xa8",
		"\xef\xbb\xbf",
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "<%s>", bad[i]);
		ck_assert_msg(!strcmp(filter(text), "<>"), "number %zu: \"%s\" gave %s", i, bad[i], (char *)out);
		ck_assert_uint_ge(f.dropped, 1);
	}
}
END_TEST

START_TEST(broken_utf8)
{
	ck_assert_str_eq(filter("a\x80\x9b[2Jb"), "a??[2Jb"); /* a C1 CSI is no CSI */
	ck_assert_str_eq(filter("\xc3(x"), "?(x");
	ck_assert_str_eq(filter("\xe2\x82x"), "?x");
	ck_assert_str_eq(filter("\xed\xa0\x80x"), "?x");
	ck_assert_str_eq(filter("\xc0\xafx"), "??x");
	ck_assert_str_eq(filter("\xff\xfe"), "??");
	ck_assert_str_eq(filter("\xe2\x82\x1b[31mx"), "?\x1b[31mx");
	vt_init(&f, true);
	ck_assert_str_eq(filter_n("gr\xc3\xbc\xc3\x9f"
	                          "e \xf0\x9f\x98\x80",
	                          12),
	                 "gr??e ?");
}
END_TEST

/* A control ends a sequence that was begun, and is obeyed itself. */
START_TEST(sequences_broken_off)
{
	ck_assert_str_eq(filter("\x1b[31\nx"), "\nx");
	ck_assert_str_eq(filter("\x1b[31\x1b[32mx"), "\x1b[32mx");
	ck_assert_str_eq(filter("\x1b\x1b\x1b[1mx"), "\x1b[1mx");
	ck_assert_str_eq(filter("\x1b[31\x18mx"), "mx");
	ck_assert_str_eq(filter("\x1b(\nB"), "\nB");
	ck_assert_str_eq(filter("\x1b]0;title\r\nx"), "\r\nx");
	ck_assert_str_eq(filter("\x1b]0;ti\x1b[32mx"), "\x1b[32mx");
	ck_assert_str_eq(filter("\x1b]0;ti\x1b\x1b[32mx"), "\x1b[32mx");
	ck_assert_str_eq(filter("\x1b]0;ti\x1b\nx"), "\nx");
	ck_assert_str_eq(filter("\x1b[3\x80mx"), "?mx");
}
END_TEST

/* The same output however the input is cut; nothing is ever emitted in part. */
START_TEST(any_pieces)
{
	static const char text[] =
	        "a\x1b[1;31mred\x1b[0m \xe2\x82\xac\x1b]0;t\a\x1b[6n\x1b[?1049hx\x1b[?1049l\xf0\x9f\x98\x80\x1b"
	        "M.";
	char whole[200], pieces[200];
	size_t n = sizeof(text) - 1;

	strcpy(whole, filter(text));
	for (size_t a = 0; a <= n; a++) {
		for (size_t b = a; b <= n; b++) {
			vt_init(&f, false);
			strcpy(pieces, filter_n(text, a));
			strcat(pieces, filter_n(text + a, b - a));
			strcat(pieces, filter_n(text + b, n - b));
			ck_assert_str_eq(pieces, whole);
		}
	}
	vt_init(&f, false);
	ck_assert_str_eq(filter_n("\x1b[1;3", 5), "");
	ck_assert_str_eq(filter_n("1", 1), "");
	ck_assert_str_eq(filter_n("m", 1), "\x1b[1;31m");
}
END_TEST

START_TEST(bounded)
{
	static char big[VT_STRING_MAX + 100];
	char seq[2 * VT_SEQ_MAX];

	/* a string without an end is given up, and the guest is heard again */
	memset(big, 'x', sizeof(big));
	memcpy(big, "\x1b]", 2);
	vt_init(&f, false);
	ck_assert_uint_eq(strlen(filter_n(big, sizeof(big))), 97);
	/* a control sequence longer than the buffer goes as a whole */
	memset(seq, '1', sizeof(seq));
	memcpy(seq, "\x1b[", 2);
	seq[sizeof(seq) - 3] = 'm';
	seq[sizeof(seq) - 2] = 'y';
	seq[sizeof(seq) - 1] = '\0';
	ck_assert_str_eq(filter(seq), "y");
	/* of exactly the buffer's size, and one more */
	for (u32 n = VT_SEQ_MAX - 1; n <= VT_SEQ_MAX + 1; n++) {
		memset(seq, ';', sizeof(seq));
		memcpy(seq, "\x1b[", 2);
		strcpy(seq + n - 1, "my");
		ck_assert_str_eq(filter(seq), "y");
	}
	memset(big, '0', sizeof(big));
	memcpy(big, "\x1b[", 2);
	vt_init(&f, false);
	ck_assert_uint_lt(strlen(filter_n(big, sizeof(big))), 100);
	memset(big, '(', sizeof(big));
	big[0] = '\x1b';
	vt_init(&f, false);
	ck_assert_uint_gt(strlen(filter_n(big, sizeof(big))), VT_STRING_MAX / 2);
}
END_TEST

START_TEST(detach)
{
	u8 reset[VT_RESET_MAX + 1];
	size_t n;

	filter("\x1b[?1049h\x1b[31");
	ck_assert(f.alternate);
	n = vt_reset(&f, reset);
	ck_assert_uint_le(n, VT_RESET_MAX);
	reset[n] = '\0';
	ck_assert_str_eq((char *)reset,
	                 "\x1b[?1049l\x0f\x1b(B\x1b[0m\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[?2004l\x1b[?12l\x1b[r"
	                 "\x1b[999;1H\r\n");
	/* what was held back is gone */
	ck_assert_str_eq(filter_n("mx", 2), "mx");
	filter("\x1b[?47h\x1b[?47l");
	ck_assert(!f.alternate);
	n = vt_reset(&f, reset);
	ck_assert_uint_eq(reset[0], 0x0f);
	/* a sequence that does not pass changes nothing */
	filter("\x1b[?1049;1000h");
	ck_assert(!f.alternate);
	filter("\x1b[?47h");
	vt_init(&f, true);
	vt_reset(&f, reset);
	ck_assert(f.ascii);
}
END_TEST

START_TEST(ring)
{
	struct vt_ring r;
	u8 buf[8], got[20];
	u64 pos = 0;

	vt_ring_init(&r, buf, sizeof(buf));
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, sizeof(got)), 0);
	vt_ring_write(&r, (const u8 *)"abcde", 5);
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, 2), 2);
	ck_assert_mem_eq(got, "ab", 2);
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, sizeof(got)), 3);
	ck_assert_mem_eq(got, "cde", 3);
	vt_ring_write(&r, (const u8 *)"fghij", 5);
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, sizeof(got)), 5);
	ck_assert_mem_eq(got, "fghij", 5);
	pos = 0; /* overwritten: from the oldest on */
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, sizeof(got)), 8);
	ck_assert_mem_eq(got, "cdefghij", 8);
	ck_assert_uint_eq(pos, 10);
	vt_ring_write(&r, (const u8 *)"0123456789ABCDEFGH", 18);
	pos = 0;
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, sizeof(got)), 8);
	ck_assert_mem_eq(got, "ABCDEFGH", 8);
	ck_assert_uint_eq(pos, 28);
	pos = UINT64_MAX;
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, 0), 0);
	ck_assert_uint_eq(pos, 28);
	vt_ring_init(&r, NULL, 0);
	vt_ring_write(&r, (const u8 *)"x", 1);
	ck_assert_uint_eq(vt_ring_read(&r, &pos, got, sizeof(got)), 0);
}
END_TEST

SUITE_MAIN("mon_vt", passes, drops, broken_utf8, sequences_broken_off, any_pieces, bounded, detach, ring)
