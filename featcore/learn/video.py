"""Clips become motions: the recipe of `video-mini`, a small VideoMAE on clips that the project renders itself."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoModelForVideoClassification,
    PreTrainedModel,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessor,
)

from featcore.inputs.motion import MOTIONS, photographed, render_many
from featcore.inputs.photographs import Part
from featcore.learn.recipe import RECIPES, Control, Examples, Recipe, known_split, normalised, one_hot


@dataclass(frozen=True)
class Rendered:
    """Clips that are drawn when they are asked for: motion numbers, seeds, and whose photographs are behind half."""

    motions: Int[np.ndarray, " n"]
    seeds: Int[np.ndarray, " n"]
    frames: int
    size_px: int
    photographs: Part | None

    def __getitem__(self, rows: Int[np.ndarray, " b"] | slice) -> UInt8[np.ndarray, "b t y x 3"]:
        return render_many(self.motions[rows], self.seeds[rows], self.frames, self.size_px, self.photographs)


@dataclass(frozen=True)
class VideoRecipe(Recipe):
    """Rendered motions with noise and changes of brightness and contrast, half of them before photographs.

    The splits use seeds and photographs that never meet.
    """

    clips: int = 96_000
    held_out: int = 2000
    frames: int = 8
    size_px: int = 32

    auto_model: ClassVar[Any] = AutoModelForVideoClassification
    auto_processor: ClassVar[Any] = AutoImageProcessor
    pipeline: ClassVar[str] = "video-classification"

    def read(self, data: Path, split: str, seed: int) -> Examples:
        part = known_split(split)
        start, count = {
            "test": (0, self.held_out),
            "dev": (10_000, self.held_out // 2),
            "train": (100_000 + seed * 10_000_000, min(self.clips, self.limit or self.clips)),
        }[part]
        motions = np.arange(count) % len(MOTIONS)
        clips = Rendered(motions, np.arange(start, start + count), self.frames, self.size_px, part)
        return Examples(clips if split == "train" else clips[:], one_hot(motions, len(MOTIONS)))

    def processor(self, train: Examples) -> VideoMAEImageProcessor:
        size = {"height": self.size_px, "width": self.size_px}
        half = [0.5, 0.5, 0.5]
        return VideoMAEImageProcessor(size=size, do_center_crop=False, image_mean=half, image_std=half)

    def model(self, processor: VideoMAEImageProcessor) -> PreTrainedModel:
        config = VideoMAEConfig(image_size=self.size_px, num_frames=self.frames, **self.config, **self.naming())
        model = VideoMAEForVideoClassification(config)
        with torch.no_grad():
            _look_around(model) if config.tubelet_size == 1 else _see_change(model)
        return model

    def finish(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return portable(weights)

    def collate(self, processor: VideoMAEImageProcessor, inputs: Any) -> dict[str, Tensor]:
        clips: Any = [list(clip) for clip in inputs]
        return dict(processor(clips, return_tensors="pt"))

    def augment(self, processor: VideoMAEImageProcessor, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        b = len(inputs)
        pixels = normalised(inputs).numpy()
        gain, shift, noise = (
            rng.uniform(low, high, (b, 1, 1, 1, 1)).astype(np.float32)
            for low, high in ((0.7, 1.2), (-0.2, 0.2), (0.0, 0.12))
        )
        grain = rng.standard_normal(pixels.shape, dtype=np.float32)
        return {"pixel_values": torch.from_numpy((pixels * gain + shift + noise * grain).clip(-1, 1))}

    def controls(self) -> dict[str, Control]:
        return {
            "one random frame repeated": _frozen,
            "frames reversed": lambda test, _: Examples(test.inputs[:, ::-1], test.targets),
            "frames reversed, opposite motion expected": _mirrored,
            "frames in random order": _disordered,
            "those over photographs, without them": self._plain,
            "over photographs": _photographed,
            "drawn at 128 px and 24 frames, then resized to 32 px and 8 frames": self._large,
        }

    def _plain(self, test: Examples, _: np.random.Generator) -> Examples:
        """The test clips that have a photograph behind them, without it."""
        rows = _before_photographs(len(test))
        return Examples(
            Rendered(np.arange(len(test)) % len(MOTIONS), np.arange(len(test)), self.frames, self.size_px, None)[rows],
            test.targets[rows],
        )

    def _large(self, test: Examples, _: np.random.Generator) -> Examples:
        """A quarter of the test clips at the size of the app's samples; the processor shrinks them."""
        frames, count = 3 * self.frames, len(test) // 4
        chosen = np.linspace(0, frames - 1, self.frames).round().astype(int)
        clips = Rendered(np.arange(count) % len(MOTIONS), np.arange(count), frames, 4 * self.size_px, "test")
        large = [clips[i : i + 10][:, chosen] for i in range(0, count, 10)]
        return Examples(np.concatenate(large), test.targets[:count])


