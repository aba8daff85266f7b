"""The text on a terminal that curses paints on: as much of xterm as its terminfo entry makes curses use."""
import re

_SEQUENCE = re.compile(r"\x1b\[([?>!]?)([\d;]*)([@-~])|\x1b[()*+].|\x1b[^\[()*+]")
_PART = re.compile(r"\x1b(\[[?>!]?[\d;]*|[()*+])?$")

ROWS, COLUMNS = 50, 132


class Screen:
    def __init__(self, rows=ROWS, columns=COLUMNS):
        self.rows, self.columns = rows, columns
        self._rest = ""
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.col = 0
        self.top, self.bottom = 0, rows
        self._last = " "
        self._saved = (0, 0)
        self.unknown = set()  # sequences that were passed over and may have meant something

    def text(self, rows=25, columns=80):
        """The upper left part, where the machine's screen is: lines without trailing blanks."""
        return "\n".join("".join(line[:columns]).rstrip() for line in self.cells[:rows])

    def feed(self, data):
        text = self._rest + data.decode("latin-1")
        self._rest = ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._char(text[at])
                at += 1
            elif m := _SEQUENCE.match(text, at):
                if m[3] and not m[1]:
                    self._csi(m[3], [int(p or 0) for p in m[2].split(";")])
                elif m[0] == "\x1bM":
                    self._reverse()
                elif m[0] == "\x1b7":
                    self._saved = (self.row, self.col)
                elif m[0] == "\x1b8":
                    self.row, self.col = self._saved
                elif not m[3] and m[0][1] not in "()=>":  # character sets and keypad modes
                    self.unknown.add(m[0])
                at = m.end()
            elif _PART.match(text, at):
                self._rest = text[at:]
                return
            else:
                at += 1

    def _char(self, c):
        if c == "\n":
            self._index()
        elif c == "\r":
            self.col = 0
        elif c == "\b":
            self.col = max(min(self.col, self.columns - 1) - 1, 0)
        elif c == "\t":
            self.col = min(self.col // 8 * 8 + 8, self.columns - 1)
        elif c >= " ":
            if self.col == self.columns:
                self.col = 0
                self._index()
            self.cells[self.row][self.col] = self._last = c
            self.col += 1

    def _index(self):
        if self.row + 1 == self.bottom:
            self._scroll(self.top, self.bottom, 1)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def _reverse(self):
        if self.row == self.top:
            self._scroll(self.top, self.bottom, -1)
        else:
            self.row = max(self.row - 1, 0)

    def _scroll(self, top, bottom, n):
        """Lines of top up to bottom go up by n, or down by -n."""
        part = self.cells[top:bottom]
        blank = [[" "] * self.columns for _ in range(min(abs(n), bottom - top))]
        self.cells[top:bottom] = part[n:] + blank if n > 0 else blank + part[:n]

    def _csi(self, final, params):
        n = max(params[0], 1)
        col = min(self.col, self.columns - 1)
        line = self.cells[self.row]
        if final in "Hf":
            self.row = min(n, self.rows) - 1
            self.col = min(max(params[1] if len(params) > 1 else 1, 1), self.columns) - 1
        elif final == "d":
            self.row = min(n, self.rows) - 1
        elif final == "G":
            self.col = min(n, self.columns) - 1
        elif final == "A":
            self.row = max(self.row - n, 0)
        elif final == "B":
            self.row = min(self.row + n, self.rows - 1)
        elif final == "C":
            self.col = min(col + n, self.columns - 1)
        elif final == "D":
            self.col = max(col - n, 0)
        elif final == "J":
            if params[0] == 2:
                self.cells = [[" "] * self.columns for _ in range(self.rows)]
            else:
                first, last = (0, self.row) if params[0] == 1 else (self.row + 1, self.rows)
                self.cells[first:last] = [[" "] * self.columns for _ in range(last - first)]
                self._erase(self.row, params[0])
        elif final == "K":
            self._erase(self.row, params[0])
        elif final == "X":
            line[col:col + n] = [" "] * len(line[col:col + n])
        elif final == "P":
            self.cells[self.row] = (line[:col] + line[col + n:] + [" "] * n)[:self.columns]
        elif final == "@":
            self.cells[self.row] = (line[:col] + [" "] * n + line[col:])[:self.columns]
        elif final == "b":
            for _ in range(min(n, self.columns)):
                self._char(self._last)
        elif final == "L":
            self._scroll(self.row, self.bottom, -min(n, self.bottom - self.row))
        elif final == "M":
            self._scroll(self.row, self.bottom, min(n, self.bottom - self.row))
        elif final in "ST":
            n = min(n, self.bottom - self.top)
            self._scroll(self.top, self.bottom, n if final == "S" else -n)
        elif final == "Z":
            self.col = max((col - 1) // 8 - n + 1, 0) * 8
        elif final == "r":
            self.top = n - 1
            self.bottom = params[1] if len(params) > 1 and params[1] else self.rows
            self.row = self.col = 0
        elif final not in "lmt":  # modes that end, colours, the window's title
            self.unknown.add(f"\x1b[{params}{final}")

    def _erase(self, row, what):
        line = self.cells[row]
        col = min(self.col, self.columns - 1)
        first, last = {0: (col, self.columns), 1: (0, col + 1)}.get(what, (0, self.columns))
        line[first:last] = [" "] * (last - first)
