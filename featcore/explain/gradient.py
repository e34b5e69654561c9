"""Scores from gradients of the target with respect to the unit embedding, by Captum's input-level classes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featcore.explain.base import BASELINE_HELP, METHODS, Explained, Progress, attribute, chunk_size, knob, leaf
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder

# Captum's GradientShap draws from NumPy's and torch's global generators, so seeding and drawing belong together.
_SEEDED = threading.Lock()


@METHODS
@dataclass(frozen=True)
class SaliencyMap:
    """Length of the gradient of the target at each unit: how fast the output moves, without direction.

    |dF/dx_i|, x_i the embedding of unit i.
    Source: Simonyan et al. 2013, arXiv:1312.6034, section 3, with the L2 norm over the width.
    """

    name: ClassVar[str] = "saliency"
    title: ClassVar[str] = "Saliency"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    def passes(self, sample: Sample) -> int:
        return 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            return explained.slope()[0].norm(dim=-1)

        return attribute(self, encoder, sample, target, progress, compute)


@METHODS
@dataclass(frozen=True)
class InputTimesGradient:
    """Gradient times the unit's own embedding, summed over the width: a first-order guess of the unit's effect.

    Source: Shrikumar et al. 2016, arXiv:1605.01713.
    """

    name: ClassVar[str] = "input_x_gradient"
    title: ClassVar[str] = "Input x gradient"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    def passes(self, sample: Sample) -> int:
        return 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            return (embedded * explained.slope())[0].sum(-1)

        return attribute(self, encoder, sample, target, progress, compute)


@METHODS
@dataclass(frozen=True)
class Integrated:
    """Gradients averaged along the straight line from a baseline to the input, times the difference.

    sum_d (x - x0)[i d] * integral over a from 0 to 1 of dF/dx[i d] at x0 + a (x - x0), x0 the baseline.
    Scores add up to F(x) - F(x0); the gap is stated. Gauss-Legendre nodes, so few steps are enough.
    Source: Sundararajan et al. 2017, arXiv:1703.01365, equation 1.
    """

    name: ClassVar[str] = "integrated_gradients"
    title: ClassVar[str] = "Integrated gradients"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = True

    steps: int = knob(32, "points on the line; more steps, smaller gap", low=2, high=512)
    baseline: str = knob("auto", BASELINE_HELP)

    def passes(self, sample: Sample) -> int:
        return self.steps + 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            from captum.attr import IntegratedGradients

            scores = IntegratedGradients(explained.joined).attribute(
                leaf(embedded),
                baselines=blank,
                n_steps=self.steps,
                method="gausslegendre",
                internal_batch_size=chunk_size(encoder, sample, gradients=True),
            )
            return scores[0].sum(-1)

        return attribute(self, encoder, sample, target, progress, compute, self.baseline)


@METHODS
@dataclass(frozen=True)
class GradientShapley:
    """Gradients at random points between baseline and noisy input, times the difference: a sampled cousin of
    integrated gradients. Completeness holds only on average over many samples, so the gap is stated and not small.

    mean over draws of sum_d (x' - x0)[i d] * dF/dx[i d] at x0 + a (x' - x0), with a even on 0 to 1, x0 the baseline and
    x' the input with normal noise on its units.
    Source: Lundberg & Lee 2017, arXiv:1705.07874, as in Captum's GradientShap.
    """

    name: ClassVar[str] = "gradient_shap"
    title: ClassVar[str] = "GradientSHAP"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = True

    samples: int = knob(32, "random points; more points, less noise", low=1, high=512)
    noise: float = knob(0.0, "standard deviation of the noise added to the embedding", low=0.0, high=1.0)
    seed: int = knob(0, "seed of the random points", low=0, high=1000)
    baseline: str = knob("auto", BASELINE_HELP)

    def passes(self, sample: Sample) -> int:
        return self.samples + 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            import torch
            from captum.attr import GradientShap

            # Captum has no chunking here, so equal parts are averaged, each part with a seed of its own.
            size = chunk_size(encoder, sample, gradients=True)
            parts = [min(size, self.samples - size * i) for i in range(ceil(self.samples / size))]
            total = torch.zeros(embedded.shape[1], device=embedded.device)
            rows = torch.from_numpy(sample.rows).to(embedded.device)

            def without_noise_elsewhere(noisy: Tensor) -> Tensor:
                # Captum's noise falls on special rows too, where input and baseline are one and no score is due.
                whole = embedded.expand(len(noisy), -1, -1).clone()
                whole[:, rows] = noisy[:, rows]
                return explained.joined(whole)

            # Seeding reaches the generator of every GPU, so each is put back, whichever one computes.
            gpus = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
            for index, part in enumerate(parts):
                # The encoder's locks first: who times an explanation holds them already, and two orders would lock up.
                with encoder.running("sdpa"), _SEEDED, torch.random.fork_rng(devices=gpus):
                    state = np.random.get_state()
                    torch.manual_seed(self.seed * 1009 + index)
                    np.random.seed(self.seed * 1009 + index)
                    try:
                        scores = GradientShap(without_noise_elsewhere).attribute(
                            leaf(embedded), baselines=blank, n_samples=part, stdevs=self.noise
                        )
                    finally:
                        np.random.set_state(state)
                total += scores[0].sum(-1) * part / self.samples
            return total

        return attribute(self, encoder, sample, target, progress, compute, self.baseline, self.seed)
