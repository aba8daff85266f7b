/* Streams of states: what is written is read, what cannot be is refused with place, value and reason. */
#include "lib/fmt.h"
#include "lib/string.h"
#include "state_toy.h"
#include "suite.h"
#include "vmm/state/priv.h"

#define NOW (1ull << 60)

static u8 stream[4096];
static size_t stream_len;
static struct state_refusal refusal;
static char text[200];

static void save(void)
{
	ck_assert_int_eq(vdev_save_all(rows, 3, stream, sizeof(stream), &stream_len), OK);
}

static int restore(const void *buf, size_t len)
{
	_Alignas(8) static u8 scratch[8192];

	ck_assert_uint_le(vdev_scratch_size(rows, 3), sizeof(scratch));
	memset(&refusal, 0, sizeof(refusal));
	return vdev_restore_all(rows, 3, buf, len, scratch, NOW, &refusal);
}

/* The stream is refused so, and nothing changes. */
static void refused(const char *want)
{
	struct toy before[3];
	struct toy_mem mems_before[3];

	memcpy(before, toys, sizeof(toys));
	memcpy(mems_before, mems, sizeof(mems));
	ck_assert_int_eq(restore(stream, stream_len), ERR_INVAL);
	state_refusal_text(&refusal, text, sizeof(text));
	ck_assert_str_eq(text, want);
	ck_assert(!memcmp(before, toys, sizeof(toys)) && !memcmp(mems_before, mems, sizeof(mems)));
}

/* After bytes were changed: the sum fits again. */
static void reseal(void)
{
	u64 sum = state_sum(stream, stream_len - END_LEN);

	memcpy(stream + stream_len - 8, &sum, 8);
}

/* Where these characters are the first time. */
static u8 *find(const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= stream_len; i++)
		if (!memcmp(stream + i, what, len))
			return stream + i;
	ck_abort_msg("no %s", what);
	return NULL;
}

START_TEST(round_trip)
{
	struct toy saved[3];
	struct toy_mem mems_saved[3];
	u8 again[4096];
	size_t len;

	toys_setup();
	save();
	ck_assert_uint_eq(stream_len % 8, 0);
	memcpy(saved, toys, sizeof(toys));
	memcpy(mems_saved, mems, sizeof(mems));
	for (u32 i = 0; i < 3; i++)
		memset(&toys[i].s, 0xa5, sizeof(toys[i].s));
	memset(mems, 0, sizeof(mems));
	ck_assert_int_eq(restore(stream, stream_len), OK);
	for (u32 i = 0; i < 3; i++) {
		ck_assert_uint_eq(toys[i].restored_at, NOW);
		ck_assert(!memcmp(&toys[i].s, &saved[i].s, sizeof(saved[i].s)));
	}
	ck_assert(!memcmp(&mems[1], &mems_saved[1], sizeof(mems[1])));
	ck_assert_uint_eq(mems[0].bytes[0], 0);
	ck_assert_int_eq(vdev_save_all(rows, 3, again, sizeof(again), &len), OK);
	ck_assert_uint_eq(len, stream_len);
	ck_assert(!memcmp(again, stream, len));
}
END_TEST

START_TEST(room)
{
	size_t need = 0;

	toys_setup();
	save();
	ck_assert_int_eq(vdev_save_all(rows, 3, NULL, 0, &need), ERR_NOSPC);
	ck_assert_uint_eq(need, stream_len);
	for (size_t cap = 0; cap < need; cap++) {
		u8 *buf = malloc(cap + 1); /* whose end the sanitizer guards */
		size_t len;

		ck_assert_int_eq(vdev_save_all(rows, 3, buf, cap, &len), ERR_NOSPC);
		ck_assert_uint_eq(len, need);
		free(buf);
	}
}
END_TEST

START_TEST(truncated)
{
	struct toy before[3];

	toys_setup();
	save();
	memcpy(before, toys, sizeof(toys));
	for (size_t len = 0; len < stream_len; len++) {
		u8 *copy = malloc(len + 1);

		memcpy(copy, stream, len);
		ck_assert_int_eq(restore(copy, len), ERR_INVAL);
		ck_assert_str_eq(refusal.tag, "stream");
		ck_assert(!memcmp(before, toys, sizeof(toys)));
		free(copy);
	}
	stream_len += 8;
	refused("stream: length: 1112: goes on behind its end");
}
END_TEST

