"""A Text and a Hugging Face fast tokenizer become Tokens, the rows of the Tokens page and the units of a text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from featcore.errors import CutError, NotDefined
from featcore.types import Text, Tokens, Units
from featcore.units.pieces import locate
from featcore.units.spans import byte_starts, grapheme_index, grapheme_runs, visible, word_index, word_runs, word_spans


def tokenize(text: Text, tokenizer: Any, max_positions: int | None = None, fill: bool = False) -> Tokens:
    """Cut a text with the tokenizer's own encoding; the text is never rewritten.

    A special token that a person typed ("[SEP]") has a place in the text and is a unit, not a special position.
    Truncation is a state of a fast tokenizer: hold a lock where threads share one.

    Args:
        tokenizer: a transformers fast tokenizer.
        max_positions: longest sequence, special positions included; None for no limit.
        fill: add padding up to `max_positions`, special positions too.

    Raises:
        NotDefined: the tokenizer does not say where its tokens lie in the text.
        CutError: the text is no valid Unicode, or no position is left beside the special ones.
    """
    name = str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__)
    if not getattr(tokenizer, "is_fast", False):
        raise NotDefined(
            f"The tokenizer '{name}' does not say where its tokens lie in the text, so they cannot be drawn or scored. "
            "Use a fast tokenizer: a folder with a tokenizer.json."
        )
    starts = byte_starts(text.text)
    encoded = tokenizer(
        text.text,
        truncation=max_positions is not None,
        max_length=_limit(tokenizer, name, max_positions),
        padding="max_length" if fill else False,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        verbose=False,
    )
    ids = np.array(encoded["input_ids"], np.int64)
    special = np.array(encoded["special_tokens_mask"], bool)
    offsets = np.array(encoded["offset_mapping"], np.int64).reshape(-1, 2)
    strings = tuple(str(string) for string in tokenizer.convert_ids_to_tokens(ids.tolist()))
    truncated = bool(encoded.encodings[0].overflowing)
    from_left = truncated and getattr(tokenizer, "truncation_side", "right") == "left"

    chars, extents = np.zeros((2, len(ids), 2), np.int64)
    own = np.flatnonzero(~special)
    chars[own], extents[own] = locate(text.text, starts, [strings[i] for i in own], offsets[own], from_left)
    slices = [text.text[start:stop] for start, stop in chars]
    words, graphemes = word_index(text.text, chars), grapheme_index(text.text, chars)
    words[special] = graphemes[special] = -1
    return Tokens(
        text=text.text,
        tokenizer=name,
        ids=ids,
        strings=strings,
        surfaces=tuple(visible(piece) or string for piece, string in zip(slices, strings, strict=True)),
        chars=chars,
        bytes=extents,
        special=special,
        unknown=_unknown(tokenizer, ids, special, slices),
        words=words,
        graphemes=graphemes,
        left_out=_left_out(text.text, chars[own], from_left) if truncated else 0,
    )


def _limit(tokenizer: Any, name: str, max_positions: int | None) -> int | None:
    taken = tokenizer.num_special_tokens_to_add()
    if max_positions is not None and max_positions <= taken:
        raise CutError(
            f"{max_positions} positions are too few: '{name}' adds {taken} special ones to every text. "
            f"Allow {taken + 1} or more."
        )
    return max_positions


def _unknown(tokenizer: Any, ids: np.ndarray, special: np.ndarray, slices: list[str]) -> np.ndarray:
    """Bool[s]: the vocabulary had no entry; not so where a person typed the unknown token itself."""
    string = tokenizer.unk_token or getattr(tokenizer.backend_tokenizer.model, "unk_token", None)
    index = tokenizer.convert_tokens_to_ids(string) if string is not None else None
    if index is None:
        return np.zeros(len(ids), bool)
    typed = np.array([piece.strip() == string for piece in slices], bool)
    return (ids == index) & ~special & ~typed


def _left_out(text: str, chars: np.ndarray, from_left: bool) -> int:
    if not len(chars):
        return len(text)
    return int(chars[:, 0].min()) if from_left else len(text) - int(chars[:, 1].max())


def units_of(tokens: Tokens) -> tuple[Units, Int[np.ndarray, " n"]]:
    """The positions that are no special ones, as units along ("char",), and where each stands in the sequence."""
    positions = np.flatnonzero(~tokens.special).astype(np.int64)
    labels = tuple(tokens.surfaces[position] for position in positions)
    return Units(("char",), tokens.chars[positions][:, None, :], labels), positions


def groups(tokens: Tokens, by: Literal["word", "grapheme"] = "word") -> list[np.ndarray]:
    """Sequence positions that belong together, in order; every position that is no special one is in one group.

    "word": by whitespace word (blanks between words stand alone); "grapheme": pieces of one visible character.
    """
    own = np.flatnonzero(~tokens.special)
    runs = {"word": word_runs, "grapheme": grapheme_runs}[by](tokens.text, tokens.chars[own])
    return [own[run] for run in runs]


@dataclass(frozen=True)
class Summary:
    """What one tokenizer made of one text; ratios are None where there is nothing to divide by.

    Attributes:
        positions: length of the sequence; special: how many of them are no unit; tokens: how many are.
        unknown, unknown_share: tokens without an entry in the vocabulary, as a count and a share of the tokens.
        words: whitespace words that were read; unknown_words_share: share of them with an unknown token in it.
        left_out: characters that were cut off; all ratios are about the characters that were read.
        fertility: tokens per whitespace word.
    """

    positions: int
    special: int
    tokens: int
    unknown: int
    unknown_share: float | None
    words: int
    unknown_words: int
    unknown_words_share: float | None
    characters: int
    bytes: int
    left_out: int
    characters_per_token: float | None
    bytes_per_token: float | None
    fertility: float | None

    def as_dict(self) -> Mapping[str, int | float | None]:
        """Names to numbers, for a table."""
        return dict(self.__dict__)


def summary(tokens: Tokens) -> Summary:
    """Counts and ratios of one cut text."""
    own = ~tokens.special
    n = int(own.sum())
    start, stop = 0, len(tokens.text)
    if tokens.left_out and n:
        # one side was cut off: the one that no kept token reaches
        from_right = stop - int(tokens.chars[own, 1].max()) == tokens.left_out
        start, stop = (0, stop - tokens.left_out) if from_right else (tokens.left_out, stop)
    elif tokens.left_out:
        stop = 0
    spans = word_spans(tokens.text)
    words = int(((spans[:, 1] > start) & (spans[:, 0] < stop)).sum())
    unknown = int(tokens.unknown.sum())
    unknown_words = len(set(tokens.words[tokens.unknown].tolist()) - {-1})
    n_bytes = len(tokens.text[start:stop].encode())
    return Summary(
        positions=len(tokens),
        special=len(tokens) - n,
        tokens=n,
        unknown=unknown,
        unknown_share=_ratio(unknown, n),
        words=words,
        unknown_words=unknown_words,
        unknown_words_share=_ratio(unknown_words, words),
        characters=stop - start,
        bytes=n_bytes,
        left_out=tokens.left_out,
        characters_per_token=_ratio(stop - start, n),
        bytes_per_token=_ratio(n_bytes, n),
        fertility=_ratio(n, words),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
