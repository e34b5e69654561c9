"""An encoder that remembers, for one call, what has already been asked of it at the explained input."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from featcore.types import Encoding, Look, Sample, Target

if TYPE_CHECKING:
    from torch import Tensor

    from featcore.encode.base import Encoder


class Shared:
    """The encoder as it is, but the unit embedding of one sample and the answers to it are computed once.

    Made anew for every call and held by nobody afterwards, so threads and users share none.

    Args:
        several: whether several methods will ask, so that whole passes (gradients, attention) are kept for the next.

    Attributes:
        reused_s: seconds that the kept passes took which a method got for nothing. A map's `seconds` count them, so
            that they do not depend on who asked first.
    """

    def __init__(self, encoder: Encoder, sample: Sample, several: bool = False) -> None:
        self.encoder, self.sample, self.several = encoder, sample, several
        self.reused_s = 0.0
        self._embedded: Tensor | None = None
        self._blanks: dict[Hashable, Tensor] = {}
        self._answers: dict[bool, Tensor] = {}
        self._scores: dict[tuple[int, Target], Tensor] = {}
        self._kept: dict[Hashable, tuple[Any, float]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def embed(self, sample: Sample) -> Tensor:
        """The unit embedding, Tensor[1 m d]; of the explained sample always the same tensor."""
        if sample is not self.sample:
            return self.encoder.embed(sample)
        if self._embedded is None:
            self._embedded = self.encoder.embed(sample)
        return self._embedded

    def baseline(self, sample: Sample, kind: str = "auto") -> Tensor:
        """The baseline, Tensor[1 m d]; of the explained sample one tensor for each kind."""
        if sample is not self.sample:
            return self.encoder.baseline(sample, kind)
        kind = self.encoder.baseline_kind(kind)
        return self.blank(kind, lambda: self.encoder.baseline(sample, kind))

    def blank(self, what: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        """What stands for "nothing there", Tensor[1 m d]; always the same tensor."""
        if what not in self._blanks:
            self._blanks[what] = compute()
        return self._blanks[what]

    def logits(self, sample: Sample, embedded: Tensor, *stays: Tensor) -> Tensor:
        """As the encoder's; the answer to the explained input itself is remembered."""
        return self._remember(embedded, lambda: self.encoder.logits(sample, embedded, *stays), vector=False)

    def pooled(self, sample: Sample, embedded: Tensor) -> Tensor:
        """As the encoder's; the vector of the explained input itself is remembered."""
        return self._remember(embedded, lambda: self.encoder.pooled(sample, embedded), vector=True)

    def encode(self, sample: Sample, attention: bool | Look = True, embedded: Tensor | None = None) -> Encoding:
        """As the encoder's; methods that read attention share one pass, of whose maps each copies what it looks at."""
        if not (self.several and attention) or sample is not self.sample or embedded is not None:
            return self.encoder.encode(sample, attention, embedded)
        return self.encoder.encoding(sample, self.once("attention", lambda: self.encoder.seen(sample)), attention)

    def answered(self, vector: bool) -> Tensor | None:
        """Logits, Float[1 k], or the pooled vector, Float[1 d], of the explained input, where a pass has given them."""
        return self._answers.get(vector)

    def told(self, embedded: Tensor, target: Target) -> Tensor | None:
        """F, Float[], at the explained input or a baseline of it, where a method has learned it."""
        return self._scores.get((id(embedded), target))

    def tell(self, embedded: Tensor, target: Target, score: Tensor) -> None:
        """Remember F at the explained input or a baseline of it; of any other place nothing."""
        # These tensors live as long as this object does, so no other can take the place of one in memory.
        if any(embedded is own for own in (self._embedded, *self._blanks.values())):
            self._scores.setdefault((id(embedded), target), score)

    def once(self, what: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` gives; with several methods, what it gave the first of them."""
        if not self.several:
            return compute()
        if what in self._kept:
            value, seconds = self._kept[what]
            self.reused_s += seconds
            return value
        start = perf_counter()
        value = compute()
        self._kept[what] = value, perf_counter() - start
        return value

    def _remember(self, embedded: Tensor, compute: Callable[[], Tensor], vector: bool) -> Tensor:
        import torch

        if embedded is not self._embedded:
            return compute()
        if vector not in self._answers or torch.is_grad_enabled():
            answer = compute()
            self._answers[vector] = answer.detach()
            return answer
        return self._answers[vector]


def reused_s(encoder: Encoder) -> float:
    """Seconds of kept passes that were given for nothing so far; 0 of an encoder that keeps none."""
    return getattr(encoder, "reused_s", 0.0)
