"""Pictures become ten kinds of things: CIFAR-10 and its augmentation, for every architecture that learns it."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor
from torchvision.datasets import CIFAR10
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    ViTImageProcessor,
)

from featcore.errors import InputError
from featcore.learn.recipe import Control, Examples, Recipe, known_split, normalised, one_hot

ORIGINAL = CIFAR10
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class ImageRecipe(Recipe):
    """CIFAR-10 with mirroring, shifts, changes of brightness and colour, and one blanked square.

    The last `held_out` training pictures are the dev split. `gain` and `tint` are the largest relative change of
    contrast and the largest shift of a colour (of a range of 2); `blank_px` is the largest side of the blanked square;
    `cell_px` is the side of the cells that a control scrambles.
    """

    size_px: int = 32
    mirror: bool = True
    shift_px: int = 4
    gain: float = 0.2
    tint: float = 0.15
    blank_px: int = 10
    held_out: int = 2500
    cell_px: int = 4

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

    def collate(self, processor: ViTImageProcessor, inputs: Any) -> dict[str, Tensor]:
        return dict(processor(list(inputs), return_tensors="pt"))

    def augment(self, processor: ViTImageProcessor, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        b, side, s = len(inputs), self.size_px, self.shift_px
        wide = np.pad(inputs, ((0, 0), (s, s), (s, s), (0, 0)), mode="reflect")
        top, left = rng.integers(0, 2 * s + 1, (2, b, 1, 1))
        across = np.arange(side)[None, None, :]
        if self.mirror:
            across = np.where(rng.random((b, 1, 1)) < 0.5, across, side - 1 - across)
        pixels = normalised(wide[np.arange(b)[:, None, None], top + np.arange(side)[None, :, None], left + across])
        gain = rng.uniform(1 - self.gain, 1 + self.gain, (b, 1, 1, 1)).astype(np.float32)
        tint = rng.uniform(-self.tint, self.tint, (b, 3, 1, 1)).astype(np.float32)
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
        step, b = self.cell_px, len(test)
        k = self.size_px // step
        tiles = test.inputs.reshape(b, k, step, k, step, 3).swapaxes(2, 3).reshape(b, k * k, step, step, 3)
        order = rng.permuted(np.tile(np.arange(k * k), (b, 1)), axis=1)
        mixed = tiles[np.arange(b)[:, None], order].reshape(b, k, k, step, step, 3).swapaxes(2, 3)
        return Examples(mixed.reshape(test.inputs.shape), test.targets)


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
