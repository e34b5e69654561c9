"""Scores from hiding units: how far the target falls when they are replaced by a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

from featcore.explain.base import BASELINE_HELP, METHODS, Explained, Progress, attribute, chunk_size, knob
from featcore.types import Attribution, Sample, Target

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
        return prod(size - w + 1 for size, w in zip(shape, window, strict=True)) + 3

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        import torch
        from captum.attr import Occlusion as CaptumOcclusion

        shape, window = self._lattice(sample)
        rows = torch.from_numpy(sample.rows).to(encoder.device)

        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            assert blank is not None
            width = embedded.shape[-1]

            def of_lattice(units: Tensor) -> Tensor:
                whole = embedded.expand(len(units), -1, -1).clone()
                whole[:, rows] = units.reshape(len(units), -1, width)
                return explained(whole)

            with torch.no_grad():
                scores = CaptumOcclusion(of_lattice).attribute(
                    embedded[:, rows].reshape(1, *shape, width),
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
