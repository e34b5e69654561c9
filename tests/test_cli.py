"""The commands, on tiny encoders, as a person or a program would call them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from featcore.cli import app
from featcore.commands.terminal import plain
from tests import tiny


def call(*words: str | Path, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def bert(cases: Callable[[str], Any]) -> Path:
    return cases("bert").folder


def test_explaining_a_text_prints_a_row_a_unit_and_what_was_explained(bert: Path) -> None:
    out = call("explain", "-e", bert, "--text", "not bad", "-k", "steps=8").stdout
    lines = out.splitlines()
    assert lines[0].startswith("not")
    assert lines[1].startswith("bad")
    assert max(line.count("+") + line.count("-") for line in lines[:2]) >= 24
    assert "method integrated_gradients; target logit of '" in out
    assert "F(x) " in out
    assert "F(baseline: mask) " in out
    assert "completeness gap " in out
    assert "10 passes, " in out
    assert "on cpu, float32" in out


def test_json_holds_everything_including_provenance(bert: Path, cases: Callable[[str], Any]) -> None:
    found = json.loads(call("explain", "-e", bert, "--text", tiny.SENTENCE, "-m", "occlusion", "--json").stdout)
    sample = cases("bert").sample
    assert found["units"]["labels"] == list(sample.units.labels)
    assert found["units"]["extents"] == sample.units.extents.tolist()
    assert len(found["scores"]) == len(sample.units)
    assert found["provenance"]["weights_sha256"] == cases("bert").encoder.card.weights_sha256
    assert found["provenance"]["device"] == "cpu"


@pytest.mark.parametrize(
    ("name", "typed", "levels"),
    [
        ("bert", ("--text", "not bad. a good film"), ("token", "word", "sentence")),
        ("vit", ("--image", "PICTURE"), ("patch", "superpixel", "region")),
        ("videomae", ("--video", "assets/samples/grows.webm"), ("tubelet", "frame", "clip")),
    ],
)
def test_scores_are_added_up_for_larger_parts_and_the_sum_and_the_gap_stay(
    cases: Callable[[str], Any], tmp_path: Path, name: str, typed: tuple[str, str], levels: tuple[str, ...]
) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(tiny.clip().frames[0]).save(picture)
    words = ("explain", "-e", cases(name).folder, *(picture if word == "PICTURE" else word for word in typed))
    words = (*words, "-m", "integrated_gradients", "--json")
    plainly = json.loads(call(*words).stdout)
    assert plainly["by"] == levels[0]
    counts = []
    for level in levels:
        found = json.loads(call(*words, "--by", level).stdout)
        assert found["by"] == level
        assert sum(found["scores"]) == pytest.approx(sum(plainly["scores"]), rel=1e-6)
        assert found["convergence_delta"] == pytest.approx(plainly["convergence_delta"])
        assert len(found["scores"]) == len(found["units"]["labels"])
        counts.append(len(found["scores"]))
    assert counts[0] == len(plainly["scores"])
    assert counts == sorted(counts, reverse=True)
    if name == "bert":
        assert (counts[1], counts[2]) == (5, 2)
    if name == "videomae":
        assert counts[1:] == [3, 1], "tubelets are two of six frames deep"


def test_a_row_a_word_is_printed_with_the_sum_of_all(bert: Path) -> None:
    out = call("explain", "-e", bert, "--text", "unhappily short", "-m", "saliency", "--by", "word").stdout
    assert [line.split()[0] for line in out.splitlines()[:2]] == ["unhappily", "short"]
    assert "one score for each word, +" in out


@pytest.mark.parametrize("more", [(), ("--by", "word"), ("--other", "bad not")])
def test_scores_in_a_shorter_format_are_held_against_those_in_float32(bert: Path, more: tuple[str, ...]) -> None:
    words = ("explain", "-e", bert, "--text", "not bad", "-m", "occlusion", *more)
    assert "Ranks" not in call(*words).stdout
    assert json.loads(call(*words, "--json").stdout)["ranks"] is None
    short = (*words, "--dtype", "bfloat16")
    found = json.loads(call(*short, "--json").stdout)
    exact = json.loads(call(*words, "--target", found["target"]["label"], "--json").stdout)
    signs = [sorted(range(2), key=one["scores"].__getitem__) for one in (found, exact)]
    assert found["ranks"]["rho"] == pytest.approx(1 if signs[0] == signs[1] else -1), "two units have two orders"
    assert found["ranks"]["units"] == 2
    lines = [line for line in call(*short).stdout.splitlines() if line.startswith("Ranks agree with float32: ")]
    assert len(lines) == 1
    assert "(Spearman over 2 units)" in lines[0]


def test_where_float32_does_not_fit_the_scores_are_there_and_it_says_why(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from featcore.encode import loading
    from featcore.errors import LoadError

    def check(card: Any, config: Any, place: Any, dtype: torch.dtype) -> None:
        if dtype == torch.float32:
            raise LoadError("float32 does not fit")

    monkeypatch.setattr(loading, "_check_memory", check)
    result = call("explain", "-e", bert, "--text", "not bad", "-m", "occlusion", "--dtype", "bfloat16")
    assert "on cpu, bfloat16" in result.stdout
    assert "Ranks are not held against float32. float32 does not fit" in result.stderr


def test_several_methods_give_a_map_each_and_what_is_not_defined_gives_its_reason(bert: Path) -> None:
    words = ("explain", "-e", bert, "--text", "not bad", "-m", "saliency", "-m", "cam", "-m", "input_x_gradient")
    found = json.loads(call(*words, "--json").stdout)
    assert [one["method"] for one in found["maps"]] == ["saliency", "input_x_gradient"]
    assert "CAM is not defined" in found["failed"]["cam"]
    alone = json.loads(call(*words[:5], "-m", "input_x_gradient", "--json").stdout)
    assert found["maps"][1]["scores"] == pytest.approx(alone["scores"], abs=1e-6)
    told = call(*words)
    assert told.stdout.index("method saliency") < told.stdout.index("method input_x_gradient")
    assert "CAM is not defined" in told.stderr
    assert "CAM is not defined" in call(*words[:5], "-m", "cam", code=2).stderr
    assert "--export films one map" in call(*words, "--export", "a.gif", code=2).stderr


@pytest.mark.parametrize(("typed", "label"), [("good", "good"), ("0", "bad"), ("so-so", "so-so")])
def test_a_target_is_a_label_or_an_index(bert: Path, typed: str, label: str) -> None:
    words = ("explain", "-e", bert, "--text", "not bad", "-m", "saliency", "--target", typed, "--json")
    assert json.loads(call(*words).stdout)["target"]["label"] == label


def test_a_contrast_is_typed_with_a_sign_and_another_input_beside_it(bert: Path) -> None:
    words = ("explain", "-e", bert, "--text", "not bad", "-m", "occlusion")
    found = json.loads(call(*words, "--target", "good>bad", "--json").stdout)
    assert found["target"] == {
        "index": 1,
        "label": "good less bad",
        "kind": "difference",
        "against": 0,
        "reference": [],
    }
    out = call(*words, "--other", "bad not").stdout
    assert "F(baseline: the input 'text')" in out
    assert "target similarity to 'text'" in call(*words, "--other", "good", "--target", "similarity").stdout
    assert "same number of units" in call(*words, "--other", "good", code=2).stderr


def test_pictures_clips_and_files_are_read_for_the_encoder(cases: Callable[[str], Any], tmp_path: Path) -> None:
    picture, written = tmp_path / "a.png", tmp_path / "a.txt"
    Image.fromarray(tiny.clip().frames[0]).save(picture)
    written.write_text("not bad")
    clip = Path("assets/samples/moves-right.webm").resolve()
    for name, option, path in [("vit", "--image", picture), ("vit", "--file", picture), ("bert", "--file", written)]:
        found = json.loads(call("explain", "-e", cases(name).folder, option, path, "-m", "random", "--json").stdout)
        assert len(found["scores"]) == len(found["units"]["labels"]) > 0
    if clip.exists():
        words = ("explain", "-e", cases("videomae").folder, "--video", clip, "-m", "random", "--json")
        assert len(json.loads(call(*words).stdout)["scores"]) == 3 * 2 * 2


def test_latency_prints_stages_and_what_was_left_out(bert: Path) -> None:
    out = call("latency", "-e", bert, "--text", "not bad", "--budget-s", "0.05", "-m", "saliency").stdout
    for stage in ("cut", "encode", "attention", "attribution:saliency"):
        assert f"\n{stage} " in out
    assert "transfer: not measured. The encoder computes on the CPU" in out
    assert "read: not measured. There is no file to read again." in out


def test_latency_of_a_file_reads_it_again_and_tells_raw_samples(bert: Path, tmp_path: Path) -> None:
    written = tmp_path / "a.txt"
    written.write_text("not bad")
    found = json.loads(call("latency", "-e", bert, "--file", written, "--budget-s", "0.05", "--json").stdout)
    assert [one["stage"] for one in found] == ["read", "cut", "encode", "attention", "total"]
    assert all(one["samples_s"] and one["provenance"]["threads"] for one in found)


def test_latency_takes_a_sample_when_nothing_is_given(bert: Path) -> None:
    found = json.loads(call("latency", "-e", bert, "--budget-s", "0.02", "--json").stdout)
    assert [one["stage"] for one in found] == ["cut", "encode", "attention", "total"]


def test_encoders_are_listed_for_people_and_programs(
    cases: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = cases("bert").encoder.card
    monkeypatch.setattr("featcore.encode.catalog.encoders", lambda: [card])
    assert card.name in call("encoders").stdout
    listed = json.loads(call("encoders", "--json").stdout)
    (found,) = listed["encoders"]
    assert {"bert", "vit", "videomae", "resnet", "gpt2"} <= {each["family"] for each in listed["families"]}
    assert (found["family"], found["provides"]) == ("bert", ["attention", "gradient", "logits", "target"])


def test_methods_are_listed_with_their_knobs() -> None:
    out = call("methods").stdout
    assert "integrated_gradients" in out
    assert "steps=32" in out
    assert out.splitlines()[-1].strip().startswith("seed=") or "random" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "-e", "nobody", "--text", "x"), "No encoder is called 'nobody'"),
        (("explain", "-e", "BERT"), "There is nothing to explain"),
        (("explain", "-e", "BERT", "--text", "x", "--image", "y.png"), "More than one input"),
        (("explain", "-e", "BERT", "--text", "not", "-m", "ocluson"), "No method is called 'ocluson'"),
        (("explain", "-e", "BERT", "--text", "not", "-k", "steps"), "'steps' sets no knob"),
        (("explain", "-e", "BERT", "--text", "not", "-k", "pace=3"), "'pace=3' sets no knob"),
        (("explain", "-e", "BERT", "--text", "not", "-k", "steps=few"), "'few' is no int"),
        (("explain", "-e", "BERT", "--text", "not", "-k", "steps=9999"), "outside 2 to 512"),
        (("explain", "-e", "BERT", "--text", "not", "--by", "patch"), "no 'patch'. Known: token, word, sentence"),
        (("explain", "-e", "BERT", "--text", "not", "--target", "99"), "Class 99"),
        (("explain", "-e", "BERT", "--text", "not", "--target", "-1"), "Class -1"),
        (("explain", "-e", "BERT", "--text", "not", "--device", "abacus"), "'abacus' is not on this machine"),
        (("latency", "-e", "BERT", "--text", "not", "-m", "ocluson"), "No method is called 'ocluson'"),
        (("trust",), "Give --set (sst, rationales, boxes, motion), or an input of your own: --text"),
        (("trust", "--set", "motion", "--text", "x"), "Both the set 'motion' and an input of your own"),
        (("trust", "--text", "x"), "No encoder was named"),
        (("trust", "-e", "BERT", "--text", "x", "--image", "y.png"), "More than one input"),
        (("trust", "-e", "BERT", "--text", "x", "--n", "3", "--seed", "1"), "--n, --seed would change nothing here"),
        (("trust", "--set", "motion", "--scale", "logit"), "--scale would change nothing here: only --text"),
        (("trust", "-e", "BERT", "--text", "not", "--scale", "odds"), "Known: probability, logit"),
        (("trust", "-e", "BERT", "--text", "not", "-m", "ocluson"), "No method is called 'ocluson'"),
        (("trust", "-e", "BERT", "--text", "not", "-m", "cam"), "CAM is not defined"),
        (("trust", "-e", "BERT", "--text", "not", "--target", "99"), "Class 99"),
        (("trust", "-e", "BERT", "--text", "not", "--baseline", "fog"), "'fog'"),
        (("train", "nobody"), "No recipe is called 'nobody'"),
        (("evaluate", "nobody"), "No encoder is called 'nobody'"),
    ],
)
def test_deliberate_errors_are_words_on_stderr_and_exit_code_2(bert: Path, words: tuple[str, ...], said: str) -> None:
    result = call(*(bert if word == "BERT" else word for word in words), code=2)
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_an_encoder_is_trained_and_measured_again(tmp_path: Path) -> None:
    out = tmp_path / "short"
    words = ("--limit", "128", "--epochs", "1", "--seed", "3", "--out", out, "--log", "csv")
    trained = call("train", "video-mini", *words)
    assert trained.stdout.strip() == str(out)
    assert "dev accuracy" in trained.stderr
    card = json.loads((out / "training.json").read_text())
    assert (card["seed"], card["epochs"], card["limit"], card["test"]["n"]) == (3, 1, 128, 128)
    assert (out / "log.csv").is_file()
    measured = json.loads(call("evaluate", out, "--split", "dev", "--json").stdout)
    assert measured["split"] == "dev"
    assert measured["n"] == 1000
    assert measured["low"] <= measured["accuracy"] <= measured["high"]


def test_numbers_that_are_none_become_null() -> None:
    assert plain({"a": (float("nan"), float("inf"), 1.5), 2: frozenset({"b", "a"})}) == {
        "a": [None, None, 1.5],
        "2": ["a", "b"],
    }


def test_a_real_process_explains_and_help_loads_nothing_heavy(bert: Path) -> None:
    words = ["explain", "--encoder", str(bert), "--text", "not bad", "--method", "saliency", "--json"]
    done = subprocess.run([sys.executable, "-m", "featcore.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["method"] == "saliency"
    code = (
        "import sys; from typer.testing import CliRunner; from featcore.cli import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
        "sys.exit(','.join({'torch', 'transformers', 'captum', 'numpy'} & set(sys.modules)) or 0)"
    )
    light = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert light.returncode == 0, light.stderr


def test_an_explained_clip_is_kept_as_a_film_of_the_same_scores(tmp_path: Path) -> None:
    import av

    clip = Path(__file__).parent.parent / "assets" / "samples" / "grows.webm"
    kept = tmp_path / "out.webm"
    words = ("explain", "-e", "video-mini", "--video", clip, "-m", "random", "--json", "--export")
    found = json.loads(call(*words, kept).stdout)
    with av.open(str(kept)) as film:
        assert film.streams.video[0].width == 256
        assert len(list(film.decode(video=0))) == 8
        about = json.loads({key.lower(): value for key, value in film.metadata.items()}["comment"])
    largest = max(abs(score) for score in found["scores"])
    assert about["method"] == "random"
    assert about["scale"][1] == largest
    call(*words, tmp_path / "out.gif")
    assert (tmp_path / "out.gif").read_bytes()[:6] == b"GIF89a"
    assert "ends in .webm or .gif" in call(*words, tmp_path / "out.mp4", code=2).stderr
    assert "does not exist" in call(*words, tmp_path / "no" / "out.gif", code=2).stderr


def test_a_text_is_no_film(bert: Path, tmp_path: Path) -> None:
    words = ("explain", "-e", bert, "--text", "not bad", "--export", tmp_path / "a.gif")
    assert "reads no clips" in call(*words, code=2).stderr


def test_bench_lists_its_suites_and_keeps_their_records(bert: Path, tmp_path: Path) -> None:
    from featcore.measure.records import read

    assert {"scaling", "goals", "ceilings"} <= {line.split()[0] for line in call("bench", "list").stdout.splitlines()}
    kept = tmp_path / "records.jsonl"
    told = call("bench", "stages", "-e", bert, "--budget-s", "0.01", "--save", kept, "--json").stdout
    assert [json.loads(line) for line in told.splitlines()] == read(kept)
    lines = call("bench", "stages", "-e", bert, "--budget-s", "0.01").stdout.splitlines()
    assert len(lines) == 1 + len(read(kept))
    assert "No suite is called 'x'" in call("bench", "x", code=2).stderr


def test_bench_takes_one_encoder_of_each_family_unless_told() -> None:
    import featcore as fc
    from featcore.commands.bench import _default

    cards = fc.encoders()
    families = {card.name: card.family for card in cards}
    assert _default(cards)[0] == cards[0].name
    assert sorted(families[name] for name in _default(cards)) == sorted(set(families.values()))
