"""An encoder as large as another but for other inputs, with random weights: it costs the same and knows nothing."""

import copy
from dataclasses import replace
from typing import Any

import torch

from featcore.encode.base import Encoder
from featcore.encode.stems import ModuleStem, PixelStem
from featcore.encode.vision import squashing

SEED = 0
BASE: dict[str, int] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "positions": 512,
}
"""The widths of BERT-base. Source: Devlin et al. 2019, arXiv:1810.04805, section 3."""
_SQUARES = {"image_size": 224, "patch_size": 16}
VIT_SIZES: dict[str, dict[str, int]] = {
    "ViT-B size": {name: BASE[name] for name in BASE if name != "positions"} | _SQUARES,
    "ViT-L size": _SQUARES
    | {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}
"""196 patches each. Source: Dosovitskiy et al. 2021, arXiv:2010.11929, table 1."""


def resized(encoder: Encoder, **sizes: Any) -> Encoder:
    """A fresh encoder of the same class, depth, width and heads, made for other input sizes.

    For measuring how cost grows beyond what a checkpoint's table of positions allows: time, memory and FLOP do not
    depend on the values of the weights, answers do. Its card says that it is random and has no digest of weights.

    Args:
        sizes: image_size, patch_size, num_frames (pixels), or positions (text): what `Layout` calls them, whatever the
            family's config does.
    """
    layout, old = encoder.layout, encoder.model
    wanted = _spelled(encoder, sizes)
    config = copy.deepcopy(old.config)
    for part in (getattr(config, "vision_config", config), config):
        for name, value in wanted.items():
            if hasattr(part, name):
                setattr(part, name, value)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = type(old)(config).to(encoder.device, encoder.dtype)  # type: ignore[arg-type]
    stated = (
        encoder.card.config | wanted | {ours: wanted[theirs] for theirs, ours in layout.spelled if theirs in wanted}
    )
    size = (layout.positions(stated),) if layout.modality == "text" else layout.input_shape(stated)
    card = replace(
        encoder.card,
        name=f"{encoder.card.name}, resized",
        revision=None,
        weights_sha256="",
        accuracy="",
        parameters=sum(weight.numel() for weight in model.parameters()),
        input_size=size,
        config=stated,
    )
    loader: Any = copy.copy(encoder.loader)
    if layout.modality == "text":
        loader.max_positions = size[0]
        return Encoder(card, layout, loader, model, ModuleStem(model))
    loader.shape, loader.step, loader.config = size, layout.unit_step(stated), stated
    stem = PixelStem(model, loader.step, loader.grid) if layout.pixels else ModuleStem(model)
    return Encoder(card, layout, loader, model, stem)


def vit_sized(encoder: Encoder, name: str) -> Encoder:
    """A fresh ViT of one of `VIT_SIZES`, which costs what that size costs."""
    assert encoder.layout.family == "vit"
    found = resized(encoder, **VIT_SIZES[name])
    loader: Any = found.loader
    loader.processor = squashing(copy.deepcopy(loader.processor), found.card.input_size[1:])
    found.card = replace(found.card, name=name)
    return found


def base_sized(encoder: Encoder, name: str) -> Encoder:
    """A fresh BERT with the widths of BERT-base and the vocabulary of an encoder; it costs what BERT-base costs."""
    assert encoder.layout.family == "bert"
    found = resized(encoder, **BASE)
    found.card = replace(found.card, name=name)
    return found


def in_format(encoder: Encoder, dtype: str) -> Encoder:
    """The same encoder with weights of its own in another number format ("float32" is a copy)."""
    model = copy.deepcopy(encoder.model).to(getattr(torch, dtype))
    stem = copy.copy(encoder.stem)
    stem.model = model  # type: ignore[attr-defined]
    return Encoder(encoder.card, encoder.layout, encoder.loader, model, stem)


def _spelled(encoder: Encoder, sizes: dict[str, Any]) -> dict[str, Any]:
    """Sizes by the names that the family's own config has for them."""
    theirs = {ours: name for name, ours in encoder.layout.spelled}
    wanted = {theirs.get(name, name): value for name, value in sizes.items() if name != "positions"}
    if "positions" in sizes:
        table = sizes["positions"] + encoder.layout.position_offset
        name = "n_positions" if hasattr(encoder.model.config, "n_positions") else "max_position_embeddings"
        wanted[name] = table
    return wanted
