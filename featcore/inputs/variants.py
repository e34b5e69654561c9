"""A text becomes another one by one small change: a wrong letter, another order, no "not"."""

import re
from collections.abc import Callable

import numpy as np

from featcore.errors import InputError, UnknownName

_NOT = re.compile(r"\bnot\b(?!['’])\s?|(?<=\bcan)not\b|n['’]t\b", re.IGNORECASE)
_POSITIVE = {"ai": "is", "ca": "can", "sha": "shall", "wo": "will"}
_IRREGULAR = re.compile(rf"\b({'|'.join(_POSITIVE)})n['’]t\b", re.IGNORECASE)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def vary(text: str, variant: str, seed: int = 0) -> str:
    """A variant of a text; the same for the same seed.

    Args:
        variant: one of `VARIANTS`.

    Raises:
        InputError: the text has nothing that could be changed so. UnknownName: no such variant.
    """
    if variant not in VARIANTS:
        raise UnknownName(f"No variant is called '{variant}'. Known: {', '.join(VARIANTS)}.")
    return VARIANTS[variant](text, np.random.default_rng(seed))


def _typed(text: str, rng: np.random.Generator) -> str:
    return text


def _mistyped(text: str, rng: np.random.Generator) -> str:
    """One letter of one word of four letters or more becomes another one, small or capital as it was."""
    words = list(re.finditer(r"[A-Za-z]{4,}", text))
    if not words:
        raise InputError("No word of four letters or more stands in this text, so none is mistyped. Type one.")
    word = words[rng.integers(len(words))]
    at = word.start() + int(rng.integers(word.end() - word.start()))
    others = _LETTERS.replace(text[at].lower(), "")
    wrong = others[rng.integers(len(others))]
    return text[:at] + (wrong.upper() if text[at].isupper() else wrong) + text[at + 1 :]


def _shuffled(text: str, rng: np.random.Generator) -> str:
    """The words in another order, each with its own punctuation."""
    words = text.split()
    if len(set(words)) < 2:
        raise InputError("Words can be shuffled where there are two different ones. Type more.")
    while (moved := rng.permutation(words).tolist()) == words:
        pass
    return " ".join(moved)


def _without_not(text: str, rng: np.random.Generator) -> str:
    """Every "not" and "n't" is deleted, nothing else: "cannot" becomes "can", "won't" becomes "will"."""
    if not _NOT.search(text):
        raise InputError("This text has no 'not' that could be deleted. Type one with a 'not' or an \"n't\".")
    return _NOT.sub("", _IRREGULAR.sub(_positive, text))


def _positive(found: re.Match[str]) -> str:
    word = _POSITIVE[found[1].lower()]
    return word.capitalize() if found[1][0].isupper() else word


VARIANTS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "typed": _typed,
    "mistyped": _mistyped,
    "shuffled": _shuffled,
    "without_not": _without_not,
}
