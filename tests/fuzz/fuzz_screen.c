/*
 * Any bytes to a screen of any size, drawn piece by piece between them: it draws within itself, only what changed, and
 * what it holds is what it drew in the end. Whatever came, the sequence that the monitor sends at a detach makes it a
 * terminal again.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/console/screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIDE_MAX 16

static struct screen s;
static u8 shown[SIDE_MAX][SIDE_MAX];
static bool cursor_on;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void draw(struct screen *scr, u32 row, u32 col, const u8 *text, u32 n)
{
	require(scr == &s && row < s.rows && col < s.cols && n >= 1 && n <= s.piece && col + n <= s.cols &&
	        !cursor_on);
	for (u32 i = 0; i < n; i++) {
		require(text[i] >= ' ' && text[i] <= '~' && shown[row][col + i] != text[i]);
		shown[row][col + i] = text[i];
	}
}

static void cursor(struct screen *scr, u32 row, u32 col, u8 c, bool on)
{
	require(row < s.rows && col < s.cols && shown[row][col] == c && on != cursor_on);
	cursor_on = on;
}

static void sound(void)
{
	bool seen[SIDE_MAX] = { 0 };

	require(s.row < s.rows && s.col <= s.cols && screen_cursor_col(&s) < s.cols);
	require(s.top < s.bottom && s.bottom <= s.rows);
	require(s.saved_row < s.rows && s.saved_col <= s.cols);
	for (u32 r = 0; r < s.rows; r++) {
		require(s.line[r] < s.rows && !seen[s.line[r]] && s.len[s.line[r]] <= s.cols);
		require(r < s.used || !s.len[s.line[r]]);
		seen[s.line[r]] = true;
	}
}

static void show_all(void)
{
	u32 pieces = 0;

	while (screen_draw(&s)) /* each row twice, when it was begun before; each cell; the cursor */
		require(++pieces <= s.rows * (s.cols + 2) + 2);
	require(cursor_on != s.hidden);
	for (u32 r = 0; r < s.rows; r++)
		for (u32 c = 0; c < s.cols; c++)
			require(shown[r][c] == screen_char(&s, r, c));
}

static void put(const char *text)
{
	screen_write(&s, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct screen_ops ops = { draw, cursor };
	u32 cols = size ? data[0] % SIDE_MAX + 1u : 1, rows = size ? data[0] / SIDE_MAX % SIDE_MAX + 1u : 1;
	u32 often = size > 1 ? data[1] % 8 : 0;
	u8 *memory = malloc(SCREEN_MEMORY(cols, rows));

	require(memory != NULL);
	memset(shown, ' ', sizeof(shown));
	cursor_on = false;
	screen_init(&s, cols, rows, 1 + often % 3, memory, &ops);
	for (size_t i = 0; i < size; i++) {
		screen_write(&s, (const char *)data + i, 1);
		sound();
		if (often == 7)
			show_all();
		else if (often && i % often == 0)
			(void)screen_draw(&s);
	}
	show_all();
	put("\n\x0f\x1b(B\x1b[0m\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[?2004l\x1b[?12l\x1b[r\x1b[999;1H\n>");
	sound();
	show_all();
	require(s.state == SCREEN_TEXT && !s.hidden && !s.no_wrap && s.top == 0 && s.bottom == rows);
	require(s.row == rows - 1 && shown[rows - 1][0] == '>');
	free(memory);
	return 0;
}
