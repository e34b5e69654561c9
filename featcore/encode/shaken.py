"""An encoder whose unit embeddings are moved, for the question what a small move changes."""

from jaxtyping import Float
from torch import Tensor

from featcore.encode.base import Encoder
from featcore.types import Encoding, Look, Sample


class Shaken(Encoder):
    """The encoder it was made of, with `moves` added to the embedding of the sample.

    Model, locks and everything remembered are shared: the attention that the model is set to must be known once.
    """

    __slots__ = ("_moves",)

    def __init__(self, original: Encoder, moves: Float[Tensor, "1 m d"]) -> None:
        self.__dict__ = vars(original)
        self._moves = moves

    def embed(self, sample: Sample) -> Float[Tensor, "1 m d"]:
        return super().embed(sample) + self._moves

    def encode(self, sample: Sample, attention: bool | Look = True, embedded: Tensor | None = None) -> Encoding:
        return super().encode(sample, attention, self.embed(sample) if embedded is None else embedded)
