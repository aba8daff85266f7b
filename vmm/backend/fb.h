/*
 * Screens: what a display adapter shows to whoever looks. The front-end (a VGA) is asked by the one who looks and tells
 * nobody by itself: a guest draws into its own memory, at no cost for it whether somebody looks or not.
 *
 * Where pixels and text are: a looker freezes a generation of the screen, with registers and time at once and the memory
 * shown in pieces, into memory of its own; what the guest draws during the pieces may be in it, as on a screen that
 * is scanned out, and nothing that it draws later. Then it asks the frozen one, in pieces as small as it likes. What
 * changed: compare two of them; generations count up, and one number is one picture.
 *
 * freeze() and copy() come with the VM's lock held, or while no vCPU runs; the others touch the frozen one only.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define FB_COPY_MAX  16384u /* bytes of a piece of copy() */
#define FB_PIXEL_MAX 32u    /* pixels of a piece */
#define FB_TEXT_MAX  16u    /* characters of a piece */
#define FB_UTF8_MAX  3u     /* bytes of a character of a text screen */

enum fb_kind { FB_BLANK, FB_TEXT, FB_GRAPHICS }; /* blank: switched off, all black */

struct fb_shape {
	enum fb_kind kind;
	u32 width, height; /* pixels; 0 of nothing that can be shown */
	u32 cols, rows;    /* characters; 0 when it is no text */
	u32 cursor_col, cursor_row;
	bool cursor; /* is shown, blinking or not, and within the screen */
	u32 generation;
};

struct fb_ops {
	/* Bytes that a frozen screen takes now, at least; grows and shrinks with the mode. */
	size_t (*size)(void *ctx);
	/* Begins a generation in shot, size bytes aligned to 8. OK, or ERR_NOSPC: the mode needs more. */
	int (*freeze)(void *ctx, void *shot, size_t size, u64 now);
	/* Copies up to FB_COPY_MAX bytes more. false: it was the last piece, and the others below may be called. */
	bool (*copy)(void *ctx, void *shot);

	void (*shape)(const void *shot, struct fb_shape *shape);
	/* n <= FB_PIXEL_MAX pixels from (x, y) on as R, G, B bytes; what lies beyond the picture is black. */
	void (*pixels)(const void *shot, u32 x, u32 y, u32 n, u8 *rgb);
	/*
	 * How many of n pixels from (x, y) on, the first ones, are found to be as those above them, y - 1; a piece looks
	 * at some only.
	 */
	u32 (*same)(const void *shot, u32 x, u32 y, u32 n);
	/*
	 * n <= FB_TEXT_MAX characters of a text screen from (col, row) on as UTF-8 into buf, n * FB_UTF8_MAX bytes;
	 * blanks beyond the screen. Returns their bytes; no NUL.
	 */
	size_t (*text)(const void *shot, u32 col, u32 row, u32 n, char *buf);
};

/*
 * A screen; ops NULL: the guest has none. memory: for one frozen screen, of the guest's account and reached in the VM's
 * address space, as the adapter's is; for as long as the VM is there.
 */
struct fb {
	const struct fb_ops *ops;
	void *ctx;
	void *memory;
	size_t room;
};
