"""The parts of the page Trust about marks: shipped runs, and a person's own marks on text, pictures and clips."""

from io import BytesIO

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from featcore.types import Attribution, Provenance, Target
from tests.test_pages import texts

MADE = Provenance("mini", "r", "w", "cpu", "float32", "sdpa", 1, (), "2026-01-01T00:00:00")


def attribution(units, scores, method="occlusion"):
    return Attribution(units, np.asarray(scores, float), Target(0, "a"), method, (), True, MADE)


def shipped_page():
    from pages import ui

    ui.show_shipped_trust("t")


def text_page():
    import numpy as np

    import featcore as fc
    from featcore.units.plain import cut_words
    from featcore.units.tokens import units_of
    from pages import ui
    from pages.ui.choose import Picked
    from pages.ui.methods import One
    from tests.test_page_truth import attribution

    source = fc.read_text("not a good film")
    units, _ = units_of(cut_words(source))
    maps = [attribution(units, [3, 0, 1, 0]), *(attribution(units, np.eye(4)[i], "random") for i in range(4))]
    ui.show_marked("u", One(None, Picked(source, lambda: source, True)), maps)


def picture_page():
    import streamlit as st

    from featcore.inputs.motion import render
    from featcore.types import Clip
    from featcore.units.grid import cut_grid
    from pages import ui
    from pages.ui.choose import Picked
    from pages.ui.methods import One
    from tests.test_page_truth import attribution

    frames = render("grows", 1, st.session_state.get("frames", 1))
    source = Clip("key", frames, list(range(len(frames))), still=len(frames) == 1)
    units = cut_grid(frames.shape[:3], (1, 16, 16))
    ui.show_marked(
        "u", One(None, Picked(source, lambda: source, True)), [attribution(units, [5.0] + [1.0] * (len(units) - 1))]
    )


def table(app):
    return app.dataframe[-1].value.set_index("map").astype(float)


def test_shipped_runs_show_a_ranking_with_floors_definitions_and_their_stamp():
    app = AppTest.from_function(shipped_page, default_timeout=60).run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1
    said = texts(app).replace("\\", "")
    for needed in ("Best here", "clear of the centre floor", "clear of the random floor", "seed 0", "bootstrap"):
        assert needed in said
    for measure in app.selectbox(key="t_measure").options:
        app.selectbox(key="t_measure").select(measure).run()
        assert not app.exception
    for title in range(len(app.selectbox(key="t_set").options)):
        app.selectbox(key="t_set").select_index(title).run()
        assert not app.exception


def test_without_shipped_runs_the_page_says_how_to_make_one(monkeypatch):
    monkeypatch.setattr("pages.ui.truth._records", lambda: [])
    app = AppTest.from_function(shipped_page, default_timeout=60).run()
    assert "featcore trust --set motion" in texts(app)


def test_a_marked_phrase_is_held_against_every_map():
    app = AppTest.from_function(text_page, default_timeout=60).run()
    assert not app.exception
    assert "Nothing is marked yet" in texts(app)
    app.selectbox(key="u_first").select_index(2).run()
    found = table(app)
    assert found.loc["Occlusion"].tolist() == [0, 25, 0]
    app.selectbox(key="u_last").select_index(0).run()
    found = table(app)
    assert found.loc["Occlusion"].tolist() == pytest.approx([100, 100, 2.5 / 3 * 100]), "first, last in any order"
    assert found.loc["Random floor, mean of 4"].tolist() == pytest.approx([75, 75, 75])
    assert "Chance is 75%" in texts(app).replace("\\", "")


def test_a_box_marks_the_input_that_it_was_drawn_on_and_no_other():
    app = AppTest.from_function(picture_page, default_timeout=60)
    app.session_state["u_boxes"] = ("another", {0: (0, 0, 16, 16)})
    app.run()
    assert "Nothing is marked yet" in texts(app)
    app.session_state["u_boxes"] = ("key", {0: (-3, 0, 16, 15)})
    app.run()
    assert not app.exception
    assert table(app).loc["Occlusion"].tolist() == [100, 62.5, 100]
    app.session_state["u_boxes"] = ("key", {0: (0, 0, 3, 3)})
    app.run()
    assert "far enough inside" in texts(app)


def test_boxes_on_a_clip_move_from_frame_to_frame_and_a_single_one_holds_on_all():
    app = AppTest.from_function(picture_page, default_timeout=60)
    app.session_state["frames"] = 3
    app.session_state["u_boxes"] = ("key", {1: (0, 0, 16, 16)})
    app.run()
    assert "Chance is 25%: 3 of 12" in texts(app).replace("\\", "")
    assert "One box holds on all frames" in texts(app)
    app.session_state["u_boxes"] = ("key", {0: (0, 0, 16, 16), 1: (16, 0, 32, 16)})
    app.run()
    assert not app.exception
    assert "Chance is 17%: 2 of 12" in texts(app).replace("\\", ""), "nothing behind the last"
    assert "from frame 0 to frame 1" in texts(app)
    assert table(app).loc["Occlusion"].tolist()[0] == 100
    assert app.dataframe[0].value["frame"].tolist() == [0, 1]
    app.button(key="u_forget").click().run()
    assert "Nothing is marked yet" in texts(app)


def test_a_table_of_boxes_marks_what_it_says_and_a_wrong_line_is_refused_in_words():
    app = AppTest.from_function(picture_page, default_timeout=60)
    app.session_state["frames"] = 3
    app.run()
    good, bad = b"frame,left,top,right,bottom\n0,0,0,16,16\n2,0,0,16,16\n", b"frame,left,top,right,bottom\n7,0,0,1,1\n"
    app.file_uploader(key="u_table").upload("b.csv", good, "text/csv").run()
    assert not app.exception
    assert "Chance is 25%: 3 of 12" in texts(app).replace("\\", "")
    app.file_uploader(key="u_table").upload("b.csv", bad, "text/csv").run()
    assert "there is no frame 7" in texts(app)


def png(size, white):
    from PIL import Image

    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[white] = 255
    raw = BytesIO()
    Image.fromarray(pixels).save(raw, "PNG")
    return raw.getvalue()


def test_an_uploaded_mask_marks_where_it_is_white_and_another_size_is_refused_in_words():
    app = AppTest.from_function(picture_page, default_timeout=60).run()
    app.segmented_control(key="u_how").set_value("a mask").run()
    app.file_uploader(key="u_mask").upload("m.png", png((32, 32), np.s_[16:, 16:]), "image/png").run()
    assert not app.exception
    assert table(app).loc["Occlusion"].tolist() == [0, 12.5, 0]
    app.file_uploader(key="u_mask").upload("m.png", png((32, 16), np.s_[:, :]), "image/png").run()
    assert "32x16 pixels, the input is 32x32" in texts(app).replace("\\", "")
