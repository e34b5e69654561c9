"""The vision loader: a Clip becomes normalised pixels, and the model's grid is mapped back onto the clip."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torchvision.transforms.functional import gaussian_blur
from transformers import AutoImageProcessor, AutoVideoProcessor, ViTImageProcessor
from transformers.image_utils import SizeDict

from featcore.encode.layouts import Layout
from featcore.encode.scaling import refuse_long, refuse_odd, refuse_vast, resized, target
from featcore.errors import CutError, LoadError
from featcore.types import CELL, Clip, Sample, Source
from featcore.units.grid import place_grid

ALIKE = 1e-6
"""Pixels coloured here may differ by this from the processor's own."""
_DIVIDED = "divided_space_time"


class VisionLoader:
    """Cuts and normalises pictures or clips for one checkpoint folder; a picture is a clip of one frame."""

    def __init__(self, folder: str, config: dict, layout: Layout, card_name: str) -> None:
        auto = AutoVideoProcessor if layout.input_name == "pixel_values_videos" else AutoImageProcessor
        try:
            self.processor = auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise LoadError(f"'{card_name}' has no image processor that loads: {error}") from error
        self.bytes = False
        self._colours: bool | None = None
        self.layout = layout
        self.card_name = card_name
        refuse_odd(self.processor, card_name)
        refuse_vast(self.processor, layout.input_shape(config)[0], card_name)
        self.before, self.config = layout.before(config), config
        if layout.attention == "spatial" and config.get("attention_type", _DIVIDED) != _DIVIDED:
            raise LoadError(f"'{card_name}' attends by '{config['attention_type']}'; only '{_DIVIDED}' is declared.")
        if layout.square and len(set(layout.input_shape(config)[1:])) > 1:
            raise LoadError(f"'{card_name}' sees {config['image_size']} pixels; a {layout.family} takes squares only.")
        self.shape, self.step = layout.input_shape(config), layout.unit_step(config)
        if layout.cells and any(size % step for size, step in zip(self.shape, self.step, strict=True)):
            sees, cell = ("x".join(map(str, sizes)) for sizes in (self.shape, self.step))
            raise LoadError(
                f"'{card_name}' is said to see {sees} (frames, rows, columns), but a cell of its last feature map "
                f"stands for {cell} of them and each must be a multiple of that. Save the checkpoint with such sizes."
            )
        # Keyword arguments of the model beside the pixels.
        self.options: dict[str, Any] = {}
        if "own_size" in config:
            self.processor = squashing(self.processor, self.shape[1:])
            self.options |= {"interpolate_pos_encoding": True} if layout.resizes == "interpolates" else {}
        if layout.family == "vjepa2" and "left_out" in config:  # what it predicts of hidden parts is not asked
            self.options |= {"skip_predictor": True}

    @property
    def grid(self) -> tuple[int, int, int]:
        """Units along t, y, x."""
        t, y, x = (size // step for size, step in zip(self.shape, self.step, strict=True))
        return t, y, x

    def prepare(self, source: Source, key: str) -> Sample:
        """Normalised pixels of one clip, by the checkpoint's own processor; units lie on the clip as it was given."""
        if not isinstance(source, Clip):
            raise CutError(f"'{self.card_name}' reads pixels; this input is text. Choose a text encoder for it.")
        n_frames = self.shape[0]
        if len(source.frames) != n_frames:
            raise CutError(
                f"'{source.name}' has {len(source.frames)} frames; '{self.card_name}' sees exactly {n_frames}. "
                + ("Choose a video encoder." if n_frames == 1 else f"Read the clip with frames={n_frames}.")
            )
        refuse_long(self.processor, source.frames.shape[:3], self.card_name)
        # Named, never guessed: three rows of pixels would be taken for three colours.
        # Torch refuses memory that may not be written, and a clip's frames may be such.
        frames = list(np.require(source.frames, requirements="W"))
        given = [np.stack(frames)] if self.layout.input_name == "pixel_values_videos" else frames
        pixels = self._pixels(given)
        if tuple(pixels.shape[-2:]) != self.shape[1:]:
            raise CutError(
                f"The processor of '{self.card_name}' gives {pixels.shape[-2]}x{pixels.shape[-1]} pixels, "
                f"the model expects {self.shape[1]}x{self.shape[2]}. The checkpoint's two files disagree."
            )
        box = self.seen(source)
        units = place_grid(source.frames.shape[:3], self.grid, box)
        if self.layout.cells:
            units = replace(units, labels=tuple(CELL + label for label in units.labels))
        rows, positions = np.arange(len(units)), self.layout.places(self.grid, self.config)
        return Sample(
            key=key,
            units=units,
            positions=positions,
            rows=rows,
            sequence=(*self.before, *(units.labels[unit] for unit in positions.argsort())),
            tensors={self.layout.input_name: pixels, **self.options},
            source=source,
            notes=self._notes(source, box),
        )

    def _pixels(self, given: list[np.ndarray]) -> torch.Tensor:
        """What the processor makes of pictures or clips; with `bytes` only scaled and cut, if `coloured` does the rest.

        Whether it does is found out with the first input: it depends on the processor and not on the picture.
        """
        run = partial(self.processor, given, input_data_format="channels_last", return_tensors="pt")
        name = self.layout.input_name
        if not self.bytes or self._colours is False:
            return run()[name]
        raw = run(do_rescale=False, do_normalize=False)[name]
        if self._colours is None:
            whole = run()[name]
            self._colours = raw.dtype == torch.uint8 and bool((self.coloured(raw) - whole).abs().max() < ALIKE)
            return raw if self._colours else whole
        return raw

    def coloured(self, pixels: torch.Tensor) -> torch.Tensor:
        """Bytes as the processor colours them where they are, (x / 255 - mean) / std, as Float; floats stay."""
        if pixels.dtype != torch.uint8:
            return pixels
        of, unit = self.processor, getattr(self.processor, "rescale_factor", 1 / 255)
        unit = unit if getattr(of, "do_rescale", True) else 1.0
        normalises = getattr(of, "do_normalize", True)
        mean, std = (of.image_mean, of.image_std) if normalises else ((0.0,), (1.0,))
        shift, scale = (torch.tensor(each, device=pixels.device).reshape(-1, 1, 1) / unit for each in (mean, std))
        return (pixels.float() - shift) / scale

    def seen(self, clip: Clip) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """The box (t, y, x) of the clip that survives the processor's resize and centre crop, in frames and pixels."""
        frames, height, width = clip.frames.shape[:3]
        share_y, share_x = 1.0, 1.0
        rows, columns = resized(self.processor, height, width)
        if getattr(self.processor, "crop_pct", None):  # ConvNeXt keeps a square as long as the edge it states
            edge = (target(self.processor) or {}).get("shortest_edge")
            share_y, share_x = (edge / rows, edge / columns) if edge else (share_y, share_x)
        elif getattr(self.processor, "do_center_crop", False):
            crop = self.processor.crop_size
            share_y, share_x = crop["height"] / rows, crop["width"] / columns
        share_y, share_x = min(share_y, 1.0), min(share_x, 1.0)
        top, left = round(height * (1 - share_y) / 2), round(width * (1 - share_x) / 2)
        return (0, frames), (top, height - top), (left, width - left)

    def blank(self, sample: Sample, kind: str) -> torch.Tensor:
        """Float[1 (t) 3 y x]: the normalised pixels of "nothing there".

        "mean" is the colour the processor subtracts (0 after normalising), "black" is RGB 0, "blur" is the input under
        a Gaussian whose sigma is 1/16 of the shorter side.
        """
        pixels = self.coloured(sample.tensors[self.layout.input_name])
        if kind == "mean":
            return torch.zeros_like(pixels)
        if kind == "black":
            normalises = getattr(self.processor, "do_normalize", True)
            mean, std = (self.processor.image_mean, self.processor.image_std) if normalises else (0.0, 1.0)
            black = -torch.tensor(mean, dtype=pixels.dtype) / torch.tensor(std, dtype=pixels.dtype)
            return black.reshape(-1, 1, 1).expand_as(pixels).contiguous()
        sigma = min(self.shape[1:]) / 16
        flat = pixels.reshape(-1, *pixels.shape[-3:])
        return gaussian_blur(flat, kernel_size=[2 * int(2 * sigma) + 1] * 2, sigma=[sigma] * 2).reshape(pixels.shape)

    def _notes(self, clip: Clip, box: tuple) -> tuple[str, ...]:
        _, height, width = clip.frames.shape[:3]
        notes = []
        if (height, width) != self.shape[1:]:
            notes.append(f"Scaled from {width}x{height} to the {self.shape[2]}x{self.shape[1]} pixels the model sees.")
        if (box[1], box[2]) != ((0, height), (0, width)):
            cut = 1 - (box[1][1] - box[1][0]) * (box[2][1] - box[2][0]) / (height * width)
            notes.append(f"{cut:.0%} of the picture lies outside the centre crop and is not seen by the model.")
        if "own_size" in self.config:
            rows, columns = self.config["own_size"]
            how = ", so its positions are interpolated" if "interpolate_pos_encoding" in self.options else ""
            notes.append(f"The checkpoint's own size is {columns}x{rows}; this one was asked for{how}.")
        return tuple(notes)


def squashing(processor: Any, size: tuple[int, ...]) -> Any:
    """A processor that scales the whole picture to rows and columns, and colours it as the given one does."""
    if hasattr(processor, "crop_pct"):  # ConvNeXt's knows squares only
        kept = ("resample", "do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std")
        return ViTImageProcessor(
            do_resize=True,
            size={"height": size[0], "width": size[1]},
            **{name: value for name in kept if (value := getattr(processor, name, None)) is not None},
        )
    processor.do_resize, processor.size = True, SizeDict(height=size[0], width=size[1])
    processor.do_center_crop = False
    return processor