START_TEST(flipped)
{
	toys_setup();
	save();
	for (size_t at = 0; at < stream_len; at++) {
		for (u32 bit = 0; bit < 8; bit++) {
			stream[at] ^= (u8)(1 << bit);
			ck_assert_int_eq(restore(stream, stream_len), ERR_INVAL);
			stream[at] ^= (u8)(1 << bit);
		}
	}
}
END_TEST

/* With a sum that fits: what is not refused is a state like any other. */
START_TEST(flipped_and_sealed)
{
	u32 taken = 0;

	toys_setup();
	save();
	for (size_t at = 0; at < stream_len; at++) {
		u8 was = stream[at];

		for (u32 v = 1; v < 256; v += 2) {
			u8 again[4096];
			size_t len;

			stream[at] = was ^ (u8)v;
			reseal();
			if (restore(stream, stream_len) != OK) {
				ck_assert_int_gt(state_refusal_text(&refusal, text, sizeof(text)), 5);
				ck_assert_ptr_nonnull(refusal.reason);
				continue;
			}
			taken++;
			ck_assert_int_eq(vdev_save_all(rows, 3, again, sizeof(again), &len), OK);
			ck_assert(len == stream_len && !memcmp(again, stream, len));
		}
		stream[at] = was;
	}
	ck_assert_uint_gt(taken, 10000);
}
END_TEST

START_TEST(header)
{
	toys_setup();
	save();
	stream[0] = 'X';
	refused("stream: is no stream of states");
	save();
	stream[8] = 2;
	refused("stream: format: 2: is newer than this hypervisor");
	stream[8] = 0;
	refused("stream: format: 0: is not known");
	save();
	stream[16] = 3;
	refused("stream: record: 3: is of no known kind");
	save();
	stream[20] = 4;
	stream[21] = 0;
	refused("stream: record: 4: has an impossible length");
	stream[22] = 1;
	refused("stream: record: 65540: has an impossible length");
	save();
	stream[stream_len - 16] = 3;
	refused("stream: records: 3: is not how many records there are");
	save();
	stream[stream_len - 20] = 32;
	refused("stream: end: 32: is no end of a stream");
	save();
	memset(stream + stream_len - 8, 0, 8);
	refused("stream: sum: 0: is not the sum of the stream");
}
END_TEST

START_TEST(names)
{
	toys_setup();
	save();
	*find("toy1") = 'n';
	reseal();
	refused("noy1: is no device of this guest");
	save();
	find("toy1")[3] = '0';
	reseal();
	refused("toy0: toy_state: 3: is there twice (version)");
	save();
	find("toy1")[0] = '\n';
	reseal();
	refused("stream: tag: 336: is no name (at this byte)");
	save();
	find("toy_state")[4] = 'z';
	reseal();
	refused("toy0: toy_ztate: 3: is no part of this device (version)");
	save();
	find("toy_mem")[4] = '\t';
	reseal();
	refused("toy1: struct: 656: has no name (at this byte)");
	save();
	find("toy_state")[9] = 4;
	reseal();
	refused("toy0: version: 4: is newer than this hypervisor");
	find("toy_state")[9] = 2;
	reseal();
	refused("toy0: version: 2: is too old");
}
END_TEST

START_TEST(missing)
{
	toys_setup();
	ck_assert_int_eq(vdev_save_all(rows, 2, stream, sizeof(stream), &stream_len), OK);
	refused("toy2: toy_state: 0: is missing (records)");
	/* a part that this device has not, and one that it lacks */
	toys[0].mem = &mems[0];
	save();
	toys[0].mem = NULL;
	refused("toy0: toy_mem: 1: is no part of this device (version)");
	save();
	toys[0].mem = &mems[0];
	refused("toy0: toy_mem: 0: is missing (records)");
}
END_TEST

