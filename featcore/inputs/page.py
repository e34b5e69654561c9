"""Text becomes a picture of text: every word begins in a cell of its own, two letters wide."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from featcore.errors import CutError
from featcore.inputs.image import clip_key
from featcore.types import Clip

CELL_PX = 12
COLUMNS, ROWS = 16, 10
_LETTERS = 2  # in a cell
SIZES_PX = range(6, 49, 2)  # heights of a line of letters; half as wide, so even
LINES = range(4, COLUMNS + 1)  # widths of a line, in cells


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
    spelled = [word.encode("latin-1", "replace")[: columns * _LETTERS - 1] for word in found]
    needed = [len(letters) // _LETTERS + 1 for letters in spelled]
    kept = 0
    for index, (row, column) in enumerate(_wrap(needed, columns, rows)):
        letters, kept = spelled[index], index + 1
        codes[row, column * _LETTERS : column * _LETTERS + len(letters)] = np.frombuffer(letters, np.uint8)
        owner[row, column : column + needed[index]] = index
    return Page(codes, tuple(found[:kept]), owner, len(found) - kept)


def _wrap(needed: Iterable[int], columns: int, lines: int) -> Iterator[tuple[int, int]]:
    """Line and column of each word that finds room, of words that need so many cells and no more than a line has."""
    at = 0  # the next free cell, counted in reading order
    for cells in needed:
        if at % columns + cells > columns:
            at = (at // columns + 1) * columns
        if at // columns == lines:
            return
        yield divmod(at, columns)
        at += cells


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


@dataclass(frozen=True, eq=False)
class Typeset:
    """A text on the page that `pixel-mini` sees, and where its words stand.

    Attributes:
        words: all whitespace words, in order.
        boxes: half-open extents of each word's cells on the page, rows and columns in pixels; the empty letter behind
            the word is inside.
    """

    clip: Clip
    words: tuple[str, ...]
    boxes: Int[np.ndarray, "w 2 2"]


def typeset(text: str, size_px: int = CELL_PX, columns: int = COLUMNS, name: str = "text") -> Typeset:
    """A text in letters of any size and lines of any width, on the page of `ROWS` x `COLUMNS` cells.

    `page` is this in the one layout `pixel-mini` was trained with: letters of 12 px, lines of 16 cells.

    Args:
        size_px: height of a line of letters, in pixels, one of `SIZES_PX`; columns: width of a line in cells, one of
            `LINES`. Larger letters are the same ones in blocks of pixels, smaller ones means over pixels.

    Raises:
        CutError: a size that is not offered, or a text that finds no room: nothing is left out.
    """
    if size_px not in SIZES_PX or columns not in LINES:
        raise CutError(
            f"Letters of {size_px} px in lines of {columns} cells are not offered: sizes are even, from {SIZES_PX[0]} "
            f"to {SIZES_PX[-1]} px, and lines have {LINES[0]} to {LINES[-1]} cells."
        )
    words = text.split()
    places = _places(words, size_px, columns)
    if len(places) < len(words):
        raise CutError(_no_room(words, len(places), size_px, columns))
    wide, deep = size_px // 2, _cells(size_px)
    sheet = np.full((ROWS * CELL_PX, COLUMNS * CELL_PX), 255, np.uint8)
    boxes = np.zeros((len(words), 2, 2), np.int64)
    for index, (word, (line, column)) in enumerate(zip(words, places, strict=True)):
        letters = np.frombuffer(word.encode("latin-1", "replace"), np.uint8)
        y, x = line * deep * CELL_PX, column * CELL_PX
        sheet[y : y + size_px, x : x + wide * len(letters)] = np.hstack(list(_glyphs_of(size_px)[letters]))
        boxes[index] = (y, y + deep * CELL_PX), (x, x + _cells((len(word) + 1) * wide) * CELL_PX)
    frames = np.repeat(sheet[None, ..., None], 3, axis=-1)
    strange = sum(ord(letter) > 255 for word in words for letter in word)
    notes = (f"{strange} letters are not in the font (Latin-1) and are drawn as '?'.",) if strange else ()
    key = clip_key(frames, times_s := np.zeros(1))
    return Typeset(Clip(key, frames, times_s, name, still=True, notes=notes), tuple(words), boxes)


def _cells(pixels: int) -> int:
    """Cells that so many pixels need."""
    return -(-pixels // CELL_PX)


def _places(words: list[str], size_px: int, columns: int) -> list[tuple[int, int]]:
    """Line and column of each word up to the first that finds no room."""
    needed = [_cells((len(word) + 1) * size_px // 2) for word in words]
    short = next((i for i, cells in enumerate(needed) if cells > columns), len(words))
    return list(_wrap(needed[:short], columns, ROWS // _cells(size_px)))


def _no_room(words: list[str], kept: int, size_px: int, columns: int) -> str:
    """What found no room, and what would."""
    asked = f"letters of {size_px} px in lines of {columns} cells"
    sizes = [size for size in SIZES_PX if len(_places(words, size, columns)) == len(words)]
    lines = [line for line in LINES if len(_places(words, size_px, line)) == len(words)]
    ways = [f"letters of at most {sizes[-1]} px"] if sizes else []
    ways += [f"lines of at least {lines[0]} cells"] if lines else []
    ways.append("a shorter text")
    return (
        f"{kept} of {len(words)} words find room: '{words[kept]}' does not, with {asked} on a page of "
        f"{COLUMNS * CELL_PX} x {ROWS * CELL_PX} px, which is all that the encoder sees. Choose {' or '.join(ways)}."
    )


@lru_cache(maxsize=8)
def _glyphs_of(size_px: int) -> UInt8[np.ndarray, "256 y x"]:
    """The letters in another size, each from its own pixels only."""
    sheet = Image.fromarray(_glyphs().reshape(256 * CELL_PX, CELL_PX // 2))
    scaled = sheet.resize((size_px // 2, 256 * size_px), Image.Resampling.BOX)
    return np.asarray(scaled).reshape(256, size_px, size_px // 2)
