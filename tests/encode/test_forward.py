"""What an encoder answers equals a bare forward of the transformers class, loaded and fed by the test itself."""

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoTokenizer, AutoVideoProcessor

from featcore.encode.catalog import card_of, load
from featcore.errors import NotDefined
from featcore.explain.attention import rollout_scores
from featcore.types import Look
from tests import tiny

CLOSE = {"rtol": 0, "atol": 1e-5}


def bare_inputs(case):
    """The tensors as the checkpoint's own tokenizer or processor gives them."""
    if case.name in tiny.TEXT:
        return dict(AutoTokenizer.from_pretrained(case.folder)(case.source.text, return_tensors="pt"))
    if case.name == "vjepa2":
        videos = [case.source.frames.copy()]
        return dict(AutoVideoProcessor.from_pretrained(case.folder)(videos, return_tensors="pt"))
    processor = AutoImageProcessor.from_pretrained(case.folder)
    return {"pixel_values": processor(list(case.source.frames.copy()), return_tensors="pt")["pixel_values"]}


def last(logits):
    """What a language model says of the next token; of a classifier all it says."""
    return logits[:, -1] if logits.ndim == 3 else logits


def test_answers_equal_a_bare_eager_forward(case):
    with torch.no_grad():
        bare = case.bare("eager")(**bare_inputs(case), output_hidden_states=True, output_attentions=True)
    encoding = case.encoder.encode(case.sample)
    np.testing.assert_allclose(encoding.logits, last(bare.logits)[0].numpy(), **CLOSE)
    assert len(encoding.hidden) == len(bare.hidden_states) == 3
    for ours, theirs in zip(encoding.hidden, bare.hidden_states, strict=True):
        np.testing.assert_allclose(ours, theirs[0].numpy(), **CLOSE)
    # TimeSformer attends over time before it does over the picture; transformers returns the latter alone.
    returned = encoding.attention[1::2] if case.name == "timesformer" else encoding.attention
    assert len(returned) == len(bare.attentions) == 2
    for ours, theirs in zip(returned, bare.attentions, strict=True):
        np.testing.assert_allclose(ours, whole(case, theirs.numpy()), **CLOSE)


def whole(case, theirs):
    """One map over the sequence; TimeSformer gives one a frame, its patches with time as the fastest axis."""
    if case.name != "timesformer":
        return theirs[0]
    frames, (_, rows, columns) = len(theirs), case.sample.units.grid
    found = np.zeros((theirs.shape[1], *[1 + frames * rows * columns] * 2))
    for t in range(frames):
        at = [0, *(1 + (y * columns + x) * frames + t for y in range(rows) for x in range(columns))]
        for i, row in enumerate(at):
            for j, column in enumerate(at):
                found[:, row, column] += theirs[t, :, i, j] / (1 if i else frames)
    return found


def test_rows_of_attention_sum_to_one(case):
    attention = case.encoder.encode(case.sample).attention
    positions = len(case.sample.sequence)
    assert attention.shape[2:] == (positions, positions)
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)
    assert attention.min() >= 0


@pytest.mark.parametrize("name", ["bert", "vit", "timesformer", "swin"])
def test_of_the_attention_only_what_is_looked_at_is_copied(cases, name):
    case = cases(name)
    whole = case.encoder.encode(case.sample)
    some = case.encoder.encode(case.sample, Look((-1, 0), (0,)))
    last = len(whole.attention) - 1
    np.testing.assert_array_equal(some.attention, whole.attention[[last, 0]][:, [0]])
    assert (some.layers, some.heads) == ((last, 0), (0,))
    np.testing.assert_array_equal(some.head(last, 0), whole.attention[last, 0])
    copied = some.attention if some.attention.base is None else some.attention.base
    assert torch.as_tensor(copied).untyped_storage().nbytes() == 2 * whole.attention[0, 0].nbytes
    np.testing.assert_array_equal(case.encoder.encode(case.sample, Look(layers=(0,))).attention, whole.attention[:1])
    np.testing.assert_array_equal(some.logits, whole.logits)
    for look, lacking in ((Look(layers=(99,)), "Layer 99"), (Look(heads=(0, -99)), "Head -99")):
        with pytest.raises(NotDefined, match=f"{lacking} does not exist"):
            case.encoder.encode(case.sample, look)


