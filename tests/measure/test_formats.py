"""Rank agreement with float32 is 1 for float32 itself, and of known permutations what their ranks say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from featcore.encode.fresh import in_format
from featcore.explain import explain
from featcore.measure.formats import Ranking, explained_again, first_class, ranking


@pytest.mark.parametrize("method", ["integrated_gradients", "kernel_shap", "attention_rollout", "random"])
@pytest.mark.parametrize("name", ["bert", "vit"])
def test_float32_agrees_with_float32_in_full(cases: Any, name: str, method: str) -> None:
    encoder, sample = cases(name).encoder, cases(name).sample
    found = explain(encoder, sample, method)
    agreed = ranking((found, first_class(encoder, sample)), explained_again(encoder, sample, found))
    assert agreed == Ranking(pytest.approx(1), len(sample.units), True)
    assert str(agreed) == f"Ranks agree with float32: 1.00 (Spearman over {len(sample.units)} units), same class"


def test_a_known_permutation_has_the_correlation_of_its_ranks(cases: Any) -> None:
    found = explain(cases("vit").encoder, cases("vit").sample, "random")
    n = len(found.units)
    rising = replace(found, scores=np.arange(n, dtype=float))
    swapped = replace(found, scores=np.array([*range(n - 2), n - 1, n - 2], dtype=float) ** 3)
    # 1 - 6 sum d^2 / (n (n^2 - 1)), where two ranks differ by one
    assert ranking((rising, 1), (swapped, 0)) == Ranking(pytest.approx(1 - 12 / (n * (n * n - 1))), n, False)
    mirrored = replace(found, scores=-rising.scores)
    assert ranking((rising, None), (mirrored, None)) == Ranking(pytest.approx(-1), n, None), "signs count"
    assert "another class comes first" in str(ranking((rising, 1), (swapped, 0)))


def test_a_constant_map_has_no_ranks_to_agree(cases: Any) -> None:
    found = explain(cases("vit").encoder, cases("vit").sample, "random")
    agreed = ranking((found, 0), (replace(found, scores=np.zeros(len(found.units))), 0))
    assert agreed == Ranking(None, len(found.units), True)
    assert "constant" in str(agreed)


def test_the_map_in_float32_is_of_the_class_and_knobs_of_the_shorter_one(cases: Any) -> None:
    encoder, sample = cases("bert").encoder, cases("bert").sample
    short = in_format(encoder, "bfloat16")
    last = len(encoder.card.labels) - 1
    found = explain(short, sample, "integrated_gradients", last, steps=7)
    reference, first = explained_again(encoder, sample, found)
    assert (found.provenance.dtype, reference.provenance.dtype) == ("bfloat16", "float32")
    assert (reference.target, reference.knobs) == (found.target, found.knobs)
    assert first == encoder.encode(sample).logits.argmax()
    expected = explain(encoder, sample, "integrated_gradients", last, steps=7)
    assert reference.scores == pytest.approx(expected.scores)


def test_without_a_classifier_no_class_comes_first(headless: Any) -> None:
    assert first_class(headless.encoder, headless.sample) is None
