"""Every page opens inside the frame, answers choices, and says in words what goes wrong."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import featcore as fc

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "pages").glob("[0-9]*/*.py"))


def open_page(page: Path | str, **state) -> AppTest:
    """The app on one page, as a visitor with a fresh session sees it."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in state.items():
        app.session_state[name] = value
    app.run()
    if Path(page).stem != "compare":
        app.switch_page(str(Path(page).relative_to(ROOT))).run()
    return app


def texts(app: AppTest) -> str:
    kinds = (app.caption, app.markdown, app.error, app.info, app.warning, app.title, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def wait_for_the_run(app: AppTest) -> None:
    """Run the page again until the training it follows has ended, four minutes at most."""
    until = time.monotonic() + 240
    while app.button(key="n_start").disabled and time.monotonic() < until:
        time.sleep(1)
        app.run()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_opens_inside_the_frame_with_pictures_and_no_error(page):
    app = open_page(page)
    assert not app.exception
    assert not app.error
    assert app.title
    assert app.get("plotly_chart"), "a page shows a picture before anybody chooses anything"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_picture_has_a_text_alternative(page):
    for chart in open_page(page).get("plotly_chart"):
        assert len(chart.proto.alt) > 20


def test_the_first_screen_runs_no_model():
    import subprocess
    import sys

    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=120).run()\n"
        "assert not app.exception and len(app.get('plotly_chart')) >= 9, len(app.get('plotly_chart'))\n"
        "heavy = {'torch', 'transformers', 'captum'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_a_typed_text_is_cut_answered_and_explained():
    app = open_page("compare")
    app.selectbox(key="a_input_text").set_value("own").run()
    app.text_area(key="a_text").set_value("A truly wonderful film.").run()
    assert not app.exception
    assert not app.error
    assert "wonderful" in str(app.selectbox(key="a_unit").options)


def test_an_uploaded_picture_replaces_the_sample():
    from io import BytesIO

    from PIL import Image

    raw = BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(raw, "PNG")
    app = open_page("compare")
    app.selectbox(key="b_input_image").set_value("upload").run()
    assert "Nothing uploaded yet" in texts(app)
    app.file_uploader(key="b_upload_image").upload("red.png", raw.getvalue(), "image/png").run()
    assert not app.exception
    assert not app.error
    assert "60x40" in texts(app).replace("\\", "")
    assert "but not uploaded files" in texts(app)


def test_a_file_that_is_no_picture_is_refused_in_words_and_the_other_side_stays():
    app = open_page("compare")
    app.selectbox(key="b_input_image").set_value("upload").run()
    app.file_uploader(key="b_upload_image").upload("letter.png", b"Dear Sir or Madam", "image/png").run()
    assert not app.exception
    assert any("letter.png" in error.value.replace("\\", "") for error in app.error)
    assert app.selectbox(key="a_unit").options, "the text side is still there"


def test_a_marked_unit_is_marked_in_every_picture_of_its_side_and_in_none_of_the_other():
    app = open_page("compare")
    app.selectbox(key="a_unit").set_value(2).run()
    assert not app.exception
    assert any("Marked" in caption.value and "scores" in caption.value for caption in app.caption)


def test_markdown_in_a_file_name_is_shown_as_it_is():
    from pages.ui.show import escape

    assert escape("**bold** [x](javascript:1) <b>") == ("\\*\\*bold\\*\\* \\[x\\]\\(javascript\\:1\\) \\<b\\>")


def test_a_cell_that_a_spreadsheet_would_run_is_quoted():
    from pages.ui.show import to_csv

    assert to_csv({"unit": ["=1+1", "a"], "score": [-1.5, 2.0]}) == "unit,score\r\n'=1+1,-1.5\r\na,2.0\r\n"


def test_results_in_memory_are_bounded_and_the_oldest_goes_first():
    import numpy as np

    from featcore.types import Timeline
    from pages.ui.cached import Finished

    def big() -> Timeline:
        return Timeline(np.zeros(1000), np.zeros(1, int), "uniform")

    kept = Finished(max_bytes=30_000)
    for key in "abc":
        kept.put(key, big())
    kept.get("a")
    kept.put("d", big())
    assert kept.get("b") is None
    assert kept.get("a") is not None
    assert kept.get("d") is not None


