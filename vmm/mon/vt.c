#include "vmm/mon/vt.h"

#include "lib/string.h"
#include "vmm/mon/utf8.h"

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b
#define DEL 0x7f

void vt_init(struct vt_filter *f, bool ascii)
{
	memset(f, 0, sizeof(*f));
	f->ascii = ascii;
}

/* Where output goes. */
struct dest {
	u8 *p;
	size_t n;
};

static void emit(struct dest *d, const void *data, size_t n)
{
	memcpy(d->p + d->n, data, n);
	d->n += n;
}

static void drop(struct vt_filter *f)
{
	f->dropped++;
	f->len = 0;
	f->state = VT_GROUND;
}

/* ---- which sequences pass ---- */

/* Modes a guest may set; vt_reset undoes every one of them. */
static bool mode_allowed(u32 mode)
{
	switch (mode) {
	case 1:  /* application cursor keys */
	case 7:  /* wrap */
	case 12: /* blinking cursor */
	case 25: /* cursor shown */
	case 47: /* alternate screens */
	case 1047:
	case 1048:
	case 1049:
	case 2004: /* bracketed paste */ return true;
	}
	return false;
}

struct csi {
	u8 prefix; /* '?', '>' ...; 0: none */
	u32 param[VT_PARAMS_MAX];
	u32 nr;
	u8 final;
};

