"""Charts of sweeps: exponents, breaks, knees and Pareto sets of records whose answers are known beforehand."""

import numpy as np
import pytest

from featcore import draw
from featcore.draw.sweep import crossover, knee, local_exponents, pareto, series

EVIL = "<b>x</b> %{y}"


def record(median_s, n=9, **fields):
    """A record whose median is known; its samples lie within 2 % of it, the way a quiet machine's do."""
    samples = [median_s * (1 + 0.02 * (i - n // 2) / max(n // 2, 1)) for i in range(n)]
    known = {"model_id": "mini", "stage": "total", "variant": "encode", "dtype": "float32", "attn_impl": "sdpa"}
    where = {"device": "cpu", "cpu_model": "Chip", "threads_intra": 2, "batch": 1, "stop_reason": "count"}
    return {**known, **where, "samples_s": samples, "n": n, "disturbed": False, **fields}


def quadratic(sizes=(64, 128, 256, 512), scale=1e-9, **fields):
    return [record(scale * n * n, tokens=n, **fields) for n in sizes]


def test_the_exponent_of_quadratic_times_is_two_and_its_interval_holds_it():
    (one,) = series(quadratic(), "units")
    middle, slope, interval = local_exponents(one.x, one.median_s, one.interval_s)
    assert slope == pytest.approx([2, 2, 2])
    assert middle == pytest.approx(np.sqrt(one.x[1:] * one.x[:-1]))
    assert (interval[:, 0] < 2).all()
    assert (interval[:, 1] > 2).all()


def test_the_interval_of_an_exponent_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hit = 0
    for _ in range(300):
        records = [
            record(1.0, tokens=n, samples_s=(n * np.exp(rng.normal(0, 0.1, 15))).tolist(), n=15) for n in (8, 16)
        ]
        (one,) = series(records, "units")
        ((low, high),) = local_exponents(one.x, one.median_s, one.interval_s)[2]
        hit += low <= 1 <= high
    assert hit / 300 > 0.93


def test_an_exponent_without_intervals_states_none():
    (one,) = series(quadratic(n=5), "units")
    slope, interval = local_exponents(one.x, one.median_s, one.interval_s)[1:]
    assert slope == pytest.approx([2, 2, 2])
    assert np.isnan(interval).all()
    assert draw.exponents(quadratic(n=5)).table["exponent_low"] == [None] * 3


def test_attention_costs_as_much_as_linear_maps_at_six_times_the_width():
    d, layers, n = 32, 3, np.array([16.0, 32, 64, 256])
    work = layers * (24 * n * d * d + 4 * n * n * d) + 2 * d * 10
    assert crossover(n, work) == pytest.approx(6 * d)
    assert crossover(n[:3], work[:3]) is None, "any law fits three sizes"
    assert crossover(n, 24 * n * d * d) is None, "no attention, no break"
    assert crossover(n, n**3) is None, "another law"


def test_the_break_of_a_real_card_is_twice_the_width_and_the_inner_width():
    import featcore as fc
    from featcore.measure.flops import total_flops

    card = next(card for card in fc.encoders() if card.name == "text-mini")
    n = np.array([32, 128, 256, 512])
    work = np.array([float(total_flops(card, int(each))) for each in n])
    wanted = 2 * card.config["hidden_size"] + card.config["intermediate_size"]
    assert crossover(n.astype(float), work) == pytest.approx(wanted)


def test_the_predicted_exponent_is_that_of_the_flop():
    d = 32
    records = [record(1e-3 * n, tokens=n, flops=24 * n * d * d + 4 * n * n * d) for n in (2**i for i in range(5, 12))]
    table = draw.exponents(records).table
    assert table["exponent"] == pytest.approx([1] * 6)
    assert table["predicted"] == pytest.approx([1 + n / (6 * d + n) for n in table["units"]], abs=0.02)
    figure = draw.growth(records)
    assert "Attention of mini costs as much as its linear maps at 192 positions, within this sweep" in figure.alt
    (line,) = figure.layout.shapes
    assert line.x0 == pytest.approx(192)
    assert not draw.growth(records[:2]).layout.shapes, "two sizes show no break"
    assert "192 positions, beyond its 128" not in draw.growth(records[:3]).alt, "three sizes fit any law"
    short = [record(1e-3 * n, tokens=n, flops=24 * n * d * d + 4 * n * n * d) for n in (16, 32, 64, 128)]
    assert not draw.growth(short).layout.shapes, "a break beyond the sweep is said, not drawn"
    assert "192 positions, beyond its 128" in draw.growth(short).alt


def test_the_knee_of_a_saturating_curve_is_where_it_saturates():
    batch = np.array([1, 2, 4, 8, 16, 32.0])
    assert batch[knee(np.minimum(100 * batch, 800))] == 8
    assert knee(100 * batch) == 5, "a straight line has its knee at the end"
    records = [record(max(b / 800, 0.01), batch=int(b), tokens=50) for b in batch]
    refused = record(1, n=0, batch=64, tokens=50, stop_reason="memory")
    memory = {"memory_bytes": 1e6 + 64e3, "weight_bytes": 1e6}
    held = [each | memory | {"activation_peak_bytes": 1000 * each["batch"]} for each in records]
    assert "memory would hold about batch 64" in draw.throughput(held).alt
    assert draw.throughput(held).layout.shapes[0].x0 == 64
    figure = draw.throughput([*records, refused])
    assert "knee at batch 8 with 800 inputs/s, and batch 64 did not fit into memory" in figure.alt
    assert figure.table["knee"] == [False, False, False, True, False, False]
    assert figure.table["inputs_per_s"] == pytest.approx(np.minimum(100 * batch, 800))


def test_the_pareto_set_of_points_made_by_hand():
    #          best early, beaten, cheaper tie, equal gain, widest
    cost, gain = np.array([1.0, 2.0, 3.0, 3.0, 4.0]), np.array([10.0, 9.0, 20.0, 15.0, 30.0])
    assert pareto(cost, gain) == [0, 2, 4]
    assert pareto(np.array([1.0, 1.0]), np.array([5.0, 5.0])) == [0], "of two equal points one"


def forward(median_s, **fields):
    return record(median_s, **{"stage": "forward", **fields})


def test_the_tradeoff_marks_its_pareto_points():
    records = [forward(0.01, batch=1), forward(0.04, batch=8), forward(0.05, batch=8, dtype="bfloat16")]
    longer = forward(0.001, batch=64, tokens=9, axis="tokens")
    another = forward(0.001, batch=64, stage="attribution:ig")
    goal = forward(0.001, batch=64, stage="total", suite="goals", variant="end to end")
    table = draw.tradeoff([*records, longer, another, goal]).table
    assert dict(zip(table["median_s"], table["pareto"], strict=True)) == pytest.approx({0.01: 1, 0.04: 1, 0.05: 0})


def test_of_one_pass_in_several_suites_the_youngest_quiet_record_is_the_point():
    days = [f"2026-01-0{day}" for day in (1, 2, 3)]
    records = [forward(0.01 * (i + 1), time_utc=day, disturbed=i == 2) for i, day in enumerate(days)]
    assert draw.tradeoff(records).table["median_s"] == pytest.approx([0.02])
    assert len(draw.tradeoff([*records, records[0] | {"origin": "measured here"}]).table["batch"]) == 2


def test_a_point_names_its_compiler_and_no_attention_where_there_is_none():
    records = [forward(0.01, compiled="none"), forward(0.009, compiled="inductor")]
    records += [forward(0.02, model_id=name, **none) for name, none in NO_ATTENTION.items()]
    assert draw.tradeoff(records).table["variant"] == [
        "float32, sdpa attention",
        "float32, sdpa attention, compiled by inductor",
        *["float32"] * len(NO_ATTENTION),
    ]


NO_ATTENTION = {"a": {"attn_impl": "no"}, "b": {"attn_impl": "none"}, "c": {"attn_impl": "sdpa", "attention_bytes": 0}}


def test_the_shipped_tradeoff_holds_plain_passes_alone():
    from featcore.measure.files import read
    from featcore.settings import settings

    shipped = [one for path in (settings().assets / "records").glob("*.jsonl*") for one in read(path)]
    table = draw.tradeoff(shipped).table
    points = list(zip(table["encoder"], table["variant"], table["batch"], table["machine"], strict=True))
    assert len(points) == len(set(points)), "one point a batch and variant"
    assert set(table["encoder"]) <= {"conv-mini", "image-mini", "text-mini", "video-mini", "pixel-mini", "text-mini-b"}
    assert not [variant for name, variant, *_ in points if name == "conv-mini" and "attention" in variant]
    times = {
        float(np.median(one["samples_s"])) for one in shipped if one["stage"] == "forward" and len(one["samples_s"])
    }
    assert set(table["median_s"]) <= times, "no attribution and nothing end to end"
    assert {"float32, sdpa attention, compiled by inductor", "int8, sdpa attention"} <= set(table["variant"])


def test_every_mark_has_a_disturbed_one():
    many = [forward(0.01 * (i + 1), batch=1, dtype=f"format {i}", disturbed=True) for i in range(8)]
    assert len(draw.tradeoff(many).table["encoder"]) == 8
    machines = [each for i in range(8) for each in quadratic(cpu_model=f"chip {i}", disturbed=True)]
    assert len(set(draw.exponents(machines).table["line"])) == 8
    draw.growth(machines)


def test_records_are_split_into_lines_by_what_ran_and_where():
    theirs = quadratic(cpu_model="Other <chip>")
    lines = series([*quadratic(), *theirs, *quadratic(dtype="bfloat16"), record(1, tokens=9, model_id="lone")], "units")
    assert [one.name for one in lines] == [
        "mini · float32 · Chip, 2 threads",
        "mini · float32 · Other <chip>, 2 threads",
        "mini · bfloat16 · Chip, 2 threads",
    ]
    figure = draw.growth([*quadratic(), *theirs])
    assert any("Other &lt;chip&gt;" in (trace.name or "") for trace in figure.data)
    solid, dashed = (trace.line.dash for trace in figure.data if trace.name)
    assert (solid, dashed) == ("solid", "dash")


def test_of_two_records_at_one_place_the_younger_counts_and_sweeps_stay_apart():
    old = quadratic(time_utc="2026-01-01")
    new = quadratic(scale=2e-9, time_utc="2026-02-01")
    (one,) = series([*new, *old], "units")
    again = [each | {"run_id": "b", "time_utc": "2026-03-01"} for each in quadratic(sizes=(64, 128), scale=9e-9)]
    (whole,) = series([*new, *again], "units")
    assert list(whole.x) == [64, 128], "a line is of one run, the last with enough of it"
    assert len(series([*new, again[0]], "units")[0].x) == 4
    assert not series(quadratic(suite="attribution"), "units")
    assert one.median_s == pytest.approx([2e-9 * n * n for n in one.x])
    assert not series(quadratic(axis="batch"), "units"), "records of a sweep over the batch are none over units"
    pictures = [record(1e-3, tokens=n, height=h, width=h, frames=1, axis="fragments") for n, h in ((65, 32), (257, 64))]
    assert list(series(pictures, "units")[0].x) == [65, 257]
    assert list(series(pictures, "resolution")[0].x) == [32, 64]
    assert not series(pictures, "frames")


def test_disturbed_records_are_hollow_and_counted():
    records = quadratic()
    records[1] |= {"disturbed": True, "disturbance": f"load {EVIL}"}
    figure = draw.growth(records)
    line = next(trace for trace in figure.data if trace.name)
    assert [symbol.endswith("-x-open") for symbol in line.marker.symbol] == [False, True, False, False]
    assert "<b>x" not in line.hovertext[1].split("disturbed:</b>")[1]
    assert "1 of 4 records are disturbed" in figure.alt
    assert figure.table["disturbed"][1] == f"load {EVIL}"
    assert draw.exponents(records).table["disturbed"] == [True, True, False]


def test_what_is_missing_is_said_in_words_and_hostile_fields_count_as_unknown():
    bad = [
        record(1e-3, tokens="many", flops="x"),
        record(1e-3, tokens=True),
        record(1e-3, tokens=float("nan")),
        record(1e-3, tokens=-3),
    ]
    for made in (draw.growth, draw.exponents, draw.throughput, draw.roofline, draw.memory_stack, draw.attribution_cost):
        figure = made(bad)
        assert not figure.data
        assert len(figure.alt) > 20
    assert not draw.forest(bad).data
    assert not draw.tradeoff([forward(1e-3, batch=None)]).data


def ratio(name="b / a", verdict="slower", low=1.1, high=1.3, **fields):
    middle = np.sqrt(low * high)
    found = {"ratio_p50": middle, "ratio_ci95": [low, high], "aa_ci95": [0.97, 1.02], "verdict": verdict}
    return record(1, n=0, variant=name, **found | fields)


def test_a_forest_has_the_widest_control_on_top_and_says_its_verdicts():
    figure = draw.forest(
        [
            ratio(),
            ratio(
                EVIL,
                "cannot_tell",
                0.95,
                1.2,
                aa_ci95=[0.9, 1.01],
                goal="G1",
                goal_most=1.02,
                judgement="missed",
                why="<i>Copies</i>.",
            ),
        ]
    )
    assert figure.layout.yaxis.ticktext[0] == "<b>A/A control</b>"
    assert figure.layout.yaxis.range == (2.5, -0.5), "the first row is at the top"
    control = figure.data[0]
    assert control.x[0] - control.error_x.arrayminus[0] == pytest.approx(0.9)
    assert control.x[0] + control.error_x.array[0] == pytest.approx(1.02)
    assert "cannot tell; G1 missed" in figure.layout.yaxis.ticktext[2]
    assert "<b>x" not in figure.layout.yaxis.ticktext[2]
    assert "at most 1.02, missed<br>&lt;i&gt;Copies&lt;/i&gt;." in figure.data[2].hovertext
    assert figure.table["verdict"] == ["slower", "cannot tell"]
    assert figure.data[1].x[0] == pytest.approx(np.sqrt(1.1 * 1.3))
    assert figure.layout.xaxis.ticktext == ("0.9", "1", "1.1", "1.2", "1.3", "1.4")
    lines = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert [line.x0 for line in lines] == [1.02, 1], "the goal, and the line at 1"


def test_a_ratio_says_how_many_inputs_keep_their_label():
    told = draw.forest([ratio(cosine=0.99, same_answers=7, answers=9)]).data[1].hovertext
    assert "cosine of both answers 0.990000, the least of all inputs<br>the same class comes first for 7 of 9" in told
    assert "comes first" not in draw.forest([ratio(same_answers="<b>", answers=True)]).data[1].hovertext


def test_a_ratio_with_a_broken_interval_is_left_out():
    assert not draw.forest([ratio(ratio_ci95=[2, 1]), ratio(aa_ci95="x"), ratio(ratio_ci95=[1])]).data


def test_points_are_shares_of_the_roof_of_their_own_machine_and_number_format():
    roofs = [
        record(1, samples_s=[1, 2], n=2, suite="ceilings", flops=100, model_id=None),
        record(1, samples_s=[1, 2], n=2, suite="ceilings", bytes_moved=10, model_id=None, dtype=None),
    ]
    mine = record(1, flops=20, bytes_moved=4, tokens=10)  # 5 FLOP a byte: the slope allows 50
    fast = record(1, flops=90, bytes_moved=4, tokens=20)  # 22.5 FLOP a byte: the level allows 100
    wrong = record(1, flops=200, bytes_moved=4, tokens=30)
    foreign = record(1, flops=20, bytes_moved=4, dtype="bfloat16")
    figure = draw.roofline([*roofs, mine, fast, wrong, foreign])
    assert figure.table["share_of_roof"] == [pytest.approx(0.4), pytest.approx(0.9), pytest.approx(2.0), None]
    dots = next(trace for trace in figure.data if trace.name == "mini")
    assert dots.marker.symbol[2] == "triangle-up-open"
    assert "above the roof" in dots.hovertext[2]
    assert "1 points lie above" in figure.alt
    assert "No ceiling" in draw.roofline([mine]).alt


def test_memory_is_a_stack_of_weights_activations_and_maps():
    records = [
        record(1e-3, tokens=n, weight_bytes=1e6, activation_peak_bytes=1000 * n, attention_bytes=40 * n * n)
        for n in (100, 1000)
    ]
    figure = draw.memory_stack(records)
    assert [trace.name for trace in figure.data] == ["weights", "activations of a pass", "attention maps, if kept"]
    assert [trace.y[1] for trace in figure.data] == pytest.approx([1, 1, 40])
    assert "needs 1.5 MB at 100 and 42 MB at 1,000, 2% of the latter for weights and 95% for attention" in figure.alt


def test_the_cost_of_an_attribution_is_its_time_in_forward_passes():
    records = [
        record(0.02 * n, stage="attribution:ig", variant=f"{n} steps", completeness_gap=1 / n, forward_s=0.01, **more)
        for n, more in ((4, {"forwards": 8.1}), (16, {}))
    ]
    passes = record(9.0, stage="attribution:occlusion", completeness_gap=0, passes=17)
    figure = draw.attribution_cost([*records, passes, record(1)])
    assert figure.table["cost"] == pytest.approx([8, 32, 17])
    assert figure.table["work"] == [8.1, None, None]
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["ig"].y) == [0.25, 1 / 16]
    assert lines["occlusion"].y[0] > 0, "an exact answer stands on the logarithmic axis"
    both = draw.attribution_cost([*records, records[0] | {"error": 0.5, "variant": "another"}])
    assert both.table["error"] == [0.5], "one kind of error in a figure"


def attributed(method, **fields):
    return record(1.0, stage=f"attribution:{method}", forward_s=0.01, units=6, **fields)


def test_the_least_of_a_method_is_that_of_its_definition_and_not_of_our_call():
    sampled = {"integrated_gradients": 65, "smoothgrad": 64, "kernel_shap": 32, "shapley_sampling": 32 * 5 + 2}
    plain = {"saliency": 2, "attention": 1, "attention_rollout": 1, "occlusion": 7, "deeplift": 3}
    records = [attributed(name, effort=32, error=0.1, passes=999, forwards=999) for name in sampled]
    records += [attributed(name, passes=999, forwards=999) for name in plain]
    figure = draw.attribution_cost([*records, attributed("unknown", passes=1), attributed("random", passes=0)])
    table = figure.table
    least = dict(zip(table["method"], table["least"], strict=True))
    assert least == {name.replace("_", " "): value for name, value in (sampled | plain | {"unknown": None}).items()}
    at = table["method"].index("saliency")
    assert (table["least_s"][at], table["over_least"][at]) == pytest.approx((0.02, 50))
    rows = next(trace for trace in figure.data if trace.name == "not sampled")
    assert len(rows.x) == 6
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1], "rows stand below, apart"
    assert "saliency costs 100 passes" in figure.alt


def test_methods_of_the_attribution_suite_have_a_figure_without_any_error():
    figure = draw.attribution_cost([attributed("saliency", passes=2), attributed("lime", passes=258)])
    assert figure.table["method"] == ["saliency"], "how much a sampled one drew is not stated"
    assert figure.table["error"] == [None]


def test_no_shipped_method_does_less_work_than_the_least():
    from featcore.draw.least import least_forwards
    from featcore.measure.files import read
    from featcore.settings import settings

    shipped = [one for path in (settings().assets / "records").glob("*.jsonl*") for one in read(path)]
    held = [(one, least) for one in shipped if one.get("forwards") and (least := least_forwards(one)) is not None]
    assert len({one["stage"] for one, _ in held}) > 15
    for one, least in held:  # embeddings are shared by passes, which is a tenth of a small model's work
        assert least <= 1.1 * one["forwards"], one["stage"]


def test_work_by_formula_needs_no_record():
    figure = draw.work({"<b>a": ((8, 16), (1e9, 4e9)), "b": ((8,), (2e9,))})
    assert [trace.name for trace in figure.data] == ["&lt;b&gt;a", "b"]
    assert figure.table["flop"] == [1e9, 4e9, 2e9]
    assert "<b>a 4 GFLOP at 16" in figure.alt
    assert not draw.work({}).data


def test_ticks_are_plain_numbers_and_powers_of_ten_below_a_thousandth():
    from featcore.draw.ruler import plain

    assert [plain(v) for v in (2048, 0.5, 3e6, 2e10)] == ["2,048", "0.5", "3M", "20G"]
    assert [plain(v) for v in (1e-5, 2e-7)] == ["10<sup>−5</sup>", "2·10<sup>−7</sup>"]


def test_whiskers_stay_inside_the_figure():
    wide = [record(0.01 * b, samples_s=[0.001 * b] * 3 + [0.01 * b] * 3 + [0.5 * b] * 3, batch=b) for b in (1, 2, 4)]
    low, high = draw.throughput(wide).layout.yaxis.range
    assert 10**low < 1 / 0.5
    assert 10**high > 1 / 0.001
    times = [each | {"tokens": each["batch"], "batch": 1} for each in wide]
    low, high = draw.growth(times).layout.yaxis.range
    assert 10**low < 1
    assert 10**high > 2000
    assert len(draw.throughput([record(0.1, batch=1), record(0.15, batch=2)]).layout.yaxis.tickvals) >= 3
