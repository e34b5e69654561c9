"""An encoder learns a person's own classes: all of it, its head alone, or low-rank adapters beside frozen weights."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoModelForVideoClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from featcore.encode.catalog import card_of, folder_of
from featcore.encode.layouts import layout_of
from featcore.encode.vision import VisionLoader
from featcore.errors import InputError, LoadError
from featcore.learn.own import Own, read_own, readable
from featcore.learn.recipe import Examples, Recipe, known_split, one_hot
from featcore.learn.video import portable
from featcore.types import Card, Clip, Text

Mode = Literal["full", "head", "lora"]
# Peak rates at a width of 128; the one for all weights falls as the width grows: 5e-5 at the width of BERT base.
RATES = {"full": 3e-4, "head": 3e-3, "lora": 1e-3}
RANK, ALPHA = 8, 16
MOST_TOKENS = 256


@dataclass(frozen=True)
class Tuning(Recipe):
    """What all modalities share; `start` is the folder that training begins from."""

    start: Path = Path()
    mode: Mode = "full"

    def read(self, data: Path, split: str, seed: int) -> Examples:
        own, values = _decoded(Path(data), self.start)
        rows = own.split(known_split(split), self.seed) or own.split("train", self.seed)
        inputs = self.packed([values[row.key] for row in rows])
        return Examples(inputs, one_hot([self.labels.index(row.label) for row in rows], len(self.labels)))

    def packed(self, values: list[Any]) -> np.ndarray:
        """The inputs of one split as one array."""
        return np.stack(values)

    def processor(self, train: Examples) -> Any:
        return self.auto_processor.from_pretrained(self.start, local_files_only=True, trust_remote_code=False)

    def model(self, processor: Any) -> PreTrainedModel:
        """The checkpoint with a fresh classifier for these labels; what does not learn is frozen."""
        transformers.utils.logging.set_verbosity_error()
        try:
            model = self.auto_model.from_pretrained(
                self.start,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                **self.naming(),
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise LoadError(f"'{self.start.name}' cannot be given a classifier: {error}") from error
        if self.mode == "full":
            return model
        return _with_adapters(model) if self.mode == "lora" else _frozen(model)

    def finish(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return merged(weights)

    def collate(self, processor: Any, inputs: Any) -> dict[str, Tensor]:
        return {"pixel_values": torch.from_numpy(inputs).float()}

    def augment(self, processor: Any, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        """Moved by up to a sixteenth of the side; not mirrored, since left and right may be what a class is."""
        pixels = self.collate(processor, inputs)["pixel_values"]
        most = max(1, min(pixels.shape[-2:]) // 16)
        down, right = rng.integers(-most, most + 1, 2).tolist()
        return {"pixel_values": pixels.roll((down, right), dims=(-2, -1))}

    def command(self, seed: int, epochs: float) -> str:
        return f"featcore finetune {self.start.name} DATA --mode {self.mode} --seed {seed} --epochs {epochs:g}"


@dataclass(frozen=True)
class TextTuning(Tuning):
    auto_model: ClassVar[Any] = AutoModelForSequenceClassification
    auto_processor: ClassVar[Any] = AutoTokenizer
    pipeline: ClassVar[str] = "text-classification"

    def packed(self, values: list[Any]) -> np.ndarray:
        return np.array(values, dtype=object)

    def collate(self, processor: Any, inputs: Any) -> dict[str, Tensor]:
        most = min(MOST_TOKENS, processor.model_max_length)
        return dict(processor(list(inputs), padding=True, truncation=True, max_length=most, return_tensors="pt"))

    def augment(self, processor: Any, inputs: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        return self.collate(processor, inputs)


@dataclass(frozen=True)
class ImageTuning(Tuning):
    auto_model: ClassVar[Any] = AutoModelForImageClassification
    auto_processor: ClassVar[Any] = AutoImageProcessor
    pipeline: ClassVar[str] = "image-classification"


@dataclass(frozen=True)
class VideoTuning(Tuning):
    auto_model: ClassVar[Any] = AutoModelForVideoClassification
    auto_processor: ClassVar[Any] = AutoImageProcessor
    pipeline: ClassVar[str] = "video-classification"

    def finish(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return portable(merged(weights))


_TUNINGS: dict[str, type[Tuning]] = {"text": TextTuning, "image": ImageTuning, "video": VideoTuning}


def tuning(encoder: str, data: Path, mode: Mode = "full", epochs: float = 5.0, seed: int = 0, name: str = "") -> Tuning:
    """The recipe that teaches an encoder what is in `data`.

    Args:
        encoder: anything `featcore.load` takes; mode: "full", "head" (the classifier alone) or "lora".

    Raises:
        InputError: the data are of another kind than the encoder reads, or there is nothing to learn from.
    """
    start = folder_of(encoder)
    card, (own, _) = card_of(start), _decoded(Path(data), start)
    if mode not in RATES:
        raise InputError(f"No way of tuning is called '{mode}'. Known: {', '.join(RATES)}.")
    if mode == "lora":
        _peft()
    rows = len(own.split("train", seed))
    return _TUNINGS[card.modality](
        name=name or f"my-{start.name}",
        title=name or f"{card.title}, tuned",
        summary=f"{card.title} after learning {len(own.labels)} classes of a person's own data",
        data=f"{Path(data).name}: {len(own.rows)} examples, of which it learnt from {rows}",
        terms="as the owner of the data says",
        licence=f"as of {card.title} and of the data",
        origin=f"tuned from {card.title} ({mode})",
        labels=own.labels,
        epochs=epochs,
        batch=max(2, min(32, rows // 4)),
        peak_rate=RATES[mode] * (128 / _width(card) if mode == "full" else 1.0),
        weight_decay=0.01,
        smoothing=0.0,
        checks=max(1, round(epochs)),
        seed=seed,
        start=start,
        mode=mode,
        left_out=own.left_out,
    )


def _width(card: Card) -> int:
    """The length of the vectors between layers, under the names that families give it."""
    sizes = [card.config[name] for name in ("hidden_size", "dim", "n_embd") if name in card.config]
    return int(sizes[0] if sizes else card.config["hidden_sizes"][-1])


@lru_cache(maxsize=2)
def _decoded(data: Path, start: Path) -> tuple[Own, dict[str, Any]]:
    """What is usable, and each example as the encoder will get it; read once for all splits."""
    own, card = read_own(data), card_of(start)
    if own.modality != card.modality:
        raise InputError(f"'{data.name}' holds {own.modality}; '{card.title}' reads {card.modality}. Choose another.")
    options = {"frames": card.input_size[0]} if card.modality == "video" else {}
    kept, values, broken = readable(list(own.rows), _use(card, start), **options)
    counts = {label: sum(row.label == label for row in kept) for label in own.labels}
    lonely = [row for row in kept if counts[row.label] < 2]
    rows = tuple(row for row in kept if counts[row.label] > 1)
    left_out = (*own.left_out, *broken, *((row.name, f"the only readable example of '{row.label}'") for row in lonely))
    own = replace(own, rows=rows, left_out=left_out)
    if len(own.labels) < 2:
        raise InputError(f"'{data.name}' has fewer than two classes with two readable examples.\n{own.report()}")
    return own, {row.key: value for row, value in zip(kept, values, strict=True)}


def _use(card: Card, start: Path) -> Any:
    """How a source becomes what is kept in memory: its text, or the pixels that the model sees, in half precision."""
    if card.modality == "text":
        return lambda source: source.text if isinstance(source, Text) else ""
    loader = VisionLoader(str(start), card.config, layout_of(card.family), card.name)

    def pixels(source: Any) -> np.ndarray:
        assert isinstance(source, Clip)
        return loader.prepare(source, "").tensors["pixel_values"][0].half().numpy()

    return pixels


def _frozen(model: PreTrainedModel) -> PreTrainedModel:
    """Only what stands behind the encoder's own body learns."""
    body = f"{model.base_model_prefix}."
    for name, weight in model.named_parameters():
        weight.requires_grad_(not name.startswith(body))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0  # its running statistics belong to the frozen body
    return model


def _with_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """Low-rank products beside the frozen linear maps of the body; the head learns as it is.

    Source: Hu et al. 2021, arXiv:2106.09685.
    """
    peft, body = _peft(), f"{model.base_model_prefix}."
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and name.startswith(body)]
    if not linear:
        raise InputError("This encoder has no linear maps that an adapter could stand beside. Tune it in full.")
    head = [name for name, _ in model.named_parameters() if not name.startswith(body)]
    peft.inject_adapter_in_model(peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=linear), model)
    for name, weight in model.named_parameters():
        if name in head:
            weight.requires_grad_(True)
    return model


def merged(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adapters added to the weights they stand beside, under the names that every loader knows: W + (alpha / r) B A."""
    found = {}
    for name, weight in weights.items():
        if ".lora_" in name:
            continue
        if name.endswith(".base_layer.weight"):
            root = name.removesuffix(".base_layer.weight")
            a, b = (weights[f"{root}.lora_{part}.default.weight"].float() for part in "AB")
            weight = (weight.float() + ALPHA / RANK * (b @ a)).to(weight.dtype)
        found[name.replace(".base_layer.", ".")] = weight
    return found


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise LoadError("LoRA needs the package peft. Install it: pip install peft.") from error
    return peft
