"""A checkpoint folder becomes an Encoder; whatever is wrong with it is said before anything stays in memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import PreTrainedModel

from featcore.encode.base import Encoder
from featcore.encode.catalog import card_of
from featcore.encode.device import dtype_name, free_bytes, pick_device, pick_dtype
from featcore.encode.layouts import layout_of
from featcore.encode.stems import ModuleStem, PixelStem
from featcore.encode.text import TextLoader
from featcore.encode.vision import VisionLoader
from featcore.errors import LoadError
from featcore.types import Card


def load_folder(folder: Path, device: str | None = None, dtype: str | None = None) -> Encoder:
    """Load config, weights (safetensors only), and tokenizer or processor of one folder; no code from it is run."""
    card = card_of(folder)
    layout = layout_of(card.family)
    place = pick_device(device)
    _check_memory(card, place, pick_dtype(dtype))
    loader_class = TextLoader if layout.modality == "text" else VisionLoader
    _check_config(card)
    try:
        loader = loader_class(str(folder), card.config, layout, card.name)
    except ImportError as error:
        raise LoadError(f"'{card.name}' needs a package that is not here: {error}") from error
    if isinstance(loader, TextLoader) and not loader.tokenizer.is_fast:
        raise LoadError(
            f"'{card.name}' has a tokenizer without offsets ({type(loader.tokenizer).__name__}), so no token could be "
            "found in the text. Save it with a tokenizer.json."
        )
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


def _check_config(card: Card) -> None:
    """Refuse a config that describes a far larger model than the weights hold; built without memory to count it."""
    model_class = _model_class(card)
    try:
        config = model_class.config_class.from_dict(dict(card.config))  # type: ignore[union-attr]
        with torch.device("meta"):
            asked = sum(weight.numel() for weight in model_class(config).parameters())
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise LoadError(f"The weights of '{card.name}' do not load: its config.json asks for {error}") from error
    if asked > 2 * card.parameters:
        raise LoadError(
            f"The config.json of '{card.name}' describes {asked:,} parameters, its weights hold {card.parameters:,}. "
            "The two files do not belong together; save the checkpoint whole."
        )


def _check_memory(card: Card, place: torch.device, dtype: torch.dtype) -> None:
    """Refuse before a byte is read what would not fit: the weights, and an eighth more to compute with."""
    needed, free = card.parameters * dtype.itemsize * 9 // 8, free_bytes(place)
    if free is not None and needed > free:
        raise LoadError(
            f"'{card.name}' has {card.parameters:,} parameters and needs {needed / 1e9:.2f} GB as {dtype_name(dtype)}; "
            f"{free / 1e9:.2f} GB are free on {place}. Choose a smaller encoder or a shorter number format."
        )


def _load_model(folder: Path, card: Card, dtype: torch.dtype) -> PreTrainedModel:
    model_class = _model_class(card)
    # A bar and a report per checkpoint on the server's terminal tell nobody anything: what matters is refused below.
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    fuses = "attention" in card.provides and getattr(model_class, "_supports_sdpa", False)
    attends: dict[str, Any] = {"attn_implementation": "sdpa"} if fuses else {}
    try:
        # The number format is explicit: "auto" would compute in whatever the file happens to be stored in.
        loaded: Any = model_class.from_pretrained(
            str(folder),
            dtype=dtype,
            **attends,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that they are listed, and refused below in words
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise LoadError(f"The weights of '{card.name}' do not load: {error}") from error
    model, report = loaded
    if report["missing_keys"] or report["mismatched_keys"]:
        missing = sorted(map(str, {*report["missing_keys"], *report["mismatched_keys"]}))
        raise LoadError(
            f"'{card.name}' says it is a {model_class.__name__}, but {len(missing)} of its weights are missing or of "
            f"another size ({', '.join(missing[:3])}); they would be random. Save the checkpoint whole."
        )
    return model


def _model_class(card: Card) -> type[PreTrainedModel]:
    """The transformers class that the config names, if it is a model of the family that the config names."""
    architecture = (card.config.get("architectures") or [""])[0]
    found = getattr(transformers, architecture, None)
    if not (isinstance(found, type) and issubclass(found, PreTrainedModel)):
        raise LoadError(f"'{card.name}' wants the class '{architecture}', which transformers does not have.")
    if found.config_class is None or found.config_class.model_type != card.family:
        raise LoadError(f"The config of '{card.name}' says '{card.family}' and '{architecture}', which do not match.")
    return found
