"""Where the units of each model family are: declared here once, proved by painting in tests/encode/test_layouts.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from featcore.errors import LoadError
from featcore.types import Modality

Readout = Literal["first", "last", "mean", "units", "both", "prefix", "probe", "config"]


@dataclass(frozen=True)
class Layout:
    """How one family (`config.model_type`) lays out its sequence.

    Attributes:
        prefix: names of the positions the model itself puts before the units (class, distillation and register
            tokens). Text families declare none: their special positions come from the tokenizer.
        readout: what the classifier reads: the first or the last position, the mean of all, the mean of the units,
            the first beside the mean of the units ("both"), each position before the units by a classifier of its own
            ("prefix"), or what a learned query attends to ("probe"). "config" asks the checkpoint.
        attention: which positions may see which; "none" where the model gives no weights.
        baselines: what can stand for "nothing there", the default first.
        position_offset: positions of the checkpoint's table that no token can use (RoBERTa counts from pad + 1).
        any_size: the checkpoint takes pictures of other sizes than its config states, so the processor decides.
        pixels: the unit embedding is the pixels of each unit, since the embedding module has no rows that could be
            exchanged: convolutions read across cells, and some families reshape what it answers.
        cells: units are the cells of the last feature map (and their pixels stand in for them).
        projected: an encoder without classes gives a vector that the model itself projects, not one of its rows.
        filled: texts are filled up to the full length with padding that the model sees.
        spelled: names in the config for what other families call image_size and num_frames.
        input_name: what the model and its processor call the pixels.
        time_fastest: neighbours in the sequence are neighbours in time, not in a row of the picture.
        square: transformers' class takes square pictures only.
        resizes: how pictures may have another size than the checkpoint's: its table of positions is interpolated when
            that is asked for, or positions are counted by the size that the config states. Cells and `any_size` need
            neither.
        shortens: positions are added to the rows before the first layer and nowhere else, so rows can be left out
            behind that and the others keep their places.
    """

    family: str
    modality: Modality
    prefix: tuple[str, ...] = ()
    readout: Readout = "first"
    attention: Literal["full", "causal", "windowed", "spatial", "none"] = "full"
    baselines: tuple[str, ...] = ("mask", "pad", "zero")
    position_offset: int = 0
    any_size: bool = False
    pixels: bool = False
    cells: bool = False
    projected: bool = False
    filled: bool = False
    spelled: tuple[tuple[str, str], ...] = ()
    input_name: str = "pixel_values"
    time_fastest: bool = False
    square: bool = False
    resizes: Literal["no", "interpolates", "stated"] = "no"
    shortens: bool = False

    def places(self, grid: tuple[int, int, int], config: dict) -> Int[np.ndarray, " n"]:
        """Where each unit, counted along t, y, x, stands in the sequence."""
        index = np.arange(np.prod(grid)).reshape(grid)
        if self.time_fastest:
            t, y, x = grid
            index = np.arange(index.size).reshape(y, x, t).transpose(2, 0, 1)
        return index.ravel() + len(self.before(config))

    def before(self, config: dict) -> tuple[str, ...]:
        """Names of the positions before the units."""
        registers = int(config.get("num_register_tokens", 0)) if self.family == "dinov2_with_registers" else 0
        return (*self.prefix, *(f"[REG{i}]" for i in range(registers)))

    def reading(self, config: dict, positions: Int[np.ndarray, " n"], length: int) -> Float[np.ndarray, " s"]:
        """How much of each position enters the classifier; adds up to 1. What a "probe" reads depends on the input
        and is asked of it by the encoder."""
        assert self.readout_of(config) != "probe"
        kind, weights = self.readout_of(config), np.zeros(length, np.float32)
        if kind == "mean":
            weights[:] = 1 / length
        elif kind == "prefix":
            weights[: len(self.before(config))] = 1 / len(self.before(config))
        elif kind in ("units", "both"):
            weights[positions] = 1 / len(positions)
            if kind == "both":
                weights /= 2
                weights[0] = 0.5
        else:
            weights[0 if kind == "first" else -1] = 1
        return weights

    def readout_of(self, config: dict) -> Readout:
        """What the classifier of one checkpoint reads."""
        if "readout" in config:  # found beside the config: a folder's own pooling, or one tower of two
            return config["readout"]
        if self.readout != "config":
            return self.readout
        if self.family == "deit":  # a teacher's classifier reads the distillation position beside the class position
            return "prefix" if str(config.get("architectures")).endswith("WithTeacher']") else "first"
        if self.family == "modernbert":
            return "mean" if config.get("classifier_pooling", "cls") == "mean" else "first"
        if self.family == "vjepa2":  # its classifier has a query of its own; without one the mean is usual
            return "probe" if "classification" in str(config.get("architectures")).lower() else "mean"
        if self.family == "videomae" and "classification" not in str(config.get("architectures")).lower():
            return "mean"  # only a classifier reads one position of it
        mean = bool(config.get("use_mean_pooling", True))
        # VideoMAE has no class position; BEiT has one and leaves it out of its mean.
        return ("units" if self.prefix else "mean") if mean else "first"

    def input_shape(self, config: dict) -> tuple[int, int, int]:
        """Frames, rows and columns that a vision checkpoint sees."""
        return (self._frames(config), *_pair(config["image_size"]))

    def unit_step(self, config: dict) -> tuple[int, int, int]:
        """Frames, rows and columns of one unit of a vision checkpoint."""
        if self.cells:
            stride = _STRIDES[self.family](config)
            return (1, *_pair(stride)) if isinstance(stride, int) else stride
        deep = config.get("tubelet_size", 1) if self.modality == "video" else 1
        if isinstance(deep, list):  # ViViT gives all three in one
            return int(deep[0]), int(deep[1]), int(deep[2])
        return (int(deep), *_pair(config["patch_size"]))

    def resized(self, config: dict, size: tuple[int, int], checkpoint: str) -> dict:
        """The config of a checkpoint that gets pictures of other rows and columns than its own.

        Raises:
            LoadError: this family, or this checkpoint, cannot read that size.
        """
        if self.modality == "text":
            raise LoadError(f"'{checkpoint}' reads text, which has no rows and columns. Leave out '#{_by(size)}'.")
        own = _pair(config["image_size"])
        wanted = f"'{checkpoint}' reads {_by(own)} pixels and cannot be asked for {_by(size)}"
        if self.resizes == "no" and not (self.cells or self.any_size):
            raise LoadError(f"{wanted}: {_FIXED[self.family]}. Leave the size out.")
        rows, columns = self.unit_step(config)[1:]
        if size[0] % rows or size[1] % columns:
            near = tuple(max(1, round(side / step)) * step for side, step in zip(size, (rows, columns), strict=True))
            raise LoadError(f"{wanted}: rows must be a multiple of {rows}, columns of {columns}. Ask for {_by(near)}.")
        if self.square and size[0] != size[1]:
            raise LoadError(f"{wanted}: a {self.family} takes squares only. Ask for {_by((size[0], size[0]))}.")
        if self.resizes == "interpolates" and own[0] // rows != own[1] // columns:
            raise LoadError(f"{wanted}: transformers interpolates the positions of square checkpoints only.")
        if self.attention == "windowed":
            least = int(config.get("window_size", 7)) * rows, int(config.get("window_size", 7)) * columns
            if config.get("use_absolute_embeddings") or size[0] < least[0] or size[1] < least[1]:
                raise LoadError(f"{wanted}: its windows need at least {_by(least)}, and no absolute positions.")
        return config | {"image_size": list(size), "own_size": list(own)}

    def maps_attention(self, config: dict) -> bool:
        """Whether attention can be drawn as one map over all units: windows must not reach beyond the picture."""
        if self.attention != "windowed":
            return self.attention != "none"
        return all(rows % window == columns % window == 0 for rows, columns, window, _ in self.windows(config))

    def why_no_map(self, config: dict) -> str:
        """Why attention cannot be drawn as maps over all units, as what stands behind an encoder's name."""
        if self.attention == "windowed":
            return "has windows that reach beyond its picture, so they make no map over its units"
        if str(config.get("builder")).startswith("swin3d"):
            return "attends within windows of space and time, and torchvision gives none of their weights"
        return "is a convolutional network: it computes no attention"

    def map_names(self, config: dict, layers: int, heads: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the layers and the heads of the attention of an Encoding are called."""
        rows = tuple(f"layer {at + 1}" for at in range(layers))
        columns = tuple(f"head {at + 1}" for at in range(heads))
        if self.attention == "windowed":
            counts = ", ".join(map(str, config["num_heads"]))
            return tuple(f"stage {at + 1}" for at in range(layers)), (f"mean of the heads ({counts})",)
        if self.attention == "spatial":
            rows = tuple(f"layer {at // 2 + 1} over {('time', 'the picture')[at % 2]}" for at in range(layers))
        groups = int(config.get("num_key_value_heads") or heads)
        if groups < heads:  # several queries share the keys and values of their group
            columns = tuple(f"head {at + 1} (group {at * groups // heads + 1})" for at in range(heads))
        return rows, columns

    def map_count(self, layers: int) -> int:
        """Maps of attention in an Encoding of a model of so many layers."""
        return 2 * layers if self.attention == "spatial" else layers

    def windows(self, config: dict) -> list[tuple[int, int, int, int]]:
        """For each stage: rows and columns of cells, side of a window, and how far the last layer's windows are moved.

        A stage's layers move their windows by half a side in turn, unless one window holds the whole stage.
        """
        height, width = (
            size // step
            for size, step in zip(_pair(config["image_size"]), _pair(config.get("patch_size", 4)), strict=True)
        )
        found, side = [], int(config.get("window_size", 7))
        for stage, depth in enumerate(config["depths"]):
            rows, columns = height >> stage, width >> stage
            window = min(side, rows, columns)
            found.append(
                (rows, columns, window, side // 2 if depth % 2 == 0 and window == side < min(rows, columns) else 0)
            )
        return found

    def positions(self, config: dict) -> int:
        """Positions of a text checkpoint's table that tokens can use."""
        return int(config.get("max_position_embeddings") or config.get("n_positions", 512)) - self.position_offset

    def _frames(self, config: dict) -> int:
        return int(config.get("num_frames", _FRAMES.get(self.family, 1))) if self.modality == "video" else 1


def video_stride(builder: str) -> tuple[int, int, int]:
    """Frames, rows and columns that a cell of one of torchvision's networks for video stands for.

    Raises:
        LoadError: the network has no map of cells whose mean is read, or it is none that is declared.
    """
    network = builder.partition("_")[0]
    if network in _NO_CELLS:
        raise LoadError(f"'{builder}' of torchvision is not supported: {_NO_CELLS[network]}. {_DECLARED}")
    if network not in _VIDEO_STRIDES:
        raise LoadError(f"'{builder}' is no network of torchvision for video that is declared. {_DECLARED}")
    return _VIDEO_STRIDES[network]


def _by(size: tuple[int, ...]) -> str:
    """Rows and columns as names of encoders state them: "224x320"."""
    return "x".join(map(str, size))


def _pair(side: int | list[int]) -> tuple[int, int]:
    """Rows and columns of a size that a config gives as one number or as two."""
    rows, columns = (side, side) if isinstance(side, int) else side
    return int(rows), int(columns)


# Frames, rows and columns between neighbouring cells of the last feature map of torchvision's networks for video; the
# first word of a builder's name says which network it is.
_VIDEO_STRIDES = {"swin3d": (2, 32, 32), "r3d": (8, 16, 16), "r2plus1d": (8, 16, 16), "mc3": (1, 16, 16)}

# Why other networks of torchvision for video have no layout: what is read there is no mean of one map of cells.
_NO_CELLS = {
    "mvit": "it reads one class position that goes along in front of the cells, while the cells become fewer from "
    "layer to layer: neither one feature map whose mean is read nor a sequence whose positions stay",
    "s3d": "it reads windows of 2x7x7 cells that overlap, so a cell counts by where it stands, and a clip smaller "
    "than one window has no answer",
}
_DECLARED = f"Choose one whose name begins with one of: {', '.join(_VIDEO_STRIDES)}."

# Pixels between neighbouring cells of the last feature map: the stem's stride, then a halving at each stage; the first
# stage of a family may leave that out.
_STRIDES: dict[str, Callable[[dict], int | tuple[int, int, int]]] = {
    "resnet": lambda c: 4 * 2 ** (len(c["hidden_sizes"]) - 1 + bool(c.get("downsample_in_first_stage"))),
    "regnet": lambda c: 2 * 2 ** (len(c["hidden_sizes"]) - 1 + bool(c.get("downsample_in_first_stage", True))),
    "convnext": lambda c: int(c.get("patch_size", 4)) * 2 ** (len(c["hidden_sizes"]) - 1),
    "torchvision": lambda _: 32,
    "torchvision_video": lambda c: video_stride(c["builder"]),
    "swin": lambda c: int(c.get("patch_size", 4)) * 2 ** (len(c["depths"]) - 1),
}

# Why a family reads pictures of one size only.
_FIXED = {
    "videomae": "its positions are counted along one grid, and on another each would stand elsewhere",
    "vivit": "transformers interpolates its positions as those of one picture, not of a clip",
    "timesformer": "its layers count the columns of the size in its config",
}

# Frames of a clip where a config leaves them out, as configs leave out what equals the family's default.
_FRAMES = {"videomae": 16, "vivit": 32, "timesformer": 8, "vjepa2": 64}

# A causal model has neither a mask nor a class token; what ends a text stands for "nothing there".
_CAUSAL = ("eos", "zero")
_PIXELS = ("mean", "black", "blur", "zero")

LAYOUTS: dict[str, Layout] = {
    layout.family: layout
    for layout in (
        Layout("bert", "text", shortens=True),
        Layout("distilbert", "text", shortens=True),
        Layout("electra", "text", shortens=True),
        Layout("ernie", "text", shortens=True),
        Layout("roberta", "text", position_offset=2, shortens=True),
        Layout("xlm-roberta", "text", position_offset=2, shortens=True),
        Layout("mpnet", "text", position_offset=2),
        Layout("deberta-v2", "text"),
        Layout("modernbert", "text", readout="config"),
        Layout("gpt2", "text", readout="last", attention="causal", baselines=_CAUSAL),
        Layout("llama", "text", readout="last", attention="causal", baselines=_CAUSAL),
        Layout("qwen2", "text", readout="last", attention="causal", baselines=_CAUSAL),
        Layout("vit", "image", prefix=("[CLS]",), baselines=_PIXELS, resizes="interpolates", shortens=True),
        Layout(
            *("deit", "image"),
            prefix=("[CLS]", "[DIST]"),
            readout="config",
            baselines=_PIXELS,
            resizes="interpolates",
            shortens=True,
        ),
        Layout("beit", "image", prefix=("[CLS]",), readout="config", baselines=_PIXELS, resizes="interpolates"),
        Layout("dinov2", "image", prefix=("[CLS]",), readout="both", baselines=_PIXELS, any_size=True, shortens=True),
        # Registers stand between the class position and the patches.
        Layout(
            "dinov2_with_registers",
            "image",
            prefix=("[CLS]",),
            readout="both",
            baselines=_PIXELS,
            any_size=True,
            shortens=True,
        ),
        Layout(
            *("clip_vision_model", "image"),
            prefix=("[CLS]",),
            baselines=_PIXELS[:-1],
            pixels=True,
            projected=True,
            resizes="interpolates",
        ),
        Layout("clip_text_model", "text", readout="last", attention="causal", baselines=_CAUSAL, projected=True),
        # One learned query reads the patches of a picture; a text is filled up, and its last position is read.
        Layout(
            *("siglip_vision_model", "image"),
            readout="probe",
            baselines=_PIXELS[:-1],
            pixels=True,
            projected=True,
            resizes="interpolates",
        ),
        Layout("siglip_text_model", "text", readout="last", baselines=("pad", "zero"), filled=True, projected=True),
        Layout(
            *("swin", "image"),
            readout="mean",
            attention="windowed",
            baselines=_PIXELS[:-1],
            pixels=True,
            cells=True,
        ),
        Layout("resnet", "image", readout="mean", attention="none", baselines=_PIXELS[:-1], pixels=True, cells=True),
        Layout("regnet", "image", readout="mean", attention="none", baselines=_PIXELS[:-1], pixels=True, cells=True),
        # ResNet and ConvNeXt of torchvision, see featcore/encode/tv.py; both end at a 32nd of the size.
        Layout(
            "torchvision", "image", readout="mean", attention="none", baselines=_PIXELS[:-1], pixels=True, cells=True
        ),
        Layout("convnext", "image", readout="mean", attention="none", baselines=_PIXELS[:-1], pixels=True, cells=True),
        # Video Swin and the ResNets over space and time of torchvision, see featcore/encode/tv.py.
        Layout(
            *("torchvision_video", "video"),
            readout="mean",
            attention="none",
            baselines=_PIXELS[:-1],
            pixels=True,
            cells=True,
        ),
        # Time is the slowest axis: index = t * (y x) + y * x_cells + x.
        Layout("videomae", "video", readout="config", baselines=_PIXELS, shortens=True),
        Layout("vivit", "video", prefix=("[CLS]",), baselines=_PIXELS, shortens=True),
        Layout(
            *("vjepa2", "video"),
            readout="config",
            baselines=_PIXELS,
            spelled=(("crop_size", "image_size"), ("frames_per_clip", "num_frames")),
            input_name="pixel_values_videos",
            square=True,
            resizes="stated",
        ),
        # Attention in turn over time and over the picture; what is returned is that over the picture, frame by frame.
        Layout(
            *("timesformer", "video"),
            prefix=("[CLS]",),
            attention="spatial",
            baselines=_PIXELS[:-1],
            pixels=True,
            time_fastest=True,
            square=True,
        ),
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