@pytest.mark.parametrize("name", ["bert", "gpt2", "vit", "videomae"])
def test_a_rollout_on_the_device_is_that_of_the_maps_and_no_map_leaves_it(cases, name):
    case = cases(name)
    row = case.encoder.encode(case.sample, Look(rolled=True))
    assert row.attention is None
    np.testing.assert_allclose(row.rollout, rollout_scores(case.encoder.encode(case.sample)), atol=1e-6)
    assert row.rollout.nbytes == 4 * len(case.sample.sequence)
    assert "rollout" in row.why_no_attention


def test_a_rollout_of_maps_that_are_not_square_is_refused(cases):
    with pytest.raises(NotDefined, match="is windowed: it has no rollout"):
        cases("swin").encoder.encode(cases("swin").sample, Look(rolled=True))


def test_fused_attention_answers_the_same_and_says_why_it_shows_none(case):
    eager, fused = case.encoder.encode(case.sample), case.encoder.encode(case.sample, attention=False)
    assert fused.attention is None
    assert "fused" in fused.why_no_attention
    assert not eager.why_no_attention
    fused_kind = "sdpa" if type(case.encoder.model)._supports_sdpa else "eager"
    assert (eager.provenance.attention, fused.provenance.attention) == ("eager", fused_kind)
    np.testing.assert_allclose(fused.hidden, eager.hidden, **CLOSE)
    np.testing.assert_allclose(fused.logits, eager.logits, **CLOSE)


def test_logits_of_the_samples_own_embedding_are_the_plain_logits(case):
    with torch.no_grad():
        bare = last(case.bare()(**bare_inputs(case)).logits)
        ours = case.encoder.logits(case.sample, case.encoder.embed(case.sample))
    torch.testing.assert_close(ours, bare, **CLOSE)


def test_a_batch_of_embeddings_gives_the_logits_of_each(case):
    first, second = case.encoder.embed(case.sample), case.encoder.baseline(case.sample)
    with torch.no_grad():
        together = case.encoder.logits(case.sample, torch.cat([first, second, first]))
        alone = torch.cat([case.encoder.logits(case.sample, embedded) for embedded in (first, second, first)])
    torch.testing.assert_close(together, alone, **CLOSE)


def test_tiny_logits_differ_between_inputs(case):
    """Otherwise the tests of this folder would compare constants."""
    first, second = case.encoder.encode(case.sample), case.encoder.encode(case.another())
    assert abs(first.logits - second.logits).max() > 0.02


def test_gradients_reach_every_unit(case):
    embedded = case.encoder.embed(case.sample).clone().requires_grad_()
    case.encoder.logits(case.sample, embedded)[0, 0].backward()
    length = embedded.grad[0].norm(dim=-1)
    assert torch.isfinite(length).all()
    assert (length[case.sample.rows] > 0).all()


def test_readout_is_the_position_that_the_classifier_reads(case):
    """Nudging the last layer elsewhere leaves the logits alone; where the mean is read, every position moves them."""
    model, inputs = case.bare(), bare_inputs(case)
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    layer = max(lists, key=lambda module: sum(weight.numel() for weight in module.parameters()))[-1]
    encoding = case.encoder.encode(case.sample)
    plain = torch.from_numpy(encoding.logits)

    def logits_when_nudged(position):
        def nudge(module, args, output):
            whole = output if isinstance(output, tuple) else (output,)
            rows = whole[0].clone()
            rows[:, position] += torch.linspace(0, 1, rows.shape[-1])
            return (rows, *whole[1:]) if isinstance(output, tuple) else rows

        handle = layer.register_forward_hook(nudge)
        with torch.no_grad():
            logits = last(model(**inputs).logits)
        handle.remove()
        return logits

    moved = [bool((logits_when_nudged(at)[0] - plain).abs().max() > 1e-3) for at in range(len(encoding.sequence))]
    assert moved == (encoding.reading > 0).tolist()
    assert encoding.reading.sum() == pytest.approx(1)


