"""Scores from hiding units: how far the target falls when they are replaced by a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featcore.errors import NotDefined
from featcore.explain.base import BASELINE_HELP, METHODS, Explained, Progress, attribute, chunk_size, knob
from featcore.explain.game import Game, play
from featcore.types import Attribution, Card, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder


@METHODS
@dataclass(frozen=True)
class Occlusion:
    """How far the target falls when a window of units is hidden, averaged over the windows that hold the unit.

    A window is a run of tokens, or a block of fragments with the same number along t, y and x. Hiding replaces rows of
    the unit embedding by the baseline's rows; for whole fragments this equals blanking their pixels.
    Source: Zeiler & Fergus 2014, arXiv:1311.2901.
    """

    name: ClassVar[str] = "occlusion"
    title: ClassVar[str] = "Occlusion"
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    window: int = knob(1, "units hidden together, along each axis", low=1, high=9)
    baseline: str = knob("auto", BASELINE_HELP)

    def _lattice(self, sample: Sample) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Units along each axis, and the window along each axis, no longer than the axis."""
        shape = sample.units.grid or (len(sample.units),)
        return shape, tuple(min(self.window, size) for size in shape)

    def passes(self, sample: Sample) -> int:
        shape, window = self._lattice(sample)
        return prod(size - w + 1 for size, w in zip(shape, window, strict=True)) + 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        import torch
        from captum.attr import Occlusion as CaptumOcclusion

        shape, window = self._lattice(sample)
        rows = torch.from_numpy(sample.rows).to(encoder.device)

        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            assert blank is not None
            width = embedded.shape[-1]
            lattice = embedded[:, rows].reshape(1, *shape, width)

            def of_lattice(units: Tensor) -> Tensor:
                if torch.equal(units, lattice):  # what Captum asks first
                    return explained.at("input")
                whole = embedded.expand(len(units), -1, -1).clone()
                whole[:, rows] = units.reshape(len(units), -1, width)
                return explained.joined(whole)

            with torch.no_grad():
                scores = CaptumOcclusion(of_lattice).attribute(
                    lattice,
                    sliding_window_shapes=(*window, width),
                    strides=(*(1 for _ in shape), width),
                    baselines=blank[:, rows].reshape(1, *shape, width),
                    perturbations_per_eval=chunk_size(encoder, sample, gradients=False),
                )
            # Captum repeats a window's fall over the width of every unit in it; any column is the unit's score.
            found = torch.zeros(embedded.shape[1], device=embedded.device)
            found[rows] = scores[0, ..., 0].reshape(-1).float()
            return found

        return attribute(self, encoder, sample, target, progress, compute, self.baseline)


@METHODS
@dataclass(frozen=True)
class CoarseOcclusion:
    """Occlusion of a clip from coarse to fine: every time slot is hidden, then blocks within the slots that mattered.

    A slot is all fragments of the same frames; those whose hiding moves the target most are searched by blocks of
    `block` x `block` fragments that do not overlap. A fall is shared evenly by the fragments that were hidden together,
    so slots that were not searched have one score each, and with blocks of 1 the others have occlusion's own scores.
    Source: Zeiler & Fergus 2014, arXiv:1311.2901, in the order of a search that looks closer where it found something.
    """

    name: ClassVar[str] = "coarse_occlusion"
    title: ClassVar[str] = "Occlusion, time first"
    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    slots: int = knob(2, "time slots that are searched by blocks, those that moved the target most", low=1, high=64)
    block: int = knob(2, "rows and columns of fragments hidden together in these slots", low=1, high=16)
    baseline: str = knob("auto", BASELINE_HELP)

    @staticmethod
    def refuses(card: Card) -> str:
        """Why an encoder is not offered, from its card; "" where it reads clips."""
        if card.modality == "video":
            return ""
        return f"Occlusion, time first, needs time, and '{card.name}' reads {card.modality}. Take Occlusion."

    def passes(self, sample: Sample) -> int:
        times, rows, columns = lattice(sample)
        return 2 + times + min(self.slots, times) * ceil(rows / self.block) * ceil(columns / self.block)

    def remark(self, found: Attribution) -> str:
        """How much was searched."""
        times = found.units.grid[0] if found.units.grid else 0
        if self.slots >= times:
            return ""
        return f"{self.slots} of {times} time slots were searched; in each of the others all fragments share one score."

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        times, rows, columns = lattice(sample)
        index = np.arange(len(sample.units)).reshape(times, rows, columns)

        def scores(game: Game) -> np.ndarray:
            whole = float(game.explained.at("input"))
            found = np.zeros(game.units)

            def hide(groups: list[np.ndarray]) -> np.ndarray:
                kept = np.ones((len(groups), game.units))
                for hidden, group in zip(kept, groups, strict=True):
                    hidden[group] = 0
                falls = whole - game.values(kept)
                for group, fall in zip(groups, falls, strict=True):
                    found[group] = fall / len(group)
                return falls

            falls = hide([slot.ravel() for slot in index])
            best = np.argsort(-np.abs(falls), kind="stable")[: self.slots]
            corners = [(y, x) for y in range(0, rows, self.block) for x in range(0, columns, self.block)]
            side = self.block
            hide([index[slot, y : y + side, x : x + side].ravel() for slot in sorted(best) for y, x in corners])
            return found

        return play(self, encoder, sample, target, progress, scores)


def lattice(sample: Sample) -> tuple[int, int, int]:
    """Fragments along time, rows and columns.

    Raises:
        NotDefined: the units form no lattice.
    """
    if sample.units.grid is None:
        raise NotDefined("These units form no lattice of time slots, rows and columns. Take Occlusion.")
    return sample.units.grid
