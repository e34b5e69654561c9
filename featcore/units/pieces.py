"""Vocabulary strings and a tokenizer's offsets become exact places in a text, in characters and in UTF-8 bytes.

Offsets alone are not enough: the byte pieces of one character all carry its offset, byte fallback gives a whole run
of characters to every one of its bytes, and some tokenizers leave the leading blank out of the offset.
"""

import re
from functools import lru_cache

import numpy as np
from jaxtyping import Int

BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
Places = tuple[Int[np.ndarray, "n 2"], Int[np.ndarray, "n 2"]]


@lru_cache(maxsize=1)
def byte_of_sign() -> dict[str, int]:
    """The byte that each sign of a byte-level vocabulary stands for ("Ġ" is 32).

    Source: GPT-2's encoder: printable Latin-1 signs are themselves, the other bytes count up from U+0100.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


def piece_bytes(string: str) -> bytes:
    """The bytes a vocabulary string would stand for in a byte-level or byte-fallback vocabulary."""
    fallback = BYTE_PIECE.fullmatch(string)
    if fallback:
        return bytes([int(fallback[1], 16)])
    signs = byte_of_sign()
    if all(sign in signs for sign in string):
        return bytes(signs[sign] for sign in string)
    return string.encode()  # an added token keeps its plain spelling


def locate(
    text: str,
    starts: Int[np.ndarray, " c1"],
    strings: list[str],
    offsets: Int[np.ndarray, "n 2"],
    from_left: bool = False,
) -> Places:
    """Character and byte extents of tokens, each Int[n 2], half-open.

    Byte-level vocabularies are placed by their bytes, so a token holds its leading blank and byte pieces get
    distinct bytes. Where the bytes do not spell the text (a normalizer changed it) the offsets stand, and pieces
    of one character share its bytes.

    Args:
        starts: first byte of every character and the end, see `spans.byte_starts`.
        strings: vocabulary strings, special positions left out.
        offsets: the tokenizer's character offsets.
        from_left: the beginning of the text was truncated.
    """
    raw = text.encode()
    pieces = [piece_bytes(string) for string in strings]
    walked = _walk(raw, starts, pieces, offsets, from_left)
    if walked is not None:
        return _to_chars(walked, starts), walked
    chars = offsets.copy()
    for i, string in enumerate(strings):
        following = chars[i + 1, 0] if i + 1 < len(strings) else len(text)
        if chars[i, 0] == chars[i, 1]:
            chars[i] = min(chars[i, 0], following)  # trimmed to nothing, sometimes behind the next token
        elif set(string) == {"▁"} and (following < chars[i, 1] or text[chars[i, 0] : chars[i, 1]].strip(" ▁")):
            chars[i, 1] = chars[i, 0]  # a prepended mark is given the first letter; it has no text of its own
    extents = starts[chars]
    _split_shared(raw, pieces, chars, extents)
    return _to_chars(extents, starts), extents


def _walk(raw: bytes, starts: np.ndarray, pieces: list[bytes], offsets: np.ndarray, from_left: bool):
    """Byte extents by spelling the text piece by piece, or None where the pieces do not spell it."""
    cursor = 0
    if from_left and pieces:
        cursor = int(starts[offsets[0, 0]])
        cursor -= pieces[0].startswith(b" ") and raw[cursor - 1 : cursor] == b" "
    extents = np.zeros((len(pieces), 2), np.int64)
    for i, piece in enumerate(pieces):
        begin = cursor
        if not raw.startswith(piece, cursor):
            if piece.startswith(b" ") and raw.startswith(piece[1:], cursor):
                piece = piece[1:]  # the tokenizer put a blank in front of the text
            while raw[cursor : cursor + 1].isspace() and not raw.startswith(piece, cursor):
                cursor += 1
            if not raw.startswith(piece, cursor):
                return None
            # blanks on the way are the token's own where the tokenizer says so: "<mask>" may swallow them
            begin = max(begin, min(cursor, int(starts[offsets[i, 0]])))
        cursor += len(piece)
        extents[i] = begin, cursor
    chars = _to_chars(extents, starts)
    # the tokenizer's own offset may be trimmed, down to nothing anywhere, but never lie outside
    inside = (chars[:, 0] <= offsets[:, 0]) & (offsets[:, 1] <= chars[:, 1])
    inside |= offsets[:, 0] >= offsets[:, 1]
    return extents if inside.all() else None


def _split_shared(raw: bytes, pieces: list[bytes], chars: np.ndarray, extents: np.ndarray) -> None:
    """Give each run of tokens with one offset its own bytes, in place, where the pieces spell those bytes."""
    i = 0
    while i < len(pieces):
        j = i + 1
        while j < len(pieces) and chars[j, 0] < chars[i:j, 1].max():
            j += 1
        start, stop = int(extents[i, 0]), int(extents[i:j, 1].max())
        spelled = b"".join(pieces[i:j])
        cut_off = j == len(pieces) and raw[start:stop].startswith(spelled)
        if j - i > 1 and (raw[start:stop] == spelled or cut_off):
            ends = start + np.cumsum([len(piece) for piece in pieces[i:j]])
            extents[i:j, 1] = ends
            extents[i:j, 0] = np.concatenate([[start], ends[:-1]])
        i = j


def _to_chars(extents: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The characters that byte extents touch; half a character counts as the whole."""
    first = np.searchsorted(starts, extents[:, 0], side="right") - 1
    last = np.searchsorted(starts, extents[:, 1], side="left")
    return np.stack([first, last], axis=1).astype(np.int64)
