"""What tests/guest/disk/screens.asm draws: each of its screens computed from what the program writes and from what a VGA
does with that (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"), pixel by pixel.

A screen is a Picture: width, height, and variants, lists of rows of (r, g, b) of which the one that is right depends on
the moment (blinking); text: the lines that it shows, or None.
"""
import itertools
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

VGABIOS = Path(__file__).resolve().parent.parent.parent / "build/guest/vgabios-stdvga.bin"
HELLO = b"It is 7 o'clock."
HELLO_ROW, HELLO_COL = 15, 5


@dataclass
class Picture:
    width: int
    height: int
    variants: list
    text: list = None


def pattern(address, plane=0):
    """A byte that the program has put there."""
    return (address % 256 * 7 + (address >> 8) * 29 + plane * 53) % 256


def six(v):
    """Of a DAC of six bits, as eight."""
    return v << 2 | v >> 4


# The 16 colours of every IBM PC, as six bits; number 6 is brown.
PC_COLOURS = [tuple(six(0x2A * (i >> b & 1) + 0x15 * (i >> 3)) for b in (2, 1, 0)) for i in range(16)]
PC_COLOURS[6] = (six(0x2A), six(0x15), 0)
PROGRAM_DAC = [tuple(map(six, (i & 63, i * 3 & 63, i * 5 + 7 & 63))) for i in range(256)]


def font(height):
    """The VGA BIOS' characters of 8 by that many dots, found by the one that all have: the smiling face."""
    face = {8: "7e81a581bd99817e", 16: "00007e81a58181bd9981817e00000000"}[height]
    rom = VGABIOS.read_bytes()
    at = rom.index(bytes.fromhex(face)) - height
    return [rom[at + i * height:at + (i + 1) * height] for i in range(256)]


# ---- text ----

