"""Tokenizers as repositories really hold them: one file of the usual three, or one that is refused with the reason."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest

import featcore as fc
from featcore.errors import CutError, LoadError, NotDefined
from tests import tiny

FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


@pytest.fixture
def built(cases, tmp_path):
    """A copy of a checkpoint with no file of its tokenizer but those to keep, and what its tokenizer.json said."""
    return lambda name, *keep: copied(cases(name).folder, tmp_path / name, keep)


def copied(whole, folder, keep):
    shutil.copytree(whole, folder)
    stated = json.loads((folder / "tokenizer.json").read_text())
    for file in FILES:
        if file not in keep:
            (folder / file).unlink(missing_ok=True)
    return folder, stated["model"]


def assert_cuts_as_the_whole_checkpoint(cases, name, folder):
    encoder, whole = fc.load(str(folder), "cpu", "float32"), cases(name)
    sample = encoder.prepare(whole.source)
    assert sample.tensors["input_ids"].tolist() == whole.sample.tensors["input_ids"].tolist()
    np.testing.assert_array_equal(sample.units.extents, whole.sample.units.extents)
    np.testing.assert_array_equal(encoder.encode(sample).logits, whole.encoder.encode(whole.sample).logits)
    return encoder


@pytest.mark.parametrize("name", ["bert", "distilbert", "electra"])
def test_a_vocabulary_of_word_pieces_alone(cases, built, name):
    folder, model = built(name)
    (folder / "vocab.txt").write_text("\n".join(sorted(model["vocab"], key=model["vocab"].get)) + "\n")
    encoder = assert_cuts_as_the_whole_checkpoint(cases, name, folder)
    assert encoder.card.baselines == ("mask", "pad", "zero")


@pytest.mark.parametrize("name", ["roberta", "gpt2", "qwen2"])
def test_a_vocabulary_of_byte_pairs_alone(cases, built, name):
    folder, model = built(name)
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    assert_cuts_as_the_whole_checkpoint(cases, name, folder)
    (folder / "merges.txt").unlink()
    with pytest.raises(LoadError, match=r"has a vocab\.json, but no merges\.txt"):
        fc.load(str(folder), device="cpu")


@pytest.mark.parametrize(
    "name", ["bert", "roberta", "gpt2", "llama", "qwen2", "modernbert", "deberta-v2", "xlm-roberta"]
)
def test_a_tokenizer_json_alone(cases, built, name):
    """For the last two transformers has a class that does not read this one's kind; the file itself says how to cut."""
    encoder = assert_cuts_as_the_whole_checkpoint(cases, name, built(name, "tokenizer.json")[0])
    sample = encoder.prepare(tiny.text())
    assert fc.explain(encoder, sample, "occlusion").scores.any()
    if name == "modernbert":  # which token is the mask stands in the file that is gone
        assert encoder.card.baselines == ("zero",)
        with pytest.raises(NotDefined, match=r"has no baseline 'mask'. Known: zero"):
            encoder.baseline(sample, "mask")


@pytest.mark.parametrize(
    ("name", "file"),
    [("xlm-roberta", "sentencepiece.bpe.model"), ("deberta-v2", "spm.model"), ("llama", "tokenizer.model")],
)
def test_a_sentencepiece_model_alone_is_refused_with_the_reason_and_two_ways_out(built, name, file):
    assert find_spec("sentencepiece") is None, "with the library transformers reads it, and this test must be another"
    folder, _ = built(name)
    (folder / file).write_bytes(b"\x0a\x0e")
    with pytest.raises(LoadError, match=rf"sentencepiece model \({file}\).*pip install sentencepiece.*tokenizer\.json"):
        fc.load(str(folder), device="cpu")


def test_a_vocabulary_of_the_wrong_kind_is_not_taken_for_one_of_five_tokens(built):
    folder, model = built("roberta")
    (folder / "vocab.txt").write_text("\n".join(model["vocab"]) + "\n")
    with pytest.raises(LoadError, match=r"RobertaTokenizer\) found no vocabulary in vocab\.txt"):
        fc.load(str(folder), device="cpu")


def test_a_token_that_the_model_does_not_know_is_refused_by_its_number(tmp_path):
    folder = tiny.build("bert", tmp_path / "more")
    stated = json.loads((folder / "tokenizer.json").read_text())
    known = len(stated["model"]["vocab"])
    stated["model"]["vocab"]["zebra"] = known
    (folder / "tokenizer.json").write_text(json.dumps(stated))
    encoder = fc.load(str(folder), device="cpu")
    assert encoder.prepare(tiny.text("film")).units.labels == ("film",)
    with pytest.raises(CutError, match=rf"gives 'zebra' the number {known}; the model knows {known} tokens"):
        encoder.prepare(tiny.text("zebra film"))
