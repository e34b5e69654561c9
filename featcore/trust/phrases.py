"""Parse trees and annotated reviews become words with the ranges that people marked. No model, no random choice."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NEUTRAL = 2
SHORT = 4
"""Words of the longest phrase that can be ground truth: a clause would mark half of the sentence."""
SENTENCE_ENDS = frozenset(".!?")

Range = tuple[int, int]


@dataclass(frozen=True)
class Phrase:
    """One node of a parse tree: half-open range of words, and its grade from 0 (very negative) to 4."""

    start: int
    stop: int
    grade: int


def read_tree(line: str) -> tuple[tuple[str, ...], tuple[Phrase, ...]]:
    """Words and phrases of one bracketed tree of the Stanford Sentiment Treebank, children before their parents.

    The last phrase is the whole sentence. Words are spelled as SST-2 spells them: small letters, "/" for "\\/".
    """
    words: list[str] = []
    phrases: list[Phrase] = []
    begun: list[tuple[int, int]] = []
    for part in re.findall(r"\(\d|\)|[^\s()]+", line):
        if part.startswith("("):
            begun.append((int(part[1]), len(words)))
        elif part == ")":
            grade, start = begun.pop()
            phrases.append(Phrase(start, len(words), grade))
        else:
            words.append(part.lower().replace("\\/", "/"))
    return tuple(words), tuple(phrases)


def strongest(phrases: Sequence[Phrase]) -> tuple[Range, ...]:
    """What carries the grade of a sentence: its most strongly graded short phrases of the same sign.

    Of the phrases below the whole sentence with at most `SHORT` words, those whose grade lies furthest from neutral on
    the sentence's side; of such phrases inside one another only the innermost. Empty where the sentence is neutral or
    no short phrase is on its side.
    """
    *parts, whole = phrases
    sign = 1 if whole.grade > NEUTRAL else -1
    if whole.grade == NEUTRAL:
        return ()
    short = [part for part in parts if part.stop - part.start <= SHORT and sign * (part.grade - NEUTRAL) > 0]
    most = max((sign * (part.grade - NEUTRAL) for part in short), default=0)
    ranges = {(part.start, part.stop) for part in short if sign * (part.grade - NEUTRAL) == most}
    return tuple(sorted(one for one in ranges if not any(_inside(other, one) for other in ranges)))


def _inside(inner: Range, outer: Range) -> bool:
    return inner != outer and outer[0] <= inner[0] and inner[1] <= outer[1]


def sentences(words: Sequence[str]) -> tuple[Range, ...]:
    """Half-open ranges of words that end with . ! or ? as a word of its own; the rest is the last sentence."""
    stops = [place + 1 for place, word in enumerate(words) if word in SENTENCE_ENDS]
    if words and (not stops or stops[-1] < len(words)):
        stops.append(len(words))
    return tuple(zip([0, *stops], stops, strict=False))


def window(spans: Sequence[Range], first: int, tokens: Callable[[Range], int], most: int) -> Range:
    """From one sentence on, as many whole sentences as have at most `most` tokens together, as a range of words.

    Args:
        tokens: of the words in a range. A sentence that is too long by itself gives an empty range.
    """
    stop, room = spans[first][0], most
    for span in spans[first:]:
        room -= tokens(span)
        if room < 0:
            break
        stop = span[1]
    return spans[first][0], stop


def within(ranges: Sequence[Range], window: Range) -> tuple[Range, ...]:
    """The parts of ranges that lie in a window, counted from its start; empty parts are left out."""
    start, stop = window
    cut = [(max(a, start) - start, min(b, stop) - start) for a, b in ranges]
    return tuple((a, b) for a, b in cut if a < b)


def chars_of(words: Sequence[str], ranges: Sequence[Range]) -> list[Range]:
    """Character ranges, in the words joined by one blank, of ranges of words."""
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    return [(starts[start], starts[stop] - 1) for start, stop in ranges if start < stop]