@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize(
    "choice", [{"f_stride": 0.5, "f_opacity": 0.5}, {"f_shape": "superpixels", "f_opacity": 0.5}, {"f_unit": 3}]
)
def test_fragments_overlap_follow_edges_and_show_their_pixels(kind, choice):
    app = open_page(ROOT / "pages/1_see/fragments.py", f_kind=kind, **choice)
    assert not app.exception
    assert not app.error
    assert app.get("plotly_chart")
    assert ("Index 3" in texts(app)) == ("f_unit" in choice)


@pytest.mark.parametrize("kind", ["text", "image", "video"])
@pytest.mark.parametrize("page", ["attention", "attribution"])
def test_explaining_pages_work_for_every_kind_of_input(page, kind):
    prefix = {"attention": "h", "attribution": "r"}[page]
    app = open_page(ROOT / f"pages/2_explain/{page}.py", **{f"{prefix}_kind": kind, f"{prefix}_unit": 1})
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) >= 3


def explained_on(app: AppTest) -> list[str]:
    return [line.replace("\\", "") for line in texts(app).split("\n") if line.startswith("Explains the")]


def test_one_class_rather_than_another_and_another_input_are_explained():
    app = open_page(ROOT / "pages/2_explain/attribution.py", r_methods=["occlusion"])
    app.selectbox(key="r_target").set_value("class").run()
    picked, against = (box for box in app.selectbox if box.key.startswith(("r_class_", "r_against_")))
    app.selectbox(key=picked.key).set_value("positive").run()
    assert app.selectbox(key=against.key).options == ["no other class", "negative"]
    app.selectbox(key=against.key).set_value("negative").run()
    assert "difference of 'positive less negative'" in explained_on(app)[0]
    app.selectbox(key="r_target").set_value("similarity").run()
    assert "similarity to 'Plain praise'" in explained_on(app)[0], "not to itself"
    app.selectbox(key="r_target").set_value("instead").run()
    assert "with the same number of units" in app.error[0].value.replace("\\", "")
    app.segmented_control(key="r_kind").set_value("image").run()
    assert "the input '" in explained_on(app)[0]
    assert not app.exception


@pytest.mark.parametrize(
    ("kind", "levels"), [("text", ["word", "sentence"]), ("image", ["region"]), ("video", ["frame"])]
)
def test_scores_may_be_read_for_larger_parts(kind, levels):
    asked = {"r_methods": ["integrated_gradients"], "r_kind": kind}
    app = open_page(ROOT / "pages/2_explain/attribution.py", **asked)
    said, options = explained_on(app), len(app.selectbox(key="r_unit").options)
    for level in levels:
        app.segmented_control(key=f"r_level_{kind}").set_value(level).run()
        assert not app.exception
        assert not app.error
        assert explained_on(app) == said, "nothing is computed anew, and the sum is the same"
        assert app.selectbox(key="r_unit").label == f"Marked {level}"
        assert len(app.selectbox(key="r_unit").options) < options


def test_a_map_in_a_shorter_number_format_says_below_it_how_its_ranks_agree_with_float32(monkeypatch):
    from featcore.settings import settings
    from pages.ui import cached

    page, words = ROOT / "pages/2_explain/attribution.py", "Ranks agree with float32: "
    assert words not in texts(open_page(page, r_methods=["occlusion"]))
    monkeypatch.setenv("FEATCORE_DTYPE", "bfloat16")
    for kept in (settings.cache_clear, cached.shelf.clear, cached.finished.clear):
        kept()
    try:
        app = open_page(page, r_methods=["occlusion", "integrated_gradients"])
        assert not app.exception
        assert not app.error
        said = [caption.value.replace("\\", "") for caption in app.caption]
        said = [line for line in said if line.startswith(words)]
        assert len(said) == 1, "integrated gradients of the sample are a finished run in float32"
        units = len(app.selectbox(key="r_unit").options) - 1  # one of them is no unit
        assert said[0].endswith(f" (Spearman over {units} units), same class.")
        assert 0.9 < float(said[0].removeprefix(words).split()[0]) <= 1
        app.segmented_control(key="r_level_text").set_value("sentence").run()
        assert "Ranks have no agreement with float32: a map of the 1 units is constant" in texts(app).replace("\\", "")
    finally:
        monkeypatch.undo()
        for kept in (settings.cache_clear, cached.shelf.clear, cached.finished.clear):
            kept()


@pytest.mark.parametrize("preset", ["sentence-picture", "picture-clip", "two-readings"])
def test_a_preset_fills_both_sides(preset):
    app = open_page("compare")
    app.button(key=f"preset-{preset}").click().run()
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) >= 9


