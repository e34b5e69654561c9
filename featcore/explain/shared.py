"""An encoder that remembers, for one call, what has already been asked of it at the explained input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featcore.types import Sample

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder


class Shared:
    """The encoder as it is, but the unit embedding of one sample and the answer to it are computed once.

    Made anew for every call and held by nobody afterwards, so threads and users share none.
    """

    def __init__(self, encoder: Encoder, sample: Sample) -> None:
        self.encoder, self.sample = encoder, sample
        self._embedded: Tensor | None = None
        self._answers: dict[bool, Tensor] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def embed(self, sample: Sample) -> Tensor:
        """The unit embedding, Tensor[1 m d]; of the explained sample always the same tensor."""
        if sample is not self.sample:
            return self.encoder.embed(sample)
        if self._embedded is None:
            self._embedded = self.encoder.embed(sample)
        return self._embedded

    def logits(self, sample: Sample, embedded: Tensor, *stays: Tensor) -> Tensor:
        """As the encoder's; the answer to the explained input itself is remembered."""
        return self._remember(embedded, self.encoder.logits(sample, embedded, *stays), vector=False)

    def pooled(self, sample: Sample, embedded: Tensor) -> Tensor:
        """As the encoder's; the vector of the explained input itself is remembered."""
        return self._remember(embedded, self.encoder.pooled(sample, embedded), vector=True)

    def answered(self, vector: bool) -> Tensor | None:
        """Logits, Float[1 k], or the pooled vector, Float[1 d], of the explained input, where a pass has given them."""
        return self._answers.get(vector)

    def _remember(self, embedded: Tensor, answer: Tensor, vector: bool) -> Tensor:
        if embedded is self._embedded:
            self._answers[vector] = answer.detach()
        return answer
