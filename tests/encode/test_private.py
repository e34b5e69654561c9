"""Copies and moves of an encoder: what is drawn anew or shaken is never what others use."""

import hashlib

import numpy as np
import pytest
import torch

from featcore.encode.redrawn import private_copy, redrawn, stages
from featcore.encode.shaken import Shaken
from featcore.errors import LoadError

SOME = ("bert", "vit", "resnet", "gpt2-speaks")


def sha(model):
    found = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        found.update(name.encode() + weight.numpy().tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("name", SOME)
def test_every_parameter_is_in_one_stage_from_the_head_down_to_the_embedding(cases, name):
    model = cases(name).encoder.model
    found = stages(model)
    names = [stage for stage, _ in found]
    places = [id(weight) for _, weights in found for weight in weights]
    assert sorted(places) == sorted(id(weight) for weight in model.parameters())
    assert names[0] in ("head", "classifier.1")
    assert names[-1] == "embedding"
    numbers = [
        int(stage.rsplit(".", 1)[1]) for stage in names if "layer" in stage or "stages" in stage or ".h." in stage
    ]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) >= 2


def test_each_stage_draws_its_own_weights_anew_and_keeps_the_ones_before(cases):
    case = cases("bert")
    before = {name: weight.clone() for name, weight in case.encoder.model.named_parameters()}
    seen, drawn_before = [], set()
    for stage, private in redrawn(case.encoder, seed=3):
        changed = {n for n, w in private.model.named_parameters() if not torch.equal(w, before[n])}
        expected = {"head": ("classifier", "pooler"), "embedding": ("embeddings",)}.get(stage, (stage,))
        new = changed - drawn_before
        assert new
        assert all(any(part in name for part in expected) for name in new)
        assert drawn_before <= changed
        drawn_before = changed
        seen.append(stage)
    assert seen == ["head", "bert.encoder.layer.1", "bert.encoder.layer.0", "embedding"]
    weight = dict(private.model.named_parameters())["bert.embeddings.word_embeddings.weight"]
    assert float(weight.std()) == pytest.approx(float(before["bert.embeddings.word_embeddings.weight"].std()), rel=0.1)
    assert private.card.weights_sha256 == ""
    assert "drawn anew" in private.provenance("sdpa").encoder


def test_the_same_seed_draws_the_same_and_touches_no_global_generator(cases):
    state = torch.random.get_rng_state()

    def logits(seed):
        *_, (_, private) = redrawn(cases("vit").encoder, seed)
        return private.encode(cases("vit").sample).logits

    assert np.allclose(logits(1), logits(1), atol=1e-5)
    assert not np.allclose(logits(1), logits(2), atol=1e-2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_copy_answers_alike_and_shares_neither_weights_nor_lock(cases):
    for name in ("bert", "resnet"):
        case = cases(name)
        private = private_copy(case.encoder)
        assert np.allclose(private.encode(case.sample).logits, case.encoder.encode(case.sample).logits, atol=1e-5)
        assert np.allclose(private.embed(case.sample), case.encoder.embed(case.sample), atol=1e-6)
        assert private.lock is not case.encoder.lock
        ours = {weight.data_ptr() for weight in case.encoder.model.parameters()}
        assert not ours & {weight.data_ptr() for weight in private.model.parameters()}


def test_a_copy_that_does_not_fit_is_refused_before_it_is_made(cases, monkeypatch):
    monkeypatch.setattr("featcore.encode.redrawn.free_bytes", lambda device: 10)
    with pytest.raises(LoadError, match=r"needs a second copy of its weights.*Choose a smaller encoder"):
        private_copy(cases("vit").encoder)


@pytest.mark.parametrize("name", ["bert", "vit", "resnet"])
def test_a_pass_on_the_samples_own_embedding_is_the_plain_pass(cases, name):
    case = cases(name)
    plain, given = (case.encoder.encode(case.sample, embedded=rows) for rows in (None, case.encoder.embed(case.sample)))
    assert np.allclose(plain.logits, given.logits, atol=1e-5)
    assert np.allclose(plain.hidden, given.hidden, atol=1e-5)
    if plain.attention is not None:
        assert np.allclose(plain.attention, given.attention, atol=1e-6)


def test_a_shaken_encoder_moves_its_embedding_and_keeps_one_state_with_the_original(cases):
    case = cases("bert")
    moves = torch.zeros_like(case.encoder.embed(case.sample))
    moves[0, case.sample.rows] = torch.linspace(-1, 1, moves.shape[-1])  # a constant would vanish in the layer norm
    shaken = Shaken(case.encoder, moves)
    assert torch.equal(shaken.embed(case.sample), case.encoder.embed(case.sample) + moves)
    assert torch.equal(shaken.baseline(case.sample), case.encoder.baseline(case.sample))
    assert not np.allclose(shaken.encode(case.sample).attention, case.encoder.encode(case.sample).attention, atol=1e-3)
    assert shaken.lock is case.encoder.lock
    shaken.encode(case.sample, attention=True)
    assert case.encoder._attention == shaken._attention == case.encoder.model.config._attn_implementation
    assert not hasattr(case.encoder, "_moves")