def test_a_picture_is_made_once_for_the_same_content():
    import numpy as np

    from pages.ui.cached import drawn

    made = []

    def bars(labels, values):
        from featcore import draw

        made.append(1)
        return draw.bars(labels, values)

    first = drawn(bars, ["a", "b"], np.array([1.0, 2.0]))
    assert drawn(bars, ["a", "b"], np.array([1.0, 2.0])) is first
    assert drawn(bars, ["a", "b"], np.array([1.0, 3.0])) is not first
    assert len(made) == 2


def test_the_page_runs_no_model_and_reads_no_finished_run_again_when_only_a_picture_changes(monkeypatch):
    import featcore.encode.base as base
    from featcore.store import Store

    app = open_page("compare")
    calls = []
    monkeypatch.setattr(base.Encoder, "encode", lambda *_, **__: calls.append("encode"))
    monkeypatch.setattr(Store, "get", lambda *_: calls.append("read"))
    before = [chart.proto.spec for chart in app.get("plotly_chart")]
    app.selectbox(key="c_layer").set_value(1).run()
    assert not app.exception
    assert not calls
    after = [chart.proto.spec for chart in app.get("plotly_chart")]
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 2, "attention of both sides"


def test_a_short_run_is_trained_followed_and_its_result_shown(monkeypatch, tmp_path):
    from featcore.settings import settings

    monkeypatch.setenv("FEATCORE_RUNS", str(tmp_path))
    settings.cache_clear()
    app = open_page(ROOT / "pages/4_learn/learn.py", n_limit=500, n_epochs=0.5)
    assert "The full run of Video mini" in texts(app)
    app.button(key="n_start").click().run()
    assert app.button(key="n_start").disabled, "one run at a time"
    wait_for_the_run(app)
    assert not app.exception
    assert not app.error
    assert [metric.label for metric in app.metric][:2] == ["Right on the test split", "Chance"]
    app.text_input(key="n_name").set_value("a/b").run()
    app.button(key="n_keep").click().run()
    assert "is no name for a folder" in texts(app)
    app.text_input(key="n_name").set_value("short").run()
    app.button(key="n_keep").click().run()
    assert (tmp_path / "encoders" / "short" / "config.json").is_file()
    app.button(key="n_discard").click().run()
    assert "The full run of Video mini" in texts(app)
    monkeypatch.undo()
    settings.cache_clear()


def test_a_recipe_whose_data_is_missing_says_which_file_and_where(monkeypatch, tmp_path):
    from featcore.settings import settings

    monkeypatch.setenv("FEATCORE_DATA", str(tmp_path))
    settings.cache_clear()
    app = open_page(ROOT / "pages/4_learn/learn.py", n_recipe="image-mini")
    assert any(
        "train.npz" in said and "FEATCORE_DATA" in said for said in (e.value.replace("\\", "") for e in app.error)
    )
    monkeypatch.undo()
    settings.cache_clear()


def test_a_table_of_ones_own_is_checked_learnt_and_what_was_left_out_is_named(monkeypatch, tmp_path):
    from featcore.settings import settings

    monkeypatch.setenv("FEATCORE_RUNS", str(tmp_path))
    settings.cache_clear()
    app = open_page(ROOT / "pages/4_learn/learn.py", n_task="own")
    app.segmented_control(key="n_task").set_value("own").run()
    assert app.button(key="n_start").disabled
    assert "Nothing uploaded yet" in texts(app)
    lines = [f"the film is {['dull', 'clever'][i % 2]} {i},{['no', 'yes'][i % 2]}" for i in range(30)]
    table = "\n".join(["text,label", *lines, ",yes", "alone,odd"])
    app.file_uploader(key="n_table").upload("mine.csv", table.encode(), "text/csv").run()
    assert "30 usable examples of 2 classes: no 15, yes 15." in texts(app)
    assert app.dataframe[0].value["why"].tolist() == ["no text", "the only example of 'odd'"]
    app.button(key="n_start").click().run()
    wait_for_the_run(app)
    assert not app.exception
    assert not app.error
    assert app.metric[0].label == "Right on the test split"
    assert "30 examples, of which it learnt from" in texts(app)
    app.file_uploader(key="n_table").upload("one.csv", b"text,label\na,x\nb,x", "text/csv").run()
    assert any("learning needs two classes" in error.value for error in app.error)
    app.button(key="n_discard").click().run()
    monkeypatch.undo()
    settings.cache_clear()


