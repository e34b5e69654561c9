"""The recipe of `image-mini`: a small ViT on CIFAR-10, which is also told what `conv-mini` sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    PreTrainedModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from featcore.errors import LoadError
from featcore.learn.conv import enlarged
from featcore.learn.image import CLASSES, ImageRecipe
from featcore.learn.recipe import RECIPES
from featcore.settings import settings


@dataclass(frozen=True)
class ViTRecipe(ImageRecipe):
    """A ViT whose positions start as waves and whose attention starts as trained attention looks.

    Most batches show the layers a random share `kept` of the patches: half the time a step, so twice the epochs, and
    a picture with hidden patches is something the model has seen (Liu et al. 2022, PatchDropout, arXiv:2208.07220).
    With a `teacher`, the share `taught` of the target is what that encoder answers for the very picture (Beyer et al.
    2022, arXiv:2106.05237, at temperature 1).
    """

    kept: float = 0.5
    teacher: str = ""
    taught: float = 0.5

    def model(self, processor: ViTImageProcessor) -> PreTrainedModel:
        model = ViTForImageClassification(ViTConfig(image_size=self.size_px, **self.config, **self.naming()))
        side = self.size_px // self.config["patch_size"]
        with torch.no_grad():
            places = model.vit.embeddings.position_embeddings
            places[0, 1:] = 0.3 * waves(side, side, places.shape[-1])
            for layer in model.vit.layers:
                _mimic(layer.attention, model.config.num_attention_heads)
        return model

    def loss(self, model: PreTrainedModel, tensors: dict[str, Tensor], targets: Tensor, left: float) -> Tensor:
        pixels = tensors["pixel_values"]
        if self.teacher:
            targets = (1 - self.taught) * targets + self.taught * _lesson(self.teacher, pixels)
        n = (self.size_px // self.config["patch_size"]) ** 2
        if torch.rand(()) < 1 / 8:
            return super().loss(model, tensors, targets, left)
        with thinned(model, torch.rand(len(pixels), n).argsort(dim=1)[:, : round(self.kept * n)]):
            return super().loss(model, tensors, targets, left)


@contextmanager
def thinned(model: Any, kept: Int[Tensor, "b n"]) -> Iterator[None]:
    """Let the layers of a ViT go on with these patches of each picture, and with its CLS position."""

    def pick(module: nn.Module, _: Any, rows: Float[Tensor, "b s d"]) -> Float[Tensor, "b n d"]:
        at = nn.functional.pad(kept.to(rows.device) + 1, (1, 0))
        return rows.gather(1, at[..., None].expand(-1, -1, rows.shape[-1]))

    hook = model.vit.embeddings.register_forward_hook(pick)
    try:
        yield
    finally:
        hook.remove()


def _lesson(teacher: str, pixels: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b k"]:
    """What the teacher, an encoder of the same ten classes, makes of the pictures as the pupil sees them."""
    model, side = _teacher(teacher)
    with torch.no_grad():
        return model.to(pixels.device)(pixel_values=enlarged(pixels, side)).logits.float().softmax(dim=1)


@cache
def _teacher(name: str) -> tuple[Any, int]:
    folder = settings().assets / "models" / name
    try:
        model = AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        size = AutoImageProcessor.from_pretrained(folder, local_files_only=True).size["height"]
    except (OSError, ValueError) as error:
        raise LoadError(f"The teacher '{name}' is not in {folder.parent}: {error}. Train it first.") from error
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last), size


def waves(rows: int, columns: int, width: int) -> Float[Tensor, "n d"]:
    """Sines and cosines of row and column for each cell of a grid, in reading order."""
    pitch = torch.arange(max(rows, columns))[:, None] / 10_000 ** (torch.arange(width // 4) / (width // 4))
    line = torch.cat([pitch.sin(), pitch.cos()], dim=1)
    grid = torch.cat(torch.broadcast_tensors(line[:rows, None], line[None, :columns]), dim=-1)
    return grid.reshape(rows * columns, width)


def _mimic(attention: Any, heads: int) -> None:
    """Let attention begin as trained attention looks: queries meet their own keys, values are nearly negated.

    Source: Trockman & Kolter 2023, arXiv:2305.09828, with their alpha = beta = 0.7 and 0.4.
    """
    width = attention.q_proj.weight.shape[0]
    for rows in torch.arange(width).chunk(heads):
        left, size, right = torch.linalg.svd(0.7 * torch.randn(width, width) / width**0.5 + 0.7 * torch.eye(width))
        strength = size[: len(rows), None].sqrt()
        attention.q_proj.weight[rows] = strength * left.T[: len(rows)]
        attention.k_proj.weight[rows] = strength * right[: len(rows)]
    left, size, right = torch.linalg.svd(0.4 * torch.randn(width, width) / width**0.5 - 0.4 * torch.eye(width))
    attention.v_proj.weight.copy_(size.sqrt()[:, None] * right)
    attention.o_proj.weight.copy_(left * size.sqrt())


RECIPES(
    ViTRecipe(
        name="image-mini",
        title="Image mini",
        summary="a six-layer ViT that reads pictures of 32 pixels as one of the ten CIFAR-10 classes",
        data="CIFAR-10 (JPEG copies), 47,500 pictures, and what conv-mini answers for them",
        terms="research (Krizhevsky 2009); the data are not redistributed",
        labels=CLASSES,
        epochs=28,
        batch=128,
        peak_rate=1e-3,
        muon_rate=2e-3,
        checks=28,
        teacher="conv-mini",
        config={
            "patch_size": 4,
            "hidden_size": 128,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "intermediate_size": 512,
        },
    )
)