def test_an_encoding_carries_names_for_everything(case):
    encoding = case.encoder.encode(case.sample)
    assert len(encoding.labels) == len(encoding.logits) == len(case.encoder.card.labels)
    assert len(encoding.sequence) == encoding.hidden.shape[1]
    assert encoding.special.sum() == len(encoding.sequence) - len(encoding.units)
    assert encoding.probabilities.sum() == pytest.approx(1)
    assert [encoding.sequence[at] for at in encoding.positions] == list(encoding.units.labels)
    assert encoding.hidden.dtype == encoding.attention.dtype == np.float32


def test_the_card_counts_the_parameters_and_names_the_labels(case):
    card = card_of(case.folder)
    assert card.parameters == sum(weight.numel() for weight in case.bare().parameters())
    if case.name in tiny.SPEAKERS:
        assert card.labels == ()
        tokenizer = AutoTokenizer.from_pretrained(case.folder)
        assert case.encoder.card.labels == tuple(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
        return
    expected = tuple(tiny.LABELS.values()) if case.name in tiny.TEXT else tuple(f"kind {i}" for i in range(5))
    assert card.labels == expected
    assert card.provides == {"logits", "attention", "gradient", "target"}
    assert card.input_size == ((tiny.MAX_POSITIONS,) if case.name in tiny.TEXT else tiny.SHAPES[case.name][0])


def test_a_key_depends_on_the_source_and_on_the_weights(case, headless):
    encoder = case.encoder
    assert encoder.prepare(case.source).key == case.sample.key
    assert encoder.prepare(tiny.source_for(case.name, 1)).key != case.sample.key
    if case.name == "bert":
        assert headless.encoder.prepare(case.source).key != case.sample.key


def test_half_precision_stays_near_and_is_recorded(cases):
    case = cases("bert")
    half = load(str(case.folder), device="cpu", dtype="bfloat16")
    encoding, full = half.encode(case.sample), case.encoder.encode(case.sample)
    assert encoding.provenance.dtype == "bfloat16"
    assert encoding.logits.dtype == np.float32
    np.testing.assert_allclose(encoding.logits, full.logits, atol=0.2)


def test_a_headless_encoder_gives_hidden_states_and_attention_but_no_logits(headless):
    encoding = headless.encoder.encode(headless.sample)
    assert encoding.logits is None
    assert encoding.labels == ()
    assert encoding.attention.shape[0] == 2
    assert headless.encoder.card.provides == {"attention", "gradient", "target"}


def test_timesformer_shows_what_it_attends_to_in_time(cases):
    """Against its own module, asked for the weights that its layer does not pass on."""
    case = cases("timesformer")
    encoding, model = case.encoder.encode(case.sample), case.bare("eager")
    frames, rows, columns = case.sample.units.grid
    given = []
    first = model.timesformer.encoder.layer[0].temporal_attention.attention
    first.register_forward_hook(lambda _, args, answer: given.append(args[0]))
    with torch.no_grad():
        model(**bare_inputs(case))
        # An array, since NumPy 2.0 warns of a tensor that is assigned into one.
        weights = first(given[0], output_attentions=True)[1].numpy()
    expected = np.zeros_like(encoding.attention[0])
    expected[:, 0, 0] = 1
    for y in range(rows):
        for x in range(columns):
            for asks in range(frames):
                for seen in range(frames):
                    at = [1 + (y * columns + x) * frames + t for t in (asks, seen)]
                    expected[:, at[0], at[1]] = weights[y * columns + x, :, asks, seen]
    np.testing.assert_allclose(encoding.attention[0], expected, **CLOSE)
    assert not [part for part in case.encoder.model.modules() if part._forward_hooks]


def test_layers_and_heads_are_called_what_they_are(cases):
    def names(name):
        case = cases(name)
        shape = case.encoder.encode(case.sample).attention.shape[:2]
        return case.encoder.layout.map_names(case.encoder.card.config, *shape)

    assert names("bert") == (("layer 1", "layer 2"), ("head 1", "head 2", "head 3", "head 4"))
    assert names("llama")[1] == ("head 1 (group 1)", "head 2 (group 1)", "head 3 (group 2)", "head 4 (group 2)")
    over = ("layer 1 over time", "layer 1 over the picture", "layer 2 over time", "layer 2 over the picture")
    assert names("timesformer")[0] == over
    assert names("swin") == (("stage 1", "stage 2", "stage 3"), ("mean of the heads (1, 2, 4)",))