def test_the_ladder_shows_every_recorded_step_with_its_one_change():
    app = open_page(ROOT / "pages/4_learn/learn.py")
    app.segmented_control(key="n_task").set_value("ladder").run()
    assert not app.exception
    from featcore.learn.ladder import RUNGS, recorded

    said = texts(app)
    for rung in RUNGS:
        card = recorded(rung.recipe)
        assert card is not None
        assert rung.title in said
        assert rung.change in said
        assert f"{card['parameters']:,} parameters" in said


def test_the_page_model_says_licence_and_classes_and_draws_the_grid_with_its_positions():
    app = open_page(ROOT / "pages/1_see/model.py", m_kind="image")
    assert not app.exception
    assert not app.error
    said = dict(zip(*(app.dataframe[0].value[column] for column in app.dataframe[0].value), strict=True))
    assert said["Licence"] == "Apache-2.0"
    assert said["Provides"].endswith("10 classes")
    assert said["Classes"].startswith("10: airplane, ")
    alts = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert any("runs fastest" in alt for alt in alts)
    assert "as float32" in texts(app)
    app.segmented_control(key="m_kind").set_value("text").run()
    alts = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert "Special positions: 0 [CLS]" in alts[0]
    assert not any("runs fastest" in alt for alt in alts)


def test_the_page_model_says_what_a_cell_of_a_convolutional_network_reads():
    app = open_page(ROOT / "pages/1_see/model.py", m_kind="image", m_encoder_image="conv-mini")
    said = dict(zip(*(app.dataframe[0].value[column] for column in app.dataframe[0].value), strict=True))
    assert said["A cell reads"].startswith("the middle one ")
    assert said["Provides"] == "no attention maps, 10 classes"


def test_an_address_with_other_figures_of_an_encoder_or_its_title_alone_still_names_it():
    from pages.ui.choose import _named

    card = next(card for card in fc.encoders() if card.name == "text-mini")
    said = {
        "text-mini": f"{card.title} · 7.5 MB",
        "org/model": "org/model · 3 GB · mit",
        "/roots/mine": "mine · folder",
    }
    named = {typed: _named(typed, said, {"text-mini": card}) for typed in ("text-mini", card.title, "org/other#64x48")}
    assert named == {"text-mini": "text-mini", card.title: "text-mini", "org/other#64x48": "org/other#64x48"}
    assert _named("org/model · 2 GB · does not fit here", said, {}) == "org/model"
    assert _named("mine · folder · 4 GB", said, {}) == "/roots/mine"
    assert _named("gone/model · 2 GB", said, {}) == "gone/model"


def test_a_hub_name_waits_for_a_word_a_folder_must_lie_under_a_root_and_markup_stays_text(monkeypatch, tmp_path):
    from featcore.settings import settings
    from tests import tiny

    tiny.build("bert", tmp_path / "roots" / "mine")
    monkeypatch.setenv("FEATCORE_ROOTS", str(tmp_path / "roots"))
    settings.cache_clear()
    app = open_page(ROOT / "pages/2_explain/attribution.py", r_methods=["random"])
    picker = app.selectbox(key="r_encoder_text")
    options = " ".join(picker.options)
    of_hub = "google-bert/bert-base-uncased · 109 M parameters · 437.9 MB as float32 · attention maps · a vector"
    assert f"{of_hub} · apache-2.0" in options
    assert "Text mini · 1.9 M parameters · 7.5 MB as float32 · attention maps · 2 classes · Apache-2.0" in options
    assert "qnli-electra-base" in options
    assert "safetensors not proven" in options
    assert "mine · folder · " in options
    assert "attention maps · 3 classes · licence not stated" in options
    app.selectbox(key="r_encoder_text").set_value("google-bert/bert-base-uncased").run()
    assert not app.error
    assert "Nothing is downloaded before you say so" in texts(app)
    app.selectbox(key="r_encoder_text").set_value(str(tmp_path / "roots" / "mine")).run()
    assert not app.exception
    assert not app.error
    assert "random" in texts(app).lower()
    for typed, said in {"org/**bold**": "no name of the hub", "/etc": "lies outside"}.items():  # or a link that says so
        app = open_page(ROOT / "pages/2_explain/attribution.py", r_encoder_text=typed)
        assert any(said in error.value for error in app.error)
    monkeypatch.undo()
    settings.cache_clear()


