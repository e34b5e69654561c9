"""The closed formula equals torch's counter to the FLOP, for every architecture that has a formula."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.utils.flop_counter import FlopCounterMode

from featcore.encode.catalog import load
from featcore.errors import NotDefined
from featcore.measure.flops import _HEADS, flops, total_flops
from featcore.measure.trial import of_shape, own, work
from featcore.types import Card
from tests import tiny

# Bare models at base size: BERT at 128 tokens, ViT-B/16 at 224, VideoMAE-B at 16 x 224 x 224.
KNOWN = {"BertModel": 22_348_431_360, "ViTModel": 35_127_300_096, "VideoMAEModel": 360_689_172_480}
TINY = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 2}
TINY_DISTIL = {"dim": 24, "hidden_dim": 40, "n_layers": 3, "n_heads": 2}

# Built from a config alone; the others are counted as loaded checkpoints.
BARE = [
    name for name in _HEADS if name.startswith(("Bert", "DistilBert", "Electra", "Roberta", "ViT", "DeiT", "VideoM"))
]


def build(architecture: str, **config: Any) -> tuple[Card, Any]:
    """A card with the config that the folder would hold, and the bare model on the meta device."""
    model_class = getattr(transformers, architecture)
    configured = model_class.config_class(architectures=[architecture], attn_implementation="eager", **config)
    with torch.device("meta"):
        model = model_class(configured).eval()
    family = configured.model_type
    modality = {"videomae": "video", "vit": "image", "deit": "image"}.get(family, "text")
    labels = tuple(configured.id2label.values()) if "For" in architecture else ()
    known = {"licence": "", "parameters": 0, "provides": frozenset[str](), "baselines": (), "input_size": ()}
    card = Card("x", "x", modality, family, "", "", labels=labels, config=configured.to_dict(), **known)  # type: ignore
    return card, model


def count(model: Any, n_tokens: int) -> tuple[int, int]:
    """FLOP by torch's counter, and positions of the sequence."""
    config, meta = model.config, torch.device("meta")
    side = getattr(config, "image_size", 0)
    rows, columns = (side, side) if isinstance(side, int) else side
    if config.model_type == "videomae":
        pixels = torch.empty(1, config.num_frames, config.num_channels, rows, columns, device=meta)
        grid = config.num_frames // config.tubelet_size * (rows // config.patch_size) * (columns // config.patch_size)
        inputs, n = {"pixel_values": pixels}, grid
    elif config.model_type in ("vit", "deit"):
        inputs = {"pixel_values": torch.empty(1, config.num_channels, rows, columns, device=meta)}
        prefix = 1 if config.model_type == "vit" else 2
        n = prefix + (rows // config.patch_size) * (columns // config.patch_size)
    else:
        inputs, n = {"input_ids": torch.zeros(1, n_tokens, dtype=torch.long, device=meta)}, n_tokens
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**inputs)
    return counter.get_total_flops(), n


def sizes(architecture: str) -> dict[str, Any]:
    if architecture.startswith("Distil"):
        return TINY_DISTIL
    if architecture.startswith("Electra"):
        return TINY | {"embedding_size": 12}
    if architecture.startswith(("ViT", "DeiT")):
        return TINY | {"image_size": [24, 40], "patch_size": 8, "num_channels": 4}
    if architecture.startswith("VideoMAE"):
        return TINY | {"image_size": 24, "patch_size": 8, "num_frames": 6, "tubelet_size": 2}
    return TINY


@pytest.mark.parametrize("architecture", BARE)
def test_the_formula_equals_the_counter_to_the_flop(architecture: str) -> None:
    card, model = build(architecture, **sizes(architecture), **({"num_labels": 7} if "For" in architecture else {}))
    counted, n = count(model, 13)
    assert total_flops(card, n) == counted


@pytest.mark.parametrize("architecture", [name for name in BARE if name.endswith("Model")])
def test_the_formula_equals_the_counter_at_base_size(architecture: str) -> None:
    card, model = build(architecture)
    counted, n = count(model, 128)
    assert total_flops(card, n) == counted == KNOWN.get(architecture, counted)


