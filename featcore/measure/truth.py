"""Marked words, boxes or pixels become marked units, and scores are held against them: NumPy only, no model.

Negative scores never count as pointing anywhere: the pointing game and the ranking read the signed score, the mass
reads what is positive. A map without any preference gets what chance gives, never a hit.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from featcore.errors import InputError
from featcore.measure.definitions import Definition
from featcore.types import Clip, Localisation, Truth, Units

HALF = 0.5
"""Share of a unit that has to lie inside what was marked, unless another one is asked for."""

POINTING: dict[str, Definition] = {
    "pointing": Definition(
        "Pointing game",
        "PG",
        "higher",
        "1 if the highest score lies on a marked unit, else 0; of tied scores the share that does. Its chance level is "
        "the share of the units that are marked.",
        "Zhang et al. 2018, arXiv:1608.00507",
    ),
    "mass": Definition(
        "Relevance mass",
        "RMA",
        "higher",
        "Share of the positive score that lies on marked units; not defined for a map without any. Its chance level is "
        "the share of the units that are marked.",
        "Arras et al. 2022, arXiv:2003.07258",
    ),
    "rank": Definition(
        "Relevance rank",
        "RRA",
        "higher",
        "Share of the |M| highest scores that lie on marked units, |M| being how many are marked; of tied scores the "
        "expectation. Its chance level is the share of the units that are marked.",
        "Arras et al. 2022, arXiv:2003.07258",
    ),
}


# --- what was marked becomes units -----------------------------------------------------------------------------------


def of_chars(units: Units, ranges: Int[np.ndarray, "r 2"] | Sequence, least: float = HALF) -> Truth:
    """Tokens inside half-open character ranges of the text.

    Args:
        least: a token is marked when at least this share of its characters is, and more than none. A token that holds
            its leading blank reaches a half with one letter.

    Raises:
        InputError: the units are fragments.
    """
    _must_be(units, "char", "characters")
    size = int(units.extents[:, 0, 1].max(initial=0))
    inside = np.zeros(size + 1)
    for start, stop in np.asarray(ranges, int).reshape(-1, 2):
        inside[max(start, 0) : max(stop, 0)] = 1
    before = np.concatenate([[0], np.cumsum(inside)])
    start, stop = units.extents[:, 0].T
    # Byte pieces of one character share its place, and what has no width has no part inside.
    share = (before[stop] - before[start]) / np.maximum(stop - start, 1)
    return _ruled(share, least, "characters")


def of_words(units: Units, text: str, ranges: Int[np.ndarray, "r 2"] | Sequence, least: float = HALF) -> Truth:
    """Tokens inside half-open ranges of whitespace words of the text; the blanks between the words are inside too.

    Raises:
        InputError: a range ends behind the last word, or the units are fragments.
    """
    from featcore.units.spans import word_spans

    words = word_spans(text)
    chars = []
    for start, stop in np.asarray(ranges, int).reshape(-1, 2):
        if not 0 <= start <= stop <= len(words):
            raise InputError(f"Words {start} to {stop} are marked, the text has {len(words)}. Mark words of this text.")
        if start < stop:
            chars.append((words[start, 0], words[stop - 1, 1]))
    return of_chars(units, chars, least)


def of_mask(units: Units, mask: np.ndarray, least: float = HALF) -> Truth:
    """Fragments inside marked pixels.

    Args:
        mask: Bool or Float[t y x] of the source, 0 to 1 how far each pixel is inside; one frame stands for all.

    Raises:
        InputError: the mask does not cover the source, or the units are tokens.
    """
    _must_be(units, "t", "pixels")
    pixels = _covering(np.asarray(mask), units)
    if units.regions is None:
        boxes = (tuple(slice(start, stop) for start, stop in extent) for extent in units.extents)
        share = np.array([pixels[box].mean() if pixels[box].size else 0.0 for box in boxes])
    else:
        owner = units.regions.ravel() + 1  # 0 gathers what is in no unit
        inside = np.bincount(owner, weights=pixels.ravel(), minlength=len(units) + 1)[1:]
        share = inside / np.maximum(np.bincount(owner, minlength=len(units) + 1)[1:], 1)
    return _ruled(share, least, "pixels")


def of_boxes(
    units: Units, size: tuple[int, int, int], boxes: Int[np.ndarray, "b 4"] | Sequence, least: float = HALF
) -> Truth:
    """Fragments inside at least one box.

    Args:
        size: frames, rows, columns of the source.
        boxes: (left, top, right, bottom) in pixels of the source, half-open, on every frame; what lies outside the
            source is cut off.

    Raises:
        InputError: a box ends before it begins, or the units are tokens.
    """
    mask = np.zeros((1, *size[1:]), bool)
    for left, top, right, bottom in np.asarray(boxes, float).reshape(-1, 4).round().astype(int):
        if right < left or bottom < top:
            raise InputError(
                f"The box {left}, {top} to {right}, {bottom} ends before it begins. "
                "Give left, top, right, bottom in pixels of the picture."
            )
        mask[:, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    return of_mask(units, mask, least)


def pixels_of(marked: Clip, source: Clip) -> Bool[np.ndarray, "1 y x"]:
    """The pixels that a picture of the same size marks by being white; grey counts from the middle on.

    Raises:
        InputError: the picture is of another size.
    """
    (height, width), (rows, columns) = marked.frames.shape[1:3], source.frames.shape[1:3]
    if (height, width) != (rows, columns):
        raise InputError(
            f"The mask '{marked.name}' is {width}x{height} pixels, the input is {columns}x{rows}. "
            "Save a mask of the same size: white where the answer should come from, black elsewhere."
        )
    return marked.frames[:1].mean(-1) > 127.5


def of_units(mask: Bool[np.ndarray, " n"]) -> Truth:
    """Units that were marked as such."""
    marked = np.asarray(mask, bool)
    return Truth(marked.astype(np.float64), marked, "units that were marked")


def _ruled(share: np.ndarray, least: float, things: str) -> Truth:
    share = np.clip(share, 0, 1)
    rule = f"a unit is marked when at least {least:.0%} of its {things} are"
    # Sums of shares are off by rounding; a border that is met exactly is met.
    return Truth(share, (share >= least - 1e-9) & (share > 0), rule)


def _must_be(units: Units, axis: str, things: str) -> None:
    if units.axes[0] != axis:
        are, other = ("tokens", "characters or words") if axis == "t" else ("fragments", "a box or pixels")
        raise InputError(f"These units are {are}, which have no {things}. Mark {other}.")


def _covering(mask: np.ndarray, units: Units) -> np.ndarray:
    """The mask on every frame; it may reach further than the units, never less far."""
    reach = units.extents[..., 1].max(axis=0, initial=0) if units.regions is None else np.array(units.regions.shape)
    if mask.ndim != 3 or (len(mask) != 1 and len(mask) < reach[0]) or (mask.shape[1:] < reach[1:]).any():
        raise InputError(
            f"The mask is {' x '.join(map(str, mask.shape))}, the units reach over {' x '.join(map(str, reach))} "
            "(frames, rows, columns). Give a mask of the size of the source, of one frame or of all."
        )
    return np.broadcast_to(mask, (reach[0], *mask.shape[1:])) if len(mask) == 1 else mask


# --- scores against what was marked ----------------------------------------------------------------------------------


def localise(scores: Float[np.ndarray, " n"], truth: Truth) -> Localisation:
    """Pointing game, relevance mass accuracy and relevance rank accuracy of one map.

    With ties the expectation over a random order of the tied, so a constant map gets |M| / n in all three; a map
    without a positive score has no mass. Empty truth: nothing is defined.

    Source: Zhang et al. 2018, arXiv:1608.00507 (pointing); Arras et al. 2022, arXiv:2003.07258, equations 2 and 3.

    Raises:
        InputError: scores and truth are of different units, or a score is no number.
    """
    mask, scores = truth.mask, np.asarray(scores, np.float64)
    if scores.shape != mask.shape:
        raise InputError(
            f"{len(scores)} scores and {len(mask)} marked units do not match. Use the same units for both."
        )
    if not np.isfinite(scores).all():
        raise InputError("A score is no finite number, so it points nowhere. Explain the input again.")
    marked = int(mask.sum())
    if not marked:
        return Localisation(None, None, None, 0, len(mask))
    positive = np.maximum(scores, 0)
    mass = float(positive[mask].sum() / positive.sum()) if positive.any() else None
    return Localisation(_share_of_top(scores, mask, 1), mass, _share_of_top(scores, mask, marked), marked, len(mask))


def _share_of_top(scores: np.ndarray, mask: np.ndarray, k: int) -> float:
    """Expected share of the k highest scores that lie in the mask, tied scores in random order."""
    border = np.partition(scores, -k)[-k]
    above, tied = scores > border, scores == border
    hits = mask[above].sum() + (k - above.sum()) * mask[tied].mean()
    return float(hits / k)
