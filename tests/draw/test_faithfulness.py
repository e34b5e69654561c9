"""Figures of judged maps hold the numbers they were given, and say which is which."""

from dataclasses import replace

import numpy as np
import pytest

from featcore import draw
from featcore.types import Curve, Faithfulness, Provenance, Randomisation, Redraws, Target

MADE = Provenance("tiny", "", "", "cpu", "float32", "sdpa", 1, (), "")


def judged(level, kind="probability"):
    share = np.linspace(0, 1, 5)
    falls, rises = level * (1 - share), level * share
    each = (Curve("deletion", share, falls, "mask"), Curve("lerf", share, rises[::-1], "mask"))
    each += (Curve("insertion", share, rises, "mask"),)
    areas = {"deletion": each[0].area, "insertion": each[2].area, "morf": 0.0, "lerf": 0.0, "abpc": 0.0}
    target = Target(0, "bad <b>", kind)
    more = {"curves": each, "completeness": None, "undefined": (), "notes": (), "units": 4, "seed": 0, "passes": 8}
    cost = {"seconds": 0.1, "attribution_passes": 1, "attribution_seconds": 0.1, "provenance": MADE}
    return Faithfulness("m", (), target, "mask", **areas, **more, **cost)


def test_every_curve_is_in_the_picture_and_in_its_numbers():
    picture = draw.deletion_insertion({"one": judged(0.8), "Centre": judged(0.4)}, [judged(0.2), judged(0.6)], "Centre")
    lines = {(trace.name, trace.yaxis): trace for trace in picture.data if trace.mode == "lines" and trace.name}
    assert np.allclose(lines["one", "y"].y, 0.8 * np.linspace(0, 1, 5))
    assert np.allclose(lines["one", "y2"].y, 0.8 * (1 - np.linspace(0, 1, 5)))
    assert lines["Centre", "y"].line.dash == "dash"
    band = next(trace for trace in picture.data if trace.name == "2 random maps, lowest to highest")
    assert np.allclose(band.y, 0.6 * np.linspace(0, 1, 5))
    assert len(picture.table["map"]) == 2 * 5 * 4
    assert "one 0.4 and 0.4" in picture.alt
    assert "<b>" not in picture.layout.yaxis.title.text
    assert picture.layout.yaxis.range == (-0.03, 1.03)


def test_a_logit_has_no_range_of_its_own_and_no_random_maps_no_band():
    picture = draw.deletion_insertion({"one": judged(7.0, "logit")})
    assert picture.layout.yaxis.range is None
    assert len(picture.data) == 2


def test_a_number_that_shifted_maps_get_stands_in_brackets_and_an_undefined_one_is_a_dash():
    rho = {(1, 0): 0.5, (2, 0): -0.25, (2, 1): None}
    clear = {(1, 0): True, (2, 0): False, (2, 1): None}
    picture = draw.agreements(["a", "b<", "c"], rho, dict.fromkeys(rho, "more"), clear)
    cells = np.reshape(picture.data[1].text, (3, 3))
    assert [cells[1][0], cells[0][1], cells[2][0], cells[2][1], cells[0][0]] == ["0.50", "0.50", "(−0.25)", "–", ""]
    assert picture.data[0].z[1][0] == pytest.approx(0.5)
    assert np.isnan(picture.data[0].z[2][1])
    assert picture.table["outside the null"] == [True, False, None]
    assert "b< and c" in picture.alt or "c and b<" in picture.alt
    assert "&lt;" in picture.data[0].hovertext[1][0]


def test_a_cascade_begins_with_the_map_itself():
    found = Randomisation(
        "m", ("head", "encoder.layer.0"), np.array([0.9, np.nan]), None, True, "", np.zeros((3, 4)), 0, 1, 0.1
    )
    one = Redraws(found, np.array([np.nan, np.nan]), np.zeros((3, 4)), (0, 1), 1, 0.1)
    fell = replace(found, similarity=np.array([0.2, -0.1]))
    two = Redraws(fell, np.array([-0.1, -0.5, 0.3]), np.zeros((4, 4)), (0, 1, 2), 1, 0.1)
    picture = draw.cascade({"one": one, "two": two})
    assert picture.data[0].y[:2] == (1.0, 0.9)
    assert picture.data[2].y == (1.0, 0.2, -0.1)
    assert (picture.data[3].x, picture.data[3].y) == ((2, 2), (-0.5, 0.3)), "further draws stand where all is drawn"
    assert picture.table["seed"] == [0, 0, 1, 0, 0, 1, 2]
    assert picture.table["similarity"][3:] == [0.2, -0.1, -0.5, 0.3]
    assert list(picture.layout.xaxis.ticktext) == ["none", "head", "0"]
    assert "one undefined, two −0.1" in picture.alt
