"""Suites yield records that say what was run; counts are exact, no test here looks at a time."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from featcore.commands.bench import _line
from featcore.draw.batches import throughput
from featcore.encode.fresh import VIT_SIZES, base_sized, in_format, vit_sized
from featcore.errors import NotDefined
from featcore.explain.base import resolve_target
from featcore.inputs.samples import first_for, samples
from featcore.measure.accelerated import at_peak, captured
from featcore.measure.aims import CUDA_GOALS, GOALS, defined, goals_on
from featcore.measure.files import VIT_NAMES
from featcore.measure.pairs import Paired, compare
from featcore.measure.sides import alike, longest, number_format, ranks_in
from featcore.measure.suites import run
from featcore.measure.sweeps import BATCHES, PATCHES, patches
from featcore.measure.trial import every, of_length, of_patch, of_shape, own, sizes, work
from featcore.measure.variants import answers, difference, failure

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


@pytest.mark.parametrize("name", ["vit", "vit-wide", "videomae", "timesformer", "vjepa2", "clip_vision_model"])
def test_patches_of_half_the_side_are_four_times_as_many_of_one_picture(cases: Any, name: str) -> None:
    encoder = cases(name).encoder
    found = [make() for _, _, make in patches(encoder)]
    sides = [side for _, side, _ in patches(encoder)]
    assert sides == [side for side in PATCHES if all(size % side == 0 for size in encoder.card.input_size[1:])]
    assert {(each.frames, each.height, each.width) for each in found} == {encoder.card.input_size}
    assert [4 * each.units for each in found[:-1]] == [each.units for each in found[1:]]
    assert [sizes(each)["patch"] for each in found] == sides
    assert {each.weights for each in found} == {"random"}
    assert all(each.forward().isfinite().all() for each in found)
    with pytest.raises(NotDefined, match="no whole patches of 7 px"):
        of_patch(encoder, 7)


def test_a_sweep_along_one_axis_holds_no_other_and_what_has_no_patches_is_left_out(cases: Any) -> None:
    assert not [point for name in ("bert", "resnet", "swin") for point in patches(cases(name).encoder)]
    found = list(run("scaling", [cases("vit").encoder, cases("bert").encoder], 5.0, axis="patch"))
    assert {(record["axis"], record["model_id"]) for record in found} == {("patch", cases("vit").encoder.card.name)}
    assert [record["patch"] for record in found] == [record["axis_value"] for record in found]
    assert all(record["flops_source"] == "formula" for record in found)
    with pytest.raises(NotDefined, match="Known: tokens, fragments, frames, patch, batch"):
        list(run("scaling", [], axis="depth"))


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_both_sides_of_every_goal_compute_the_same(cases: Any, name: str) -> None:
    encoder = cases(name).encoder
    sample = encoder.prepare(first_for(encoder.card))
    target = resolve_target(encoder, sample, None)
    for goal in GOALS:
        if defined(goal, encoder):
            with encoder.running("sdpa"):
                (theirs, *_), (ours, *_) = goal.sides(encoder, sample, target)  # refuses sides that differ
            assert theirs != ours


def test_a_goal_is_left_out_where_one_side_does_not_exist(cases: Any) -> None:
    own = [goal for goal in GOALS if not goal.base]
    for name in ("resnet", "timesformer"):
        assert [goal.key for goal in own if defined(goal, cases(name).encoder)] == ["G1", "G5", "G10", "G10"]
    assert all(defined(goal, cases(name).encoder) for goal in own for name in ("bert", "vit"))
    for name in ("gpt2", "videomae"):  # no position is left when all units are, or the layers are causal
        assert [goal.key for goal in own if not defined(goal, cases(name).encoder)] == ["G7"]
    assert [name for name in ("bert", "gpt2", "vit") if defined(GOALS[-1], cases(name).encoder)] == ["bert"]
    with pytest.raises(AssertionError, match="do not compute the same"):
        alike(torch.zeros(2), np.ones(2))


def test_a_goal_of_short_passes_is_a_time_and_not_a_share() -> None:
    def of(seconds: float) -> Paired:
        return Paired("x", "a", "b", (1.01,) * 9, (1.0,) * 9, (seconds,) * 9, (seconds,) * 9, 1, 1, 1, 1, "count")

    goal = GOALS[0]
    assert goal.limit(of(0.02)) == 1.02
    assert goal.limit(of(0.002)) == pytest.approx(1.1)


def test_goals_are_those_of_the_device_and_only_cuda_has_those_of_an_accelerator(cases: Any) -> None:
    on = {device: [(goal.key, round(1 / goal.most, 2)) for goal in goals_on(device)] for device in ("cpu", "cuda")}
    assert on["cuda"] == [("G2", 2.0), ("G2", 2.0), ("G4a", 20.0), ("G6", 20.0), ("G11", 0.5)]
    assert len(on["cpu"]) == len(GOALS)
    assert {key for key, _ in on["cpu"]} == {"G1", "G3", "G4b", "G4c", "G5", "G6", "G7", "G8", "G10"}
    assert not goals_on("mps")
    assert {goal.vit for goal in CUDA_GOALS} == {"", *VIT_SIZES}
    assert tuple(VIT_SIZES) == VIT_NAMES
    for goal in CUDA_GOALS:
        assert [name for name in ("bert", "vit", "resnet") if defined(goal, cases(name).encoder)] == [
            "vit" if goal.vit else "bert"
        ]


def test_a_vit_of_base_size_has_196_patches(cases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    assert {name: each["num_hidden_layers"] for name, each in VIT_SIZES.items()} == {"ViT-B size": 12, "ViT-L size": 24}
    monkeypatch.setitem(VIT_SIZES, "ViT-B size", VIT_SIZES["ViT-B size"] | small)
    encoder = vit_sized(cases("vit").encoder, "ViT-B size")
    assert own(encoder).units == 196
    assert own(encoder).forward().shape[0] == 1
    assert encoder.card.name == "ViT-B size"


def test_a_pass_is_held_against_a_product_of_as_many_flop_and_captured_on_cuda_alone(cases: Any) -> None:
    encoder = cases("vit").encoder
    sample = encoder.prepare(first_for(encoder.card))
    target = resolve_target(encoder, sample, None)
    (_, product), (name, forward) = at_peak(encoder, sample, target, side=16)
    trial = next(each for each in map(own(encoder).repeated, BATCHES) if name == f"forward of {each.batch} inputs")
    rows, side = product().shape
    assert 2 * rows * side * side == pytest.approx(work(trial)[0], rel=0.05)
    assert len(forward()) == trial.batch
    with pytest.raises(NotDefined, match="is on cpu"):
        captured(encoder, sample, target)


def test_each_side_of_a_goal_says_how_it_ran(cases: Any) -> None:
    encoder = cases("bert").encoder
    fields = ("dtype", "attn_impl", "grad")
    found = {
        goal.what: [tuple(side[field] for field in fields) for side in goal.stated(encoder)]
        + [goal.stated(encoder)[1]["weight_bytes"] / goal.stated(encoder)[0]["weight_bytes"]]
        for goal in GOALS
    }
    plain = ("float32", "sdpa", "none")
    assert found["encode / bare forward"] == [plain, plain, 1]
    assert found["encode with all heads and rollout / bare forward"] == [plain, ("float32", "eager", "none"), 1]
    assert found["IG-50 / Captum"] == [("float32", "sdpa", "input")] * 2 + [1]
    assert found["bfloat16 / float32, base size"] == [plain, ("bfloat16", "sdpa", "none"), 0.5]
    assert found["int8 / float32, base size"][:2] == [plain, ("int8", "sdpa", "none")]
    assert found["int8 / float32, base size"][2] < 1
    (captum, ours, _) = next(each for what, each in found.items() if what.startswith("IG-50 in bfloat16"))
    assert (captum, ours) == (("float32", "sdpa", "input"), ("bfloat16", "sdpa", "input"))


def test_a_batch_that_would_not_fit_into_memory_is_a_record_without_samples_and_ends_the_axis(
    cases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = cases("vit").encoder
    fitting = list(run("batch", [encoder], 20.0))
    assert fitting[2]["batch"] == 4
    monkeypatch.setattr("featcore.measure.sweeps.free_bytes", lambda _: 3 * fitting[0]["activation_peak_bytes"])
    found = list(run("batch", [encoder], 20.0))
    assert [(record["batch"], record["stop_reason"] == "memory") for record in found] == [
        *((1, False), (2, False), (4, True))
    ]
    assert found[-1]["n"] == 0
    assert found[-1]["samples_s"] == []
    assert "batch 4 did not fit into memory" in throughput(found).alt


def test_a_goal_with_a_least_is_met_between_the_two_alone() -> None:
    def of(ratio: float) -> Paired:
        return Paired("x", "a", "b", (ratio,) * 9, (1.0,) * 9, (1.0,) * 9, (ratio,) * 9, 1, 1, 1, 1, "count")

    goal = next(goal for goal in GOALS if goal.least is not None)
    assert [goal.judge(of(ratio)) for ratio in (0.94, 0.95, 1.0, 1.05, 1.06)] == [
        *("missed", "cannot tell", "met", "cannot tell", "missed")
    ]


def test_the_parts_of_a_side_are_timed_each_in_a_loop_and_add_up() -> None:
    clock = [0.0]

    def spend(seconds: float) -> Any:
        return lambda: clock.__setitem__(0, clock[0] + seconds)

    whole, parts = ("whole", spend(0.5)), ("parts", spend(0.1), spend(0.2), spend(0.3))
    found = compare("parts / whole", whole, parts, budget_s=60, clock=lambda: clock[0])
    assert found.ratio == pytest.approx(1.2)


def test_a_text_repeated_fills_the_positions_that_a_goal_is_of(cases: Any) -> None:
    encoder = base_sized(cases("bert").encoder, "large")
    sample = longest(encoder, encoder.prepare(first_for(encoder.card)), 128)
    assert len(sample.sequence) == 128
    with torch.inference_mode():
        assert encoder.model(**encoder.tensors(sample)).logits.shape[0] == 1
    config = encoder.model.config
    assert (config.hidden_size, config.num_hidden_layers, config.intermediate_size) == (768, 12, 3072)
    assert encoder.card.weights_sha256 == "", "random weights have no name"
    short = longest(cases("bert").encoder, cases("bert").sample, 128)
    assert len(short.sequence) == cases("bert").encoder.card.input_size[0], "no more than it reads"


def test_an_encoder_in_another_format_has_weights_of_its_own(cases: Any) -> None:
    case = cases("vit")
    other = in_format(case.encoder, "bfloat16")
    assert {weight.dtype for weight in other.model.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in case.encoder.model.parameters()} == {torch.float32}
    found, expected = (each.encode(case.sample).logits for each in (other, case.encoder))
    assert found == pytest.approx(expected, abs=0.05)
    assert other.provenance("sdpa").dtype == "bfloat16"


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_an_encoding_in_another_format_is_nearly_that_of_float32(cases: Any, dtype: str) -> None:
    case = cases("bert")
    (_, plain), (name, other) = number_format(
        case.encoder, case.sample, resolve_target(case.encoder, case.sample, 0), dtype
    )
    assert name == dtype
    assert other().logits == pytest.approx(plain().logits, abs=0.05)
    assert (other().logits != plain().logits).any()


def test_answers_are_compared_input_by_input_and_labels_by_what_comes_first() -> None:
    expected = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])]
    found = [torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]])]
    apart = difference(expected, found)
    assert apart == {"max_abs_diff": 2.0, "cosine": 0.0, "answers": 2, "same_answers": 1}
    assert difference(expected, found, labels=False)["same_answers"] is None
    spoken = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    assert difference([spoken], [spoken.flip(1)])["same_answers"] == 0, "of a language model the last position's"


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_a_variant_answers_all_our_samples_or_says_what_failed(cases: Any, name: str) -> None:
    case = cases(name)
    half = in_format(case.encoder, "float16")
    assert len(every(case.encoder)) == len(samples(case.encoder.card.modality))
    trial = own(half)
    if failed := failure(trial):
        assert "Half" in failed
    else:
        apart = difference(answers(case.encoder), answers(half))
        assert apart["cosine"] > 0.99
        assert apart["answers"] == len(samples(case.encoder.card.modality))
    next(half.model.parameters()).data.fill_(float("inf"))
    assert failure(own(half)) == "its answers are no finite numbers"

    def broken() -> torch.Tensor:
        raise NotImplementedError("not implemented for 'Half'")

    lacking: Any = SimpleNamespace(forward=broken)
    assert failure(lacking) == "not implemented for 'Half'"


def test_the_goal_of_bfloat16_gradients_says_beside_its_ratio_how_its_ranks_agree_with_float32(
    cases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = cases("bert")
    n, target = len(case.sample.units), resolve_target(case.encoder, case.sample, None)
    itself = ranks_in(case.encoder, case.sample, target, "float32")
    assert itself == {"rank_agreement": pytest.approx(1), "ranked_units": n, "same_class": True}
    (goal,) = (goal for goal in GOALS if goal.beside is not None)
    assert (goal.key, goal.dtype) == ("G4b", "bfloat16")
    tiny = replace(goal, base=False, longer=1.0)
    monkeypatch.setattr("featcore.measure.goals.goals_on", lambda _: (tiny,))
    *sides, ratio = run("goals", [case.encoder], QUICK)
    assert ratio["dtype"] == "bfloat16"
    assert ratio["ranked_units"] == len(case.encoder.prepare(first_for(case.encoder.card)).units)
    assert 0 < ratio["rank_agreement"] <= 1
    assert f"; ranks agree with float32: {ratio['rank_agreement']:.2f} (Spearman over " in _line(ratio)
    assert not [side for side in sides if "rank_agreement" in side]


def test_goals_and_ceilings_are_records_with_what_they_are_judged_by(cases: Any) -> None:
    goals = list(run("goals", [cases("resnet").encoder], QUICK))
    assert [record["variant"] for record in goals][:2] == ["forward", "encode"]
    assert goals[2]["judgement"] == "cannot_tell", "no budget, no blocks, no conclusion"
    assert [record["goal"] for record in goals[:3]] == ["G1"] * 3
    assert [record["grad"] for record in goals if record["goal"] == "G5"] == ["input"] * 3
    roofs = list(run("ceilings", [], QUICK))
    products = [record for record in roofs if record["variant"].startswith("matmul")]
    assert all(record["flops"] == 2 * record["axis_value"] ** 3 for record in products)
    assert all(record["best_flops_s"] == record["flops"] / record["min_s"] for record in products)
    assert roofs[-1]["variant"] == "copy"
    assert roofs[-1]["best_bytes_s"] == roofs[-1]["bytes_moved"] / roofs[-1]["min_s"]
