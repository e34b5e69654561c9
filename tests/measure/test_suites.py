"""Suites yield records that say what was run; counts are exact, no test here looks at a time."""

from typing import Any

import pytest
import torch

from featcore.encode.fresh import resized
from featcore.errors import Cancelled, NotDefined, UnknownName
from featcore.measure import records
from featcore.measure.suites import SUITES, _too_long, batches, lengths, run
from featcore.measure.trial import counted, of_length, of_shape, own, work

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
    from featcore.inputs.samples import first_for

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


@pytest.mark.parametrize("name", ["bert", "gpt2", "vit", "videomae", "vivit"])
def test_the_work_of_another_size_equals_the_counter(cases: Any, name: str) -> None:
    encoder = cases(name).encoder
    if encoder.layout.modality == "text":
        trial = of_length(encoder, 2 * encoder.card.input_size[0])
    else:
        frames, rows, columns = encoder.card.input_size
        trial = of_shape(encoder, frames * (1 if frames == 1 else 2), 2 * rows, columns * 2)
    trial = trial.repeated(3)
    assert work(trial) == (counted(trial), "formula")


def test_pixels_that_are_no_whole_units_are_refused(cases: Any) -> None:
    with pytest.raises(NotDefined, match="1x25x24 is no whole number of units of 1x8x8"):
        of_shape(cases("vit").encoder, 1, 25, 24)


def test_a_resized_encoder_is_the_same_every_time_and_says_that_it_is_random(cases: Any) -> None:
    encoder = cases("vit").encoder
    before = torch.random.get_rng_state()
    first, second = (resized(encoder, image_size=48) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))
    assert (first.card.weights_sha256, first.card.revision) == ("", "random")
    assert first.card.input_size == (1, 48, 48)
    assert encoder.card.input_size == (1, 24, 24), "the one it was made from is as it was"
    assert encoder.model.config.image_size == 24


def test_points_grow_along_each_axis(cases: Any) -> None:
    for name in ("bert", "vit-wide", "videomae"):
        encoder = cases(name).encoder
        by_axis: dict[str, list[int]] = {}
        for axis, value, _ in (*lengths(encoder), *batches(encoder)):
            by_axis.setdefault(axis, []).append(value)
        assert all(values == sorted(set(values)) for values in by_axis.values()), by_axis
        assert (
            set(by_axis)
            == {
                "bert": {"tokens", "batch"},
                "vit-wide": {"fragments", "batch"},
                "videomae": {"fragments", "frames", "batch"},
            }[name]
        )
    assert own(cases("bert").encoder).batch == 1


@pytest.fixture(scope="module")
def scaling(cases: Any) -> list[dict[str, Any]]:
    return list(run("scaling", [cases("bert").encoder, cases("vit").encoder], QUICK))


def test_a_sweep_says_what_grew_and_what_each_point_cost(scaling: list[dict[str, Any]], tmp_path: Any) -> None:
    records.write(tmp_path / "x.jsonl", scaling)
    assert records.read(tmp_path / "x.jsonl") == scaling
    assert {record["axis"] for record in scaling} == {"tokens", "fragments", "batch"}
    for record in scaling:
        assert record["suite"] == "scaling"
        assert record["units"] <= record["tokens"]
        grown = {"tokens": record["tokens"], "fragments": record["units"], "batch": record["batch"]}
        assert record["axis_value"] == grown[record["axis"]]
        assert record["flops"] > 0
        assert record["bytes_moved"] > record["activation_peak_bytes"] > 0
        assert record["intensity"] == record["flops"] / record["bytes_moved"]
        assert record["weights"] in ("pretrained", "random")
        assert record["weight_bytes"] > 0
    assert len({record["run_id"] for record in scaling}) == 1


def test_a_sweep_ends_where_a_few_calls_would_take_longer_than_the_budget(cases: Any) -> None:
    encoder = cases("bert").encoder
    before = {"mean_s": 1.0, "flops": work(of_length(encoder, 8))[0]}
    assert _too_long(before, of_length(encoder, 16), 5.0)
    assert not _too_long(before, of_length(encoder, 8), 5.0)


def test_a_suite_can_be_stopped_and_leaves_nothing_held(cases: Any) -> None:
    encoder = cases("bert").encoder

    def stop(done: int, total: int) -> None:
        if done:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        list(run("scaling", [encoder], QUICK, stop))
    started = run("scaling", [encoder], QUICK)
    next(started)
    started.close()
    from featcore.encode.device import device_lock

    assert device_lock(encoder.device).timing == ""


def test_an_unknown_suite_is_named() -> None:
    with pytest.raises(UnknownName, match=r"No suite is called 'x'\. Known: .*scaling"):
        run("x", [])
    assert "scaling" in SUITES
