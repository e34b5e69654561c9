"""The page Latency: runs and records stand side by side, and every number can be taken along as a record."""

import gzip
import json

from featcore.measure.files import received
from featcore.measure.staged import of_latencies
from tests.draw.conftest import latency
from tests.test_pages import ROOT, open_page, texts

PAGE = ROOT / "pages/3_measure/latency.py"


def waterfall(app) -> str:
    return next(chart.proto.alt for chart in app.get("plotly_chart") if "one behind the other" in chart.proto.alt)


def test_an_encoder_without_a_run_shows_its_shipped_records():
    app = open_page(PAGE, l_encoders=["conv-mini", "video-mini"])
    assert not app.exception
    assert waterfall(app).count("encode") == 2
    assert "has not been timed" not in texts(app)


def test_records_of_another_machine_stand_beside_ours_and_can_be_taken_along():
    stage = of_latencies([latency("encode", encoder="text-mini")])[0]
    theirs = json.dumps(stage | {"gpu": "Chip *of* <theirs>", "device": "cuda"}).encode()
    app = open_page(PAGE, l_encoders=["text-mini"])
    app.file_uploader(key="l_upload").upload("gpu.jsonl.gz", gzip.compress(theirs), "application/gzip").run()
    assert not app.exception
    assert not app.error
    assert "text-mini · Chip *of* <theirs> encode 10.9 ms" in waterfall(app)
    app.selectbox(key="l_title").set_value("text-mini · Chip *of* <theirs>").run()
    assert not app.exception
    assert any("p50 10.9 ms" in chart.proto.alt for chart in app.get("plotly_chart"))


def test_the_view_per_unit_says_so():
    app = open_page(PAGE, l_encoders=["text-mini"], l_per_unit=True)
    assert not app.exception
    assert "µs a unit" in waterfall(app)


def test_the_records_of_a_page_can_be_loaded_again():
    from pages.ui.records import to_lines

    records = of_latencies([latency("cut"), latency("encode")])
    again = received(to_lines(records).encode(), "x.jsonl")
    assert [len(each["samples_s"]) for each in again] == [20, 20]
