"""Text becomes a picture of text: every word begins in a cell of its own, two letters wide."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from featcore.inputs.image import clip_key
from featcore.types import Clip

CELL_PX = 12
COLUMNS, ROWS = 16, 10
_LETTERS = 2  # in a cell


@dataclass(frozen=True, eq=False)
class Page:
    """Where the words of a text stand on a grid of cells.

    Attributes:
        codes: Latin-1 codes, two a cell, a space where nothing stands.
        words: the words that found room, in order; word: the index of each cell's word, -1 on empty paper.
        left_out: words that found no room.
    """

    codes: UInt8[np.ndarray, "rows letters"]
    words: tuple[str, ...]
    word: Int[np.ndarray, "rows columns"]
    left_out: int = 0

    @property
    def pixels(self) -> UInt8[np.ndarray, "y x"]:
        """Dark letters on white paper, `CELL_PX` a cell."""
        return draw(self.codes)


def lay_out(text: str, columns: int = COLUMNS, rows: int = ROWS) -> Page:
    """Words from left to right, wrapped at the end of a line, with at least one empty letter behind each.

    A word longer than a line is cut; a letter outside Latin-1 is shown as "?".
    """
    codes = np.full((rows, columns * _LETTERS), ord(" "), np.uint8)
    owner = np.full((rows, columns), -1)
    found = text.split()
    at, kept = 0, 0  # the next free cell, counted in reading order
    for index, word in enumerate(found):
        letters = word.encode("latin-1", "replace")[: columns * _LETTERS - 1]
        needed = len(letters) // _LETTERS + 1
        if at % columns + needed > columns:
            at = (at // columns + 1) * columns
        row, column = divmod(at, columns)
        if row == rows:
            break
        codes[row, column * _LETTERS : column * _LETTERS + len(letters)] = np.frombuffer(letters, np.uint8)
        owner[row, column : column + needed] = index
        at, kept = at + needed, index + 1
    return Page(codes, tuple(found[:kept]), owner, len(found) - kept)


def draw(codes: UInt8[np.ndarray, "*pages rows letters"]) -> UInt8[np.ndarray, "*pages y x"]:
    """Pictures of pages of letters in one fixed-width font."""
    *pages, rows, letters = codes.shape
    tiles = np.moveaxis(_glyphs()[codes], -2, -3)
    return tiles.reshape(*pages, rows * CELL_PX, letters * CELL_PX // _LETTERS)


def page(text: str, name: str = "text") -> Clip:
    """A text as the picture that `pixel-mini` reads."""
    laid = lay_out(text)
    notes = (f"{laid.left_out} words found no room on the page.",) if laid.left_out else ()
    frames = np.repeat(laid.pixels[None, ..., None], 3, axis=-1)
    return Clip(clip_key(frames, times_s := np.zeros(1)), frames, times_s, name, still=True, notes=notes)


@cache
def _glyphs() -> UInt8[np.ndarray, "256 12 6"]:
    """Every Latin-1 letter in Pillow's own bitmap font of 6x11 pixels."""
    font, width = ImageFont.load_default_imagefont(), CELL_PX // _LETTERS
    sheet = np.full((256, CELL_PX, width), 255, np.uint8)
    for code in range(256):
        cell = Image.new("L", (width, CELL_PX), 255)
        ImageDraw.Draw(cell).text((0, 0), chr(code), fill=0, font=font)
        sheet[code] = np.asarray(cell)
    return sheet
