"""Checkpoints as the hub delivers them: with heads that nobody here asks, without poolers, in old spellings."""

import json
import re

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import featcore as fc
from featcore.encode.catalog import card_of
from featcore.encode.header import INSIDE
from featcore.encode.layouts import LAYOUTS
from featcore.errors import LoadError
from featcore.measure.check import check
from featcore.measure.flops import _HEADS, total_flops
from tests import tiny

# Checkpoint, the class it is saved from, and what of it is no part of the encoder.
HEADED = (
    ("bert", "BertForMaskedLM", ["cls"]),
    ("bert", "BertForPreTraining", ["cls"]),
    ("bert", "BertForTokenClassification", ["classifier"]),
    ("distilbert", "DistilBertForMaskedLM", ["vocab_layer_norm", "vocab_projector", "vocab_transform"]),
    ("electra", "ElectraForPreTraining", ["discriminator_predictions"]),
    ("roberta", "RobertaForMaskedLM", ["lm_head"]),
    ("xlm-roberta", "XLMRobertaForMaskedLM", ["lm_head"]),
    ("mpnet", "MPNetForMaskedLM", ["lm_head"]),
    ("deberta-v2", "DebertaV2ForMaskedLM", ["cls"]),
    ("modernbert", "ModernBertForMaskedLM", ["decoder", "head"]),
    ("vit", "ViTForMaskedImageModeling", ["decoder"]),
    ("deit", "DeiTForMaskedImageModeling", ["decoder"]),
    ("beit", "BeitForMaskedImageModeling", ["layernorm", "lm_head"]),
    ("videomae", "VideoMAEForPreTraining", ["decoder", "encoder_to_decoder", "mask_token"]),
)
BARE = (
    *("bert", "electra", "roberta", "deberta-v2", "modernbert", "gpt2", "llama", "vit", "deit", "beit", "dinov2"),
    *("dinov2_with_registers", "swin", "resnet", "convnext", "videomae", "vivit", "timesformer", "vjepa2"),
)


def source_of(name):
    return tiny.source_for(name) if name in tiny.TEXT else tiny.clip(tiny.SHAPES[name][0][0])


def bare_of(folder, **more):
    """The bare encoder, by transformers alone."""
    return transformers.AutoModel.from_pretrained(folder, attn_implementation="eager", **more).eval()


def assert_answers_as(bare, encoder, name):
    sample = encoder.prepare(source_of(name))
    with torch.no_grad():
        expected = bare(**sample.tensors, output_hidden_states=True).hidden_states[-1][0]
    expected = expected.flatten(1).T if expected.ndim == 3 else expected
    np.testing.assert_allclose(encoder.encode(sample).hidden[-1], expected, rtol=0, atol=1e-5)
    assert "logits" not in encoder.card.provides
    # What stands for hidden patches is in the file of such a checkpoint and not in these two encoders.
    unread = 32 if name in ("vit", "deit") and "decoder" in encoder.card.config["left_out"] else 0
    assert encoder.card.parameters == sum(weight.numel() for weight in encoder.model.parameters()) + unread


@pytest.mark.parametrize(("name", "class_name", "heads"), HEADED, ids=[row[1] for row in HEADED])
def test_a_checkpoint_with_another_head_is_its_encoder_and_says_what_was_left_out(tmp_path, name, class_name, heads):
    folder = tiny.build_with(name, class_name, tmp_path / "headed")
    encoder = fc.load(str(folder), "cpu", "float32")
    assert type(encoder.model) is type(bare_of(folder))
    assert_answers_as(bare_of(folder), encoder, name)
    assert encoder.card.config["left_out"] == tuple(heads)
    found = check(encoder, source_of(name))
    assert found["notes"][0].startswith(f"The checkpoint also holds {', '.join(heads)};")
    assert fc.explain(encoder, encoder.prepare(source_of(name)), "integrated_gradients").scores.any()
    if encoder.card.config["architectures"][0] in _HEADS:
        assert total_flops(encoder.card, len(encoder.prepare(source_of(name)).sequence)) == found["flop"]


@pytest.mark.parametrize("name", BARE)
def test_a_bare_encoder_loads_with_and_without_its_pooler(tmp_path, name):
    class_name = transformers.MODEL_MAPPING[transformers.CONFIG_MAPPING[name]].__name__
    folder = tiny.build_with(name, class_name, tmp_path / "bare")
    encoder = fc.load(str(folder), "cpu", "float32")
    assert encoder.card.config["left_out"] == ()
    assert_answers_as(bare_of(folder), encoder, name)
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if not key.startswith("pooler.")}
    if len(kept) < len(weights):
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
        without = fc.load(str(folder), "cpu", "float32")
        assert without.model.pooler is None
        sample = without.prepare(source_of(name))
        np.testing.assert_array_equal(without.encode(sample).hidden, encoder.encode(sample).hidden)
        assert without.card.parameters == sum(weight.numel() for weight in without.model.parameters())


