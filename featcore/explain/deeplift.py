"""DeepLIFT where it is exact: networks of linear steps, rectifiers and maximum pooling, on a copy of the model.

Its rule replaces the gradient of every non-linear step. Captum's class does so by hooks, which are not safe on a model
that threads share, and needs each module used once, which torchvision's ResNets do not do. So here the steps are
exchanged in a copy that shares the weights. Attention, LayerNorm and GELU multiply or divide activations by each other;
no rule for one step alone keeps the sum there, so those models are refused.
"""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from featcore.errors import NotDefined
from featcore.explain.base import BASELINE_HELP, METHODS, Explained, Progress, attribute, knob
from featcore.explain.between import Between
from featcore.explain.shared import Shared
from featcore.types import Attribution, Card, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder

FAMILIES = ("resnet", "regnet", "torchvision", "torchvision_video")
LINEAR = (
    *("Conv2d", "BatchNorm2d", "Linear", "AvgPool2d", "AdaptiveAvgPool2d", "Identity", "Flatten", "Dropout"),
    *("Conv3d", "Conv3DSimple", "Conv3DNoTemporal", "BatchNorm3d", "AdaptiveAvgPool3d"),  # over space and time
)
BENT = ("ReLU", "ReLU6", "MaxPool2d")
GAP = 0.01
"""Above this share the scores do not add up: the model has a step that is no module, so no rule was applied to it."""
TINY = 1e-6  # below this difference the quotient of two differences is rounding, and the gradient is its limit


@METHODS
@dataclass(frozen=True)
class DeepLift:
    """Differences from the baseline, carried back step by step: a rectifier passes on (its output's difference) /
    (its input's difference) where the gradient would be 0 or 1, so the scores add up to F(x) - F(baseline).

    Defined for networks of linear steps, rectifiers and maximum pooling alone, for a logit or a difference of two.
    Source: Shrikumar et al. 2017, arXiv:1704.02685, the rescale rule; maximum pooling as in Lundberg & Lee's DeepSHAP:
    what the larger of both maxima exceeds is carried by the place that holds it.
    """

    name: ClassVar[str] = "deeplift"
    title: ClassVar[str] = "DeepLIFT"
    needs: ClassVar[frozenset[str]] = frozenset({"target", "gradient", "logits"})
    signed: ClassVar[bool] = True
    complete: ClassVar[bool] = True

    baseline: str = knob("auto", BASELINE_HELP)

    @staticmethod
    def refuses(card: Card) -> str:
        """Why an encoder is not offered, from its card; "" where the model itself decides."""
        if card.family in FAMILIES:
            return ""
        return (
            f"DeepLIFT is not defined for '{card.name}': models with attention, LayerNorm or GELU multiply activations "
            "by each other, where its rule does not keep the sum. Take Integrated gradients, which does."
        )

    @staticmethod
    def refusal(encoder: Encoder) -> str:
        known = {*LINEAR, *BENT}
        leaves = {type(part).__name__ for part in encoder.model.modules() if not any(True for _ in part.children())}
        strange = sorted(leaves - known)
        if not strange:
            return ""
        return (
            f"DeepLIFT is not defined for '{encoder.card.name}': it has a rule for {', '.join(BENT)} and linear steps, "
            f"but this model has {', '.join(strange)}. Take Integrated gradients."
        )

    def passes(self, sample: Sample) -> int:
        return 2

    def __call__(self, encoder: Encoder, sample: Sample, target: Target, progress: Progress) -> Attribution:
        if target.kind not in ("logit", "difference"):
            raise NotDefined(
                f"DeepLIFT of a {target.kind} is not defined: behind the class scores comes a step for which it has no "
                "rule. Explain the logit, or the difference of two."
            )

        def compute(explained: Explained, embedded: Tensor, blank: Tensor | None) -> Tensor:
            import torch

            assert blank is not None
            both = torch.cat([embedded, blank]).detach().requires_grad_()
            with torch.enable_grad():
                values = explained.joined(both, {"input": 0, "baseline": 1})
            multipliers = torch.autograd.grad(values[0], both)[0][0].float()
            return (multipliers * (embedded - blank)[0].float()).sum(-1)

        found = attribute(self, exchanged(encoder), sample, target, progress, compute, self.baseline)
        if found.completeness_gap is not None and found.completeness_gap > GAP:
            raise NotDefined(
                f"DeepLIFT of '{encoder.card.name}' misses the difference by {found.completeness_gap:.1%}, so the "
                "model has a step that its rules do not see. Take Integrated gradients."
            )
        return found


def exchanged(encoder: Encoder) -> Encoder:
    """The encoder over a copy of its model with DeepLIFT's rules; weights are shared, the original is not touched."""
    shared = {id(tensor): tensor for tensor in (*encoder.model.parameters(), *encoder.model.buffers())}
    bare: Any = encoder
    while isinstance(bare, Between | Shared):
        bare = bare.encoder
    twin, stem = copy(bare), copy(encoder.stem)
    twin.baseline, twin.baseline_kind = encoder.baseline, encoder.baseline_kind  # type: ignore[method-assign]
    with encoder.lock:
        twin.model = deepcopy(encoder.model, shared)
    for parent in list(twin.model.modules()):
        for name, child in parent.named_children():
            if type(child).__name__ in BENT:
                setattr(parent, name, ruled(child))
    stem.model = twin.model  # type: ignore[attr-defined]
    twin.stem = stem
    return twin


def ruled(step: Any) -> Any:
    """A module that answers as `step` does for a batch of (input, baseline), and goes back by DeepLIFT's rule."""
    import torch
    from torch import nn

    class Rescale(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, entering: Tensor) -> Tensor:
            leaving = plain(entering)
            ctx.save_for_backward(entering, leaving)
            return leaving

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Tensor:
            entering, leaving = ctx.saved_tensors
            change, answer = entering[:1] - entering[1:], leaving[:1] - leaving[1:]
            with torch.enable_grad():
                inner = entering.detach().requires_grad_()
                usual = torch.autograd.grad(plain(inner), inner, gradients[0])[0]
            small = change.abs() < TINY
            return torch.where(small, usual, gradients[0] * answer / change.masked_fill(small, 1))

    class Highest(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, entering: Tensor) -> Tensor:
            ctx.save_for_backward(entering)
            return plain(entering)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Tensor:
            (entering,) = ctx.saved_tensors
            with torch.enable_grad():
                inner = entering.detach().requires_grad_()
                leaving = plain(inner)
                rise = (leaving[:1] - leaving[1:]).detach() * gradients[0][:1]
                higher = leaving[:1] > leaving[1:]
                # each window's change goes to the place that holds the larger of the two maxima
                carried = torch.cat([rise.masked_fill(~higher, 0), rise.masked_fill(higher, 0)])
                placed = torch.autograd.grad(leaving, inner, carried)[0].sum(0, keepdim=True)
            change = entering[:1] - entering[1:]
            small = change.abs() < TINY
            multiplier = torch.where(small, torch.zeros_like(placed), placed / change.masked_fill(small, 1))
            return torch.cat([multiplier, torch.zeros_like(multiplier)])

    class Ruled(nn.Module):
        def forward(self, entering: Tensor) -> Tensor:
            return (Highest if isinstance(step, nn.MaxPool2d) else Rescale).apply(entering)

    plain = copy(step)
    if hasattr(plain, "inplace"):
        plain.inplace = False
    return Ruled()