START_TEST(fields)
{
	toys_setup();
	save();
	find("ier")[0] = 'x';
	reseal();
	refused("toy0: xer: 0: is unknown (number of the field)");
	save();
	memcpy(find("ier"), "reg", 3);
	reseal();
	refused("toy0: reg: 0: is out of place or there twice (number of the field)");
	save();
	find("ier")[3] = STATE_U16;
	reseal();
	refused("toy0: ier: 1: is not its type");
	save();
	find("ier")[4] = 1;
	reseal();
	refused("toy0: ier: 1: tells wrongly whether it is an array");
	save();
	find("level")[7] = 2;
	reseal();
	refused("toy0: pins.level: 2: is not how many there are");
	save();
	find("mark")[-1] = 0;
	reseal();
	refused("toy0: pins.: 2: is no name (number of the field)");
	save();
	find("ier")[-2] = 6;
	reseal();
	refused("toy0: last: 6: is missing (number of fields)");
	find("ier")[-2] = 8;
	reseal();
	refused("toy0: fields: 8: are more than are known");
	save();
	*find("\xef\xbe") = 0; /* any value of a number */
	reseal();
	ck_assert_int_eq(restore(stream, stream_len), OK);
	ck_assert_uint_eq(toys[0].s.last, 0xbe00);
}
END_TEST

/* Values: those that no type can hold, and those that the device does not take. */
START_TEST(bad_values)
{
	u8 *data;

	toys_setup();
	save();
	data = find("last") + 4 + 6; /* ier, at, on, flags, ... */
	data[9] = 2;
	reseal();
	refused("toy0: on: 2: is neither 0 nor 1");
	data[9] = 1;
	data[11] = 0xff;
	reseal();
	refused("toy0: flags: 255: is neither 0 nor 1");
	data[11] = 1;
	data[12 + 160 + 2] = 3;
	reseal();
	refused("toy0: pins[0].high: 3: is neither 0 nor 1");
	save();
	data[0] = 0x11;
	reseal();
	refused("toy0: ier: 17: has bits that the register lacks");
	save();
	data[8] = 0xff;
	reseal();
	refused("toy0: at: 18384614414850182639: is in the future");
	/* the last record only: nothing of the others is in place */
	toys_setup();
	toys[2].s.ier = 0x20;
	save();
	toys_setup();
	toys[0].s.last = 1;
	refused("toy2: ier: 32: has bits that the register lacks");
	/* not told why: still an answer */
	toys_setup();
	save();
	toys[1].mem = NULL;
	rows[1].ops = &toy_ops;
	refused("toy1: toy_mem: 1: is no part of this device (version)");
}
END_TEST

/* A record whose length, padding or data does not fit its fields. */
START_TEST(lengths)
{
	struct state_writer w;

	toys_setup();
	state_write_begin(&w, stream, sizeof(stream));
	state_write(&w, "toy0", &toy_state_desc, &toys[0].s);
	ck_assert_int_eq(state_write_end(&w), OK);
	stream_len = w.len;
	/* eight bytes more */
	memmove(stream + stream_len - END_LEN + 8, stream + stream_len - END_LEN, END_LEN);
	memset(stream + stream_len - END_LEN, 0, 8);
	stream[20] += 8;
	stream_len += 8;
	reseal();
	ck_assert_int_eq(restore(stream, stream_len), ERR_INVAL);
	ck_assert_str_eq(refusal.field, "length");
	ck_assert_str_eq(refusal.reason, "is not what its fields need");
	/* cut off anywhere */
	for (u32 len = 8; len < w.len - END_LEN - HEADER_LEN; len += 8) {
		size_t size = 0;

		state_write_begin(&w, stream, sizeof(stream));
		state_write(&w, "toy0", &toy_state_desc, &toys[0].s);
		memcpy(stream + 20, &len, 4);
		w.len = size = HEADER_LEN + len;
		ck_assert_int_eq(state_write_end(&w), OK);
		ck_assert_uint_eq(w.len, size + END_LEN);
		ck_assert_int_eq(restore(stream, w.len), ERR_INVAL);
		ck_assert(strcmp(refusal.tag, "toy0") == 0 || strcmp(refusal.field, "tag") == 0);
	}
	save();
	/* "padding" is what follows the data: toy0's record ends so */
	stream[16 + get32(stream + 20) - 1] = 1;
	reseal();
	refused("toy0: padding: 0: is not zero");
}
END_TEST