/* Takes a complete sequence apart. false when there is something in it that is never passed. */
static bool csi_parse(const struct vt_filter *f, struct csi *c)
{
	u32 i = 2, end = f->len - 1;

	memset(c, 0, sizeof(*c));
	c->final = f->seq[end];
	c->nr = 1;
	if (i < end && f->seq[i] >= '<' && f->seq[i] <= '?')
		c->prefix = f->seq[i++];
	for (; i < end; i++) {
		u8 b = f->seq[i];

		if (b >= '0' && b <= '9') {
			u32 *v = &c->param[c->nr - 1];

			*v = *v * 10 + (b - '0');
			if (*v > VT_PARAM_MAX)
				return false;
		} else if (b == ';' || (b == ':' && c->final == 'm')) { /* ':' parts colours: ISO 8613-6 */
			if (c->nr++ == VT_PARAMS_MAX)
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static bool modes_pass(struct vt_filter *f, const struct csi *c)
{
	bool alternate = f->alternate;

	for (u32 i = 0; i < c->nr; i++) {
		if (!mode_allowed(c->param[i]))
			return false;
		if (c->param[i] == 47 || c->param[i] == 1047 || c->param[i] == 1049)
			alternate = c->final == 'h';
	}
	f->alternate = alternate;
	return true;
}

static bool csi_pass(struct vt_filter *f)
{
	struct csi c;

	if (!csi_parse(f, &c))
		return false;
	if (c.prefix == '?')
		return (c.final == 'h' || c.final == 'l') && modes_pass(f, &c);
	if (c.prefix)
		return false;
	switch (c.final) {
	case '@': /* insert, delete, erase characters */
	case 'P':
	case 'X':
	case 'A': /* cursor movement */
	case 'B':
	case 'C':
	case 'D':
	case 'E':
	case 'F':
	case 'G':
	case 'H':
	case 'd':
	case 'f':
	case 'a':
	case 'e':
	case '`':
	case 's':
	case 'u':
	case 'J': /* erase */
	case 'K':
	case 'L': /* insert, delete lines; scroll */
	case 'M':
	case 'S':
	case 'm': /* attributes */
	case 'r': /* scroll region */ return true;
	case 'T': /* scroll down; with five parameters, mouse tracking */ return c.nr == 1;
	}
	return false;
}

/* Sequences of ESC and one byte. */
static bool esc_pass(u8 b)
{
	switch (b) {
	case '7': /* cursor saved, restored */
	case '8':
	case 'D': /* index, next line, reverse index */
	case 'E':
	case 'M':
	case '=': /* keypad */
	case '>': return true;
	}
	return false;
}

/* Controls outside sequences. */
static bool control_pass(u8 b)
{
	return b == '\r' || b == '\n' || b == '\b' || b == '\t' || b == BEL;
}

/* C1 controls, which some terminals obey in UTF-8 too; and characters that turn the order of text around. */
static bool char_pass(u32 cp)
{
	return cp >= 0xa0 && !(cp >= 0x2028 && cp <= 0x202e) && !(cp >= 0x2066 && cp <= 0x2069) && cp != 0xfeff;
}

/* ---- the state machine ---- */

static void ground(struct vt_filter *f, u8 b, struct dest *d)
{
	if (b == ESC) {
		f->seq[0] = b;
		f->len = 1;
		f->state = VT_ESC;
	} else if (b < 0x20 || b == DEL) {
		if (control_pass(b))
			emit(d, &b, 1);
		else if (b) /* NULs are padding */
			f->dropped++;
	} else if (b < 0x80) {
		emit(d, &b, 1);
	} else if (utf8_length(b)) {
		f->seq[0] = b;
		f->len = 1;
		f->state = VT_UTF8;
	} else {
		f->dropped++;
		emit(d, "?", 1);
	}
}

/* Returns whether the byte was used up. */
static bool in_char(struct vt_filter *f, u8 b, struct dest *d)
{
	u32 cp = 0;

	if ((b & 0xc0) == 0x80) {
		f->seq[f->len++] = b;
		if (f->len < utf8_length(f->seq[0]))
			return true;
	}
	if (!utf8_decode((const char *)f->seq, f->len, &cp)) {
		drop(f);
		emit(d, "?", 1);
		return (b & 0xc0) == 0x80;
	}
	if (!char_pass(cp))
		f->dropped++;
	else if (f->ascii)
		emit(d, "?", 1);
	else
		emit(d, f->seq, f->len);
	f->len = 0;
	f->state = VT_GROUND;
	return true;
}

static void behind_esc(struct vt_filter *f, u8 b, struct dest *d)
{
	f->count = 0;
	switch (b) {
	case '[':
		f->seq[f->len++] = b;
		f->state = VT_CSI;
		return;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		f->dropped++;
		f->state = VT_STRING;
		return;
	default: break;
	}
	if (b >= 0x20 && b < 0x30) {
		f->state = VT_ESC_INTER;
		return;
	}
	if (esc_pass(b)) {
		f->seq[f->len++] = b;
		emit(d, f->seq, f->len);
		f->len = 0;
		f->state = VT_GROUND;
		return;
	}
	drop(f);
}

static void in_csi(struct vt_filter *f, u8 b, struct dest *d)
{
	bool final = b >= 0x40 && b < DEL;

	if (f->state == VT_CSI_DROP) {
		if (final || ++f->count > VT_STRING_MAX)
			drop(f);
		return;
	}
	if (f->len == VT_SEQ_MAX) {
		f->state = VT_CSI_DROP;
		f->count = 0;
		if (final)
			drop(f);
		return;
	}
	f->seq[f->len++] = b;
	if (!final)
		return;
	if (!csi_pass(f)) {
		drop(f);
		return;
	}
	emit(d, f->seq, f->len);
	f->len = 0;
	f->state = VT_GROUND;
}

/* Inside a sequence a control or 8-bit byte ends it: nobody who means well sends one there.
 * Returns whether b is used up. */
static bool in_sequence(struct vt_filter *f, u8 b, struct dest *d)
{
	if (b < 0x20 || b >= DEL) {
		drop(f);
		return b == CAN || b == SUB;
	}
	if (f->state == VT_ESC)
		behind_esc(f, b, d);
	else if (f->state == VT_ESC_INTER) {
		if (b >= 0x30)
			drop(f);
		else if (++f->count > VT_SEQ_MAX)
			drop(f);
	} else {
		in_csi(f, b, d);
	}
	return true;
}

/*
 * In a string: its end is BEL or ESC \. CAN and SUB break it off, and so does a line's end:
 * strings that terminals know have none, and a guest that forgot to end one would be silent for ever.
 */
static bool in_string(struct vt_filter *f, u8 b)
{
	if (f->state == VT_STRING_ESC) {
		f->state = VT_GROUND;
		f->len = 0;
		if (b == '\\')
			return true;
		f->seq[f->len++] = ESC; /* any other ESC sequence ends the string and counts */
		f->state = VT_ESC;
		return false;
	}
	if (b == ESC) {
		f->state = VT_STRING_ESC;
	} else if (b == '\r' || b == '\n') {
		f->state = VT_GROUND;
		return false;
	} else if (b == BEL || b == CAN || b == SUB || ++f->count > VT_STRING_MAX) {
		f->state = VT_GROUND;
	}
	return true;
}

/* Returns whether the byte is used up. */
static bool step(struct vt_filter *f, u8 b, struct dest *d)
{
	switch (f->state) {
	case VT_GROUND: ground(f, b, d); return true;
	case VT_UTF8: return in_char(f, b, d);
	case VT_STRING:
	case VT_STRING_ESC: return in_string(f, b);
	default: return in_sequence(f, b, d);
	}
}

size_t vt_filter(struct vt_filter *f, const u8 *in, size_t n, u8 *out)
{
	struct dest d = { out, 0 };

	/* A byte that ends a sequence without belonging to it is looked at again,
	 * in VT_GROUND or VT_ESC, which use it up. */
	for (size_t i = 0; i < n; i++)
		for (u32 tries = 0; tries < 3 && !step(f, in[i], &d); tries++)
			;
	return d.n;
}

size_t vt_reset(struct vt_filter *f, u8 *out)
{
	static const char leave_alternate[] = "\x1b[?1049l";
	/*
	 * ASCII in G0, G0 chosen; no attributes; cursor keys and keypad as they were; wrap, cursor, no bracketed
	 * paste; steady cursor; whole screen scrolls; and below everything the guest may have drawn.
	 */
	static const char reset[] = "\x0f\x1b(B\x1b[0m\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[?2004l\x1b[?12l\x1b[r"
	                            "\x1b[999;1H\r\n";
	struct dest d = { out, 0 };
	bool ascii = f->ascii;

	_Static_assert(sizeof(leave_alternate) + sizeof(reset) <= VT_RESET_MAX, "VT_RESET_MAX");
	if (f->alternate)
		emit(&d, leave_alternate, sizeof(leave_alternate) - 1);
	emit(&d, reset, sizeof(reset) - 1);
	vt_init(f, ascii);
	return d.n;
}

void vt_ring_init(struct vt_ring *r, u8 *buf, u32 size)
{
	r->buf = buf;
	r->size = size;
	r->head = 0;
}

void vt_ring_write(struct vt_ring *r, const u8 *data, size_t n)
{
	if (!r->size)
		return;
	if (n > r->size) {
		r->head += n - r->size;
		data += n - r->size;
		n = r->size;
	}
	while (n) {
		size_t at = r->head % r->size, k = MIN(n, r->size - at);

		memcpy(r->buf + at, data, k);
		r->head += k;
		data += k;
		n -= k;
	}
}

size_t vt_ring_read(const struct vt_ring *r, u64 *pos, u8 *buf, size_t n)
{
	size_t done = 0;

	if (*pos > r->head)
		*pos = r->head;
	if (r->head - *pos > r->size)
		*pos = r->head - r->size;
	while (done < n && *pos < r->head) {
		size_t at = *pos % r->size, k = MIN(n - done, r->size - at);

		k = (size_t)MIN((u64)k, r->head - *pos);
		memcpy(buf + done, r->buf + at, k);
		done += k;
		*pos += k;
	}
	return done;
}
