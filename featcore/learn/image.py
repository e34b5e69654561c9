"""Pictures become ten kinds of things: the recipe of `image-mini`, a small ViT trained on CIFAR-10."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn
from torchvision.datasets import CIFAR10
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    PreTrainedModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from featcore.errors import InputError
from featcore.learn.recipe import RECIPES, Control, Examples, Recipe, known_split, normalised, one_hot

ORIGINAL = CIFAR10
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class ImageRecipe(Recipe):
    """CIFAR-10 with mirroring, shifts, light colour changes and one blanked square.

    Most batches show the layers a random share `kept` of the patches: half the time a step, so twice the epochs, and
    a picture with hidden patches is something the model has seen (Liu et al. 2022, PatchDropout, arXiv:2208.07220).
    The last `held_out` training pictures are the dev split. `blank_px` is the largest side of the blanked square.
    """

    size_px: int = 32
    shift_px: int = 4
    blank_px: int = 10
    held_out: int = 2500
    kept: float = 0.5

    auto_model: ClassVar[Any] = AutoModelForImageClassification
    auto_processor: ClassVar[Any] = AutoImageProcessor
    pipeline: ClassVar[str] = "image-classification"

    def read(self, data: Path, split: str, seed: int) -> Examples:
        part = "test" if known_split(split) == "test" else "train"
        kept = {"train": slice(0, -self.held_out), "dev": slice(-self.held_out, None), "test": slice(None)}[split]
        packed = data / "cifar10" / f"{part}.npz"
        pixels, labels = _unpacked(packed, kept) if packed.is_file() else _downloaded(data, part, kept)
        return Examples(pixels, one_hot(labels, len(self.labels)))

    def processor(self, train: Examples) -> ViTImageProcessor:
        size = {"height": self.size_px, "width": self.size_px}
        half = [0.5, 0.5, 0.5]
        return ViTImageProcessor(size=size, image_mean=half, image_std=half)

    def model(self, processor: ViTImageProcessor) -> PreTrainedModel:
        model = ViTForImageClassification(ViTConfig(image_size=self.size_px, **self.config, **self.naming()))
        with torch.no_grad():
            places = model.vit.embeddings.position_embeddings
            places[0, 1:] = 0.3 * _waves(self.size_px // self.config["patch_size"], places.shape[-1])
            for layer in model.vit.layers:
                _mimic(layer.attention, model.config.num_attention_heads)
        model.vit.embeddings.register_forward_hook(self._thin)
        return model

    def _thin(self, module: nn.Module, _: Any, rows: Float[Tensor, "b s d"]) -> Float[Tensor, "b n d"]:
        """While training, go on with a random part of each picture's patches; one batch in eight stays whole."""
        b, s, _ = rows.shape
        if not module.training or torch.rand(()) < 1 / 8:
            return rows
        kept = 1 + torch.rand(b, s - 1).argsort(dim=1)[:, : round(self.kept * (s - 1))]
        kept = torch.cat([torch.zeros(b, 1, dtype=kept.dtype), kept], dim=1)
        return rows.gather(1, kept[..., None].expand(-1, -1, rows.shape[-1]))

    def collate(self, processor: ViTImageProcessor, inputs: Any) -> dict[str, Tensor]:
        return dict(processor(list(inputs), return_tensors="pt"))

    def augment(self, processor: ViTImageProcessor, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        b, side, s = len(inputs), self.size_px, self.shift_px
        wide = np.pad(inputs, ((0, 0), (s, s), (s, s), (0, 0)), mode="reflect")
        top, left = rng.integers(0, 2 * s + 1, (2, b, 1, 1))
        across = np.arange(side)[None, None, :]
        across = np.where(rng.random((b, 1, 1)) < 0.5, across, side - 1 - across)
        pixels = normalised(wide[np.arange(b)[:, None, None], top + np.arange(side)[None, :, None], left + across])
        gain = rng.uniform(0.8, 1.2, (b, 1, 1, 1)).astype(np.float32)
        tint = rng.uniform(-0.15, 0.15, (b, 3, 1, 1)).astype(np.float32)
        pixels = pixels.mul_(torch.from_numpy(gain)).add_(torch.from_numpy(tint))
        return {"pixel_values": pixels.masked_fill_(self._square(b, rng), 0.0)}

    def _square(self, b: int, rng: np.random.Generator) -> Tensor:
        """True inside one random square a picture; grey, as a hidden patch is when it is explained."""
        half = rng.integers(0, self.blank_px + 1, (b, 1, 1)) / 2
        row, column = rng.uniform(0, self.size_px, (2, b, 1, 1))
        at = np.arange(self.size_px) + 0.5
        inside = (np.abs(at[None, :, None] - row) < half) & (np.abs(at[None, None, :] - column) < half)
        return torch.from_numpy(inside[:, None])

    def controls(self) -> dict[str, Control]:
        return {"patches in random order": self._scrambled, "mirrored": _mirrored, "grey": _grey}

    def _scrambled(self, test: Examples, rng: np.random.Generator) -> Examples:
        """The cells of the patch grid, each kept whole, at random places."""
        step, b = self.config["patch_size"], len(test)
        k = self.size_px // step
        tiles = test.inputs.reshape(b, k, step, k, step, 3).swapaxes(2, 3).reshape(b, k * k, step, step, 3)
        order = rng.permuted(np.tile(np.arange(k * k), (b, 1)), axis=1)
        mixed = tiles[np.arange(b)[:, None], order].reshape(b, k, k, step, step, 3).swapaxes(2, 3)
        return Examples(mixed.reshape(test.inputs.shape), test.targets)


def _waves(side: int, width: int) -> Float[Tensor, "n d"]:
    """Sines and cosines of row and column for each cell of a square grid, in reading order."""
    pitch = torch.arange(side)[:, None] / 10_000 ** (torch.arange(width // 4) / (width // 4))
    line = torch.cat([pitch.sin(), pitch.cos()], dim=1)
    grid = torch.cat(torch.broadcast_tensors(line[:, None], line[None, :]), dim=-1)
    return grid.reshape(side * side, width)


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


def _unpacked(path: Path, kept: slice) -> tuple[UInt8[np.ndarray, "b y x 3"], np.ndarray]:
    """Pictures and labels of a file of JPEG bytes."""
    with np.load(path) as archive:
        bounds, labels = archive["offset"], archive["label"]
        chosen, packed = np.arange(len(labels))[kept], archive["jpeg"].tobytes()
    return np.stack([_decoded(packed[bounds[i] : bounds[i + 1]]) for i in chosen]), labels[chosen]


def _downloaded(data: Path, part: str, kept: slice) -> tuple[UInt8[np.ndarray, "b y x 3"], np.ndarray]:
    """Pictures and labels of the original archive, which torchvision fetches once and checks."""
    try:
        found = ORIGINAL(str(data / "cifar10"), train=part == "train", download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"CIFAR-10 is not in '{data / 'cifar10'}' and cannot be downloaded ({error}). Put cifar-10-python.tar.gz "
            "there, or give the folder of the data sets with --data."
        ) from error
    return found.data[kept], np.array(found.targets)[kept]


def _decoded(jpeg: bytes) -> UInt8[np.ndarray, "y x 3"]:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return np.asarray(picture.convert("RGB"))


def _mirrored(test: Examples, _: np.random.Generator) -> Examples:
    return Examples(test.inputs[:, :, ::-1].copy(), test.targets)


def _grey(test: Examples, _: np.random.Generator) -> Examples:
    """Colour taken away by the luma weights of ITU-R BT.601."""
    luma = test.inputs @ np.array([0.299, 0.587, 0.114])
    return Examples(np.repeat(luma.round().astype(np.uint8)[..., None], 3, axis=-1), test.targets)


IMAGE_MINI = RECIPES(
    ImageRecipe(
        name="image-mini",
        title="Image mini",
        summary="a six-layer ViT that reads pictures of 32 pixels as one of the ten CIFAR-10 classes",
        data="CIFAR-10 (JPEG copies), 47,500 pictures",
        terms="research (Krizhevsky 2009); the data are not redistributed",
        labels=CLASSES,
        epochs=12,
        batch=128,
        peak_rate=1e-3,
        muon_rate=2e-3,
        smoothing=0.1,
        checks=12,
        config={
            "patch_size": 4,
            "hidden_size": 128,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "intermediate_size": 512,
        },
    )
)
