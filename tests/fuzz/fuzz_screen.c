/*
 * Any bytes to a screen of any size: it draws within itself, only what changed, and what it holds is what it drew.
 * Whatever came, the sequence that the monitor sends at a detach makes it a terminal again.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/console/screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIDE_MAX 16

static struct screen s;
static u8 shown[SIDE_MAX][SIDE_MAX];

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void draw(struct screen *scr, u32 row, u32 col, u8 c)
{
	require(scr == &s && row < s.rows && col < s.cols);
	require(c >= ' ' && c <= '~' && shown[row][col] != c);
	shown[row][col] = c;
}

static void sound(void)
{
	require(s.row < s.rows && s.col <= s.cols && screen_cursor_col(&s) < s.cols);
	require(s.top < s.bottom && s.bottom <= s.rows);
	require(s.saved_row < s.rows && s.saved_col <= s.cols);
	for (u32 r = 0; r < s.rows; r++)
		require(!memcmp(s.cells + (size_t)r * s.cols, shown[r], s.cols));
}

static void put(const char *text)
{
	screen_write(&s, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u32 cols = size ? data[0] % SIDE_MAX + 1u : 1, rows = size ? data[0] / SIDE_MAX % SIDE_MAX + 1u : 1;
	u8 *cells = malloc((size_t)cols * rows);

	require(cells != NULL);
	memset(shown, ' ', sizeof(shown));
	screen_init(&s, cols, rows, cells, draw);
	for (size_t i = 0; i < size; i++) {
		screen_write(&s, (const char *)data + i, 1);
		sound();
	}
	put("\n\x0f\x1b(B\x1b[0m\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[?2004l\x1b[?12l\x1b[r\x1b[999;1H\n>");
	sound();
	require(s.state == SCREEN_TEXT && !s.hidden && !s.no_wrap && s.top == 0 && s.bottom == rows);
	require(s.row == rows - 1 && shown[rows - 1][0] == '>');
	free(cells);
	return 0;
}
