"""Occlusion against a loop by hand, rollout against a plain matrix product, and the random floor."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.explain.attention import attention_scores, rollout_scores


def hidden(case, units, target=0):
    """The target with some units replaced by the baseline's rows, by hand."""
    embedded = case.encoder.embed(case.sample).clone()
    rows = case.sample.rows[np.asarray(units)]
    embedded[:, rows] = case.encoder.baseline(case.sample)[:, rows]
    with torch.no_grad():
        return float(case.encoder.logits(case.sample, embedded)[0, target])


@pytest.mark.parametrize("name", ["bert", "vit", "videomae"])
def test_occlusion_of_one_unit_is_the_fall_when_it_is_hidden(cases, name):
    case = cases(name)
    found = fc.explain(case.encoder, case.sample, "occlusion", 0)
    whole = float(case.encoder.encode(case.sample).logits[0])
    falls = [whole - hidden(case, [unit]) for unit in range(len(case.sample.units))]
    assert np.allclose(found.scores, falls, atol=1e-4)


@pytest.mark.parametrize("name", ["bert", "vit", "videomae"])
def test_occlusion_by_windows_is_the_mean_fall_over_the_windows_that_hold_the_unit(cases, name):
    case = cases(name)
    found = fc.explain(case.encoder, case.sample, "occlusion", 0, window=2)
    shape = case.sample.units.grid or (len(case.sample.units),)
    window = tuple(min(2, size) for size in shape)
    index = np.arange(len(case.sample.units)).reshape(shape)
    whole = float(case.encoder.encode(case.sample).logits[0])
    total, count = np.zeros(shape), np.zeros(shape)
    for corner in np.ndindex(*(size - w + 1 for size, w in zip(shape, window, strict=True))):
        part = tuple(slice(start, start + w) for start, w in zip(corner, window, strict=True))
        total[part] += whole - hidden(case, index[part].ravel())
        count[part] += 1
    assert np.allclose(found.scores, (total / count).ravel(), atol=1e-4)


def test_rollout_equals_a_plain_product_of_matrices(cases):
    for name, readout in (("bert", 0), ("videomae", None)):
        encoding = cases(name).encoder.encode(cases(name).sample)
        whole = np.eye(encoding.attention.shape[-1])
        for layer in encoding.attention:
            mixed = layer.mean(0) + np.eye(len(whole))
            whole = (mixed / mixed.sum(-1, keepdims=True)) @ whole
        expected = whole.mean(0) if readout is None else whole[readout]
        assert encoding.readout == readout
        assert np.allclose(rollout_scores(encoding), expected, atol=1e-5)
        assert rollout_scores(encoding).sum() == pytest.approx(1, abs=1e-4)


def test_rollout_of_identity_attention_stays_where_it_is(cases):
    encoding = cases("bert").encoder.encode(cases("bert").sample)
    size = encoding.attention.shape[-1]
    still = np.broadcast_to(np.eye(size, dtype=np.float32), encoding.attention.shape)
    assert np.allclose(rollout_scores(replace(encoding, attention=still)), np.eye(size)[0])


def test_attention_is_the_row_of_the_class_position_or_the_mean_of_all_rows(cases):
    bert, video = (cases(name).encoder.encode(cases(name).sample) for name in ("bert", "videomae"))
    assert np.array_equal(attention_scores(bert, layer=0, head=1), bert.attention[0, 1, 0])
    assert np.allclose(attention_scores(video, layer=-1), video.attention[-1].mean(0).mean(0))


@pytest.mark.parametrize("name", ["bert", "videomae"])
def test_methods_of_attention_score_what_all_maps_would(cases, name):
    case = cases(name)
    whole = case.encoder.encode(case.sample)
    at = case.sample.positions
    for layer, head in ((-1, -1), (0, 1)):
        found = fc.explain(case.encoder, case.sample, "attention", layer=layer, head=head).scores
        np.testing.assert_allclose(found, attention_scores(whole, layer, head)[at], atol=1e-6)
    found = fc.explain(case.encoder, case.sample, "attention_rollout").scores
    np.testing.assert_allclose(found, rollout_scores(whole)[at], atol=1e-6)


def test_the_random_floor_depends_on_its_seed_alone(cases):
    one, again, other = (
        fc.explain(cases(name).encoder, cases(name).sample, "random", seed=seed).scores
        for name, seed in (("videomae", 1), ("videomae", 1), ("videomae", 2))
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
