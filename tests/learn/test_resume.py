"""A run that was killed and taken up again ends with the weights of one that was not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from featcore.errors import LoadError, UnknownName
from featcore.learn.card import read_card
from featcore.learn.checkpoint import FILE
from featcore.learn.loop import fit
from featcore.learn.watch import watcher
from tests.learn.test_learn import data, one_thread, tiny  # noqa: F401  fixtures

ROOT = Path(__file__).parents[2]
EPOCHS = {"text-mini": 1.0, "image-mini": 1.0, "video-mini": 1.2}
KILLED = """
import os, sys
from pathlib import Path
import torch
from featcore.learn.loop import fit
from tests.learn.test_learn import tiny

torch.set_num_threads(1)

class Killer:
    def step(self, step, total, loss):
        if step == {step}:
            os.kill(os.getpid(), 9)
    def check(self, history): ...

fit(tiny({name!r}), Path({data!r}), {epochs}, 3, Path({out!r}), print, watchers=[Killer()], checkpoint_s=0)
"""


@pytest.mark.parametrize(("name", "step"), [("text-mini", 3), ("text-mini", 12), ("image-mini", 9), ("video-mini", 11)])
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(name, step, data, tmp_path):  # noqa: F811
    epochs = EPOCHS[name]
    whole = fit(tiny(name), data, epochs, 3, tmp_path / "whole", lambda _: None)
    code = KILLED.format(step=step, name=name, data=str(data), epochs=epochs, out=str(tmp_path / "killed"))
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=200)
    assert killed.returncode == -9
    said = []
    again = fit(tiny(name), data, epochs, 3, tmp_path / "killed", said.append, resume=True)
    assert f"goes on at step {step - 1}/" in said[0]
    one, other = read_card(whole), read_card(again)
    assert one["sha256"] == other["sha256"]
    assert one["history"] == other["history"]
    assert not (again / FILE).exists(), "a finished run leaves no checkpoint"


def test_a_checkpoint_of_another_run_is_refused_in_words(data, tmp_path):  # noqa: F811
    class Stop:
        def step(self, step, total, loss):
            if step == 4:
                raise KeyboardInterrupt

        def check(self, history): ...

    with pytest.raises(KeyboardInterrupt):
        fit(tiny("text-mini"), data, 1.0, 3, tmp_path, lambda _: None, watchers=[Stop()], checkpoint_s=0)
    with pytest.raises(LoadError, match=r"is of another run .*seed 3"):
        fit(tiny("text-mini"), data, 1.0, 4, tmp_path, lambda _: None, resume=True)
    (tmp_path / FILE).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(LoadError, match="damaged"):
        fit(tiny("text-mini"), data, 1.0, 3, tmp_path, lambda _: None, resume=True)
    with pytest.raises(LoadError, match="no checkpoint"):
        fit(tiny("text-mini"), data, 1.0, 3, tmp_path / "nothing", lambda _: None, resume=True)


def test_the_table_of_a_run_holds_what_its_card_holds(data, tmp_path):  # noqa: F811
    out = tmp_path / "run"
    out.mkdir()
    fit(tiny("text-mini"), data, 1.0, 0, out, lambda _: None, watchers=[watcher("csv", out)])
    header, *rows = (out / "log.csv").read_text().splitlines()
    assert header == "step,loss,dev_accuracy"
    history = json.loads((out / "training.json").read_text())["history"]
    assert [float(row.split(",")[2]) for row in rows] == [check["dev_accuracy"] for check in history]


def test_tensorboard_reads_what_a_run_wrote(data, tmp_path):  # noqa: F811
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "run"
    fit(tiny("text-mini"), data, 1.0, 0, out, lambda _: None, watchers=[watcher("tensorboard", out)])
    found = accumulator.EventAccumulator(str(out / "tensorboard")).Reload()
    history = json.loads((out / "training.json").read_text())["history"]
    assert [each.step for each in found.Scalars("dev_accuracy")] == [check["step"] for check in history]
    assert len(found.Scalars("loss")) == history[-1]["step"]


def test_a_run_of_weights_and_biases_is_written_without_a_network(data, tmp_path, monkeypatch):  # noqa: F811
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    out = tmp_path / "run"
    out.mkdir()
    log = watcher("wandb", out)
    fit(tiny("text-mini"), data, 1.0, 0, out, lambda _: None, watchers=[log])
    history = json.loads((out / "training.json").read_text())["history"]
    assert log.run.summary["dev_accuracy"] == history[-1]["dev_accuracy"]
    log.run.finish()
    assert list(out.rglob("*.wandb"))


def test_a_log_that_is_not_known_or_not_installed_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UnknownName, match="csv, jsonl, tensorboard, wandb"):
        watcher("mlflow", tmp_path)
    with pytest.raises(LoadError, match="pip install wandb"):
        watcher("wandb", tmp_path)