def test_weights_that_the_encoder_needs_are_still_missed(tmp_path):
    folder = tiny.build_with("bert", "BertForMaskedLM", tmp_path / "cut")
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if "layer.1.output.dense" not in key and "pooler" not in key}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LoadError, match=r"is a BertModel, but 4 of its weights are missing.*layer\.1\.output"):
        fc.load(str(folder), device="cpu")


def test_a_config_that_names_no_class_gives_the_encoder(tmp_path):
    """As DeBERTa v3 is delivered."""
    folder = tiny.build("deberta-v2", tmp_path / "unnamed")
    config = json.loads((folder / "config.json").read_text())
    del config["architectures"]
    (folder / "config.json").write_text(json.dumps(config))
    encoder = fc.load(str(folder), "cpu", "float32")
    assert_answers_as(bare_of(folder), encoder, "deberta-v2")
    assert encoder.card.config["left_out"] == ("classifier", "pooler")


def test_sentence_transformers_name_a_class_whose_head_is_not_in_the_file(tmp_path):
    """all-mpnet-base-v2: the config says MPNetForMaskedLM, the file holds an MPNetModel."""
    folder = tiny.build_with("mpnet", "MPNetModel", tmp_path / "sentences")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["MPNetForMaskedLM"]}))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    encoder = fc.load(str(folder), "cpu", "float32")
    assert_answers_as(bare_of(folder), encoder, "mpnet")
    assert encoder.encode(encoder.prepare(source_of("mpnet"))).readout is None


def test_bert_in_its_old_spelling(tmp_path):
    """bert-base-uncased: gamma and beta for what norms scale and shift by, and a table of positions."""
    folder = tiny.build_with("bert", "BertForPreTraining", tmp_path / "old")
    expected = fc.load(str(folder), "cpu", "float32")
    weights = {
        re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", name)): value
        for name, value in load_file(folder / "model.safetensors").items()
    }
    weights["bert.embeddings.position_ids"] = torch.arange(tiny.MAX_POSITIONS)[None]
    (folder / "other").mkdir()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = fc.load(str(folder), "cpu", "float32")
    sample = encoder.prepare(tiny.text())
    np.testing.assert_array_equal(encoder.encode(sample).hidden, expected.encode(sample).hidden)
    assert encoder.card.parameters == sum(weight.numel() for weight in encoder.model.parameters())


def test_gpt2_as_it_was_first_published_speaks(tmp_path):
    """openai-community/gpt2: names without their prefix, no head (it is tied), and causal masks in the file."""
    folder = tiny.build("gpt2-speaks", tmp_path / "gpt2")
    expected = fc.load(str(folder), "cpu", "float32")
    weights = {
        key.removeprefix("transformer."): value for key, value in load_file(folder / "model.safetensors").items()
    }
    weights.pop("lm_head.weight", None)
    mask = torch.ones(tiny.MAX_POSITIONS, tiny.MAX_POSITIONS).tril()[None, None]
    weights |= {f"h.{layer}.attn.bias": mask.clone() for layer in range(2)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = fc.load(str(folder), "cpu", "float32")
    sample = encoder.prepare(tiny.text())
    np.testing.assert_array_equal(encoder.encode(sample).logits, expected.encode(sample).logits)
    assert len(encoder.card.labels) == encoder.model.config.vocab_size
    assert encoder.card.parameters == sum(weight.numel() for weight in encoder.model.parameters())


@pytest.mark.parametrize(
    "family", [name for name, row in LAYOUTS.items() if not row.projected and name not in tiny.TORCHVISION]
)
def test_where_an_encoder_is_inside_its_checkpoint_is_what_transformers_says(family):
    model_class = transformers.MODEL_MAPPING[transformers.CONFIG_MAPPING[family]]
    assert INSIDE.get(family, family) == model_class.base_model_prefix


def test_a_pretrained_videomae_reads_the_mean_of_its_tubelets(tmp_path):
    """Its config says that no classifier reads a mean, and there is no classifier."""
    folder = tiny.build_with("videomae", "VideoMAEForPreTraining", tmp_path / "mae", use_mean_pooling=False)
    assert card_of(folder).config["use_mean_pooling"] is False
    encoder = fc.load(str(folder), device="cpu")
    assert encoder.encode(encoder.prepare(source_of("videomae"))).readout is None


def test_a_distilled_deit_answers_by_the_mean_of_its_two_classifiers(tmp_path):
    folder = tiny.build_with("deit", "DeiTForImageClassificationWithTeacher", tmp_path / "teacher", **{"num_labels": 5})
    encoder = fc.load(str(folder), "cpu", "float32")
    sample = encoder.prepare(source_of("deit"))
    with torch.no_grad():
        bare = transformers.DeiTForImageClassificationWithTeacher.from_pretrained(folder).eval()(**sample.tensors)
    encoding = encoder.encode(sample)
    np.testing.assert_allclose(encoding.logits, (bare.cls_logits + bare.distillation_logits)[0] / 2, atol=1e-5)
    assert encoding.labels == tuple(f"kind {i}" for i in range(5))
    assert {encoding.sequence[at]: weight for at, weight in enumerate(encoding.reading) if weight} == {
        "[CLS]": 0.5,
        "[DIST]": 0.5,
    }
