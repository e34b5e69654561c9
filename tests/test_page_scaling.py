"""The page Scaling: a picture without a record, records of a stranger beside ours, a measurement in the background."""

import json
import time

import pytest

from tests.test_pages import ROOT, open_page, texts

PAGE = ROOT / "pages/3_measure/scaling.py"


def line(tokens, median_s, **fields) -> str:
    """A record of a sweep over tokens as a line of JSON."""
    needed = {"schema_version": 1, "record_id": f"{tokens}", "run_id": "r", "time_utc": "2026-01-01T00:00:00"}
    what = {"stage": "forward", "variant": "sdpa", "model_id": "theirs", "dtype": "float32", "attn_impl": "sdpa"}
    where = {"device": "cuda", "gpu": "Chip *of* <theirs>", "axis": "tokens", "tokens": tokens, "batch": 1}
    return json.dumps({**needed, **what, **where, "samples_s": [median_s] * 9, "n": 9, **fields})


def charts(app) -> str:
    return " ".join(chart.proto.alt for chart in app.get("plotly_chart"))


def test_without_a_record_the_work_by_formula_is_drawn(monkeypatch):
    from pages.ui import records

    monkeypatch.setattr(records, "shipped_records", list)
    app = open_page(PAGE)
    assert not app.exception
    assert "Nothing has been measured yet" in texts(app)
    assert "by formula" in charts(app)


def test_records_of_another_machine_are_shown_and_a_bad_file_is_refused_in_words():
    app = open_page(PAGE)
    sweep = "\n".join(line(n, 1e-6 * n * n) for n in (64, 128, 256))
    app.file_uploader(key="s_upload").upload("gpu.jsonl", sweep.encode(), "application/jsonl").run()
    assert not app.exception
    assert not app.error
    assert "theirs" in charts(app)
    assert "2 at the small end and 2 at the large" in charts(app), "quadratic times have exponent 2"
    assert "Chip \\*of\\* \\<theirs\\>" in texts(app), "a stranger's text is shown as it is"
    app.file_uploader(key="s_upload").upload("bad.jsonl", b'{"a": "[x](javascript:1)"}', "application/jsonl").run()
    assert not app.exception
    assert any("is no record of a measurement" in error.value for error in app.error)


@pytest.mark.parametrize("axis", ["units", "resolution", "frames", "patch", "batch"])
def test_every_axis_opens(axis):
    app = open_page(PAGE, s_axis=axis)
    assert not app.exception
    assert not app.error


def test_an_axis_without_a_record_says_so(monkeypatch):
    from pages.ui import records

    monkeypatch.setattr(records, "shipped_records", lambda: [json.loads(line(16, 1.0, model_id="image-mini"))])
    app = open_page(PAGE, s_axis="patch", s_encoders=["image-mini"])
    assert not app.exception
    assert "No sweep over side of a patch (px) has been measured" in texts(app)


def test_a_measurement_runs_in_the_background_is_stopped_and_stays_on_the_page():
    app = open_page(PAGE, s_encoders=["text-mini"])
    app.button(key="s_measure").click().run()
    assert not app.exception
    assert app.button(key="s_measure").disabled, "one at a time"
    (run,) = app.session_state["s_runs"]
    until = time.monotonic() + 240
    while len(run.records()) < 2 and run.state == "running" and time.monotonic() < until:
        time.sleep(0.5)
    app.run()
    assert not app.exception
    assert "text-mini" in charts(app)
    if run.state == "running":
        app.button(key="s_stop").click().run()
        assert "Stopped after" in texts(app)
    assert not app.exception
    assert not app.button(key="s_measure").disabled
    assert "measured here" in texts(app)
    run.remove()


def test_who_waits_for_another_measurement_reads_so_on_the_page(monkeypatch):
    import threading

    from streamlit.delta_generator import DeltaGenerator

    from featcore.encode.turns import turn
    from pages.ui.cached import working

    said, device = [], turn("test-page")
    monkeypatch.setattr(DeltaGenerator, "progress", lambda self, value, text=None: said.append(text) or self)
    ready, done = threading.Event(), threading.Event()

    def other() -> None:
        with device.alone("encode of *theirs*"):
            ready.set()
            done.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert ready.wait(10)
    threading.Timer(0.2, done.set).start()
    with working("key", "Timing mine"), device.alone("mine"):
        pass
    thread.join()
    assert any("waiting, somebody else is timing on this device" in text for text in said)
    assert any("encode of \\*theirs\\*" in text for text in said)
    assert said[-1] == "Timing mine …"


def test_pairs_are_shown_with_their_control_and_their_verdict(monkeypatch):
    from pages.ui import records

    ratio = json.loads(line(16, 1.0)) | {"samples_s": (), "n": 0, "suite": "variants", "model_id": "text-mini"}
    ratio |= {"variant": "text-mini: int8 / *float32*", "ratio_p50": 0.5, "ratio_ci95": (0.4, 0.6), "pair_id": "p"}
    ratio |= {"aa_ci95": (0.9, 1.1), "verdict": "faster"}
    monkeypatch.setattr(records, "shipped_records", lambda: [ratio])
    app = open_page(ROOT / "pages/3_measure/latency.py", l_encoders=["text-mini"])
    assert not app.exception
    assert "the control reaches from 0.9 to 1.1: text-mini: int8 / *float32* 0.5 (0.4 to 0.6), faster" in charts(app)
    app.segmented_control(key="p_suite").set_value("goals").run()
    assert "No pair has been compared here yet" in texts(app)
