"""A Text becomes Tokens without any model or download: words, characters, bytes. Nothing special, nothing unknown."""

from collections.abc import Callable

import numpy as np

from featcore.types import Text, Tokens
from featcore.units.spans import byte_starts, grapheme_index, grapheme_spans, visible, word_index

# Letters, digits, marks and inner apostrophes make a word; every other visible character stands alone.
WORD = r"(?:(?=\w)\X)+(?:['’](?:(?=\w)\X)+)*|(?!\s)\X"


def cut_words(text: Text) -> Tokens:
    """Words and single punctuation characters; blanks are in no token.

    id: the order in which a spelling first appears in this text, as there is no vocabulary.

    Raises:
        CutError: the text is no valid Unicode.
    """
    import regex

    chars = np.array([match.span() for match in regex.finditer(WORD, text.text)], np.int64).reshape(-1, 2)
    strings = tuple(text.text[start:stop] for start, stop in chars)
    known = {string: i for i, string in enumerate(dict.fromkeys(strings))}
    return _tokens(text, "words", [known[string] for string in strings], strings, chars)


def cut_characters(text: Text) -> Tokens:
    """Extended grapheme clusters, blanks included: a family emoji is one token, and so is a letter with its accents.

    id: code point of the first character of the cluster.

    Raises:
        CutError: the text is no valid Unicode.
    """
    chars = grapheme_spans(text.text)
    strings = tuple(text.text[start:stop] for start, stop in chars)
    return _tokens(text, "characters", [ord(string[0]) for string in strings], strings, chars)


def cut_bytes(text: Text) -> Tokens:
    """UTF-8 bytes; the bytes of one character share its place in the text.

    id: value of the byte, 0 to 255.

    Raises:
        CutError: the text is no valid Unicode.
    """
    starts = byte_starts(text.text)
    raw = text.text.encode()
    places = np.arange(len(raw))
    owner = np.searchsorted(starts, places, side="right") - 1
    chars = np.stack([owner, owner + 1], axis=1).astype(np.int64)
    extents = np.stack([places, places + 1], axis=1).astype(np.int64)
    return _tokens(text, "bytes", list(raw), tuple(f"<0x{byte:02X}>" for byte in raw), chars, extents)


PLAIN_CUTS: dict[str, Callable[[Text], Tokens]] = {
    "words": cut_words,
    "characters": cut_characters,
    "bytes": cut_bytes,
}


def _tokens(
    text: Text,
    name: str,
    ids: list[int],
    strings: tuple[str, ...],
    chars: np.ndarray,
    extents: np.ndarray | None = None,
) -> Tokens:
    starts = byte_starts(text.text)
    nothing = np.zeros(len(ids), bool)
    return Tokens(
        text=text.text,
        tokenizer=name,
        ids=np.array(ids, np.int64),
        strings=strings,
        surfaces=tuple(visible(text.text[start:stop]) for start, stop in chars),
        chars=chars,
        bytes=starts[chars] if extents is None else extents,
        special=nothing,
        unknown=nothing.copy(),
        words=word_index(text.text, chars),
        graphemes=grapheme_index(text.text, chars),
    )
