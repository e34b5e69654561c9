"""Encoders without a classifier are explained by the vector they give: its length, or its likeness to another one."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

import featcore as fc
from featcore.errors import NotDefined
from featcore.explain import METHODS
from featcore.explain.base import similarity
from tests import tiny

MINILM = Path(os.environ.get("TESSERA_MINILM", "nowhere"))


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def bare_vector(case, words):
    """The class position's vector, by transformers alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(case.folder), AutoModel.from_pretrained(case.folder)
    with torch.no_grad():
        return model(**tokenizer(words, return_tensors="pt")).last_hidden_state[0, 0].numpy()


def test_the_length_of_the_vector_is_explained_where_there_is_no_class(headless):
    found = fc.explain(headless.encoder, headless.sample, "occlusion")
    assert str(found.target) == "norm of 'the pooled vector'"
    vector = bare_vector(headless, headless.source.text)
    assert found.target_score == pytest.approx(np.linalg.norm(vector), abs=1e-4)
    embedded, unit = headless.encoder.embed(headless.sample).clone(), 2
    row = headless.sample.rows[unit]
    embedded[:, row] = headless.encoder.baseline(headless.sample)[:, row]
    with torch.no_grad():
        hidden = float(headless.encoder.pooled(headless.sample, embedded)[0].norm())
    assert found.scores[unit] == pytest.approx(found.target_score - hidden, abs=1e-4)


def test_similarity_to_a_reference_is_the_cosine_and_its_scores_add_up(headless):
    encoder = headless.encoder
    other = encoder.prepare(tiny.text(tiny.SENTENCES[1]))
    target = similarity(encoder, other)
    found = fc.explain(encoder, headless.sample, "integrated_gradients", target, steps=256)
    expected = cosine(bare_vector(headless, headless.source.text), bare_vector(headless, tiny.SENTENCES[1]))
    assert found.target_score == pytest.approx(expected, abs=1e-5)
    assert found.completeness_gap < 0.02
    same = fc.explain(encoder, other, "saliency", target)
    assert same.target_score == pytest.approx(1, abs=1e-5)
    assert np.abs(same.scores).max() < 1e-3, "nothing is more alike than the same"


@pytest.mark.parametrize("name", ["vit", "videomae", "dinov2", "resnet", "gpt2"])
def test_encoders_with_a_classifier_can_be_asked_for_likeness_too(cases, name):
    case = cases(name)
    target = similarity(case.encoder, case.another())
    found = fc.explain(case.encoder, case.sample, "occlusion", target)
    assert -1 <= found.target_score < 1
    assert found.scores.any()
    assert str(found.target).startswith("similarity to ")


def test_a_class_of_an_encoder_without_classes_is_refused_in_words(headless):
    with pytest.raises(NotDefined, match="has no classifier, so 'probability' is no target"):
        fc.explain(headless.encoder, headless.sample, "occlusion", "probability")
    # BERT reads its class position, so there is no mean to open up; DeepLIFT has no rule for attention, a text no time
    # slots; everything else explains the vector.
    undefined = set(fc.explain.undefined(headless.encoder))
    assert undefined == {"cam", "deeplift", "coarse_occlusion"} < set(METHODS)


@pytest.mark.skipif(not MINILM.is_dir(), reason="TESSERA_MINILM names no folder with all-MiniLM-L6-v2")
def test_a_real_sentence_encoder_gives_the_embeddings_of_plain_transformers():
    encoder = fc.load(str(MINILM), device="cpu", dtype="float32")
    tokenizer, model = AutoTokenizer.from_pretrained(MINILM), AutoModel.from_pretrained(MINILM).eval()
    vectors = []
    for words in ("A cat sits on the mat.", "A kitten rests on a rug.", "The stock market fell today."):
        sample = encoder.prepare(fc.read_text(words))
        with torch.no_grad():
            plain = model(**tokenizer(words, return_tensors="pt")).last_hidden_state[0].mean(0)
            ours = encoder.pooled(sample, encoder.embed(sample))[0]
        torch.testing.assert_close(ours, plain, rtol=0, atol=1e-4)
        vectors.append(ours.numpy())
    assert cosine(vectors[0], vectors[1]) > 0.5 > cosine(vectors[0], vectors[2])
    first, second = (encoder.prepare(fc.read_text(words)) for words in ("A cat sits on the mat.", "A kitten sleeps."))
    found = fc.explain(encoder, second, "occlusion", similarity(encoder, first))
    best = found.units.labels[int(found.scores.argmax())]
    assert best in ("kitten", "kit"), f"the word that makes them alike is '{best}'"
