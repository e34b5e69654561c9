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
        if self.model.main_input_name == "pixel_values_videos":  # V-JEPA 2 puts colours before frames on the way there
            value = value.transpose(1, 2)
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
    """Rows of pixels, one a unit, where what the embedding module answers has no rows that could be exchanged."""

    def __init__(self, model: PreTrainedModel, step: tuple[int, int, int], grid: tuple[int, int, int]) -> None:
        self.model, self.step, self.grid = model, step, grid

    def embed(self, value: Float[Tensor, "b *t c y x"]) -> Float[Tensor, "b m d"]:
        (frames, rows, columns), (deep, height, width) = self.grid, self.step
        clip = value if value.ndim == 5 else value[:, None]
        tiles = clip.unflatten(1, (frames, deep)).unflatten(4, (rows, height)).unflatten(6, (columns, width))
        return tiles.permute(0, 1, 4, 6, 2, 3, 5, 7).flatten(4).flatten(1, 3)  # b, then t y x, then deep c height width

    def run(self, tensors: dict[str, Any], embedded: Float[Tensor, "b m d"]) -> Any:
        (deep, height, width), still = self.step, tensors["pixel_values"].ndim == 4
        tiles = embedded.unflatten(2, (deep, -1, height, width)).unflatten(1, self.grid)  # b t y x deep c height width
        pixels = tiles.permute(0, 1, 4, 5, 2, 6, 3, 7).flatten(6).flatten(4, 5).flatten(1, 2)
        return self.model(**{**tensors, "pixel_values": pixels[:, 0] if still else pixels})
