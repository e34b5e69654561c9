"""Where the units of each model family are: declared here once, proved by painting in tests/encode/test_layouts.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from featcore.errors import LoadError
from featcore.types import Modality


@dataclass(frozen=True)
class Layout:
    """How one family (`config.model_type`) lays out its sequence.

    Attributes:
        prefix: positions the model itself puts before the units (class and distillation tokens). Text families
            declare 0: their special positions come from the tokenizer.
        readout: what the classifier reads: the first position, or the mean of all. "config" asks the checkpoint.
        attention: which positions may see which.
        baselines: what can stand for "nothing there", the default first.
        position_offset: positions of the checkpoint's table that no token can use (RoBERTa counts from pad + 1).
        cells: units are the cells of the last feature map, and the unit embedding is their pixels: what convolutions
            read has no rows of its own.
    """

    family: str
    modality: Modality
    prefix: int = 0
    readout: Literal["first", "mean", "config"] = "first"
    attention: Literal["full", "causal", "windowed", "spatial", "none"] = "full"
    baselines: tuple[str, ...] = ("mask", "pad", "zero")
    position_offset: int = 0
    cells: bool = False

    def reads_mean(self, config: dict) -> bool:
        """True when the classifier reads the mean of all positions (VideoMAE declares it in its config)."""
        if self.readout == "config":
            return bool(config.get("use_mean_pooling", True))
        return self.readout == "mean"

    def input_shape(self, config: dict) -> tuple[int, int, int]:
        """Frames, rows and columns that a vision checkpoint sees."""
        return (int(config.get("num_frames", 1)) if self.modality == "video" else 1, *_pair(config["image_size"]))

    def unit_step(self, config: dict) -> tuple[int, int, int]:
        """Frames, rows and columns of one unit of a vision checkpoint."""
        if self.cells:
            return (1, *_pair(_STRIDES[self.family](config)))
        return (int(config.get("tubelet_size", 1)) if self.modality == "video" else 1, *_pair(config["patch_size"]))

    def positions(self, config: dict) -> int:
        """Positions of a text checkpoint's table that tokens can use."""
        return int(config.get("max_position_embeddings", 512)) - self.position_offset


def _pair(side: int | list[int]) -> tuple[int, int]:
    """Rows and columns of a size that a config gives as one number or as two."""
    rows, columns = (side, side) if isinstance(side, int) else side
    return int(rows), int(columns)


# Pixels between neighbouring cells of the last feature map: the stem's stride, then a halving at each stage; the first
# stage of a family may leave that out.
_STRIDES: dict[str, Callable[[dict], int]] = {
    "resnet": lambda c: 4 * 2 ** (len(c["hidden_sizes"]) - 1 + bool(c.get("downsample_in_first_stage"))),
    "regnet": lambda c: 2 * 2 ** (len(c["hidden_sizes"]) - 1 + bool(c.get("downsample_in_first_stage", True))),
    "convnext": lambda c: int(c.get("patch_size", 4)) * 2 ** (len(c["hidden_sizes"]) - 1),
}

_PIXELS = ("mean", "black", "blur", "zero")

LAYOUTS: dict[str, Layout] = {
    layout.family: layout
    for layout in (
        Layout("bert", "text"),
        Layout("distilbert", "text"),
        Layout("electra", "text"),
        Layout("roberta", "text", position_offset=2),
        Layout("vit", "image", prefix=1, baselines=_PIXELS),
        Layout("deit", "image", prefix=2, baselines=_PIXELS),
        Layout("regnet", "image", readout="mean", attention="none", baselines=_PIXELS[:-1], cells=True),
        Layout("resnet", "image", readout="mean", attention="none", baselines=_PIXELS[:-1], cells=True),
        Layout("convnext", "image", readout="mean", attention="none", baselines=_PIXELS[:-1], cells=True),
        # Time is the slowest axis: index = t * (y x) + y * x_cells + x.
        Layout("videomae", "video", readout="config", baselines=_PIXELS),
    )
}


def layout_of(family: str, checkpoint: str = "the checkpoint") -> Layout:
    """The declared layout of a family.

    Raises:
        LoadError: nobody has declared where this family's units are, so no score could be placed.
    """
    if family not in LAYOUTS:
        raise LoadError(
            f"'{checkpoint}' is of the family '{family}'; where its units stand is not declared. "
            f"Known families: {', '.join(sorted(LAYOUTS))}. Choose a checkpoint of one of them."
        )
    return LAYOUTS[family]
