"""A folder that a stranger names: under the roots or refused, never code, never more than its weights hold."""

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
