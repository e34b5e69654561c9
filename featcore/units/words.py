"""Units become coarser units: tokens to words or sentences, fragments to frames. Scores follow by summing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from featcore.errors import CutError
from featcore.types import Units
from featcore.units.spans import grapheme_runs, index_of, sentence_spans, visible, word_runs

Groups = Sequence[np.ndarray]  # Int[m] each, of different lengths


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which units form one coarser unit, and what a person calls it.

    Attributes:
        groups: indices into the finer units; every unit is in exactly one group.
        labels: one a group.
        grid: of the coarser units, where they form one.
    """

    groups: tuple[np.ndarray, ...]
    labels: tuple[str, ...]
    grid: tuple[int, int, int] | None = None


def by_word(units: Units, text: str) -> Grouping:
    """Tokens to whitespace words; tokens of nothing but blanks stand alone."""
    return _of_text(units, text, word_runs(text, _chars(units)))


def by_grapheme(units: Units, text: str) -> Grouping:
    """Byte pieces and combining marks to what a person calls one character."""
    return _of_text(units, text, grapheme_runs(text, _chars(units)))


def by_sentence(units: Units, text: str) -> Grouping:
    """Tokens to sentences, cut by the rule of `spans.sentence_spans`; a token belongs where its first letter is."""
    chars = _chars(units)
    blanks = [len(piece) - len(piece.lstrip()) for piece in (text[start:stop] for start, stop in chars)]
    letters = chars.copy()
    letters[:, 0] = np.minimum(chars[:, 0] + blanks, np.maximum(chars[:, 1] - 1, chars[:, 0]))
    index = index_of(letters, sentence_spans(text))
    return _of_text(units, text, [np.flatnonzero(index == i) for i in np.unique(index)])


def by_frame(units: Units) -> Grouping:
    """Fragments to time slots: all that share the same frames, in order of time.

    Raises:
        CutError: the units are no fragments of a grid or a clip.
    """
    if units.axes != ("t", "y", "x"):
        raise CutError("Only fragments of a picture or clip have frames; these units are tokens. Merge them by word.")
    slots, index = np.unique(units.extents[:, 0], axis=0, return_inverse=True)
    index = index.reshape(-1)
    labels = tuple(f"frame {a}" if b - a == 1 else f"frames {a}-{b - 1}" for a, b in slots)
    grid = (len(slots), 1, 1) if units.grid is not None else None
    return Grouping(tuple(np.flatnonzero(index == i) for i in range(len(slots))), labels, grid)


def in_boxes(units: Units, boxes: Int[np.ndarray, "w 2 2"]) -> Int[np.ndarray, " n"]:
    """Index of the box that each fragment of a picture lies in, -1 for a fragment in none.

    Args:
        boxes: half-open rows and columns in pixels, no two of which overlap.

    Raises:
        CutError: a fragment lies half inside a box, so its score would belong to two words.
    """
    if units.axes != ("t", "y", "x"):
        raise CutError("Only fragments of a picture lie in boxes; these units are tokens. Merge them by word.")
    start, stop = units.extents[:, None, 1:, 0], units.extents[:, None, 1:, 1]  # n 1 2
    inside = ((boxes[None, :, :, 0] <= start) & (stop <= boxes[None, :, :, 1])).all(-1)
    touched = ((boxes[None, :, :, 0] < stop) & (start < boxes[None, :, :, 1])).all(-1)
    if (torn := np.argwhere(touched & ~inside)).size:
        unit, box = torn[0]
        raise CutError(
            f"The fragment {units.labels[unit]} lies half inside box {box}. Take boxes that begin and end where "
            "fragments do."
        )
    return np.where(inside.any(-1), inside.argmax(-1), -1) if len(boxes) else np.full(len(units), -1)


def merge(units: Units, groups: Groups, labels: Sequence[str], grid: tuple[int, int, int] | None = None) -> Units:
    """Coarser units: each spans from the first to the last extent of its group, on every axis.

    Raises:
        CutError: the groups do not hold every unit exactly once, or labels and groups differ in number.
    """
    _check(len(units), groups)
    if len(labels) != len(groups):
        raise CutError(f"{len(groups)} groups have {len(labels)} labels. Give each group one label.")
    members = [units.extents[group] for group in groups]
    extents = np.array(
        [np.stack([part[..., 0].min(axis=0), part[..., 1].max(axis=0)], axis=-1) for part in members], np.int64
    ).reshape(len(groups), len(units.axes), 2)
    regions = None
    if units.regions is not None:
        owner = np.full(len(units) + 1, -1, np.int64)  # the last entry answers for -1, pixels in no unit
        for i, group in enumerate(groups):
            owner[group] = i
        regions = owner[units.regions]
    return Units(units.axes, extents, tuple(labels), grid, regions)


def merge_scores(scores: Float[np.ndarray, "*more n"], groups: Groups) -> Float[np.ndarray, "*more m"]:
    """Signed sum of the scores of each group along the last axis, so the total stays what it was.

    Raises:
        CutError: the groups do not hold every score exactly once.
    """
    _check(scores.shape[-1], groups)
    summed = [scores[..., group].sum(axis=-1) for group in groups]
    return np.stack(summed, axis=-1) if summed else scores.copy()


def _chars(units: Units) -> np.ndarray:
    if units.axes != ("char",):
        raise CutError("Only tokens of a text can be merged to words, sentences or characters; these are fragments.")
    return units.extents[:, 0]


def _of_text(units: Units, text: str, groups: Sequence[np.ndarray]) -> Grouping:
    labels = []
    for group in groups:
        part = units.extents[group, 0]
        piece = text[part[:, 0].min() : part[:, 1].max()]
        labels.append(visible(piece.strip() or piece) or " ".join(units.labels[i] for i in group))
    return Grouping(tuple(groups), tuple(labels))


def _check(n: int, groups: Groups) -> None:
    members = np.concatenate([np.zeros(0, np.int64), *groups])
    if not np.array_equal(np.sort(members), np.arange(n)) or any(not len(group) for group in groups):
        raise CutError(
            f"The groups hold {len(members)} places for {n} units; each unit must be in exactly one group and no group "
            "may be empty. Otherwise the sum of the scores would change."
        )
