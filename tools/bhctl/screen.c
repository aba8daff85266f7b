/* A guest's screen: as text, and as a PNG file. docs/control.md, "Screens", has how pixels come. */
#include "tools/bhctl/bhctl.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 16384u /* pixels: more is no picture */

struct picture {
	u32 width, height, rows; /* rows: got so far */
	u8 *rgb;
};

static s64 num(const struct json_doc *d, const struct json_tok *obj, const char *key)
{
	const struct json_tok *t = json_get(d, obj, key);

	return t && t->type == JSON_NUMBER ? t->num : -1;
}

int run_screen(struct chan *c, const struct options *o, char **args)
{
	struct message m;
	const struct json_tok *result = ask(c, o, &m, "screen", args, 1), *lines;

	if (!result)
		return EXIT_REFUSED;
	lines = json_get(&m.doc, result, "lines");
	if (o->json || !lines || lines->type != JSON_ARRAY) {
		render(&m.doc, result, o->json);
		return EXIT_OK;
	}
	for (const struct json_tok *t = json_first(&m.doc, lines); t; t = json_next(&m.doc, lines, t)) {
		char *s = token_text(&m.doc, t, true);

		puts(s);
		free(s);
	}
	return EXIT_OK;
}

/* ---- pixels ---- */

static int digit(char ch)
{
	if (ch >= 'A' && ch <= 'Z')
		return ch - 'A';
	if (ch >= 'a' && ch <= 'z')
		return ch - 'a' + 26;
	if (ch >= '0' && ch <= '9')
		return ch - '0' + 52;
	return ch == '+' ? 62 : ch == '/' ? 63 : -1;
}

/* The bytes of a string of base64. false: it is none. */
static bool add_base64(struct text *to, const char *s, size_t len)
{
	if (len % 4)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		bool last = i + 4 == len;
		int pad = !last || s[i + 3] != '=' ? 0 : s[i + 2] == '=' ? 2 : 1;
		u32 v = 0;
		char bytes[3];

		for (int k = 0; k < 4; k++) {
			int n = k >= 4 - pad ? 0 : digit(s[i + (size_t)k]);

			if (n < 0)
				return false;
			v = v << 6 | (u32)n;
		}
		for (int k = 0; k < 3; k++)
			bytes[k] = (char)(v >> (16 - 8 * k));
		text_add(to, bytes, (size_t)(3 - pad));
	}
	return true;
}

/* A picture on its way: docs/control.md, "Screens", has the codes. */
struct unpacker {
	const u8 *p, *end;
	u8 *from, *to, *stop; /* an answer's pixels: where they begin, and end, and the next one */
	u32 width;
	u8 cache[64][3];
	u8 colour[3]; /* the pixel before */
};

static bool put_run(struct unpacker *u, u32 nr, bool above)
{
	size_t bytes = (size_t)3 * nr, line = (size_t)3 * u->width;

	if (!nr || bytes > (size_t)(u->stop - u->to) || (above && (size_t)(u->to - u->from) < line))
		return false;
	for (; bytes; bytes -= 3, u->to += 3)
		memcpy(u->to, above ? u->to - line : u->colour, 3);
	memcpy(u->colour, u->to - 3, 3);
	return true;
}

static bool put_colour(struct unpacker *u, int red, int green, int blue)
{
	const u8 rgb[3] = { (u8)red, (u8)green, (u8)blue };

	memcpy(u->colour, rgb, 3);
	memcpy(u->cache[(rgb[0] * 3 + rgb[1] * 5 + rgb[2] * 7) % 64], rgb, 3);
	return put_run(u, 1, false);
}

