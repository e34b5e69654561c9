"""What an encoder needs is known beforehand, and numbers that are none are refused where they first stand."""

import numpy as np
import pytest
from transformers import AutoConfig, BertConfig

from featcore.encode.catalog import card_of, load
from featcore.encode.room import in_bytes, room_of
from featcore.errors import LoadError, NotDefined
from featcore.types import Card
from tests import tiny


def test_a_bert_base_needs_438_mb_for_weights_and_302_mb_for_maps_of_512_positions(cases):
    sizes = BertConfig()
    card = _with(cases("bert").encoder.card, parameters=109_482_240, input_size=(512,))
    room = room_of(card, sizes, 4)
    assert (room.weights, room.maps, room.positions) == (437_928_960, 301_989_888, 512)
    assert room.states == 512 * (17 * 768 + 3 * 3072) * 4
    assert room_of(_with(card, input_size=(8192,)), sizes, 4).positions == 512, "few texts are longer"


def _with(card: Card, **changes) -> Card:
    from dataclasses import replace

    return replace(card, **changes)


@pytest.mark.parametrize("name", ["bert", "gpt2-speaks", "vit", "videomae", "timesformer", "swin", "resnet"])
def test_what_is_reckoned_holds_what_a_pass_gives(cases, name):
    case = cases(name)
    source = tiny.text("the film is not bad " * 30) if name in tiny.TEXT else tiny.source_for(name)
    encoding = case.encoder.encode(case.encoder.prepare(source))
    room = room_of(card_of(case.folder), AutoConfig.from_pretrained(case.folder), 4)
    if not case.encoder.layout.cells:
        assert room.positions == len(encoding.sequence)
    assert room.weights == 4 * sum(weight.numel() for weight in case.bare().parameters())
    assert room.maps == (0 if encoding.attention is None else 2 * encoding.attention.nbytes)
    assert encoding.hidden.nbytes < room.states < 100 * encoding.hidden.nbytes + 4 * 64 * 24 * 24


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (12_300, "12 kB"), (4.38e8, "438.0 MB"), (4.2e9, "4.20 GB")],
)
def test_bytes_are_said_in_the_unit_that_suits_them(count, words):
    assert in_bytes(count) == words


# --- numbers that are none -------------------------------------------------------------------------------------------


def _fill(folder, name, number):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights[name].view(-1)[3] = number
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_the_name_of_the_first_tensor(tmp_path, number):
    folder = tiny.build("bert", tmp_path / "spoiled")
    name = "bert.encoder.layer.1.output.dense.weight"
    _fill(folder, name, number)
    with pytest.raises(
        LoadError, match=rf"spoiled' are not finite: '{name}' holds NaN or infinity.*save this one anew"
    ):
        load(str(folder), device="cpu")


def test_weights_beyond_a_short_format_load_as_float32_and_are_refused_in_it(tmp_path):
    folder = tiny.build("bert", tmp_path / "large")
    _fill(folder, "bert.encoder.layer.1.output.dense.weight", 1e5)
    assert np.isfinite(
        load(str(folder), device="cpu").encode(load(str(folder), "cpu").prepare(tiny.text())).logits
    ).all()
    with pytest.raises(LoadError, match=r"not finite.*A float16 is at most 65504: load it as float32"):
        load(str(folder), device="cpu", dtype="float16")


@pytest.mark.parametrize("name", ["bert", "resnet"])
def test_an_answer_that_is_not_finite_names_the_layer_behind_which_it_first_stands(tmp_path, name):
    """The weights are finite, and so are all but one product of them."""
    folder = tiny.build(name, tmp_path / "overflows")
    encoder = load(str(folder), device="cpu")
    sample = encoder.prepare(tiny.source_for(name))
    if name == "bert":
        layer, where = encoder.model.bert.encoder.layer[1], "behind layer 2"
    else:
        layer, where = encoder.model.resnet.encoder.stages[1], "in its last feature map"
    layer.register_forward_hook(lambda module, given, answer: answer * float("inf"))
    with pytest.raises(NotDefined, match=rf"overflows' gives numbers that are not finite.*first {where}"):
        encoder.encode(sample)