def _see_change(model: Any) -> None:
    """Half of the filters begin as differences of a tubelet's two frames.

    The still background cancels, and learning leaves chance after some 150 steps, against none in the first 260 from
    the usual start.
    """
    filters = model.videomae.embeddings.patch_embeddings.projection.weight
    half = filters[: len(filters) // 2]
    half.mul_(3)
    half[:, :, 1] = -half[:, :, 0]


def _look_around(model: Any) -> None:
    """Two heads of the first two layers begin by looking at the same place one frame back and one frame ahead.

    A query that is turned to the position k further on, against a key that is not, is largest at that unit; k is the
    units of one frame. So two frames are compared from the start, which tubelets of two frames get from their filters.
    """
    width, head = model.config.hidden_size, model.config.hidden_size // model.config.num_attention_heads
    units = (model.config.image_size // model.config.patch_size) ** 2
    for layer in model.videomae.encoder.layer[:2]:
        attention = layer.attention.attention
        for k, rows in ((-units, slice(0, head)), (units, slice(head, 2 * head))):
            attention.key.weight[rows] = torch.eye(head, width)
            attention.query.weight[rows] = 2 * turned(head, width, k)  # at 1 a fifth of the attention lands there


def turned(head: int, width: int, k: int) -> Float[Tensor, "head width"]:
    """The rows that make of a sinusoidal position n the first `head` numbers of position n + k.

    Its numbers are pairs of a sine and a cosine of n times one frequency each (Vaswani et al. 2017, section 3.5).
    """
    turn = torch.zeros(head, width)
    for pair in range(0, head, 2):
        angle = torch.tensor(k / 10_000 ** (pair / width))
        turn[pair, pair], turn[pair, pair + 1] = angle.cos(), angle.sin()
        turn[pair + 1, pair], turn[pair + 1, pair + 1] = -angle.sin(), angle.cos()
    return turn


def portable(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Biases under the names that transformers 5.17 and 5.23 both read; 5.17 also wants the key's, which is 0."""
    named = {}
    for name, weight in weights.items():
        named[name.replace(".q_bias", ".query.bias").replace(".v_bias", ".value.bias")] = weight
        if name.endswith(".q_bias"):
            named[name.replace(".q_bias", ".key.bias")] = torch.zeros_like(weight)
    return named


def _before_photographs(count: int) -> Int[np.ndarray, " n"]:
    """The rows of the test clips that have a photograph behind them."""
    return np.flatnonzero(photographed(np.arange(count)))


def _photographed(test: Examples, _: np.random.Generator) -> Examples:
    rows = _before_photographs(len(test))
    return Examples(test.inputs[rows], test.targets[rows])


def _frozen(test: Examples, rng: np.random.Generator) -> Examples:
    clips = test.inputs
    b, t = clips.shape[:2]
    frame = clips[np.arange(b), rng.integers(0, t, b)]
    return Examples(np.repeat(frame[:, None], t, axis=1), test.targets)


def _mirrored(test: Examples, _: np.random.Generator) -> Examples:
    opposite = np.arange(test.targets.shape[1]) ^ 1
    return Examples(test.inputs[:, ::-1], test.targets[:, opposite])


def _disordered(test: Examples, rng: np.random.Generator) -> Examples:
    order = rng.permuted(np.tile(np.arange(test.inputs.shape[1]), (len(test), 1)), axis=1)
    return Examples(test.inputs[np.arange(len(test))[:, None], order], test.targets)


VIDEO_MINI = RECIPES(
    VideoRecipe(
        name="video-mini",
        title="Video mini",
        summary="a four-layer VideoMAE that reads eight frames of 32 pixels as one of ten motions",
        data="clips rendered by featcore.inputs.motion: five motions and their reversals, "
        "half before pieces of photographs",
        terms="Apache-2.0, rendered by the project itself; "
        "photographs of scikit-image and scikit-learn (free, some CC BY)",
        labels=MOTIONS,
        epochs=4,
        batch=64,
        peak_rate=1.2e-3,
        config={
            "patch_size": 8,
            "tubelet_size": 2,
            "hidden_size": 96,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 384,
            "use_mean_pooling": True,
            # The fixed positions have size 1; at the usual 0.02 the pixels would start far below them.
            "initializer_range": 0.06,
        },
    )
)

# The same with fragments one frame deep: the order of time then stands in the positions alone.
RECIPES(
    replace(
        VIDEO_MINI,
        name="video-mini-t1",
        title="Video mini, one frame deep",
        summary="a four-layer VideoMAE that reads eight frames of 32 pixels, one at a time, as one of ten motions",
        config={**VIDEO_MINI.config, "tubelet_size": 1},
    )
)
