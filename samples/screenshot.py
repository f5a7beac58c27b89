#!/usr/bin/env python3
"""Draws a terminal's screen as a PNG: tmux capture-pane -e -p | samples/screenshot.py OUT.png [FONT_SIZE]
Needs Pillow and the font DejaVu Sans Mono (Debian: python3-pil, fonts-dejavu-core)."""

import re
import sys
import unicodedata

from PIL import Image, ImageDraw, ImageFont

FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono%s.ttf"
INK, PAPER = (204, 204, 204), (18, 20, 24)
ANSI = [(0, 0, 0), (205, 49, 49), (13, 188, 121), (229, 229, 16), (36, 114, 200), (188, 63, 188), (17, 168, 205),
        (229, 229, 229), (102, 102, 102), (241, 76, 76), (35, 209, 139), (245, 245, 67), (59, 142, 234),
        (214, 112, 214), (41, 184, 219), (255, 255, 255)]
# Drawn as exact parts of a cell, as terminals do: left, top, right, bottom in eighths.
BLOCKS = {"▀": (0, 0, 8, 4), "▄": (0, 4, 8, 8), "█": (0, 0, 8, 8), "▌": (0, 0, 4, 8), "▐": (4, 0, 8, 8)}
# Drawn as lines that meet: arms to the left, top, right and bottom; "━" is drawn thicker.
LINES = {"─": "lr", "━": "lr", "│": "tb", "╭": "rb", "╮": "lb", "╰": "tr", "╯": "lt", "┌": "rb", "┐": "lb", "└": "tr",
         "┘": "lt"}

# Column and row of every bit's dot.
BRAILLE = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]


def indexed(number):
    """One of the 256 colours."""
    if number < 16:
        return ANSI[number]
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    number -= 16
    return steps[number // 36], steps[number // 6 % 6], steps[number % 6]


class Pen:
    """The colours and the weight that SGR codes have set."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.ink, self.paper, self.bold, self.faint, self.reversed = None, None, False, False, False

    def apply(self, parameters):
        codes = [int(c or 0) for c in re.split("[;:]", parameters)]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code in (1, 2, 7):
                setattr(self, {1: "bold", 2: "faint", 7: "reversed"}[code], True)
            elif code == 22:
                self.bold = self.faint = False
            elif code == 27:
                self.reversed = False
            elif code in (38, 48) and codes:
                if codes.pop(0) == 2:
                    color, codes = tuple(codes[:3]), codes[3:]
                else:
                    color = indexed(codes.pop(0))
                self.set(code, color)
            elif code in (39, 49):
                self.set(code - 1, None)
            elif 30 <= code < 38 or 90 <= code < 98:
                self.ink = ANSI[code % 10 + (8 if code >= 90 else 0)]
            elif 40 <= code < 48 or 100 <= code < 108:
                self.paper = ANSI[code % 10 + (8 if code >= 100 else 0)]

    def set(self, code, color):
        if code == 38:
            self.ink = color
        else:
            self.paper = color

    def colors(self):
        ink, paper = self.ink or INK, self.paper or PAPER
        if self.faint:
            ink = tuple((a + b) // 2 for a, b in zip(ink, paper))
        return (paper, ink) if self.reversed else (ink, paper)


def cells(line, pen):
    """(character, ink, paper, bold) for every character of a captured line."""
    for code, character in re.findall(r"\x1b\[([0-9;:]*)m|(.)", re.sub(r"\x1b[()].|\x0e|\x0f", "", line)):
        if character:
            yield character, *pen.colors(), pen.bold
        else:
            pen.apply(code)


def main():
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 16
    fonts = [ImageFont.truetype(FONTS % style, size) for style in ("", "-Bold")]
    width = round(fonts[0].getlength("M"))
    height = 2 * width
    pen = Pen()
    rows = [list(cells(line, pen)) for line in sys.stdin.buffer.read().decode("utf-8", "replace").split("\n")]
    while rows and not rows[-1]:
        rows.pop()
    columns = max((len(row) for row in rows), default=1)
    picture = Image.new("RGB", (columns * width, max(1, len(rows)) * height), PAPER)
    draw = ImageDraw.Draw(picture)
    for y, row in enumerate(rows):
        x = 0
        for character, ink, paper, bold in row:
            wide = 2 if unicodedata.east_asian_width(character) in "WF" else 1
            left, top = x * width, y * height
            draw.rectangle((left, top, left + wide * width - 1, top + height - 1), fill=paper)
            if character in BLOCKS:
                a, b, c, d = BLOCKS[character]
                draw.rectangle((left + a * width // 8, top + b * height // 8, left + c * width // 8 - 1,
                                top + d * height // 8 - 1), fill=ink)
            elif character in LINES:
                thick = max(1, width // 8) * (2 if character == "━" else 1)
                x0, y0 = left + (width - thick) // 2, top + (height - thick) // 2
                ends = {"l": (left, y0, x0 + thick, y0 + thick), "r": (x0, y0, left + width, y0 + thick),
                        "t": (x0, top, x0 + thick, y0 + thick), "b": (x0, y0, x0 + thick, top + height)}
                for arm in LINES[character]:
                    a, b, c, d = ends[arm]
                    draw.rectangle((a, b, c - 1, d - 1), fill=ink)
            elif 0x2800 <= ord(character) <= 0x28FF:
                radius = max(1, width // 8)
                for bit, (column, row) in enumerate(BRAILLE):
                    if ord(character) >> bit & 1:
                        cx, cy = left + width * (2 * column + 1) // 4, top + height * (2 * row + 1) // 8
                        draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=ink)
            elif character != " ":
                draw.text((left, top + height * 0.8), character, font=fonts[bold], fill=ink, anchor="ls")
            x += wide
    picture.save(sys.argv[1])


if __name__ == "__main__":
    main()
