"""A person's own data are learnt, and every row that is not is named with its reason."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

import featcore as fc
from featcore.cli import app
from featcore.errors import InputError, LimitError
from featcore.inputs.samples import sample
from featcore.learn.finetune import ALPHA, RANK, merged, tuning
from featcore.learn.loop import fit
from featcore.learn.own import read_own, told
from featcore.settings import settings
from tests import tiny

KINDS = {"warm": (220, 90, 40), "cold": (40, 90, 220)}


def write_table(path: Path, rows: list[tuple[str, str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["Label", "text"])
        writer.writerows((label, text) for text, label in rows)
    return path


def reviews(n: int = 40) -> list[tuple[str, str]]:
    return [(f"{['the film is bad', 'a clever film'][i % 2]} {i}", ["no", "yes"][i % 2]) for i in range(n)]


def write_pictures(root: Path, each: int = 12) -> Path:
    rng = np.random.default_rng(0)
    for label, colour in KINDS.items():
        (root / label).mkdir(parents=True)
        for i in range(each):
            noisy = np.clip(np.array(colour) + rng.integers(-30, 30, (20, 30, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(root / label / f"{i}.png")
    return root


def test_every_fault_of_a_table_is_named_and_the_rest_is_used(tmp_path):
    rows = [*reviews(8), ("", "yes"), ("no label", ""), ("one of its kind", "odd"), reviews(1)[0]]
    rows += [("both ways", "yes"), ("both ways", "no")]
    own = read_own(write_table(tmp_path / "mine.csv", rows))
    assert own.counts() == {"no": 4, "yes": 4}
    assert dict(own.left_out) == {
        "line 10": "no text",
        "line 11": "no label",
        "line 12": "the only example of 'odd'",
        "line 13": "the same content twice, which could stand in two splits",
        "line 14": "the same content under two labels",
        "line 15": "the same content under two labels",
    }
    assert "Left out, the same content under two labels: line 14, line 15." in told(own.left_out)


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ";"), (".csv", "\t"), (".tsv", "\t"), (".csv", ",")])
def test_the_usual_delimiters_are_read(tmp_path, suffix, delimiter):
    assert len(read_own(write_table(tmp_path / f"mine{suffix}", reviews(6), delimiter)).rows) == 6


def test_splits_share_nothing_and_every_class_is_in_train_and_test(tmp_path):
    rows = [*reviews(30), ("rare one", "rare"), ("rare two", "rare")]
    own = read_own(write_table(tmp_path / "mine.csv", rows))
    parts = {name: own.split(name, seed=3) for name in ("train", "dev", "test")}
    keys = [row.key for rows in parts.values() for row in rows]
    assert len(keys) == len(set(keys)) == len(own.rows)
    assert {row.label for row in parts["train"]} == {row.label for row in parts["test"]} == set(own.labels)
    assert [row.key for row in own.split("test", 3)] == [row.key for row in parts["test"]]
    assert [row.key for row in own.split("test", 4)] != [row.key for row in parts["test"]]


def test_what_cannot_be_learnt_from_is_refused_in_words(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="needs two classes"):
        read_own(write_table(tmp_path / "one.csv", [("a", "x"), ("b", "x")]))
    (tmp_path / "bare.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"columns text and label; it has \['a', 'b'\]"):
        read_own(tmp_path / "bare.csv")
    with pytest.raises(InputError, match="neither"):
        read_own(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no picture and no clip"):
        read_own(tmp_path / "empty")
    monkeypatch.setenv("FEATCORE_MAX_EXAMPLES", "5")
    settings.cache_clear()
    try:
        with pytest.raises(LimitError, match="the limit is 5"):
            read_own(write_table(tmp_path / "many.csv", reviews(8)))
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_a_folder_of_pictures_names_what_lies_wrong(tmp_path):
    root = write_pictures(tmp_path / "mine", 4)
    (root / "warm" / "notes.txt").write_text("hello")
    (root / "loose.png").write_bytes((root / "warm" / "0.png").read_bytes())
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    (root / "cold" / "link.png").symlink_to(secret)
    (root / "cold" / "same.png").write_bytes((root / "cold" / "0.png").read_bytes())
    own = read_own(root)
    assert own.counts() == {"cold": 4, "warm": 4}
    assert dict(own.left_out) == {
        "warm/notes.txt": "no picture and no clip",
        "loose.png": "not in a folder of its class",
        "cold/link.png": "a link out of the folder",
        "cold/same.png": "the same content twice, which could stand in two splits",
    }
    (root / "warm" / "clip.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match="pictures and clips"):
        read_own(root)


def test_a_file_that_does_not_decode_is_left_out_of_the_training(tmp_path):
    root = write_pictures(tmp_path / "mine", 6)
    (root / "warm" / "torn.png").write_bytes((root / "warm" / "0.png").read_bytes()[:60])
    recipe = tuning(str(tiny.build("vit", tmp_path / "vit")), root)
    assert [name for name, reason in recipe.left_out if "not readable" in reason] == ["warm/torn.png"]
    assert sum(len(recipe.read(root, split, 0)) for split in ("train", "dev", "test")) == 12
    with pytest.raises(InputError, match=r"holds image; .* reads text"):
        tuning("text-mini", root)


@pytest.mark.parametrize("mode", ["full", "head", "lora"])
def test_a_vit_learns_two_colours_and_is_loaded_like_any_other(tmp_path, mode):
    root, start = write_pictures(tmp_path / "mine"), tiny.build("vit", tmp_path / "vit")
    out = tmp_path / f"tuned-{mode}"
    fit(tuning(str(start), root, mode, epochs=20, name=out.name), root, 20, None, out, lambda _: None)
    card = json.loads((out / "training.json").read_text())
    assert card["test"]["accuracy"] == 1.0
    assert card["command"].endswith(f"--mode {mode} --seed 0 --epochs 20")
    before, after = load_file(start / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() == after.keys(), "adapters are merged: the names are those of the class"
    body = [name for name in before if name.startswith("vit.") and name.endswith("weight") and before[name].ndim == 2]
    moved = [name for name in body if not torch.allclose(before[name].float(), after[name].float(), atol=5e-4)]
    assert bool(moved) == (mode != "head"), "only the head learns in this mode"
    encoder = fc.load(str(out))
    assert encoder.card.labels == ("cold", "warm")
    red = encoder.encode(encoder.prepare(fc.read_image(root / "warm" / "3.png")))
    assert red.labels[int(red.logits.argmax())] == "warm"


def test_merging_adds_the_product_of_an_adapter_to_its_weight():
    weight, a, b = torch.randn(6, 4), torch.randn(RANK, 4), torch.randn(6, RANK)
    given = {
        "x.base_layer.weight": weight,
        "x.base_layer.bias": torch.ones(6),
        "x.lora_A.default.weight": a,
        "x.lora_B.default.weight": b,
        "y": torch.zeros(1),
    }
    found = merged(given)
    assert set(found) == {"x.weight", "x.bias", "y"}
    assert torch.allclose(found["x.weight"], weight + ALPHA / RANK * b @ a, atol=1e-5)


def test_clips_are_learnt_from_a_folder(tmp_path):
    """The project's own sample clips, cut into a class each by what moves."""
    import av

    from featcore.inputs.motion import render

    root = tmp_path / "clips"
    for label in ("moves right", "grows"):
        (root / label).mkdir(parents=True)
        for seed in range(6):
            with av.open(root / label / f"{seed}.mp4", "w") as container:
                stream = container.add_stream("mpeg4", rate=12)
                stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
                for picture in render(label, seed, 8, 32):
                    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
    out = tmp_path / "mine"
    fit(tuning("video-mini", root, "head", epochs=20, name="mine"), root, 20, None, out, lambda _: None)
    encoder = fc.load(str(out))
    clip = sample("moves-right").load(frames=8)
    assert len(encoder.encode(encoder.prepare(clip)).logits) == 2
    assert json.loads((out / "training.json").read_text())["test"]["n"] == 2


def test_the_command_line_tunes_and_evaluates(tmp_path):
    table, start = write_table(tmp_path / "mine.csv", [*reviews(40), ("", "no")]), tiny.build("bert", tmp_path / "bert")
    out = tmp_path / "mine"
    found = CliRunner().invoke(app, ["finetune", str(start), str(table), "--epochs", "6", "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert "Left out, no text: line 42." in found.output
    assert "| line 42 | no text |" in (out / "README.md").read_text()
    assert fc.load(str(out)).card.labels == ("no", "yes")
    evaluated = CliRunner().invoke(app, ["evaluate", str(out), "--data", str(table), "--json"])
    assert (
        json.loads(evaluated.output)["accuracy"] == json.loads((out / "training.json").read_text())["test"]["accuracy"]
    )
    other = write_table(tmp_path / "other.csv", [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")])
    refused = CliRunner().invoke(app, ["evaluate", str(out), "--data", str(other)])
    assert refused.exit_code == 2
    assert "it answers no, yes; the data have x, y" in " ".join(refused.output.split())
    again = CliRunner().invoke(app, ["finetune", str(start), str(table), "--mode", "half"])
    assert again.exit_code == 2
    assert "Known: full, head, lora" in again.output
