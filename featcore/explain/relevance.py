"""Attention weighed by its gradient: how much a target depends on who attends to whom.

Here [.]+ keeps what is positive, A_l[h i j] is the attention of layer l and head h from query i to key j, and G_l the
gradient of the target with respect to it. None shares scores out over values, residuals and MLPs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from featcore.explain.attention import check_layer, not_square
from featcore.explain.base import METHODS, Explained, Progress, attribute, knob, leaf
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder


def gradients_of(explained: Explained, score: Tensor, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The gradient of F with respect to each map; zeros where F does not depend on it."""
    import torch

    found = explained.gradients(score, maps)
    return tuple(torch.zeros_like(one) if grad is None else grad for one, grad in zip(maps, found, strict=True))


def reading(explained: Explained, length: int) -> Tensor:
    """Float[s]: how much of each position the classifier reads."""
    import torch

    encoder, sample = explained.encoder, explained.sample
    weights = encoder.layout.reading(encoder.card.config, sample.positions, length)
    return torch.from_numpy(weights).to(encoder.device)


@METHODS
@dataclass(frozen=True)
class Relevance:
    """Gradient times attention, negative parts removed before heads are averaged, rolled through the layers.

    R = I; for each layer R <- R + mean_h([G_l * A_l]+) R; the scores are the row of R - I that the classifier reads:
    that of the class position, or the mean over what it averages. Unlike rollout it is specific to a target.
    Source: Chefer et al. 2021, arXiv:2103.15679, equations 5, 6 and 13 without its normalisation for pairs of inputs.
    """

    name: ClassVar[str] = "relevance"
    title: ClassVar[str] = "Relevance"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient", "attention"})
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False
    cut: ClassVar[str] = "no attention that is read would raise the target, and what would lower it is cut off."
    uncut: ClassVar[str] = "start at an earlier layer, or take Attention x gradient, which keeps signs."

    start: int = knob(0, "first layer that counts, from 0", low=0, high=47)

    @staticmethod
    def refusal(encoder: Encoder) -> str:
        if encoder.layout.readout_of(encoder.card.config) == "probe":
            return (
                f"Relevance is not defined for '{encoder.card.name}': a learned query reads its units, so the "
                "product of its layers has no row that is read. Choose LeGrad, occlusion or a gradient method."
            )
        return not_square("Relevance", encoder.card)

    def passes(self, sample: Sample) -> int:
        return 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            score, states = explained.inside_input()
            maps = states.attention
            check_layer(self.start, len(maps))
            grads = gradients_of(explained, score, maps)
            begin = reading(explained, maps[0].shape[-1])
            row = begin
            for layer in reversed(range(self.start, len(maps))):
                row = row + row @ (grads[layer] * maps[layer])[0].float().clamp(min=0).mean(0)
            return row - begin

        return attribute(self, encoder, sample, target, progress, compute, at="positions")


@METHODS
@dataclass(frozen=True)
class LeGrad:
    """How strongly the target would rise with the attention that each position receives, layer by layer.

    mean over l, h and i of [G_l[h i j]]+, where G_l is the gradient of the target *as the classifier would read it
    behind layer l*, the layers above left out. A sensitivity: the attention itself does not enter.
    Source: Bousselham et al. 2024, arXiv:2404.03214, equations 5 to 9; not scaled to 0..1.
    """

    name: ClassVar[str] = "legrad"
    title: ClassVar[str] = "LeGrad"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient", "attention"})
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False
    cut: ClassVar[str] = "in no layer would more attention raise the target, and what would lower it is cut off."
    uncut: ClassVar[str] = "take Attention x gradient, which keeps signs."

    @staticmethod
    def refusal(encoder: Encoder) -> str:
        return not_square("LeGrad", encoder.card)

    def passes(self, sample: Sample) -> int:
        return 1  # one for each layer, which the sample does not know

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            import torch

            layers = encoder.layers
            explained.total = layers
            total = torch.zeros(len(sample.sequence), device=encoder.device)
            for layer in range(1, layers + 1):
                whole = layer == layers
                score, states = explained.inside_input() if whole else explained.inside(leaf(embedded), layer)
                (grad,) = gradients_of(explained, score, states.attention[-1:])
                total = total + grad[0].float().clamp(min=0).mean((0, 1)) / layers
            return total

        return attribute(self, encoder, sample, target, progress, compute, at="positions")


@METHODS
@dataclass(frozen=True)
class AttentionTimesGradient:
    """Attention of one layer times its gradient, summed over heads and queries: a first-order guess of what the
    target would lose if nobody attended to a unit in that layer.

    sum over h and i of A_l[h i j] G_l[h i j], with its sign. Where the classifier reads one position, only the row of
    that position counts in the last layer.
    Source: Serrano & Smith 2019, arXiv:1906.03731, section 5.
    """

    name: ClassVar[str] = "attention_x_gradient"
    title: ClassVar[str] = "Attention x gradient"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient", "attention"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    layer: int = knob(-1, "layer, counted from 0; -1 is the last", low=-1, high=47)

    @staticmethod
    def refusal(encoder: Encoder) -> str:
        return not_square("Attention x gradient", encoder.card)

    def passes(self, sample: Sample) -> int:
        return 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            score, states = explained.inside_input()
            check_layer(self.layer, len(states.attention))
            weights = states.attention[self.layer]
            (grad,) = gradients_of(explained, score, (weights,))
            return (weights * grad)[0].float().sum((0, 1))

        return attribute(self, encoder, sample, target, progress, compute, at="positions")
