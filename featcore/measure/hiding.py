"""What judging an attribution begins with: checked scores, the output that is read, and the game of hiding units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from featcore.errors import NotDefined
from featcore.explain.base import Explained, Progress, chunk_size, resolve_target
from featcore.explain.game import Game
from featcore.types import Attribution, Sample, Target

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

Scale = Literal["probability", "logit"]


def scores_of(sample: Sample, attribution: Attribution) -> Float[np.ndarray, " n"]:
    """The scores, if they are of the units of this sample and finite.

    Raises:
        NotDefined: they are not.
    """
    scores = np.asarray(attribution.scores, float)
    if len(scores) != len(sample.units):
        raise NotDefined(
            f"The attribution scores {len(scores)} units and this sample has {len(sample.units)}. Judge it on the "
            "sample that it was made for."
        )
    if not np.isfinite(scores).all():
        raise NotDefined(
            f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite, so they have no order. "
            "Compute the attribution in float32."
        )
    return scores


def at_least_one(what: str, count: int) -> None:
    """Refuse a number of steps or draws that leaves nothing to measure."""
    if count < 1:
        raise NotDefined(f"{count} {what} measure nothing. Choose 1 or more.")


def explained_target(
    encoder: Encoder, sample: Sample, attribution: Attribution, target: Target | int | str | None = None
) -> Target:
    """What a map explains; of methods that explain no output (attention, floors) the target given, or the default."""
    return attribution.target or resolve_target(encoder, sample, target)


def read_as(target: Target, scale: Scale, labels: Sequence[str] = ()) -> Target:
    """The target on the scale that curves are drawn in: its class's softmax probability, or its logit.

    A number of the pooled vector has no other scale, and a difference of logits is one of logits. `labels` name the
    class where the target was one class rather than another.
    """
    if target.of_vector or (scale == "logit" and target.kind == "difference"):
        return target
    label = labels[target.index] if labels and target.kind == "difference" else target.label
    return replace(target, kind=scale, against=None, label=label)


def hide(encoder: Encoder, sample: Sample, target: Target, baseline: str, progress: Progress, total: int) -> Game:
    """The game v(z): the target with the units where z = 0 hidden; `total` is how many sets will be asked for."""
    import torch

    return Game(
        Explained(encoder, sample, target, progress, total),
        encoder.embed(sample),
        encoder.baseline(sample, baseline),
        torch.from_numpy(sample.rows).to(encoder.device),
        chunk_size(encoder, sample, gradients=False),
    )