START_TEST(wrong_struct)
{
	struct state_reader reader;
	struct state_record rec;
	struct toy_mem mem;

	toys_setup();
	save();
	ck_assert_int_eq(state_read_begin(&reader, stream, stream_len, &refusal), OK);
	ck_assert_int_eq(state_read(&reader, &rec, &refusal), 1);
	ck_assert_str_eq(rec.tag, "toy0");
	ck_assert_str_eq(rec.name, "toy_state");
	ck_assert_uint_eq(rec.version, 3);
	ck_assert_int_eq(state_decode(&rec, &toy_mem_desc, &mem, &refusal), ERR_INVAL);
	ck_assert_str_eq(refusal.reason, "is not its struct (version)");
	for (u32 i = 0; i < 3; i++)
		ck_assert_int_eq(state_read(&reader, &rec, &refusal), 1);
	ck_assert_int_eq(state_read(&reader, &rec, &refusal), 0);
}
END_TEST

static char shown[2000];
static u32 rests;

static void emit(void *arg, const char *field, const char *values)
{
	size_t at = strlen(shown);

	rests += !field;
	if (!field)
		return;
	fmt_snprintf(shown + at, sizeof(shown) - at, "%s=%s;", field, values);
}

START_TEST(show)
{
	struct toy_state copy;

	toys_setup();
	shown[0] = 0;
	rests = 0;
	state_show(&toy_state_desc, &toys[0].s, emit, NULL);
	ck_assert_str_eq(shown, "ier=1;at=0x123456789abcdef;on=1;flags=0 1;"
	                        "reg[16]=0 0 0 0 0 0 0 0 0 0 0 0 0 0 0x1e 0x1f;"
	                        "reg[32]=0x20 0x21 0x22 0x23 0x24 0x25 0x26 0x27;"
	                        "pins[1].level=7;pins[1].high=1;pins[1].mark=1 2 0xff;last=0xbeef;");
	ck_assert_uint_ge(rests, toy_state_desc.nr); /* it could pause at each field */
	shown[0] = 0;
	memset(toys[0].s.reg, 0, sizeof(toys[0].s.reg));
	state_show(&toy_state_desc, &toys[0].s, emit, NULL);
	ck_assert_ptr_nonnull(strstr(shown, ";reg=0 ...;pins[1]"));
	/* elements that are alike come once */
	toys[0].s.pins[0] = toys[0].s.pins[1];
	shown[0] = 0;
	state_show(&toy_state_desc, &toys[0].s, emit, NULL);
	ck_assert_ptr_nonnull(strstr(shown, ";pins[0-1].level=7;pins[0-1].high=1;pins[0-1].mark=1 2 0xff;last="));
	/* canonical: what lies between the fields is zero */
	memset(&copy, 0xee, sizeof(copy));
	state_copy(&toy_state_desc, &copy, &toys[0].s);
	ck_assert(!memcmp(&copy, &toys[0].s, sizeof(copy)));
}
END_TEST

START_TEST(all_rows)
{
	static const int bad = ERR_EXIST;
	const void *cfg[3] = { NULL, NULL, NULL };
	u32 failed = 9;

	toys_setup();
	ck_assert_int_eq(vdev_attach_all(rows, 3, NULL, cfg, NULL), OK);
	vdev_reset_all(rows, 3, 55);
	for (u32 i = 0; i < 3; i++)
		ck_assert(toys[i].attached == 1 && toys[i].reset_at == 55);
	ck_assert_ptr_null(vdev_busy(rows, 3));
	toys[1].busy = toys[2].busy = true;
	ck_assert_ptr_eq(vdev_busy(rows, 3), &rows[1]);
	nr_order = 0;
	vdev_detach_all(rows, 3);
	ck_assert(order[0] == 3 && order[1] == 2 && order[2] == 1 && nr_order == 3);
	/* one that cannot: those before it are unwound */
	cfg[2] = &bad;
	nr_order = 0;
	ck_assert_int_eq(vdev_attach_all(rows, 3, NULL, cfg, &failed), ERR_EXIST);
	ck_assert(failed == 2 && nr_order == 2 && order[0] == 2 && order[1] == 1);
	for (u32 i = 0; i < 3; i++)
		ck_assert_int_eq(toys[i].attached, 0);
}
END_TEST

SUITE_MAIN("stream", round_trip, room, truncated, flipped, flipped_and_sealed, header, names, missing, fields,
           bad_values, lengths, wrong_struct, show, all_rows)
