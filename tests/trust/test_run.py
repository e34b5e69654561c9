"""Runs over marked sets, on the real data where it is, and on rendered clips everywhere."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import featcore as fc
from featcore.cli import app
from featcore.errors import InputError, NotDefined, UnknownName
from featcore.settings import settings
from featcore.trust.measures import MEASURES
from featcore.trust.run import run
from featcore.trust.sets import SETS, Marked
from featcore.trust.shipped import END, START, read, save, trust_notes, trust_table, write_trust

FAST = ("input_x_gradient",)


def loaded(name):
    """The encoder of a set; skips where the set's data are not on this machine."""
    if SETS[name].files and not list(settings().data.glob(SETS[name].files)):
        pytest.skip(f"the data of '{name}' are not at {settings().data}")
    return fc.load(SETS[name].encoder, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def record():
    return run("motion", loaded("motion"), 4, FAST)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.shared_data if s.files else ()) for n, s in SETS.items()]
)
def test_every_set_gives_inputs_with_marked_and_unmarked_units_and_a_record(name):
    encoder = loaded(name)
    found = run(name, encoder, 4, FAST)
    assert found["n"] == 4
    assert found["complete"]
    assert {one["name"] for one in found["methods"]} >= {*FAST, "random"}
    assert 0 < found["chance"][0] < 1
    assert (found["right"] is None) == (name == "boxes"), "no raccoon is among the classes"
    for one in found["methods"]:
        assert set(one["numbers"]) == set(MEASURES)
        for numbers in one["numbers"].values():
            mean, low, high = numbers["mean"]
            assert low <= mean <= high
            assert all(numbers[key] == "cannot tell" for key in numbers if key.startswith("beats")), "four are too few"


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["sst", "rationales", "boxes"])
def test_nothing_of_an_input_enters_the_record(name, tmp_path):
    encoder = loaded(name)
    save(tmp_path / "r.json", run(name, encoder, 3, FAST))
    written = (tmp_path / "r.json").read_text()
    items = (each for each in SETS[name].read(settings().data, encoder, np.random.default_rng(0)))
    used = [next(item for item in items if isinstance(item, Marked)) for _ in range(3)]
    texts = [each.source.text.split() for each in used if name != "boxes"]
    assert not [
        three for text in texts for three in zip(text, text[1:], text[2:], strict=False) if " ".join(three) in written
    ]
    assert not [each.name for each in used if each.name in written]
    assert len(written) < 30_000


def test_a_seed_decides_everything_but_the_time(record):
    def timeless(found):
        found = json.loads(json.dumps(found))
        for key in ("seconds", "time_utc", "disturbed"):
            found.pop(key)
        for one in found["methods"]:
            one.pop("seconds")
        return found

    encoder = loaded("motion")
    assert timeless(run("motion", encoder, 4, FAST)) == timeless(record)
    other = run("motion", encoder, 4, FAST, seed=1)
    assert other["inputs_sha256"] != record["inputs_sha256"]


def test_the_random_floor_is_another_map_for_every_input():
    from featcore.explain import explain

    record = run("motion", loaded("motion"), 6, ("random",))
    assert record["methods"][0]["name"] == "random"
    assert "seed" not in record["methods"][0]["knobs"]
    encoder = loaded("motion")
    items = SETS["motion"].read(settings().data, encoder, np.random.default_rng(0))
    tops = set()
    for draw, item in zip(range(6), items, strict=False):
        tops.add(int(explain(encoder, encoder.prepare(item.source), "random", seed=draw).scores.argmax()))
    assert len(tops) > 1


def test_an_interruption_keeps_the_finished_inputs_and_says_so(record):
    calls = []

    def stop(done, total):
        calls.append(done)
        if len(calls) == 1 + 2 * len(record["methods"]) + 1:
            raise KeyboardInterrupt

    found = run("motion", loaded("motion"), 4, FAST, progress=stop)
    assert (found["n"], found["asked"], found["complete"]) == (2, 4, False)
    assert all(numbers["n"] <= 2 for one in found["methods"] for numbers in one["numbers"].values())


def test_an_interruption_before_the_first_input_leaves_no_record():
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(InputError, match="stopped before the first"):
        run("motion", loaded("motion"), 4, FAST, progress=stop)


def test_what_cannot_be_asked_is_refused_in_words(tmp_path):
    with pytest.raises(UnknownName, match="Known: boxes, motion, rationales, sst"):
        run("cats", loaded("motion"))
    with pytest.raises(UnknownName, match="No method is called"):
        run("motion", loaded("motion"), 1, ("ocluson",))
    with pytest.raises(NotDefined, match="CAM is not defined"):
        run("sst", fc.load("text-mini"), 1, ("cam",))
    with pytest.raises(InputError, match="--data"):
        run("sst", fc.load("text-mini"), 1, FAST, data=tmp_path)


def test_a_method_that_finds_out_with_an_input_that_it_is_not_defined_is_named():
    encoder = loaded("motion")
    with pytest.raises(NotDefined, match="not linear"):
        run("motion", encoder, 1, ("cam",))


def test_a_sentence_encoder_of_other_classes_is_refused(cases):
    case = cases("bert")
    if not list(settings().data.glob(SETS["sst"].files)):
        pytest.skip(f"the data of 'sst' are not at {settings().data}")
    with pytest.raises(NotDefined, match="has no class called"):
        run("sst", case.encoder, 1, FAST)


def test_an_encoder_without_a_classifier_is_refused(headless):
    with pytest.raises(NotDefined, match="no classifier"):
        run("motion", headless.encoder, 1, FAST)


def test_a_record_survives_its_file_and_anything_else_is_refused(record, tmp_path):
    path = tmp_path / "deep" / "trust-motion.json"
    save(path, record)
    assert read(path) == json.loads(json.dumps(record))
    path.write_text("{}")
    with pytest.raises(InputError, match="no record"):
        read(path)
    path.write_text("not json")
    with pytest.raises(InputError, match="cannot be read"):
        read(path)
    save(path, {**record, "schema": 99})
    with pytest.raises(InputError, match="later version"):
        read(path)


def test_the_table_of_the_readme_stands_between_its_marks(record, tmp_path):
    save(tmp_path / "records" / "trust-motion.json", record)
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{START}\n{END}\nafter\n")
    for _ in range(2):
        write_trust(readme, tmp_path)
    text = readme.read_text()
    notes = trust_notes(tmp_path)
    assert "Younger than the run on `motion` with `video-mini`" in notes, "it judged only what it was asked to"
    assert text == f"before\n{START}\n{trust_table(tmp_path)}\n\n{notes}\n{END}\nafter\n"
    assert "| Rendered clips" in text
    assert "| `video-mini` | 4 |" in text


def test_the_command_prints_a_row_a_method_and_keeps_the_record(tmp_path):
    path = tmp_path / "r.json"
    words = ["trust", "--set", "motion", "--n", "2", "-m", *FAST, "--save", str(path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "input_x_gradient" in result.output
    assert "random" in result.output
    assert "chance level" in result.output
    assert read(path)["n"] == 2
    result = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(result.output)["set"] == "motion"
    result = CliRunner().invoke(app, ["trust", "--set", "cats"])
    assert result.exit_code == 2
    assert "No set with marks is called 'cats'" in result.output
