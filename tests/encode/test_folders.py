"""A folder that a stranger names: under the roots or refused, never code, never more than its weights hold."""

import hashlib
import shutil
from dataclasses import replace

import pytest

from featcore.encode.catalog import card_of, folder_under_roots, folders, load
from featcore.errors import LoadError
from featcore.settings import settings
from tests import tiny


@pytest.fixture
def root(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("FEATCORE_ROOTS", str(home))
    settings.cache_clear()
    yield home
    monkeypatch.undo()
    settings.cache_clear()


def test_a_folder_under_a_root_is_found_and_loads(root):
    tiny.build("bert", root / "mine")
    assert folders() == [root / "mine"]
    assert load(str(folder_under_roots(str(root / "mine"))), device="cpu").card.family == "bert"


@pytest.mark.parametrize("typed", ["/etc", "../..", "~", "nowhere", "a\0b", ""])
def test_a_folder_outside_the_roots_is_refused(root, typed):
    with pytest.raises(LoadError, match="home"):
        folder_under_roots(typed)


def test_a_link_out_of_the_roots_is_refused(root, tmp_path):
    outside = tiny.build("bert", tmp_path / "outside")
    (root / "link").symlink_to(outside)
    with pytest.raises(LoadError, match="lies outside"):
        folder_under_roots(str(root / "link"))
    tiny.build("bert", root / "half")
    (root / "half" / "model.safetensors").unlink()
    (root / "half" / "model.safetensors").symlink_to(outside / "model.safetensors")
    with pytest.raises(LoadError, match=r"model\.safetensors' is a link out"):
        folder_under_roots(str(root / "half"))


def test_a_public_demo_takes_neither_folders_nor_hub_names(monkeypatch, root):
    monkeypatch.setenv("FEATCORE_PUBLIC_DEMO", "1")
    settings.cache_clear()
    tiny.build("bert", root / "mine")
    assert folders() == []
    with pytest.raises(LoadError, match="switched off"):
        folder_under_roots(str(root / "mine"))
    from featcore.encode import hub

    with pytest.raises(LoadError, match="switched off"):
        hub.fetch("org/tiny")


def test_a_tower_of_a_checkpoint_loads_by_the_name_on_its_card(root):
    folder = tiny.build_towers("clip", root / "clip")
    card = card_of(folder_under_roots(str(folder)), "image")
    assert card.checkpoint == card.name == f"{folder.resolve()}#image"
    assert load(card.checkpoint, device="cpu").card.family == "clip_vision_model"


def test_a_cards_revision_is_the_commit_of_the_hub_and_never_a_digest_of_weights(cases, tmp_path):
    commit, mine = "89ab" * 10, cases("bert").folder
    cache = tmp_path / "models--org--tiny" / "snapshots"
    kept, lookalike = cache / commit, tmp_path / "snapshots" / commit
    for folder in (kept, cache / "main", lookalike):
        shutil.copytree(mine, folder)
    sha256 = hashlib.sha256((mine / "model.safetensors").read_bytes()).hexdigest()
    stated = {folder: card_of(folder) for folder in (mine, kept, cache / "main", lookalike)}
    assert [card.revision for card in stated.values()] == [None, commit, None, None]
    assert {card.weights_sha256 for card in stated.values()} == {sha256}
    assert [stated[mine].state, stated[kept].state] == [sha256[:12], commit]
    assert replace(stated[mine], weights_sha256="").state == "random"


def test_a_check_says_the_commit_and_the_digest(cases, tmp_path):
    from typer.testing import CliRunner

    from featcore.cli import app

    commit, mine = "89ab" * 10, cases("bert").folder
    kept = shutil.copytree(mine, tmp_path / "models--org--tiny" / "snapshots" / commit)
    sha256 = card_of(mine).weights_sha256
    for folder, said in ((kept, commit), (mine, "none, it is a folder")):
        told = CliRunner().invoke(app, ["check", str(folder)]).output
        assert f"commit of the hub: {said}; sha256 of the weights: {sha256}" in told
