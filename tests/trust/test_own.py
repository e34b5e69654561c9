"""One input of one's own: numbers of every map beside the floors, in the terminal as on the page."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import featcore as fc
from featcore.cli import app
from featcore.measure.definitions import DEFINITIONS
from featcore.measure.faithfulness import infidelity, judge, max_sensitivity, redraws
from featcore.measure.infidelity import Falls, hidden_sets
from featcore.trust.own import Asked, check_all, foretold_interval, interval, judge_all
from featcore.types import Target
from tests import tiny
from tests.test_pages import ROOT

ASKED = Asked(("occlusion", "input_x_gradient"), 1, maps=5)


def plain(case):
    """Computes whatever is asked."""
    return lambda what, method, options, compute: compute(case.encoder, case.sample, lambda done, total: None)


def call(*words, code=0):
    result = CliRunner().invoke(app, ["trust", *map(str, words)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


@pytest.mark.parametrize("name", ["bert", "vit", "videomae"])
def test_verdicts_are_what_each_measure_gives_alone_for_every_kind_of_input(cases, name):
    case = cases(name)
    found = judge_all(ASKED, plain(case))
    assert list(found.judged) == ["occlusion", "input_x_gradient", "centre"]
    assert (len(found.chance), found.failed) == (5, {})
    alone = fc.explain(case.encoder, case.sample, "occlusion", 1)
    one = found.judged["occlusion"]
    assert np.allclose(one.map.scores, alone.scores, atol=1e-6)
    assert one.value("deletion") == pytest.approx(judge(case.encoder, case.sample, alone).deletion, abs=1e-6)
    assert one.value("infidelity") == pytest.approx(infidelity(case.encoder, case.sample, alone).share, abs=1e-5)
    assert (one.value("sensitivity"), one.value("randomisation"), one.gate) == (None, None, "")
    assert check_all(found, plain(case)) == {}
    assert one.value("sensitivity") == max_sensitivity(case.encoder, case.sample, "occlusion", 1).value
    drawn = redraws(case.encoder, case.sample, "occlusion", 1)
    assert one.value("randomisation") == pytest.approx(drawn.mean)
    assert one.standing.startswith(f"({drawn.reach[0]:.2f} to {drawn.reach[1]:.2f}) ")
    assert [each.value("sensitivity") for each in found.chance] == [0] * 5


def test_the_random_floor_has_the_mean_of_its_maps_within_an_interval_and_the_best_of_them(cases):
    found = judge_all(ASKED, plain(cases("bert")))
    rows = dict(found.rows())
    for name, best in (("deletion", min), ("insertion", max)):
        values = [one.value(name) for one in found.chance]
        assert len(set(values)) > 1
        assert rows["Random floor, best of 5"][name] == best(values)
        mean, low, high = interval(found, name)
        assert rows["Random floor, mean of 5"][name] == pytest.approx(mean) == pytest.approx(np.mean(values))
        assert low < mean < high
    assert interval(found, "completeness") is None, "no random map promises a sum"
    assert interval(found, "passes") is None, "the same for all maps"


def test_a_method_that_fails_says_why_and_leaves_the_others(cases):
    found = judge_all(Asked(("cam", "occlusion"), maps=2), plain(cases("bert")))
    assert list(found.judged) == ["occlusion", "centre"]
    assert "CAM is not defined" in found.failed["cam"]


def drawn_falls(scores):
    hidden = hidden_sets(len(scores), 64, 0)
    return Falls(Target(0, "a"), "mask", hidden, hidden @ scores, 0, 65, 0.0)


def test_scores_that_foretell_every_change_have_no_infidelity_and_zeros_have_all_of_it():
    scores = np.array([3.0, -1.0, 0.5, 2.0, 0.0])
    assert foretold_interval(drawn_falls(scores), -2 * scores) == pytest.approx((0, 0, 0), abs=1e-9)
    assert foretold_interval(drawn_falls(scores), np.zeros(5)) == (1, 1, 1)
    mean, low, high = foretold_interval(drawn_falls(scores), np.array([3.0, 1.0, 0.5, 2.0, 0.0]))
    assert 0 < low < mean < high < 1
    assert foretold_interval(drawn_falls(np.zeros(5)), scores) is None, "nothing changed, so there is no share of it"


def test_the_interval_of_infidelity_stands_around_the_infidelity_itself(cases):
    found = judge_all(ASKED, plain(cases("vit")))
    for one in found.judged.values():
        mean, low, high = foretold_interval(found.changes, one.map.scores)
        assert mean == pytest.approx(one.infidelity.share)
        assert low <= mean <= high


def test_the_terminal_gives_a_row_a_map_with_every_column_and_says_what_is_drawn(cases):
    folder = cases("bert").folder
    said = call("-e", folder, "--text", "not bad at all", "-m", "saliency", "-m", "attention_rollout", "--maps", 4)
    rows = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    head = next(line for line in said.splitlines() if "MoRF" in line)
    for symbol in ("DEL", "INS", "MoRF", "LeRF", "ABPC", "gap", "INFD", "SENS", "MPRT", "RLOG"):
        assert symbol in head
    assert len(rows["saliency"]) == len(rows["centre"]) == 13
    assert rows["centre"][8] == "0", "the centre floor does not see that its input was shaken"
    assert rows["centre"][9] == "1", "nor that the weights were drawn anew"
    assert "random, best of 4" in rows
    assert "128 sets" in said
    assert "over 5 draws" in said
    assert "no gap for saliency, attention_rollout, centre: This method does not promise" in said
    assert "no RLOG for attention_rollout, centre: This method explains no output" in said


def test_the_terminal_gives_the_agreement_of_every_two_maps_as_a_table_and_for_programs(cases):
    words = ("-e", cases("bert").folder, "--text", "not bad at all", "-m", "saliency", "-m", "attention_rollout")
    said = call(*words, "--maps", 2, "--no-checks")
    found = json.loads(call(*words, "--maps", 2, "--no-checks", "--json"))["agreement"]
    pair = next(one for one in found["pairs"] if one["kind"] == "attention with attribution")
    assert (len(found["pairs"]), pair["one"], pair["other"]) == (3, "saliency", "attention_rollout")
    lines = said.splitlines()
    row = lines[next(at for at, line in enumerate(lines) if line.startswith("attention with attribution")) + 1]
    low, high = pair["null"]
    numbers = f"{pair['rho']:.2f} {low:.2f} to {high:.2f} {pair['share']:.1%} {pair['overlap']:.2f}"
    assert row.split() == f"saliency, attention_rollout {numbers} {pair['by_chance']:.2f}".split()
    assert "Low agreement is the normal case" in said
    assert "nobody can tell agreement from accident" in said, "a few tokens have too few shifts"


def test_checks_can_be_left_out_and_pictures_and_clips_are_judged(cases, tmp_path):
    picture = tmp_path / "a.png"
    Image.fromarray(tiny.clip().frames[0]).save(picture)
    clip = ("-e", cases("videomae").folder, "--video", ROOT / "assets/samples/grows.webm", "-m", "saliency")
    assert json.loads(call(*clip, "--no-checks", "--json", "--maps", 2))["kind"] == "tubelet"
    words = ("-e", cases("vit").folder, "--image", picture, "-m", "saliency", "--no-checks", "--json", "--maps", 2)
    (one, centre) = json.loads(call(*words))["maps"]
    assert one["gate"] is centre["gate"] is None
    assert one["numbers"]["sensitivity"] is None
    assert one["numbers"]["deletion"] is not None


def test_maps_in_the_terminal_share_their_passes_and_state_what_each_costs_alone(cases, monkeypatch):
    from featcore.encode.base import Encoder

    passes, original = [], Encoder.states
    monkeypatch.setattr(Encoder, "states", lambda self, *asked: passes.append(asked) or original(self, *asked))
    methods = ("relevance", "attention_x_gradient", "grad_cam")
    words = ("-e", cases("bert").folder, "--text", "not bad", *(word for name in methods for word in ("-m", name)))
    maps = json.loads(call(*words, "--no-checks", "--json", "--maps", 2))["maps"]
    assert len(passes) == 1
    assert [one["numbers"]["passes"] for one in maps] == [1, 1, 1, 0], "the centre floor asks nothing"


def test_definitions_come_alone_or_below_the_numbers(cases):
    alone = call("--definitions")
    for each in DEFINITIONS.values():
        assert f"{each.symbol}: {each.name}" in alone
        assert each.sentence in alone
    words = ("-e", cases("bert").folder, "--text", "not bad", "-m", "saliency", "--maps", 2, "--no-checks")
    assert call(*words, "--definitions").endswith(alone)
    assert alone not in call(*words)


def test_the_page_and_the_terminal_give_the_same_numbers():
    from tests.test_pages import open_page
    from tests.test_trust_page import PAGE, judged

    example = fc.samples("text")[0]
    shown = judged(open_page(PAGE, u_methods=["occlusion"], u_maps=5)).loc
    words = ("-e", "text-mini", "--text", example.load().text, "-m", "occlusion", "--maps", 5, "--target", "logit")
    record = json.loads(call(*words, "--no-checks", "--json"))
    for one in record["maps"]:
        for name, column in (
            ("deletion", "Deletion ↓"),
            ("insertion", "Insertion ↑"),
            ("infidelity", "Infidelity, share ↓"),
        ):
            assert shown[one["title"], column] == pytest.approx(one["numbers"][name], abs=1e-6)
    assert shown["Random floor, mean of 5", "Deletion ↓"] == pytest.approx(
        record["random"]["mean"]["deletion"], abs=1e-6
    )
    assert shown["Random floor, best of 5", "Deletion ↓"] == pytest.approx(
        record["random"]["best"]["deletion"], abs=1e-6
    )
