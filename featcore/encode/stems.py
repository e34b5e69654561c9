"""Where an encoder's units enter it: rows of its embedding module, or, for convolutions, the pixels themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel


class Stem(Protocol):
    """Turns a model's input into one row a unit, and runs the model on rows that stand in for its own."""

    def embed(self, value: Tensor) -> Float[Tensor, "b m d"]: ...

    def run(self, tensors: dict[str, Any], embedded: Float[Tensor, "b m d"]) -> Any: ...


class ModuleStem:
    """Rows of the embedding module: word vectors or projected patches, before positions are added."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    def embed(self, value: Tensor) -> Float[Tensor, "b m d"]:
        return self.model.get_input_embeddings()(value)

    def run(self, tensors: dict[str, Any], embedded: Float[Tensor, "b m d"]) -> Any:
        with self._answering(embedded):
            return self.model(**tensors)

    @contextmanager
    def _answering(self, embedded: Tensor) -> Iterator[None]:
        """Let the embedding module answer with these rows; it is as before afterwards, also after an error."""
        module = self.model.get_input_embeddings()
        module.forward = lambda *_, **__: embedded
        try:
            yield
        finally:
            del module.forward


class PixelStem:
    """Rows of pixels, one a cell: what a convolution reads across cells has no rows of its own to exchange."""

    def __init__(self, model: PreTrainedModel, step: tuple[int, int], grid: tuple[int, int]) -> None:
        self.model, self.step, self.grid = model, step, grid

    def embed(self, value: Float[Tensor, "b c y x"]) -> Float[Tensor, "b m d"]:
        (rows, columns), (height, width) = self.grid, self.step
        tiles = value.unflatten(2, (rows, height)).unflatten(4, (columns, width))  # b c rows height columns width
        return tiles.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    def run(self, tensors: dict[str, Any], embedded: Float[Tensor, "b m d"]) -> Any:
        (rows, columns), (height, width) = self.grid, self.step
        tiles = embedded.unflatten(2, (-1, height, width)).unflatten(1, (rows, columns))
        pixels = tiles.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
        return self.model(**{**tensors, "pixel_values": pixels})
