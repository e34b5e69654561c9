"""A checkpoint folder becomes an Encoder; whatever is wrong with it is said before anything stays in memory."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import PreTrainedModel

from featcore.encode.base import Encoder
from featcore.encode.catalog import card_of
from featcore.encode.device import dtype_name, free_bytes, pick_device, pick_dtype
from featcore.encode.finite import refuse_infinite_weights
from featcore.encode.layouts import layout_of
from featcore.encode.room import in_bytes, room_of
from featcore.encode.stems import ModuleStem, PixelStem
from featcore.encode.text import TextLoader
from featcore.encode.vision import VisionLoader
from featcore.errors import LoadError
from featcore.types import Card

# What transformers raises on a config whose values do not go together.
BROKEN: tuple[type[Exception], ...] = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError),
    *(ValueError, SafetensorError, StrictDataclassError),
)
SLACK = 2**20
"""Parameters that a config may state beyond twice those of the file: a missing classifier, a table of positions."""


def load_folder(
    folder: Path,
    device: str | None = None,
    dtype: str | None = None,
    tower: str = "",
    size: tuple[int, int] | None = None,
) -> Encoder:
    """Load config, weights (safetensors only), and tokenizer or processor of one folder; no code from it is run."""
    card = card_of(folder, tower, size)
    layout = layout_of(card.family)
    place = pick_device(device)
    _check_memory(card, _checked(folder, card), place, pick_dtype(dtype))
    loader_class = TextLoader if layout.modality == "text" else VisionLoader
    loader = loader_class(str(folder), card.config, layout, card.name)
    if isinstance(loader, TextLoader) and not loader.tokenizer.is_fast:
        raise LoadError(
            f"The tokenizer of '{card.name}' ({type(loader.tokenizer).__name__}) does not say which characters a token "
            "stands for, so no token could be marked in the text. Save the checkpoint with a tokenizer.json."
        )
    if isinstance(loader, TextLoader):
        card = replace(card, baselines=loader.baselines(card.baselines))
    model = _load_model(folder, card, pick_dtype(dtype)).to(place)  # type: ignore[arg-type]
    if isinstance(loader, TextLoader) and layout.readout == "last":
        model.config.use_cache = False
        if model.config.pad_token_id is None:
            model.config.pad_token_id = -1  # no token: the class is read at the last position of every row
        if "logits" in card.provides and not card.labels:
            card = replace(card, labels=loader.vocabulary(model.config.vocab_size))
    if isinstance(loader, VisionLoader) and layout.pixels:
        return Encoder(card, layout, loader, model, PixelStem(model, loader.step, loader.grid))
    return Encoder(card, layout, loader, model, ModuleStem(model))


def _checked(folder: Path, card: Card) -> Any:
    """The config as transformers reads it; one of a far larger model than its weights are is refused.

    The model is laid out without memory (device "meta"), which takes no time: `card_of` has bounded layers, labels and
    units. What is only a little larger is refused while it loads, where the missing weights are named.
    """
    model_class = _model_class(card)
    try:
        config = model_class.config_class.from_pretrained(  # type: ignore[union-attr]
            str(folder), local_files_only=True, attn_implementation="eager"
        )
        with torch.device("meta"):
            model = model_class(config)
    except BROKEN as error:
        raise LoadError(f"The weights of '{card.name}' do not load: {error}") from error
    stated = sum(weight.numel() for weight in (*model.parameters(), *model.buffers()))
    if stated > 2 * card.parameters + SLACK:
        raise LoadError(
            f"The config of '{card.name}' asks for {stated:,} parameters, but its weights are {card.parameters:,}. "
            "Save the checkpoint with its true sizes."
        )
    return config


def _check_memory(card: Card, config: Any, place: torch.device, dtype: torch.dtype) -> None:
    """Refuse before a byte is read what would not fit: the weights, and one pass over one input."""
    room, free = room_of(card, config, dtype.itemsize), free_bytes(place)
    if free is not None and room.whole > free:
        raise LoadError(
            f"'{card.name}' has {card.parameters:,} parameters and needs {in_bytes(room.whole)} as "
            f"{dtype_name(dtype)}: {in_bytes(room.weights)} for weights, {in_bytes(room.states)} for hidden states and "
            f"{in_bytes(room.maps)} for attention maps of {room.positions:,} positions; {in_bytes(free)} are free on "
            f"{place}. Choose a smaller encoder or a shorter number format."
        )


def _load_model(folder: Path, card: Card, dtype: torch.dtype) -> PreTrainedModel:
    model_class = _model_class(card)
    # A bar and a report per checkpoint on the server's terminal tell nobody anything: what matters is refused below.
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    # Always stated: the config of a checkpoint does not choose what runs.
    asked: dict[str, Any] = {
        "attn_implementation": "sdpa" if getattr(model_class, "_supports_sdpa", False) else "eager"
    }
    layout = layout_of(card.family)
    if "own_size" in card.config and layout.resizes == "stated":
        asked |= {theirs: card.input_size[1] for theirs, ours in layout.spelled if ours == "image_size"}
    try:
        # The number format is explicit: "auto" would compute in whatever the file happens to be stored in.
        loaded: Any = model_class.from_pretrained(
            str(folder),
            dtype=dtype,
            **asked,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that they are listed, and refused below in words
        )
    except BROKEN as error:
        raise LoadError(f"The weights of '{card.name}' do not load: {error}") from error
    model, report = loaded
    if "logits" not in card.provides and _unread(report["missing_keys"]):
        model.pooler, report["missing_keys"] = None, ()  # nobody here reads what it would give
    if report["missing_keys"] or report["mismatched_keys"]:
        missing = sorted(map(str, {*report["missing_keys"], *report["mismatched_keys"]}))
        raise LoadError(
            f"'{card.name}' says it is a {model_class.__name__}, but {len(missing)} of its weights are missing or of "
            f"another size ({', '.join(missing[:3])}); they would be random. Save the checkpoint whole."
        )
    refuse_infinite_weights(model, dtype, card.name)
    return model


def _unread(missing: Collection[str]) -> bool:
    """Whether only a pooler is missing, as where a checkpoint was trained without one."""
    return bool(missing) and all(name.startswith("pooler.") for name in missing)


def _model_class(card: Card) -> type[PreTrainedModel]:
    """The transformers class that is loaded: that of the config where it answers with classes, else its bare encoder.

    Raises:
        LoadError: the config names no class of transformers, or one of another family.
    """
    if card.family.startswith("torchvision"):
        from featcore.encode import tv

        return tv.CLASSES[card.family]
    heads = "logits" in card.provides or layout_of(card.family).projected
    named = _named_class(card) if heads or card.config.get("architectures") else None
    if heads and named:
        return named
    bare: Any = transformers.MODEL_MAPPING[transformers.CONFIG_MAPPING[card.family]]
    return bare


def _named_class(card: Card) -> type[PreTrainedModel]:
    architecture = (card.config.get("architectures") or [""])[0]
    found = getattr(transformers, architecture, None)
    if not (isinstance(found, type) and issubclass(found, PreTrainedModel)):
        raise LoadError(f"'{card.name}' wants the class '{architecture}', which transformers does not have.")
    family = card.config.get("class_family", card.family)  # a classifier made of one tower keeps the config of two
    if found.config_class is None or found.config_class.model_type != family:
        raise LoadError(f"The config of '{card.name}' says '{card.family}' and '{architecture}', which do not match.")
    return found
