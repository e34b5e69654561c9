"""What ships is what its papers say: digests, sizes, and results that come out the same when computed again."""

import json

import numpy as np
import pytest

import featcore as fc
from featcore import manifest
from featcore.keys import digest, file_digest
from featcore.runs import (
    DEFAULT_METHOD,
    DEFAULT_TARGET,
    attribution_question,
    encoding_question,
    latency_question,
    preset_panes,
    read_sample,
)
from featcore.settings import ROOT, settings
from featcore.store import Store

ASSETS = settings().assets
PANES = list(preset_panes())


def test_every_file_is_listed_with_its_digest():
    listed = (ASSETS / "README.md").read_text()
    for name, size, sha, _ in manifest.rows(ASSETS):
        assert f"| {name} | {size} | `{sha}` |" in listed


def test_the_table_of_encoders_in_the_readme_says_what_their_cards_say():
    assert (
        f"{manifest.ENCODERS}\n{manifest.encoder_table(ASSETS)}\n{manifest.END_ENCODERS}"
        in (ROOT / "README.md").read_text()
    )


def test_embedded_encoders_are_small_and_their_cards_name_these_weights():
    for card in fc.encoders():
        weights = ASSETS / "models" / card.name / "model.safetensors"
        trained = json.loads((weights.parent / "training.json").read_text())
        assert weights.stat().st_size <= 8_000_000
        assert trained["sha256"] == file_digest(weights) == card.weights_sha256
        assert trained["test"]["low"] > trained["test"]["chance"], "clearly above chance"
        assert card.accuracy
        assert not list(weights.parent.glob("*.bin"))


@pytest.mark.parametrize("pane", PANES, ids=lambda pane: f"{pane.encoder}-{pane.sample}")
def test_a_shipped_run_comes_out_the_same_when_computed_again(pane):
    store = Store(ASSETS / "runs", read_only=True)
    encoder = fc.load(pane.encoder)
    source = read_sample(pane.sample, encoder.card)
    sample = encoder.prepare(source)
    shipped = store.get(digest(encoding_question(encoder.card, source)))
    now = encoder.encode(sample)
    assert shipped.units.labels == now.units.labels
    assert np.allclose(shipped.logits, now.logits, atol=1e-3)
    assert np.allclose(shipped.attention, now.attention, atol=2e-3), "stored in half precision"
    question = attribution_question(encoder.card, source, DEFAULT_METHOD, DEFAULT_TARGET, {})
    again = fc.explain(encoder, sample, DEFAULT_METHOD, DEFAULT_TARGET)
    assert np.allclose(store.get(digest(question)).scores, again.scores, atol=1e-3)
    latencies = store.get(digest(latency_question(encoder.card, source, (DEFAULT_METHOD,))))
    assert {"read", "cut", "encode", "attention", f"attribution:{DEFAULT_METHOD}"} <= {one.stage for one in latencies}
    assert all(one.provenance.time_utc and one.provenance.versions for one in latencies)


def test_the_video_weights_are_named_as_every_supported_transformers_reads_them():
    """5.17 reads query, key and value biases, 5.23 reads either spelling; a key's bias is 0, as VideoMAE has none."""
    from safetensors.numpy import load_file

    weights = load_file(ASSETS / "models" / "video-mini" / "model.safetensors")
    for part in ("query", "key", "value"):
        assert sum(name.endswith(f".{part}.bias") for name in weights) == 4
    assert not [name for name in weights if name.endswith(("q_bias", "v_bias"))]
    assert not any(weights[name].any() for name in weights if name.endswith(".key.bias"))


def test_not_turns_good_words_and_bad_words_around():
    """Two hundred words that training never negated by rule: "X" and "not X" must get opposite answers."""
    from featcore.learn.negation import BAD, GOOD

    encoder = fc.load("text-mini")

    def positive(text: str) -> bool:
        encoding = encoder.encode(encoder.prepare(fc.read_text(text)), attention=False)
        return encoding.labels[int(encoding.logits.argmax())] == "positive"

    for plain, negated in (("{}", "not {}"), ("This movie is {}.", "This movie is not {}.")):
        good = sum(positive(plain.format(word)) and not positive(negated.format(word)) for word in GOOD)
        bad = sum(not positive(plain.format(word)) and positive(negated.format(word)) for word in BAD)
        assert good >= 80, f"{good} of 100 good words flip"
        assert bad >= 80, f"{bad} of 100 bad words flip"
