"""The floors: one knows only chance, the other only where the middle is."""

import numpy as np
import pytest

import featcore as fc
from featcore.explain.floor import FLOORS, from_the_middle
from featcore.types import Units
from featcore.units.grid import cut_grid


def test_the_floors_are_the_last_methods_of_every_encoder(cases):
    for card in (None, cases("bert").encoder.card, cases("resnet").encoder.card):
        names = [method.name for method in fc.methods(card)]
        assert tuple(names[-2:]) == FLOORS == ("centre", "random")
        assert len(set(names)) == len(names)


def test_the_bell_is_a_gaussian_of_the_distance_from_the_middle_on_every_axis():
    units = cut_grid((4, 30, 50), (2, 10, 10))
    scores = from_the_middle(units, 0.25).reshape(units.grid)
    t, y, x = np.meshgrid([-0.25, 0.25], [-1 / 3, 0, 1 / 3], [-0.4, -0.2, 0, 0.2, 0.4], indexing="ij")
    assert np.allclose(scores, np.exp(-(t**2 + y**2 + x**2) / (2 * 0.25**2)))
    assert np.allclose(scores, scores[::-1, ::-1, ::-1])


def test_a_picture_has_no_time_and_a_text_one_axis(cases):
    still = from_the_middle(cut_grid((1, 30, 30), (1, 10, 10)), 0.25)
    assert still.argmax() == 4
    assert still[4] == pytest.approx(1)
    found = fc.explain(cases("bert").encoder, cases("bert").sample, "centre")
    middle = np.abs(cases("bert").sample.units.extents.mean((1, 2)) - len(cases("bert").source.text) / 2)
    assert found.scores.argmax() == middle.argmin()
    assert not found.signed
    assert found.passes == 0
    assert found.target is None


def test_a_single_unit_is_the_middle():
    units = Units(("char",), np.array([[[0, 3]]]), ("not",))
    assert from_the_middle(units, 0.25).tolist() == [1.0]
