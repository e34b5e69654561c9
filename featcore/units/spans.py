"""A raw text becomes places in it: words, sentences, graphemes, bytes. No tokenizer here."""

import re

import numpy as np
from jaxtyping import Int

from featcore.errors import CutError

VISIBLE = str.maketrans({" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"})

# A sentence ends behind its closing marks and the blanks after them; some scripts put no blank there.
SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？｡۔।॥؟]+[」』”’»)\]]*\s*|\s*\n\s*")


def visible(text: str) -> str:
    """The text with space, newline, tab and carriage return as signs: ␣ ⏎ ⇥ ␍."""
    return text.translate(VISIBLE)


def byte_starts(text: str) -> Int[np.ndarray, " c1"]:
    """First UTF-8 byte of every character, and the number of bytes behind the last: rising, len(text) + 1 entries.

    Raises:
        CutError: the text holds half a surrogate pair, which no encoding of text can store.
    """
    try:
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    except UnicodeEncodeError as error:
        raise CutError(
            f"Character {error.start} of the text is U+{ord(text[error.start]):04X}, half of a character; "
            "UTF-8 cannot store it. Remove it or read the file again as UTF-8."
        ) from error
    lengths = 1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def word_spans(text: str) -> Int[np.ndarray, "w 2"]:
    """Half-open character extents of the whitespace words; the blanks between them are in none."""
    return _spans(match.span() for match in re.finditer(r"\S+", text))


def grapheme_spans(text: str) -> Int[np.ndarray, "g 2"]:
    """Half-open character extents of the extended grapheme clusters (what a person calls a character).

    They tile the text, blanks included. Source: Unicode Standard Annex 29, as the `regex` package reads it.
    """
    import regex

    return _spans(match.span() for match in regex.finditer(r"\X", text))


def sentence_spans(text: str) -> Int[np.ndarray, "k 2"]:
    """Half-open character extents that tile the text: cut behind . ! ? … with a blank, 。！？ or a new line.

    A rule, no model: "Dr. Who" becomes two sentences.
    """
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    if text and (not ends or ends[-1] < len(text)):
        ends.append(len(text))
    return _spans(zip([0, *ends[:-1]], ends, strict=True)) if text else _spans(())


def index_of(chars: Int[np.ndarray, "n 2"], spans: Int[np.ndarray, "m 2"]) -> Int[np.ndarray, " n"]:
    """Index of the first span that each extent touches, -1 if none.

    An extent without width belongs to the span that its place lies in.
    """
    if not len(spans):
        return np.full(len(chars), -1, np.int64)
    first = np.searchsorted(spans[:, 1], chars[:, 0], side="right")
    start = spans[np.minimum(first, len(spans) - 1), 0]
    stop = np.maximum(chars[:, 1], chars[:, 0] + 1)
    return np.where((first < len(spans)) & (start < stop), first, -1).astype(np.int64)


def word_index(text: str, chars: Int[np.ndarray, "n 2"]) -> Int[np.ndarray, " n"]:
    """Index of the first whitespace word that each extent touches, -1 for blanks."""
    return index_of(chars, word_spans(text))


def grapheme_index(text: str, chars: Int[np.ndarray, "n 2"]) -> Int[np.ndarray, " n"]:
    """Index of the first grapheme that each extent touches, -1 behind the end of the text."""
    return index_of(chars, grapheme_spans(text))


def word_runs(text: str, chars: Int[np.ndarray, "n 2"]) -> list[np.ndarray]:
    """Indices of the extents of each whitespace word, in order; blanks between words form groups of their own."""
    index = word_index(text, chars)
    changes = np.flatnonzero(np.diff(index)) + 1
    return [run.astype(np.int64) for run in np.split(np.arange(len(chars)), changes)] if len(chars) else []


def grapheme_runs(text: str, chars: Int[np.ndarray, "n 2"]) -> list[np.ndarray]:
    """Indices of the extents that share a grapheme, in order: byte pieces, combining marks, joined emoji.

    An extent over many graphemes stands alone, unless its last one is shared with the next extent. One without width
    (a prepended "▁") joins what follows.
    """
    spans = grapheme_spans(text)
    first = index_of(chars, spans)
    last = index_of(np.stack([np.maximum(chars[:, 1] - 1, chars[:, 0]), chars[:, 1]], axis=1), spans)
    runs: list[list[int]] = []
    reached = -1
    for unit in range(len(chars)):
        if runs and first[unit] <= reached:
            runs[-1].append(unit)
        else:
            runs.append([unit])
        reached = max(reached, int(last[unit]))
    return [np.array(run, np.int64) for run in runs]


def _spans(pairs) -> Int[np.ndarray, "m 2"]:
    return np.array(list(pairs), np.int64).reshape(-1, 2)
