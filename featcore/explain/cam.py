"""Class activation maps: the channels of one layer, weighed by what they mean for the target."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, ClassVar

from featcore.errors import NotDefined
from featcore.explain.base import METHODS, Explained, Progress, attribute, knob, leaf
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder


@METHODS
@dataclass(frozen=True)
class GradCam:
    """Channels of a layer, each weighed by its mean gradient, added up; what speaks against the target is cut off.

    [sum_d a_d h[i d]]+ with a_d = mean over units i of dF/dh[i d], h the vectors between two layers. Tokens and
    fragments take the place of the pixels of a feature map; special positions are in neither mean nor map. A map of a
    convolution that is finer than the units is averaged over each unit.
    Source: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.
    """

    name: ClassVar[str] = "grad_cam"
    title: ClassVar[str] = "Grad-CAM"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = False
    complete: ClassVar[bool] = False
    cut: ClassVar[str] = "at this layer every unit speaks against the target, or not at all, and the ReLU left nothing."
    uncut: ClassVar[str] = "try another layer, or a method that keeps signs, such as Input x gradient."

    layer: int = knob(
        -1, "what goes into this layer, from 0; -1: the deepest at which all units still act", low=-1, high=48
    )

    def passes(self, sample: Sample) -> int:
        return 1

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            score, states = explained.inside_input()
            last = len(states.hidden) - 1
            if self.layer > last:
                raise NotDefined(
                    f"Layer {self.layer} does not exist. What goes into a layer of '{encoder.card.name}' is counted "
                    f"from 0 to {last - 1}, {last} is what leaves the last one, and -1 chooses."
                )
            read = one_position(encoder, sample)
            layer = self.layer if self.layer >= 0 else last - (read is not None)
            if layer == last and read is not None:
                raise NotDefined(
                    f"Grad-CAM at the output of the last layer of '{encoder.card.name}' is zero: {read} is all that is "
                    "read from there on, so no other position has a gradient. Choose an earlier layer, or -1."
                )
            (grad,) = explained.gradients(score, (states.hidden[layer],))
            if grad is None:
                raise NotDefined(
                    f"Grad-CAM at layer {layer} of '{encoder.card.name}' is not defined: this target does not depend "
                    "on it. Choose an earlier layer."
                )
            return placed(encoder, sample, weighed(encoder, sample, states.hidden[layer], grad))

        return attribute(self, encoder, sample, target, progress, compute, at="positions")


@METHODS
@dataclass(frozen=True)
class Cam:
    """What each unit's last vector adds to the target, where a linear classifier reads the mean of the units.

    sum_d w[c d] h[i d] / n, with its sign: with what special positions add, the scores add up to the logit less its
    bias. Refused where the classifier is not linear in the mean, which shows in a gradient that depends on the input.
    Source: Zhou et al. 2016, arXiv:1512.04150, equation 2.
    """

    name: ClassVar[str] = "cam"
    title: ClassVar[str] = "CAM"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    @staticmethod
    def refusal(encoder: Encoder) -> str:
        if encoder.layout.readout_of(encoder.card.config) in ("mean", "units"):
            return ""
        return (
            f"CAM is not defined for '{encoder.card.name}': its classifier does not read the mean of its units. "
            "Choose Grad-CAM."
        )

    def passes(self, sample: Sample) -> int:
        return 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            import torch

            # A linear head has one gradient for every input; half the input serves as another one.
            scores, states = explained.inside(torch.cat([leaf(embedded), leaf(embedded) / 2]))
            (grad,) = torch.autograd.grad(scores.sum(), states.hidden[-1])
            vectors = vectors_of(encoder, sample, grad)
            alike = (vectors - vectors[:1, :1]).abs().max() <= 1e-4 * vectors.abs().max()
            if not alike:
                raise NotDefined(
                    f"CAM is not defined for '{encoder.card.name}' and this target: the {target.kind} is not linear "
                    "in the mean of its last vectors (something not linear stands between, or one position is read "
                    "apart). Choose Grad-CAM."
                )
            return placed(encoder, sample, (vectors_of(encoder, sample, states.hidden[-1])[0] * vectors[0]).sum(-1))

        return attribute(self, encoder, sample, target, progress, compute, at="positions")


def one_position(encoder: Encoder, sample: Sample) -> str | None:
    """The name of the one position that a classifier reads, None where it reads more."""
    kind = encoder.layout.readout_of(encoder.card.config)
    return sample.sequence[0 if kind == "first" else -1] if kind in ("first", "last") else None


def vectors_of(encoder: Encoder, sample: Sample, hidden: Tensor) -> Tensor:
    """Float[b n d]: the units' vectors of one layer; of feature maps all cells, as fine as the layer is."""
    from featcore.encode.maps import cells

    return cells(hidden) if encoder.layout.cells else hidden[:, sample.positions]


def weighed(encoder: Encoder, sample: Sample, hidden: Tensor, grad: Tensor) -> Tensor:
    """Float[n]: the vectors of a layer weighed by the mean gradient of each channel, feature maps averaged to units."""
    import torch

    weights = vectors_of(encoder, sample, grad)[0].mean(0)
    scores = (vectors_of(encoder, sample, hidden)[0] @ weights).clamp(min=0)
    if not encoder.layout.cells or len(scores) == len(sample.units):
        return scores
    assert sample.units.grid is not None
    _, rows, columns = sample.units.grid
    finer = isqrt(len(scores) // (rows * columns))
    assert finer * finer * rows * columns == len(scores), "a layer has whole cells in each unit"
    fine = scores.reshape(1, 1, rows * finer, columns * finer)
    return torch.nn.functional.avg_pool2d(fine, finer).flatten()


def placed(encoder: Encoder, sample: Sample, scores: Tensor) -> Tensor:
    """Float[s]: scores of units at their places in the sequence, 0 elsewhere."""
    import torch

    whole = torch.zeros(len(sample.sequence), device=encoder.device)
    whole[torch.from_numpy(sample.positions).to(encoder.device)] = scores.detach().float()
    return whole
