"""One input of a chosen size for one encoder, and the record of what a forward pass of it costs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import prod
from typing import Any

import torch
from torch import Tensor

from featcore.encode.base import Encoder
from featcore.encode.device import device_lock, synchronise
from featcore.encode.fresh import resized
from featcore.errors import NotDefined
from featcore.inputs.samples import first_for, samples
from featcore.measure import records, traffic
from featcore.measure.flops import total_flops
from featcore.measure.quiet import watch
from featcore.measure.records import Record
from featcore.measure.stream import stopwatch
from featcore.measure.timer import timed
from featcore.types import Source

MOST = 100
"""Samples of one point at most."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What is run: tensors on the encoder's device, the same input `batch` times.

    Attributes:
        units: tokens or fragments of one input; positions: those and the special ones.
        frames, height, width: of one input of pixels; 1 and None for text.
        weights: "random" where the checkpoint's own table of positions does not allow this size.
    """

    encoder: Encoder
    tensors: dict[str, Tensor]
    units: int
    positions: int
    batch: int = 1
    frames: int = 1
    height: int | None = None
    width: int | None = None
    weights: str = "pretrained"

    def forward(self) -> Tensor:
        """The bare forward pass, answers left on the device."""
        with torch.inference_mode():
            found = self.encoder.model(**self.tensors)
        return found.logits if "logits" in found else found[0]

    def repeated(self, batch: int) -> "Trial":
        """The same input so many times at once."""
        many = {name: value[:1].repeat(batch, *[1] * (value.ndim - 1)) for name, value in self.tensors.items()}
        return Trial(**{**vars(self), "tensors": many, "batch": batch})


def own(encoder: Encoder) -> Trial:
    """The first sample of ours, as the encoder cuts it."""
    return _of(encoder, first_for(encoder.card))


def every(encoder: Encoder) -> list[Trial]:
    """All our samples of an encoder's modality, as it cuts them."""
    card = encoder.card
    frames = {"frames": card.input_size[0]} if card.modality == "video" else {}
    return [_of(encoder, example.load(**frames)) for example in samples(card.modality)]


def _of(encoder: Encoder, source: Source) -> Trial:
    sample = encoder.prepare(source)
    tensors, units = encoder.tensors(sample), len(sample.units)
    if encoder.layout.modality == "text":
        return Trial(encoder, tensors, units, len(sample.sequence))
    frames, height, width = encoder.card.input_size
    return Trial(encoder, tensors, units, len(sample.sequence), 1, frames, height, width)


def of_length(encoder: Encoder, positions: int) -> Trial:
    """A text of so many positions: special ones as they are, the sample's tokens over and over between them.

    Raises:
        NotDefined: fewer positions than special ones and one token.
    """
    sample = encoder.prepare(first_for(encoder.card))
    # What fills a text up is seen by the model and costs what a token costs, so there it counts as one.
    at = list(range(len(sample.sequence))) if encoder.layout.filled else sorted(sample.positions.tolist())
    before, after = list(range(at[0])), list(range(at[-1] + 1, len(sample.sequence)))
    units = positions - len(before) - len(after)
    if units < 1:
        raise NotDefined(f"{positions} positions of '{encoder.card.name}' hold no token; take {positions - units + 1}.")
    weights = "pretrained"
    if positions > encoder.card.input_size[0]:
        encoder, weights = resized(encoder, positions=positions), "random"
    index = torch.tensor([*before, *islice(cycle(at), units), *after], device=encoder.device)
    tensors = {
        name: value[:, index] if value.ndim == 2 and value.shape[1] == len(sample.sequence) else value
        for name, value in encoder.tensors(sample).items()
    }
    return Trial(encoder, tensors, units, positions, weights=weights)


