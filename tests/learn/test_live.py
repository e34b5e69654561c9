"""A run in a process of its own is followed, stopped, kept and discarded."""

import time

import pytest

import featcore as fc
from featcore.errors import InputError, LimitError
from featcore.learn import live
from featcore.settings import settings


@pytest.fixture
def home(tmp_path, monkeypatch):
    """This server's folder of kept encoders, empty."""
    monkeypatch.setenv("FEATCORE_RUNS", str(tmp_path / "runs"))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def ended(run, seconds=240.0):
    until = time.monotonic() + seconds
    while run.running and time.monotonic() < until:
        time.sleep(0.2)
    return run.progress()


def test_a_run_is_followed_to_its_end_kept_and_offered_like_any_other(home):
    desk = live.Desk()
    run = desk.start(live.Wish("video-mini", limit=192, epochs=1))
    with pytest.raises(LimitError, match="Another training is under way"):
        desk.start(live.Wish("video-mini", limit=64, epochs=1))
    found = ended(run)
    assert found.state == "done", found.message
    assert found.steps[0] == 1
    assert found.steps[-1] == found.total == 3
    assert len(found.losses) == len(found.steps)
    assert found.looks[-1][0] == 3
    card = run.card()
    assert card["limit"] == 192
    assert card["test"]["n"] == sum(map(sum, card["test"]["confusion"])) == 192
    live.keep(run, "mine")
    assert "mine" in {each.name for each in fc.encoders()}
    with pytest.raises(InputError, match="already"):
        live.keep(run, "mine")
    for name in ("video-mini", "../x", "", "a/b", ".hidden"):
        with pytest.raises(InputError):
            live.keep(run, name)
    encoder = fc.load("mine")
    clip = fc.samples("video")[0].load(frames=8)
    assert len(encoder.encode(encoder.prepare(clip)).logits) == 10
    desk.discard(run)
    assert not run.folder.exists()
    assert "mine" in {each.name for each in fc.encoders()}, "what was kept stays"


def test_a_run_can_be_stopped_and_a_failed_one_says_why(home):
    run = live.Desk().start(live.Wish("video-mini", limit=32_000, epochs=20))
    run.stop()
    assert ended(run).state == "stopped"
    run.remove()
    broken = live.Run(live.Wish("text-mini", limit=10, epochs=1), home / "nowhere")
    found = ended(broken)
    assert found.state == "failed"
    assert "train.tsv" in found.message
    assert "--data" in found.message
    broken.remove()


def test_a_damaged_kept_encoder_is_left_out_and_the_others_stay(home, caplog):
    folder = home / "runs" / "encoders" / "torn"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    assert {card.name for card in fc.encoders()} >= {"text-mini", "image-mini", "video-mini"}
    assert "torn" in caplog.text


def test_a_run_that_took_too_long_makes_way_and_a_server_that_ends_leaves_none(home, monkeypatch):
    monkeypatch.setenv("FEATCORE_MAX_TRAINING_S", "0")
    settings.cache_clear()
    desk = live.Desk()
    long = desk.start(live.Wish("video-mini", limit=32_000, epochs=20))
    time.sleep(0.1)
    other = desk.start(live.Wish("video-mini", limit=64, epochs=1))
    assert long.progress().state == "stopped"
    desk.close()
    assert not other.running
    assert not other.folder.exists()
