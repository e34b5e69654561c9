"""The recipe of `conv-mini`, and the ladder of steps that lead from the article's network to it."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    PreTrainedConfig,
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    ViTImageProcessor,
)
from transformers.modeling_outputs import ImageClassifierOutput

from featcore.learn.image import CLASSES, ImageRecipe
from featcore.learn.recipe import RECIPES, Examples


@dataclass(frozen=True)
class ConvRecipe(ImageRecipe):
    """A ResNet of transformers that looks at enlarged pictures.

    Its class begins with a stride of 2 and a pooling of 2, made for photographs; at `seen_px` = 64 the first takes the
    enlarging back, and 4x4 cells are left at the end.
    """

    seen_px: int = 64

    def processor(self, train: Examples) -> ViTImageProcessor:
        size = {"height": self.seen_px, "width": self.seen_px}
        half = [0.5, 0.5, 0.5]
        return ViTImageProcessor(size=size, image_mean=half, image_std=half)

    def model(self, processor: ViTImageProcessor) -> PreTrainedModel:
        return fast(ResNetForImageClassification(ResNetConfig(**self.config, **self.naming())))

    def augment(self, processor: ViTImageProcessor, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"pixel_values": enlarged(super().augment(processor, inputs, rng)["pixel_values"], self.seen_px)}


def fast(model: Any) -> Any:
    """The same model with its filters in the memory order that convolutions are fast on."""
    return model.to(memory_format=torch.channels_last)


def enlarged(pixels: Tensor, side: int) -> Tensor:
    """Float[b 3 y x] pixels as a processor enlarges them, in the memory order that convolutions are fast on."""
    wide = nn.functional.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    return wide.contiguous(memory_format=torch.channels_last)


CONV_MINI = RECIPES(
    ConvRecipe(
        name="conv-mini",
        title="Conv mini",
        summary="a seven-convolution ResNet that reads pictures of 32 pixels as one of the ten CIFAR-10 classes",
        data="CIFAR-10 (JPEG copies), 47,500 pictures",
        terms="research (Krizhevsky 2009); the data are not redistributed",
        labels=CLASSES,
        epochs=5,
        batch=64,
        peak_rate=3e-3,
        weight_decay=0.0,  # AdamW without decay is Adam
        betas=(0.9, 0.999),
        smoothing=0.1,
        warmup=0.2,
        checks=10,
        shift_px=2,
        gain=0.0,
        tint=0.0,
        blank_px=0,
        config={"embedding_size": 64, "hidden_sizes": [64, 128, 256], "depths": [1, 1, 1], "layer_type": "basic"},
    )
)

# The steps below conv-mini, each with one change to the one before; they end where the article's code would start.
CONV_CYCLE = RECIPES(
    replace(CONV_MINI, name="conv-cycle", title="Rate that rises and falls", mirror=False, shift_px=0, smoothing=0.0)
)
CONV_CONSTANT = RECIPES(
    replace(CONV_CYCLE, name="conv-constant", title="Deeper network", schedule="constant", peak_rate=1e-3)
)


class ArticleNet(PreTrainedModel):
    """The article's network, repaired: one residual block from 3 to 64 channels, their means, two linear layers.

    As printed it does not run: its block has no projection on the shortcut, nothing is pooled, and it has two classes.
    """

    config_class = PreTrainedConfig
    main_input_name = "pixel_values"

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.path = nn.Sequential(
            *(nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(3, 64, 1, bias=False), nn.BatchNorm2d(64))
        self.head = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, len(config.id2label or {})))
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: Any) -> ImageClassifierOutput:
        block = nn.functional.relu(self.path(pixel_values) + self.shortcut(pixel_values))
        return ImageClassifierOutput(logits=self.head(block.mean(dim=(2, 3))))


@dataclass(frozen=True)
class ArticleRecipe(ConvRecipe):
    """The first step of the ladder; its class is of no use elsewhere, so it is never offered as an encoder."""

    seen_px: int = 32

    auto_model: ClassVar[Any] = ArticleNet

    def model(self, processor: ViTImageProcessor) -> PreTrainedModel:
        return fast(ArticleNet(PreTrainedConfig(**self.naming())))


RECIPES(
    ArticleRecipe(
        **{
            **vars(CONV_CONSTANT),
            "name": "conv-article",
            "title": "The article's network",
            "summary": "one residual block and two linear layers, the network of the article that Tessera began with",
            "seen_px": 32,
            "config": {},
        }
    )
)
