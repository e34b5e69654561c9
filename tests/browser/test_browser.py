"""What a person meets in a real browser on a real server."""

import json
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def png(path: Path, colour: tuple[int, int, int]) -> Path:
    from PIL import Image

    Image.new("RGB", (96, 64), colour).save(path)
    return path


def webm(path: Path) -> Path:
    """Twelve frames of a bright square that moves right."""
    import cv2
    import numpy as np

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"VP80"), 12, (64, 64))
    assert writer.isOpened()
    for step in range(12):
        frame = np.full((64, 64, 3), 30, np.uint8)
        frame[20:44, 4 * step : 4 * step + 16] = 230
        writer.write(frame)
    writer.release()
    return path


def test_a_cold_deep_link_shows_the_frame_and_its_page(visit, cold_server):
    visitor = visit(cold_server)
    visitor.open("fragments")
    assert visitor.page.locator("h1").inner_text() == "Fragments"
    assert visitor.page.get_by_test_id("stSidebarNav").get_by_text("Attribution").count() == 1


def test_the_first_screen_is_full(visit):
    visitor = visit()
    visitor.open()
    assert visitor.page.locator("h1").inner_text() == "Tokens and fragments under one ruler"
    visitor.page.locator(".js-plotly-plot").nth(8).wait_for()
    assert visitor.page.locator(".js-plotly-plot").count() >= 9
    assert visitor.page.get_by_test_id("stException").count() == 0
    assert visitor.page.get_by_test_id("stAlertContentError").count() == 0


def test_nothing_is_fetched_from_another_host(visit):
    visitor = visit()
    strangers = []
    visitor.page.on("request", lambda request: strangers.append(request.url) if request.url[:4] == "http" else None)
    visitor.open()
    assert not [url for url in strangers if not url.startswith(visitor.url)]


def test_a_text_a_photograph_and_a_clip_of_ones_own_are_read(visit, tmp_path):
    visitor = visit()
    letter = tmp_path / "letter.txt"
    letter.write_text("A gloriously funny evening.", encoding="utf-8")
    visitor.open()
    visitor.choose("Input", "Upload a file", side=0)
    visitor.page.locator("input[type=file]").first.set_input_files(letter)
    visitor.settle()
    assert "A gloriously funny evening." in visitor.page.locator("body").inner_html() or "evening" in visitor.text()

    visitor.choose("Input", "Upload a file", side=1)
    visitor.page.locator("input[type=file]").nth(1).set_input_files(png(tmp_path / "red.png", (200, 20, 20)))
    visitor.settle()
    assert "Scaled from 96x64" in visitor.text()

    visitor.open("?b_kind=Video")
    visitor.choose("Input", "Upload a file", side=1)
    visitor.page.locator("input[type=file]").last.set_input_files(webm(tmp_path / "square.webm"))
    visitor.settle()
    assert "tubelets" in visitor.text()
    assert visitor.page.get_by_test_id("stAlertContentError").count() == 0


def test_a_file_that_is_no_picture_is_refused_in_words_in_its_own_panel(visit, tmp_path):
    broken = tmp_path / "letter.png"
    broken.write_text("Dear Sir or Madam")
    visitor = visit()
    visitor.open()
    visitor.choose("Input", "Upload a file", side=1)
    visitor.page.locator("input[type=file]").first.set_input_files(broken)
    visitor.settle()
    assert "letter.png" in visitor.page.get_by_test_id("stAlertContentError").inner_text()
    assert visitor.page.locator(".js-plotly-plot").count() >= 4, "the text side is still there"


def test_a_changed_method_changes_the_maps_and_the_address_restores_it(visit):
    visitor = visit()
    visitor.open()
    visitor.choose("Method", "Occlusion")
    assert "occlusion" in visitor.text()
    visitor.page.wait_for_url(re.compile("c_method="))
    other = visit()
    other.open(visitor.page.url.split("/", 3)[3])
    assert "occlusion" in other.text()


def test_a_clicked_token_is_marked_in_the_other_pictures_of_its_side(visit):
    visitor = visit()
    visitor.open()
    assert "Marked: not scores" not in visitor.text()
    visitor.click_point(plot=0, point=3, until="Marked: not scores")
    visitor.settle()
    outlined = "[...document.querySelectorAll('.js-plotly-plot')].filter(p => p.data.some(t => t.type === 'bar' && "
    outlined += "Array.isArray(t.marker.line?.width) && t.marker.line.width.indexOf(3) === 3)).length"
    assert visitor.page.evaluate(outlined) == 3, "cut, attention and attribution of this side"


def test_the_numbers_behind_a_picture_can_be_downloaded(visit):
    visitor = visit()
    visitor.open()
    for name, first_column in (("a_cut", "unit"), ("a_prediction", "label")):
        with visitor.page.expect_download() as waiting:
            visitor.page.locator(f".st-key-csv-{name} button").first.click()
        assert waiting.value.suggested_filename == f"{name.replace('_', '-')}.csv"
        header, *rows = Path(waiting.value.path()).read_text().splitlines()
        assert header.split(",")[0] == first_column
        assert len(rows) >= 2


def test_the_dark_theme_is_dark_and_pictures_keep_it(visit):
    visitor = visit(scheme="dark")
    visitor.open()
    background = visitor.page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    )
    assert sum(json.loads(re.sub(r"rgba?\(([^)]*)\)", r"[\1]", background))[:3]) < 150
    visitor.page.wait_for_selector(".js-plotly-plot")
    paper = visitor.page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.paper_bgcolor")
    assert paper in ("rgba(0,0,0,0)", "rgba(0, 0, 0, 0)", "transparent") or paper.lower().startswith("#1")


def test_a_narrow_screen_shows_everything_without_scrolling_sideways(visit):
    visitor = visit(width=390)
    visitor.open()
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


def test_a_second_person_who_times_waits_for_the_first_and_is_told_so(visit):
    """Both ask for all encoders, so the first one times for long enough; one device has one turn. Then both leave."""
    first, second = visit(), visit()
    for visitor in (first, second):
        visitor.open("latency")
    first.page.get_by_role("button", name="Measure here").click()
    first.page.get_by_text(re.compile("^Timing .*[0-9]+ of [0-9]+")).first.wait_for(timeout=60_000)
    second.page.get_by_role("button", name="Measure here").click()
    waits = second.page.get_by_text(re.compile("waiting, somebody else is timing on this device"))
    waits.first.wait_for(timeout=60_000)
    for visitor in (first, second):
        visitor.open("fragments")
        assert visitor.page.get_by_test_id("stException").count() == 0