/* A code and what is behind it. */
static bool unpack_one(struct unpacker *u)
{
	static const u8 behind[] = { [0xfe - 0xfe] = 3, [0xff - 0xfe] = 2 };
	u8 code = *u->p++;
	const u8 *p = u->p, *c = u->colour;
	int green = code - 0x80 - 32;

	u->p += code >= 0xfe ? behind[code - 0xfe] : code >> 6 == 2;
	if (u->p > u->end)
		return false;
	switch (code >> 6) {
	case 0: memcpy(u->colour, u->cache[code], 3); return put_run(u, 1, false);
	case 1: return put_colour(u, c[0] + (code >> 4 & 3) - 2, c[1] + (code >> 2 & 3) - 2, c[2] + (code & 3) - 2);
	case 2: return put_colour(u, c[0] + green + (p[0] >> 4) - 8, c[1] + green, c[2] + green + (p[0] & 15) - 8);
	default: break;
	}
	if (code == 0xff)
		return put_run(u, p[0] | (p[1] & 0x7fu) << 8, p[1] & 0x80);
	if (code == 0xfe)
		return put_colour(u, p[0], p[1], p[2]);
	return put_run(u, (code & 0x1fu) + 1, code & 0x20);
}

/* false: they are not just nr pixels, in rows of width. */
static bool unpack(const struct text *data, u8 *to, u32 width, size_t nr)
{
	struct unpacker u = { .from = to, .to = to, .stop = to + 3 * nr, .width = width };

	u.p = (const u8 *)data->s;
	u.end = u.p + data->len;
	while (u.p < u.end)
		if (!unpack_one(&u))
			return false;
	return u.to == u.stop;
}

static bool take_data(struct picture *pic, const struct json_doc *d, const struct json_tok *r, u32 rows)
{
	const struct json_tok *data = json_get(d, r, "data");
	struct text bytes = { 0 };
	bool good = data && data->type == JSON_ARRAY;

	text_add(&bytes, "", 0);
	for (const struct json_tok *t = good ? json_first(d, data) : NULL; t && good; t = json_next(d, data, t))
		good = t->type == JSON_STRING && add_base64(&bytes, d->text + t->start, t->len);
	good = good &&
	       unpack(&bytes, pic->rgb + (size_t)3 * pic->width * pic->rows, pic->width, (size_t)rows * pic->width);
	free(bytes.s);
	return good;
}

/* An answer: the first one says how large it is. */
static bool take_rows(struct picture *pic, const struct json_doc *d, const struct json_tok *r)
{
	s64 width = num(d, r, "width"), height = num(d, r, "height"), rows = num(d, r, "rows");

	if (!pic->rgb) {
		if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
			return false;
		pic->width = (u32)width;
		pic->height = (u32)height;
		pic->rgb = malloc((size_t)3 * pic->width * pic->height);
		if (!pic->rgb)
			die(EXIT_CHANNEL, "out of memory");
	}
	if (width != pic->width || height != pic->height || num(d, r, "row") != pic->rows || rows < 1 ||
	    rows > pic->height - pic->rows || !take_data(pic, d, r, (u32)rows))
		return false;
	pic->rows += (u32)rows;
	return true;
}

static void write_png(const struct picture *pic, const char *name)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION, .width = pic->width, .height = pic->height, .format = PNG_FORMAT_RGB
	};
	FILE *f = strcmp(name, "-") ? fopen(name, "wb") : stdout;
	int written;

	if (!f)
		die(EXIT_CHANNEL, "cannot open %s", name);
	written = png_image_write_to_stdio(&image, f, 0, pic->rgb, 0, NULL);
	if (!written || fflush(f) || ferror(f) || (f != stdout && fclose(f)))
		die(EXIT_CHANNEL, "cannot write %s%s%s", name, image.message[0] ? ": " : "", image.message);
}

int run_screenshot(struct chan *c, const struct options *o, char **args)
{
	struct picture pic = { 0 };
	char generation[24] = "0", row[24];
	char *words[] = { args[0], generation, row };

	do {
		struct message m;
		const struct json_tok *r;

		snprintf(row, sizeof(row), "%u", pic.rows);
		r = ask(c, o, &m, "screenshot", words, 3);
		if (!r) {
			free(pic.rgb);
			return EXIT_REFUSED;
		}
		if (!take_rows(&pic, &m.doc, r))
			die(EXIT_CHANNEL, "the answer is no picture");
		snprintf(generation, sizeof(generation), "%lld", (long long)num(&m.doc, r, "generation"));
	} while (pic.rows < pic.height);
	write_png(&pic, args[1]);
	free(pic.rgb);
	return EXIT_OK;
}