def test_stages_add_up_to_the_total() -> None:
    card, _ = build("BertForSequenceClassification", **TINY)
    parts = flops(card, 8)
    assert set(parts) == {"embed", "layers", "head"}
    assert sum(parts.values()) == total_flops(card, 8)


@pytest.mark.parametrize("name", [*tiny.FAMILIES, "swin", "swin-padded"])
def test_the_card_of_a_loaded_encoder_is_enough(cases: Any, name: str) -> None:
    case = cases(name)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        case.bare("eager").requires_grad_(False)(**case.sample.tensors)
    assert total_flops(case.encoder.card, len(case.sample.sequence)) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "bare"),
    [("ernie", "ErnieModel"), ("mpnet", "MPNetModel"), ("xlm-roberta", "XLMRobertaModel")],
)
@pytest.mark.parametrize("pools", [True, False])
def test_a_text_encoder_that_nobody_listed_has_the_head_of_bert(
    name: str, bare: str, pools: bool, tmp_path: Path
) -> None:
    """So a new family needs one row in the table of layouts, and pages say what it costs."""
    assert not {bare, "ErnieForSequenceClassification"} & _HEADS.keys()
    folder = tiny.build_with(name, bare, tmp_path / bare)
    if not pools:
        kept = {name: value for name, value in load_file(folder / "model.safetensors").items() if "pooler" not in name}
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = load(str(folder), "cpu", "float32")
    trial = own(encoder)
    with FlopCounterMode(display=False) as counter, encoder.running("eager"), torch.no_grad():
        encoder.model(**trial.tensors)
    assert total_flops(encoder.card, trial.positions) == counter.get_total_flops()


@pytest.mark.parametrize("tower", ["clip#text", "clip#image", "siglip#text", "siglip#image"])
def test_each_tower_of_a_pair_is_counted_apart(tower: str, tmp_path: Path) -> None:
    family, part = tower.split("#")
    encoder = load(f"{tiny.build_towers(family, tmp_path / family)}#{part}", "cpu", "float32")
    trial = own(encoder)
    with FlopCounterMode(display=False) as counter, encoder.running("eager"), torch.no_grad():
        encoder.model(**trial.tensors)
    assert total_flops(encoder.card, trial.positions) == counter.get_total_flops()


@pytest.mark.parametrize(
    "more",
    [
        {"relative_attention": False},
        {"relative_attention": True, "pos_att_type": ["c2p"]},
        {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 6},
        {"relative_attention": True, "pos_att_type": "p2c|c2p", "share_att_key": True, "max_relative_positions": 9},
        {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "conv_kernel_size": 3, "embedding_size": 12},
    ],
)
def test_deberta_costs_what_its_positions_and_its_convolution_add(more: dict[str, Any]) -> None:
    card, model = build("DebertaV2ForSequenceClassification", **TINY, max_position_embeddings=32, num_labels=7, **more)
    kinds = model.config.to_dict()
    card.config.update(kinds | {"architectures": ["DebertaV2ForSequenceClassification"]})
    model = (
        type(model)(model.config).eval().requires_grad_(False)
    )  # its scale is computed from values, which meta does not have
    for batch in (1, 3):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(input_ids=torch.zeros(batch, 13, dtype=torch.long))
        assert total_flops(card, 13, batch) == counter.get_total_flops()


def test_swin_of_another_size_is_counted_by_its_own_windows(cases: Any) -> None:
    encoder = cases("swin-padded").encoder
    _, rows, columns = encoder.card.input_size
    trial = of_shape(encoder, 1, 2 * rows, 3 * columns).repeated(2)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder.model(**trial.tensors)
    assert work(trial) == (counter.get_total_flops(), "formula")


def test_an_unknown_head_is_said_in_words() -> None:
    card, _ = build("BertModel", **TINY)
    card.config["architectures"] = ["BertForMaskedLM"]
    with pytest.raises(NotDefined, match="No formula is written down for the head of 'BertForMaskedLM'"):
        flops(card, 8)


def test_a_config_without_sizes_is_said_in_words() -> None:
    card, _ = build("BertModel", **TINY)
    del card.config["hidden_size"]
    with pytest.raises(NotDefined, match="does not state its hidden_size"):
        flops(card, 8)
