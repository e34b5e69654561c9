"""One input instead of another: a second input takes the baseline's place, so scores add up to F(x) - F(other)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featcore.errors import NotDefined
from featcore.types import Sample

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder
    from featcore.explain.shared import Shared


class Between:
    """An encoder whose only baseline is another input that is cut into units at the same places.

    The difference of F at two inputs is the same question as F alone, moved by a constant; what a second input changes
    is where the scores are counted from. So it stands where a baseline stands, unit by unit.
    """

    def __init__(self, encoder: Shared, other: Sample) -> None:
        self.encoder, self.other = encoder, other

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def baseline(self, sample: Sample, kind: str = "auto") -> Tensor:
        """The unit embedding of the other input, Tensor[1 m d]."""
        return self.encoder.blank(("another input", self.other.key), lambda: self._stand_in(sample))

    def _stand_in(self, sample: Sample) -> Tensor:
        import torch

        rows = torch.from_numpy(sample.rows).to(self.encoder.device)
        embedded = self.encoder.embed(sample).clone()
        embedded[:, rows] = self.encoder.embed(self.other)[:, rows]
        return embedded

    def baseline_kind(self, kind: str) -> str:
        return f"the input '{self.other.source.name}'"


def between(encoder: Shared, sample: Sample, other: Sample, method: Any) -> Encoder:
    """The encoder with the other input as its baseline.

    Raises:
        NotDefined: the method has no baseline, or unit i of one input has no unit i of the other that it could replace.
    """
    if not hasattr(method, "baseline"):
        raise NotDefined(
            f"{method.title} has no baseline, so no second input can take its place. Choose a method with one, or the "
            "similarity to that input."
        )
    if len(sample.sequence) != len(other.sequence) or not np.array_equal(sample.rows, other.rows):
        first, second = len(sample.units), len(other.units)
        raise NotDefined(
            f"The explained input has {first} units ({sample.units.kind}), the other one {second}: unit by unit one "
            "cannot stand in for the other. Take inputs with the same number of units, or explain the similarity to "
            "the other input."
        )
    return Between(encoder, other)  # type: ignore[return-value]
