"""What is said of a checkpoint before it is loaded: its licence, what it provides, and whether it fits."""

import pytest

import featcore as fc
from featcore.encode import loading, spare
from featcore.encode.about import MOST_CHARACTERS, licence_of, non_commercial, provided
from featcore.encode.catalog import card_of
from featcore.encode.curated import CURATED
from featcore.encode.layouts import LAYOUTS
from featcore.encode.libraries import IMPORTING, loaded
from featcore.errors import LoadError
from featcore.settings import settings
from tests import tiny

FRONT = "---\nlanguage: en\nlicense: {}\ntags:\n- x\n---\n# Title\nlicense: wrong\n"


@pytest.mark.parametrize(
    ("written", "licence"),
    [
        (FRONT.format("apache-2.0"), "apache-2.0"),
        (FRONT.format("'cc-by-nc-4.0'"), "cc-by-nc-4.0"),
        (FRONT.format("mit").replace("\n", "\r\n"), "mit"),
        ("# Title\nlicense: mit\n", "not stated"),
        ("---\nlicense: mit\n", "not stated"),
        ("---\nlicense:\n- mit\n---\n", "not stated"),
        ("", "not stated"),
        (None, "not stated"),
        (FRONT.format("a\tb\u202ec"), "a b c"),
        (FRONT.format("x" * 5000), "x" * (MOST_CHARACTERS - 1) + "…"),
        ("---\n" + "#" * 100_000 + "\nlicense: mit\n---\n", "not stated"),
    ],
)
def test_the_licence_of_a_folder_is_what_its_front_matter_states(tmp_path, written, licence):
    if written is not None:
        (tmp_path / "README.md").write_text(written, newline="")
    assert licence_of(tmp_path) == licence


def test_the_licence_of_a_name_of_the_hub_is_that_of_the_curated_list(tmp_path):
    """As huggingface_hub lays out its cache; a README.md is not downloaded."""
    for name, row in CURATED.items():
        assert licence_of(tmp_path / f"models--{name.replace('/', '--')}" / "snapshots" / row.revision) == row.licence
    folder = tmp_path / "models--facebook--timesformer-base-finetuned-k400" / "snapshots" / ("0" * 40)
    folder.parent.mkdir(parents=True)
    tiny.build("vit", folder)
    assert card_of(folder).licence == "cc-by-nc-4.0"
    assert non_commercial(card_of(folder).licence)
    assert licence_of(tmp_path / "models--org--other" / "snapshots" / ("0" * 40)) == "not stated"


def test_what_an_encoder_provides_is_said_in_words(cases, headless):
    said = {name: provided(cases(name).encoder.card) for name in ("bert", "resnet", "gpt2-speaks", "clip_text_model")}
    assert said == {
        "bert": ("attention maps", "3 classes"),
        "resnet": ("no attention maps", "5 classes"),
        "gpt2-speaks": ("attention maps", "the next token"),
        "clip_text_model": ("attention maps", "a vector in a space of texts and pictures"),
    }
    assert provided(headless.encoder.card) == ("attention maps", "a vector")
    assert {row.family for row in CURATED.values()} - {"clip", "siglip"} <= LAYOUTS.keys()


def test_weights_that_are_said_not_to_fit_are_refused_when_loaded(cases, monkeypatch):
    case = cases("bert")
    parameters = case.encoder.card.parameters
    for free, fits in ((4 * parameters - 1, False), (400 * parameters, True)):
        monkeypatch.setattr("featcore.encode.device.free_bytes", lambda place, free=free: free)
        monkeypatch.setattr(loading, "free_bytes", lambda place, free=free: free)
        assert ("are free on" not in spare.why_not(parameters)) == fits
        if not fits:
            with pytest.raises(LoadError, match="are free on"):
                fc.load(str(case.folder))
        else:
            fc.load(str(case.folder))


def test_nothing_of_the_libraries_is_asked_while_a_thread_imports_them(cases):
    cases("bert")  # they are here
    assert spare.free_here() is not None
    with IMPORTING:
        assert spare.free_here() is None
        assert not loaded()
    assert loaded()


def test_weights_are_counted_in_the_number_format_of_the_settings(monkeypatch):
    assert spare.weight_bytes(1_000) == 4_000
    monkeypatch.setenv("FEATCORE_DTYPE", "bfloat16")
    monkeypatch.setenv("FEATCORE_MAX_ENCODER_BYTES", "1999")
    settings.cache_clear()
    assert spare.weight_bytes(1_000) == 2_000
    assert "encoders may use here" in spare.why_not(1_000)
    monkeypatch.undo()
    settings.cache_clear()


def test_a_card_without_a_digest_is_otherwise_the_same(cases):
    folder = cases("bert").folder
    whole, quick = card_of(folder), card_of(folder, hashed=False)
    assert quick.weights_sha256 == ""
    assert {**vars(quick), "weights_sha256": whole.weights_sha256} == vars(whole)
