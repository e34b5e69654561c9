"""Gradients averaged over noisy copies of the input, so that what a tiny step would change no longer shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from featcore.explain.base import METHODS, Explained, Progress, attribute, chunk_size, knob
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder

SAMPLES_HELP = "noisy copies; more copies, less noise of the map itself"
NOISE_HELP = "standard deviation of the noise, as a share of that of the input's own embedding"
SEED_HELP = "seed of the noise"


@METHODS
@dataclass(frozen=True)
class SmoothGrad:
    """Length of the gradient at each unit, averaged over copies of the input with normal noise on their embedding.

    "mean" is the length of the mean gradient, "square" the root of the mean squared length, which no two copies can
    cancel (SmoothGrad-Squared of Hooker et al. 2019, arXiv:1806.10758). The paper measures noise by the range of the
    input; a single outlying column decides the range of a text embedding, so here it is the standard deviation.
    Source: Smilkov et al. 2017, arXiv:1706.03825.
    """

    name: ClassVar[str] = "smoothgrad"
    title: ClassVar[str] = "SmoothGrad"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    samples: int = knob(32, SAMPLES_HELP, low=1, high=512)
    noise: float = knob(0.25, NOISE_HELP, low=0.0, high=2.0)
    average: str = knob("mean", "of the gradients themselves, or of their squares", choices=("mean", "square"))
    seed: int = knob(0, SEED_HELP, low=0, high=1000)

    def passes(self, sample: Sample) -> int:
        return self.samples + 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            gradients = noisy_gradients(explained, embedded, self.samples, self.noise, self.seed)
            if self.average == "square":
                return (sum(part.square().sum((0, 2)) for part in gradients) / self.samples).sqrt()  # type: ignore
            return (sum(part.sum(0) for part in gradients) / self.samples).norm(dim=-1)  # type: ignore

        return attribute(self, encoder, sample, target, progress, compute, seed=self.seed)


@METHODS
@dataclass(frozen=True)
class SmoothInputTimesGradient:
    """The mean gradient of SmoothGrad times the unit's own embedding, summed over the width: with a sign.

    Source: Smilkov et al. 2017, arXiv:1706.03825, section 3.1 on multiplying with the input.
    """

    name: ClassVar[str] = "smooth_input_x_gradient"
    title: ClassVar[str] = "SmoothGrad x input"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    samples: int = knob(32, SAMPLES_HELP, low=1, high=512)
    noise: float = knob(0.25, NOISE_HELP, low=0.0, high=2.0)
    seed: int = knob(0, SEED_HELP, low=0, high=1000)

    def passes(self, sample: Sample) -> int:
        return self.samples + 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            gradients = noisy_gradients(explained, embedded, self.samples, self.noise, self.seed)
            mean = sum(part.sum(0) for part in gradients) / self.samples
            return (mean * embedded[0]).sum(-1)

        return attribute(self, encoder, sample, target, progress, compute, seed=self.seed)


def noisy_gradients(explained: Explained, embedded: Tensor, samples: int, noise: float, seed: int) -> Iterator[Tensor]:
    """Gradients of F at noisy copies of a unit embedding, Float[b m d] a chunk; special rows get no noise.

    The noise of copy i depends on the seed and i alone, whatever the chunk and the device.
    """
    import torch

    rows = torch.from_numpy(explained.sample.rows).to(embedded.device)
    scale = noise * embedded[:, rows].float().std(correction=0)
    generator = torch.Generator().manual_seed(seed)
    size = chunk_size(explained.encoder, explained.sample, gradients=True)
    for start in range(0, samples, size):
        copies = embedded.expand(min(size, samples - start), -1, -1).clone()
        for copy in copies:
            drawn = torch.randn(len(rows), embedded.shape[-1], generator=generator)
            copy[rows] += scale * drawn.to(embedded)
        copies.requires_grad_()
        with torch.enable_grad():
            values = explained.joined(copies)
        yield torch.autograd.grad(values.sum(), copies)[0].float()
