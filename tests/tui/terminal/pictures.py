#!/usr/bin/env python3
"""Pictures of what a terminal shows, in four palettes: how colours look where the theme of the user decides on them.

    tmux new-session -d -s look -x 120 -y 36 'etcd-inspect tui DIR'
    tmux capture-pane -e -p -t look | VENV/bin/python tests/tui/terminal/pictures.py OUT      (VENV: pip install pillow)

OUT-dark.png, OUT-light.png, OUT-solarized-dark.png and OUT-solarized-light.png are written. They are looked at, not compared.
"""

import re
import sys
import unicodedata

from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono{}.ttf"
SIZE = 14

XTERM = ("000000 cd0000 00cd00 cdcd00 1e90ff cd00cd 00cdcd e5e5e5 "
         "7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff").split()
SOLARIZED = ("073642 dc322f 859900 b58900 268bd2 d33682 2aa198 eee8d5 "
             "002b36 cb4b16 586e75 657b83 839496 6c71c4 93a1a1 fdf6e3").split()
# The sixteen colours, the text, the background.
PALETTES = {
    "dark": (XTERM, "d0d0d0", "101010"),
    "light": (XTERM, "202020", "ffffff"),
    "solarized-dark": (SOLARIZED, "839496", "002b36"),
    "solarized-light": (SOLARIZED, "657b83", "fdf6e3"),
}


def rgb(text):
    return tuple(int(text[at:at + 2], 16) for at in (0, 2, 4))


def indexed(number, colours):
    """One of 256 colours."""
    if number < 16:
        return rgb(colours[number])
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    steps = [0, 95, 135, 175, 215, 255]
    number -= 16
    return (steps[number // 36], steps[number // 6 % 6], steps[number % 6])


def apply(style, codes, colours):
    """Changes a style by the numbers of one escape sequence."""
    codes = [int(code or 0) for code in codes.split(";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style.clear()
        elif code in (1, 2, 3, 4, 7, 9):
            style[code] = True
        elif code in (22, 23, 24, 27, 29):
            for of in {22: (1, 2), 23: (3,), 24: (4,), 27: (7,), 29: (9,)}[code]:
                style.pop(of, None)
        elif code in (38, 48) and codes[:1] == [5]:
            style["fg" if code == 38 else "bg"] = indexed(codes[1], colours)
            del codes[:2]
        elif code in (38, 48) and codes[:1] == [2]:
            style["fg" if code == 38 else "bg"] = tuple(codes[1:4])
            del codes[:4]
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style["fg"] = rgb(colours[code - 30 if code < 90 else code - 82])
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style["bg"] = rgb(colours[code - 40 if code < 100 else code - 92])
        elif code == 39:
            style.pop("fg", None)
        elif code == 49:
            style.pop("bg", None)


def cells(line, colours):
    """Characters of a line with their styles; a wide one is followed by an empty one."""
    style = {}
    for escape, char in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
        if char:
            yield char, dict(style)
            if unicodedata.east_asian_width(char) in "WF":
                yield "", dict(style)
        else:
            apply(style, escape, colours)


def picture(lines, name):
    colours, text, back = PALETTES[name]
    text, back = rgb(text), rgb(back)
    plain = ImageFont.truetype(FONT.format(""), SIZE)
    bold = ImageFont.truetype(FONT.format("-Bold"), SIZE)
    width, height = round(plain.getlength("m")), SIZE + 5
    rows = [list(cells(line, colours)) for line in lines]
    size = (width * max(map(len, rows), default=1), height * len(rows))
    image = Image.new("RGB", size, back)
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, (char, style) in enumerate(row):
            fg, bg = style.get("fg", text), style.get("bg", back)
            if style.get(2):
                fg = tuple((one + two) // 2 for one, two in zip(fg, bg))
            if style.get(7):
                fg, bg = bg, fg
            left, top = x * width, y * height
            draw.rectangle((left, top, left + width - 1, top + height - 1), fill=bg)
            draw.text((left, top + 1), char, font=bold if style.get(1) else plain, fill=fg)
            for code, line in ((4, top + height - 3), (9, top + height // 2)):
                if style.get(code):
                    draw.line((left, line, left + width - 1, line), fill=fg)
    return image


def main():
    lines = sys.stdin.read().split("\n")
    for name in PALETTES:
        picture(lines, name).save(f"{sys.argv[1]}-{name}.png")


main()
