"""The same scores for larger parts: tokens, words, sentences; patches, superpixels, regions; tubelets, frames, a clip.

A score of a larger part is the sum of the scores within it, with or without a sign. So the total stays what it was, and
with it the completeness of a method; the score of a part that holds more units is larger for that alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from featcore.errors import CutError
from featcore.types import Attribution, Clip, Modality, Source, Text, Units
from featcore.units.regions import cut_regions
from featcore.units.words import Grouping, Groups, by_frame, by_sentence, by_word, merge, merge_scores

LEVELS: dict[Modality, tuple[str, ...]] = {
    "text": ("token", "word", "sentence"),
    "image": ("patch", "superpixel", "region"),
    "video": ("tubelet", "frame", "clip"),
}
"""From fine to coarse; the first is what the encoder reads."""

SHARES = {"superpixel": 4, "region": 16}  # patches that one of them holds, roughly
COMPACT = 30.0  # with the usual 10 large regions swallow small ones: 1 to 5 of 4 asked for, and 6 to 13 of 16
LONGEST_PX = 256  # a picture is searched for regions at no more than this, or a large one takes seconds


@dataclass(frozen=True, eq=False)
class Coarse(Units):
    """Units made of finer ones; `level` is the word a person reads for them."""

    level: str = ""

    @property
    def kind(self) -> str:
        return self.level


def coarser(units: Units, source: Source, level: str) -> tuple[Units, Groups]:
    """Larger units of a level, and which of the units form each; every unit is in exactly one.

    Args:
        units: as the encoder cuts the source; level: one of `LEVELS` for this kind of source.

    Raises:
        CutError: no such level for this kind of source.
    """
    levels = LEVELS[source.modality]
    if level not in levels:
        raise CutError(f"An input of kind {source.modality} has no '{level}'. Known: {', '.join(levels)}.")
    if level == levels[0]:
        return units, [np.array([unit]) for unit in range(len(units))]
    found = _grouping(units, source, level)
    merged = merge(units, found.groups, found.labels, found.grid)
    regions = merged.regions
    if level in SHARES:
        assert isinstance(source, Clip)
        regions = painted(units, found.groups, source.frames.shape[:3])
    return Coarse(merged.axes, merged.extents, merged.labels, merged.grid, regions, level), found.groups


def regrouped(attribution: Attribution, units: Units, groups: Groups) -> Attribution:
    """An attribution of larger units, as `coarser` gives them; nothing is computed anew.

    Target, baseline, sums and gaps are those of the finer one.
    """
    return replace(attribution, units=units, scores=merge_scores(attribution.scores, groups))


def _grouping(units: Units, source: Source, level: str) -> Grouping:
    if isinstance(source, Text):
        return (by_word if level == "word" else by_sentence)(units, source.text)
    if level == "frame":
        return by_frame(units)
    if level == "clip":
        return Grouping((np.arange(len(units)),), ("the clip",), (1, 1, 1) if units.grid else None)
    return by_region(units, source, level)


def by_region(units: Units, clip: Clip, level: str) -> Grouping:
    """Patches to regions of like colour (SLIC), each patch to the region that holds most of its pixels."""
    step = -(-max(clip.frames.shape[1:3]) // LONGEST_PX)
    small = replace(clip, frames=np.ascontiguousarray(clip.frames[:, ::step, ::step]))
    found = cut_regions(small, max(1, round(len(units) / SHARES[level])), COMPACT)
    assert found.regions is not None
    owner = np.array([np.bincount(part).argmax() for part in _inside(units, found.regions, step)])
    groups = tuple(np.flatnonzero(owner == region) for region in np.unique(owner))
    return Grouping(groups, tuple(f"{level} {i}" for i in range(len(groups))))


def _inside(units: Units, regions: Int[np.ndarray, "t y x"], step: int) -> Iterator[np.ndarray]:
    """Regions of the pixels of each unit, on a picture of which every `step`-th pixel was kept; one at least."""
    for (t0, t1), (y0, y1), (x0, x1) in units.extents.tolist():
        kept = [slice(start // step, max(start // step + 1, stop // step)) for start, stop in ((y0, y1), (x0, x1))]
        yield regions[t0 : max(t1, t0 + 1), kept[0], kept[1]].ravel()


def painted(units: Units, groups: Groups, shape: tuple[int, ...]) -> Int[np.ndarray, "t y x"]:
    """Index of the group that every pixel lies in, whole units at a time; -1 where no unit is."""
    canvas = np.full(shape, -1, np.int64)
    for index, group in enumerate(groups):
        for (t0, t1), (y0, y1), (x0, x1) in units.extents[group]:
            canvas[t0:t1, y0:y1, x0:x1] = index
    return canvas
