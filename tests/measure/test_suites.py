"""Suites yield records that say what was run; counts are exact, no test here looks at a time."""

from typing import Any

import numpy as np
import pytest
import torch

from featcore.errors import NotDefined
from featcore.explain.base import resolve_target
from featcore.inputs.samples import first_for
from featcore.measure.goals import GOALS, alike, defined
from featcore.measure.pairs import Paired
from featcore.measure.suites import run
from featcore.measure.trial import of_length, of_shape

QUICK = 0.001


def text(cases: Any, name: str, positions: int) -> Any:
    return of_length(cases(name).encoder, positions)


@pytest.mark.parametrize("name", ["bert", "roberta", "gpt2", "siglip_text_model"])
def test_a_text_of_any_length_runs_and_is_random_only_beyond_the_table(cases: Any, name: str) -> None:
    at_most = cases(name).encoder.card.input_size[0]
    for positions, weights in ((8, "pretrained"), (at_most, "pretrained"), (2 * at_most, "random")):
        trial = text(cases, name, positions)
        assert trial.positions == positions == trial.tensors["input_ids"].shape[1]
        assert trial.weights == weights
        assert trial.repeated(3).forward().shape[0] == 3


def test_a_text_keeps_its_special_positions_and_repeats_its_tokens(cases: Any) -> None:
    case = cases("bert")
    sample = case.encoder.prepare(first_for(case.encoder.card))
    ids, given = text(cases, "bert", 40).tensors["input_ids"][0].tolist(), sample.tensors["input_ids"][0].tolist()
    assert (ids[0], ids[-1]) == (given[0], given[-1])
    assert ids[1:-1] == [given[1:-1][at % (len(given) - 2)] for at in range(38)]
    with pytest.raises(NotDefined, match="hold no token; take 3"):
        text(cases, "bert", 2)


@pytest.mark.parametrize(
    "name", ["vit-wide", "videomae", "vivit", "timesformer", "vjepa2", "clip_vision_model", "resnet"]
)
def test_pixels_of_any_size_run_and_a_table_of_another_size_is_random(cases: Any, name: str) -> None:
    encoder = cases(name).encoder
    frames, rows, columns = encoder.card.input_size
    same = of_shape(encoder, frames, rows, columns)
    assert same.weights == "pretrained"
    assert (same.units, same.positions) == (len(cases(name).sample.units), len(cases(name).sample.sequence))
    large = of_shape(encoder, frames, 2 * rows, 2 * columns)
    assert large.units == 4 * same.units
    assert large.weights == ("pretrained" if name == "resnet" else "random")
    assert large.repeated(2).forward().shape[0] == 2


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_both_sides_of_every_goal_compute_the_same(cases: Any, name: str) -> None:
    encoder = cases(name).encoder
    sample = encoder.prepare(first_for(encoder.card))
    target = resolve_target(encoder, sample, None)
    for goal in GOALS:
        with encoder.running("sdpa"):
            (theirs, _), (ours, _) = goal.sides(encoder, sample, target)  # refuses sides that differ
        assert theirs != ours


def test_a_goal_is_left_out_where_one_side_does_not_exist(cases: Any) -> None:
    for name in ("resnet", "timesformer"):
        assert [goal.key for goal in GOALS if defined(goal, cases(name).encoder)] == ["G1"]
    assert all(defined(goal, cases(name).encoder) for goal in GOALS for name in ("bert", "gpt2", "vit", "videomae"))
    with pytest.raises(AssertionError, match="do not compute the same"):
        alike(torch.zeros(2), np.ones(2))


def test_a_goal_of_short_passes_is_a_time_and_not_a_share() -> None:
    def of(seconds: float) -> Paired:
        return Paired("x", "a", "b", (1.01,) * 9, (1.0,) * 9, (seconds,) * 9, (seconds,) * 9, 1, 1, 1, 1, "count")

    goal = GOALS[0]
    assert goal.limit(of(0.02)) == 1.02
    assert goal.limit(of(0.002)) == pytest.approx(1.1)


def test_goals_and_ceilings_are_records_with_what_they_are_judged_by(cases: Any) -> None:
    goals = list(run("goals", [cases("resnet").encoder], QUICK))
    assert [record["variant"] for record in goals][:2] == ["forward", "encode"]
    assert goals[2]["judgement"] == "cannot_tell", "no budget, no blocks, no conclusion"
    assert goals[2]["goal"] == "G1"
    roofs = list(run("ceilings", [], QUICK))
    products = [record for record in roofs if record["variant"].startswith("matmul")]
    assert all(record["flops"] == 2 * record["axis_value"] ** 3 for record in products)
    assert all(record["best_flops_s"] == record["flops"] / record["min_s"] for record in products)
    assert roofs[-1]["variant"] == "copy"
    assert roofs[-1]["best_bytes_s"] == roofs[-1]["bytes_moved"] / roofs[-1]["min_s"]