def test_a_sentence_is_read_twice_changed_and_drawn_in_other_letters():
    app = open_page(ROOT / "pages/2_explain/words_and_pixels.py", w_variant="without_not", w_word=1)
    assert not app.exception
    assert not app.error
    assert "Outside training" not in texts(app)
    assert "4 words of 5 tokens" in texts(app)
    assert "only 3 shifts" in texts(app), "four words are too few to tell agreement from accident"
    answers = app.dataframe[0].value
    assert answers["text"].tolist()[3] == "This movie is good."
    assert answers["Text mini"].tolist() == answers["Pixel mini"].tolist() == ["negative"] * 3 + ["positive"]
    app.select_slider(key="w_size").set_value(24).run()
    assert not app.error
    assert "Outside training" in texts(app)
    app.select_slider(key="w_size").set_value(48).run()
    assert not app.exception
    assert any("Choose letters of at most" in error.value for error in app.error)


def test_the_two_ways_of_reading_are_timed_when_asked():
    app = open_page(ROOT / "pages/2_explain/words_and_pixels.py", w_input_text="praise")
    assert app.dataframe[1].value.iloc[5].tolist() == ["Encode, median", "not measured yet", "not measured yet"]
    app.button(key="w_measure").click().run()
    assert not app.exception
    assert all(cell.endswith(" ms") for cell in app.dataframe[1].value.iloc[5].tolist()[1:])


def test_a_long_sentence_is_compared_with_its_shifts():
    app = open_page(ROOT / "pages/2_explain/words_and_pixels.py", w_input_text="turn")
    assert not app.exception
    assert "accident explains." in texts(app).replace("\\", "")


def test_a_sentence_without_a_not_says_so_in_its_row_and_when_asked_for_it():
    app = open_page(ROOT / "pages/2_explain/words_and_pixels.py", w_input_text="praise")
    assert "no 'not'" in app.dataframe[0].value["text"].tolist()[3]
    app.segmented_control(key="w_variant").set_value("without_not").run()
    assert not app.exception
    assert any("no 'not'" in error.value for error in app.error)
    assert len(app.dataframe) == 1, "the variants stay"


def test_a_clip_can_be_kept_as_a_film_and_seen_over_time():
    app = open_page(ROOT / "pages/2_explain/attribution.py", r_kind="video", r_methods=["random"], r_random_time=True)
    assert not app.exception
    assert not app.error
    assert {"WebM", "GIF"} <= {button.proto.label for button in app.get("download_button")}
    assert "strongest tubelets" in texts(app)
    text = open_page(ROOT / "pages/2_explain/attribution.py", r_kind="text", r_methods=["random"])
    assert not {"WebM", "GIF"} & {button.proto.label for button in text.get("download_button")}


def test_a_size_behind_an_encoders_name_cuts_another_grid():
    page = ROOT / "pages/2_explain/attribution.py"
    app = open_page(page, r_kind="image", r_encoder_image="image-mini#16x48", r_methods=["random"])
    assert not app.exception
    assert not app.error
    assert "y3 x11" in str(app.selectbox(key="r_unit").options)
    app = open_page(page, r_kind="image", r_encoder_image="image-mini#17x48", r_methods=["random"])
    assert any("multiple of 4" in error.value for error in app.error)


def test_units_of_a_convolutional_network_are_called_cells():
    app = open_page(ROOT / "pages/2_explain/attribution.py", r_kind="image", r_encoder_image="conv-mini")
    assert not app.error
    picker = app.selectbox(key="r_unit")
    assert picker.label == "Marked cell"
    assert "cell y0 x0" in str(picker.options)
    assert app.segmented_control(key="r_level_image").options[0] == "cell"


def test_two_inputs_are_compared_on_both_sides_and_two_towers_join_a_text_and_a_picture(monkeypatch, tmp_path):
    from featcore.settings import settings
    from tests import tiny

    page = ROOT / "pages/2_explain/similarity.py"
    monkeypatch.setenv("FEATCORE_ROOTS", str(tmp_path / "roots"))
    monkeypatch.setenv("FEATCORE_ALLOW_HUB", "0")
    settings.cache_clear()
    app = open_page(page, y_what="both")
    assert not app.error
    assert "No checkpoint with two towers is chosen" in texts(app)
    folder = tiny.build_towers("clip", tmp_path / "roots" / "mine")
    app = open_page(page, y_what="both", y_method="occlusion")
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="y_towers").value == str(folder)
    assert len(app.get("plotly_chart")) == 2
    app = open_page(page, y_what="image", y_method="occlusion")
    assert not app.error
    assert app.metric[0].value not in ("1.000", "0.000")
    monkeypatch.undo()
    settings.cache_clear()
