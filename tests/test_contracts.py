"""Every method on every family: it scores every unit, or says in words why it does not."""

import numpy as np
import pytest

import featcore as fc
from featcore.encode.layouts import LAYOUTS
from featcore.errors import FeatcoreError
from featcore.explain import METHODS, knobs


@pytest.mark.parametrize("family", LAYOUTS)
@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_scores_every_unit(cases, family, method):
    case = cases(family)
    fewer = {"steps": 4, "samples": 4, "limit": 17, "sets": 64, "masks": 32}
    few = {name: few for name, few in fewer.items() if name in knobs(METHODS[method])}
    try:
        found = fc.explain(case.encoder, case.sample, method, **few)
    except FeatcoreError as refused:
        assert len(str(refused)) > 40  # noqa: PT017
        return
    assert found.scores.shape == (len(case.sample.units),)
    assert found.scores.dtype == np.float64
    assert np.isfinite(found.scores).all()
    assert found.signed or found.scores.min() >= 0
    assert found.signed == METHODS[method].signed
    assert 0 <= found.special_share <= 1
    made = found.provenance
    assert made.encoder
    assert made.weights_sha256
    assert made.device == "cpu"
    assert made.dtype == "float32"
    assert {"torch", "transformers", "captum", "featcore"} == {name for name, _ in made.versions}


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_says_what_it_is(method):
    entry = METHODS[method]
    assert entry.name == method
    assert entry.title
    assert entry.__doc__
    assert method == "random" or "Source:" in entry.__doc__
    assert all(knob["help"] for knob in knobs(entry).values())