@dataclass
class Text:
    cols: int
    height: int = 16  # of a character
    dots: int = 9
    lines: int = 400
    cells: dict = None  # address: (character, attribute)
    blinks: bool = True
    cursor: tuple = None  # address, first line, last line
    start: int = 0
    preset: int = 0
    split: int = 1023
    pan: int = 0

    def dots_of(self, chars, cell, line, address, blink_off, cursor_on):
        """The colours of a character's dots in one of its lines."""
        char, attribute = cell
        fg, bg = attribute & 15, attribute >> 4
        if self.blinks:
            bg &= 7
            if attribute & 0x80 and blink_off:
                fg = bg
        bits = [chars[char][line] >> 7 - i & 1 for i in range(8)] + [0]
        if 0xC0 <= char <= 0xDF:
            bits[8] = bits[7]
        if self.cursor and cursor_on and address == self.cursor[0] and self.cursor[1] <= line <= self.cursor[2]:
            bits = [1] * 9
        return [PC_COLOURS[fg if b else bg] for b in bits[:self.dots]]

    def row(self, chars, n, blink_off, cursor_on):
        if n > self.split:
            count, start = n - self.split - 1, 0
        else:
            count, start = n + self.preset, self.start
        first, line = start + count // self.height * self.cols, count % self.height
        dots = []
        for col in range(self.cols + 1):
            address = first + col
            dots += self.dots_of(chars, self.cells.get(address, (32, 7)), line, address, blink_off, cursor_on)
        return dots[self.pan:self.pan + self.cols * self.dots]

    def picture(self):
        chars = font(self.height)
        moments = itertools.product((False, True) if self.blinks else (False,),
                                    (False, True) if self.cursor else (False,))
        variants = [[self.row(chars, n, *moment) for n in range(self.lines)] for moment in moments]
        return Picture(self.cols * self.dots, self.lines, variants, self.shown())

    def shown(self):
        """Its characters, of rows as they begin at the screen's top; None: not told."""
        if self.start or self.split < self.lines:
            return None
        codes = [self.cells.get(i, (32, 7))[0] for i in range(self.cols * (self.lines // self.height))]
        text = "".join(map(of_cp437, codes))
        return [text[i:i + self.cols].rstrip(" ") for i in range(0, len(text), self.cols)]


def of_cp437(code):
    low = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
    if code < 32:
        return low[code]
    return "⌂" if code == 127 else " " if code == 255 else bytes([code]).decode("cp437")


def all_characters(n):
    return {i: (i % 256, pattern(i)) for i in range(n)}


def typed(cols, cells):
    at = HELLO_ROW * cols + HELLO_COL
    return {**cells, **{at + i: (c, 7) for i, c in enumerate(HELLO)}}, at + len(HELLO)


def text(cols, **more):
    cells, after = typed(cols, all_characters(512))
    return Text(cols, cells=cells, **{"cursor": (after, 13, 14), **more}).picture()


def small_text():
    return Text(80, height=8, cells=all_characters(1024), blinks=False, start=240, split=100, pan=4).picture()


def narrow_text():
    """The BIOS takes the cursor's lines 2 to 4 for those of a character of eight."""
    return text(80, dots=8, start=80, preset=4, cursor=(typed(80, {})[1], 5, 9))


# ---- graphics ----

def drawn(width, height, colour_at):
    return Picture(width, height, [[[colour_at(x, y) for x in range(width)] for y in range(height)]])


def cga(width, bits, colours):
    def at(x, y):
        address = (y & 1) * 0x2000 + y // 2 * 80 + x * bits // 8
        byte = pattern(address) if address % 0x2000 < 0x500 else 0
        return colours[byte >> 8 - bits - x * bits % 8 & (1 << bits) - 1]
    return drawn(width, 200, at)


def on_diagonal(x, y):
    return x == y and 40 <= x < 72


def planar(width, height, nr=4, length=640, colours=tuple(PC_COLOURS), diagonal=True, split=1023, pan=0):
    def pixel(address, bit):
        if diagonal and on_diagonal(address % (width // 8) * 8 + bit, address // (width // 8)):
            return 5
        if address >= length:
            return 0
        return sum((pattern(address, p) >> 7 - bit & 1) << p for p in range(nr))

    def at(x, y):
        first = (y - split - 1 if y > split else y) * (width // 8)
        return colours[pixel(first + (x + pan) // 8, (x + pan) % 8)]
    return drawn(width, height, at)


def chained():
    def at(x, y):
        address = y * 320 + x
        return PROGRAM_DAC[5 if on_diagonal(x, y) else pattern(address) if address < 6400 else 0]
    return drawn(320, 200, at)


def unchained():
    """Setting the mode clears the addresses that can be divided by four, as chained drawing has them: what mode 12h drew
    at others is still there."""
    def byte(address, plane):
        if address < 1600:
            return pattern(address, plane)
        y, col = divmod(address, 80)
        old = address % 4 and 40 <= y < 72 and col == y // 8 and plane in (0, 2)
        return 0x80 >> y % 8 if old else 0
    return drawn(320, 200, lambda x, y: PROGRAM_DAC[byte(0x100 + y * 80 + x // 4, x % 4)])


def linear(width, height, size, colour):
    def at(x, y):
        address = (y * width + x) * size
        data = bytes(pattern(a % 65536, a >> 16) if a < 131072 and a % 65536 < 10000 else 0
                     for a in range(address, address + size))
        return colour(data)
    return drawn(width, height, at)


def of_565(data):
    v = int.from_bytes(data, "little")
    r, g, b = v >> 11, v >> 5 & 63, v & 31
    return r << 3 | r >> 2, g << 2 | g >> 4, b << 3 | b >> 2


# As the program has them.
SCREENS = (
    ("mode 3: text, all characters and attributes", lambda: text(80)),
    ("mode 1: 40 columns", lambda: text(40)),
    ("mode 3: 8 lines a character, no blinking, start, split and panned", small_text),
    ("mode 3: 8 dots, preset row, another cursor", narrow_text),
    ("mode 4: CGA's 4 colours", lambda: cga(320, 2, [PC_COLOURS[i] for i in (0, 11, 13, 15)])),
    ("mode 6: CGA's 2 colours", lambda: cga(640, 1, [PC_COLOURS[i] for i in (0, 15)])),
    ("mode 0Dh: planes, 320x200", lambda: planar(320, 200)),
    ("mode 10h: planes, 640x350", lambda: planar(640, 350)),
    ("mode 11h: 2 colours, 640x480", lambda: planar(640, 480, nr=1, colours=(PC_COLOURS[0], PC_COLOURS[15]),
                                                    diagonal=False)),
    ("mode 12h: planes, 640x480, split and panned", lambda: planar(640, 480, split=200, pan=5)),
    ("mode 13h: 256 colours", chained),
    ("mode 13h unchained", unchained),
    ("VBE 640x480x8", lambda: linear(640, 480, 1, lambda d: PROGRAM_DAC[d[0]])),
    ("VBE 640x480x16", lambda: linear(640, 480, 2, of_565)),
    ("VBE 640x480x24", lambda: linear(640, 480, 3, lambda d: (d[2], d[1], d[0]))),
    ("VBE 640x480x32", lambda: linear(640, 480, 4, lambda d: (d[2], d[1], d[0]))),
    ("VBE 800x600x4", lambda: planar(800, 600, length=1000, diagonal=False)),
)


def read_png(data):
    """(width, height, rows of bytes) of a file of 8-bit RGB."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG file"
    at, body = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + length]
        at += 12 + length
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", chunk[:10])
            assert (depth, colours, chunk[12]) == (8, 2, 0), "not 8-bit RGB"
        body += chunk if kind == b"IDAT" else b""
    flat, line, rows, above = zlib.decompress(body), 3 * width, [], bytes(3 * width)
    for y in range(height):
        kind, row = flat[y * (line + 1)], bytearray(flat[y * (line + 1) + 1:(y + 1) * (line + 1)])
        for i in range(line if kind else 0):
            a, b, c = row[i - 3] if i > 2 else 0, above[i], above[i - 3] if i > 2 else 0
            p = a + b - c
            paeth = min((a, b, c), key=lambda v: abs(p - v))
            row[i] = row[i] + (0, a, b, (a + b) // 2, paeth)[kind] & 255
        rows.append(bytes(row))
        above = row
    return width, height, rows


def difference(picture, png):
    """What is wrong with a PNG file's content, or None."""
    width, height, rows = read_png(png)
    if (width, height) != (picture.width, picture.height):
        return f"{width}x{height}, should be {picture.width}x{picture.height}"
    worst = None
    for variant in picture.variants:
        wrong = [(x, y) for y, (is_, want) in enumerate(zip(rows, variant)) if is_ != bytes(itertools.chain(*want))
                 for x in range(width) if tuple(is_[3 * x:3 * x + 3]) != want[x]]
        if not wrong:
            return None
        x, y = wrong[0]
        if worst is None or len(wrong) < worst[0]:
            worst = len(wrong), f"({x}, {y}) is {tuple(rows[y][3 * x:3 * x + 3])}, should be {variant[y][x]}"
    return f"{worst[0]} pixels differ; {worst[1]}"
