"""What a page may load: only what lies below the allowed roots, whatever is typed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from featcore.encode.catalog import load
from featcore.encode.offered import card_of_folder, folders
from featcore.errors import LoadError
from featcore.settings import settings
from tests import tiny


@pytest.fixture
def root(tmp_path, monkeypatch) -> Iterator[Path]:
    """An allowed root with one checkpoint, beside a folder that is not allowed."""
    tiny.build("bert", tmp_path / "root" / "mine")
    tiny.build("bert", tmp_path / "outside")
    monkeypatch.setenv("FEATCORE_CHECKPOINTS", str(tmp_path / "root"))
    settings.cache_clear()
    yield tmp_path / "root"
    monkeypatch.undo()
    settings.cache_clear()


def test_a_folder_below_a_root_is_offered_and_read(root):
    assert folders() == ["mine"]
    assert card_of_folder("mine").family == "bert"


@pytest.mark.parametrize("name", ["../outside", "mine/../../outside", "/etc", "", "mi\0ne", "no-such"])
def test_a_name_outside_the_roots_is_refused_with_the_known_ones(root, name):
    with pytest.raises(LoadError, match=r"below the allowed roots.*mine.*FEATCORE_CHECKPOINTS"):
        card_of_folder(name)


def test_a_folder_that_is_a_link_out_of_the_roots_is_refused(root):
    (root / "linked").symlink_to(root.parent / "outside")
    with pytest.raises(LoadError, match=r"'linked' leads out of the allowed roots.*link.*Copy"):
        card_of_folder("linked")


def test_a_file_that_is_a_link_out_of_the_roots_is_refused(root):
    (root / "mine" / "vocab.txt").symlink_to("/etc/hostname")
    with pytest.raises(LoadError, match=r"mine/vocab.txt' is a link to elsewhere"):
        card_of_folder("mine")


def test_a_link_within_the_roots_is_followed(root):
    (root / "again").symlink_to(root / "mine")
    assert card_of_folder("again").family == "bert"


@pytest.mark.parametrize("switch", ["FEATCORE_PUBLIC_DEMO=true", "FEATCORE_ALLOW_FOLDERS=false"])
def test_where_the_settings_forbid_folders_none_is_offered(root, monkeypatch, switch):
    monkeypatch.setenv(*switch.split("="))
    settings.cache_clear()
    assert folders() == []
    with pytest.raises(LoadError, match=r"not offered on this server.*embedded"):
        card_of_folder("mine")


def test_python_on_ones_own_machine_reads_any_folder(root):
    assert load(str(root.parent / "outside"), device="cpu").card.family == "bert"


def test_several_roots_are_separated_as_in_path(root, monkeypatch):
    monkeypatch.setenv("FEATCORE_CHECKPOINTS", f"{root}:{root.parent}")
    settings.cache_clear()
    assert folders() == ["mine", "outside", "root/mine"]