def of_shape(encoder: Encoder, frames: int, height: int, width: int) -> Trial:
    """The sample's pixels at another size, its frames over and over; both must be whole units.

    Raises:
        NotDefined: frames, height or width that no whole number of units fills.
    """
    layout, stated = encoder.layout, encoder.card.config
    shape, step = (frames, height, width), layout.unit_step(stated)
    if any(size % unit or not size for size, unit in zip(shape, step, strict=True)):
        raise NotDefined(f"{frames}x{height}x{width} is no whole number of units of {'x'.join(map(str, step))}.")
    sample = encoder.prepare(first_for(encoder.card))
    pixels = encoder.tensors(sample)[layout.input_name]
    clip = pixels if pixels.ndim == 5 else pixels[:, None]
    chosen = list(islice(cycle(range(clip.shape[1])), frames))
    scaled = torch.nn.functional.interpolate(clip[0, chosen].float(), (height, width), mode="bilinear")
    made = scaled.to(pixels.dtype)[None] if pixels.ndim == 5 else scaled.to(pixels.dtype)
    weights = "pretrained"
    if shape != encoder.card.input_size and not (layout.cells or layout.any_size):
        sides: Any = height if height == width else [height, width]
        video = {"num_frames": frames} if layout.modality == "video" else {}
        encoder, weights = resized(encoder, image_size=sides, **video), "random"
    units = prod(size // unit for size, unit in zip(shape, step, strict=True))
    positions = units + len(layout.before(stated))
    return Trial(encoder, {layout.input_name: made}, units, positions, 1, frames, height, width, weights)


def of_patch(encoder: Encoder, side: int) -> Trial:
    """Our first sample as a fresh encoder of the same width and depth cuts it, into patches of another side in pixels.

    Raises:
        NotDefined: a side that does not divide the encoder's rows and columns.
    """
    if any(size % side for size in encoder.card.input_size[1:]):
        raise NotDefined(f"'{encoder.card.name}' sees {encoder.card.input_size[1:]}, no whole patches of {side} px.")
    return replace(own(resized(encoder, patch_size=side)), weights="random")


def measured(
    trial: Trial,
    budget_s: float,
    run_id: str,
    tell: Callable[[float], None],
    variant: str = "sdpa",
    **more: Any,
) -> Record:
    """Time the forward pass of a trial, then, apart from the timing, count its work, its bytes and its peak.

    Args:
        variant: kind of attention, "sdpa" (fused) or "eager".
        more: fields of the record beyond those that a trial has.
    """
    encoder = trial.encoder
    stage = "forward"
    with device_lock(encoder.device).alone(stage), encoder.running(variant):
        disturbed = watch()
        timing = timed(
            trial.forward, lambda: synchronise(encoder.device), budget_s, MOST, tell, watch=stopwatch(encoder.device)
        )
        words = disturbed()
        bytes_ = traffic.of_call(trial.forward, encoder.device)
    record = records.of_timing(
        timing,
        stage,
        variant,
        run_id,
        words,
        **records.of_encoder(encoder, variant, weights=trial.weights),
        **sizes(trial),
        **bytes_,
        **more,
    )
    flop, source = work(trial)
    found = record | records.of_work(flop, source, record["p50_s"])
    return found | {"intensity": flop / bytes_["bytes_moved"], **throughput(found)}


def sizes(trial: Trial) -> Record:
    """How large the input of a trial is."""
    card = trial.encoder.card
    return {
        **records.of_size(trial.positions, trial.batch, trial.frames, trial.height, trial.width),
        "patch": None if trial.height is None else trial.encoder.layout.unit_step(card.config)[1],
        "units": trial.units,
        "attention_bytes": attention_bytes(trial),
    }


def attention_bytes(trial: Trial) -> int | None:
    """Bytes of all attention maps of the call, if they are kept; 0 without attention, None where not every position
    sees every other."""
    return map_bytes(trial.encoder, trial.positions, trial.batch)


def map_bytes(encoder: Encoder, positions: int, batch: int = 1) -> int | None:
    """As `attention_bytes`, of so many positions of an encoder: known before anything runs."""
    if "attention" not in encoder.card.provides:
        return 0
    if encoder.layout.attention not in ("full", "causal"):
        return None
    config: Any = getattr(encoder.model.config, "vision_config", encoder.model.config)
    return encoder.layers * config.num_attention_heads * batch * positions**2 * encoder.dtype.itemsize


def work(trial: Trial) -> tuple[int, str]:
    """FLOP of the whole call and where the number is from: the closed formula, or one counted pass without one."""
    card = trial.encoder.card
    if trial.height is not None:  # cells of any size are those of the pixels that are really there
        card = replace(card, config=card.config | {"image_size": [trial.height, trial.width]})
    try:
        return total_flops(card, trial.positions, trial.batch), "formula"
    except NotDefined:
        return counted(trial), "counter"


def counted(trial: Trial) -> int:
    """FLOP of one pass of a trial, counted operator by operator."""
    return traffic.traffic(trial.forward).flop


def throughput(record: Record) -> Record:
    """Inputs a second, by the median; null where there is none."""
    p50_s = record["p50_s"]
    return {"throughput": record["batch"] / p50_s if p50_s else None, "throughput_unit": "inputs/s"}
