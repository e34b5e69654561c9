"""Real encoders with an answer known on paper: all is the encoder's own but the function behind the embedding."""

from dataclasses import dataclass
from typing import Any


@dataclass
class OnPaper:
    """An encoder whose class scores are a given function of the unit embedding, Tensor[b m d] to Tensor[b k]."""

    encoder: Any
    answer: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def logits(self, sample, embedded):
        return self.answer(embedded)
