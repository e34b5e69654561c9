"""Checks of a method rather than a map: shaken inputs and weights drawn anew, on private copies only."""

import threading

import numpy as np
import pytest
import torch

import featcore as fc
from featcore.encode.redrawn import private_copy
from featcore.errors import Cancelled, NotDefined
from featcore.measure.definitions import DEFINITIONS
from featcore.measure.faithfulness import max_sensitivity, randomisation, redraws
from featcore.measure.randomisation import alike
from tests.encode.test_private import sha


@pytest.fixture
def blind(cases):
    """A BERT whose classifier has forgotten everything: its logits are constants."""
    private = private_copy(cases("bert").encoder)
    with torch.no_grad():
        for weight in private.model.classifier.parameters():
            weight.zero_()
    return private, cases("bert").sample


# --- weights drawn anew -----------------------------------------------------------------------------------------------


def test_randomisation_leaves_the_shared_model_as_it_was_also_after_an_error(cases):
    case = cases("bert")
    before, logits = sha(case.encoder.model), case.encoder.encode(case.sample).logits

    def stop(done, total):
        if done > total // 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        randomisation(case.encoder, case.sample, "saliency", 0, progress=stop)
    assert sha(case.encoder.model) == before
    randomisation(case.encoder, case.sample, "saliency", 0)
    assert sha(case.encoder.model) == before
    assert np.allclose(case.encoder.encode(case.sample).logits, logits, atol=1e-5)
    assert "forward" not in vars(case.encoder.model.get_input_embeddings())


def test_two_threads_randomise_while_a_third_encodes_and_nobody_sees_the_others(cases):
    case = cases("bert")
    before, logits = sha(case.encoder.model), case.encoder.encode(case.sample).logits
    alone = {seed: randomisation(case.encoder, case.sample, "saliency", 0, seed=seed).maps for seed in (1, 2)}
    found, seen, running = {}, [], threading.Event()

    def work(seed):
        found[seed] = randomisation(case.encoder, case.sample, "saliency", 0, seed=seed).maps

    def watch():
        while not running.is_set():
            seen.append(case.encoder.encode(case.sample, attention=False).logits)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    running.set()
    watcher.join()
    assert sha(case.encoder.model) == before
    assert seen
    assert all(np.allclose(each, logits, atol=1e-5) for each in seen)
    for seed in (1, 2):
        assert np.allclose(found[seed], alone[seed], atol=1e-5)


def test_a_floor_fails_the_gate_since_it_does_not_look_at_the_model(cases):
    for floor in ("centre", "random"):
        found = randomisation(cases("vit").encoder, cases("vit").sample, floor)
        assert found.similarity == pytest.approx(np.ones(len(found.stages)))
        assert found.last == pytest.approx(1)
        assert found.other_class is None
        assert "explains no output" in found.why
        assert found.passes == 0


def test_attention_does_not_change_with_the_head_and_changes_with_the_layers(cases):
    found = randomisation(cases("vit").encoder, cases("vit").sample, "attention_rollout")
    assert found.stages[0] == "head"
    assert found.similarity[0] == pytest.approx(1)
    assert found.similarity[-1] < 0.99
    assert np.allclose(found.maps[0], found.maps[1], atol=1e-6)
    assert not np.allclose(found.maps[0], found.maps[-1])


def test_the_first_map_is_the_methods_own_and_the_last_that_of_other_weights(cases):
    case = cases("bert")
    progress = []
    found = randomisation(case.encoder, case.sample, "occlusion", 1, progress=lambda *step: progress.append(step))
    plain = fc.explain(case.encoder, case.sample, "occlusion", 1)
    assert np.allclose(found.maps[0], plain.scores, atol=1e-5)
    assert len(found.maps) == len(found.stages) + 1 == len(found.similarity) + 1
    assert found.last == pytest.approx(alike(found.maps[0], found.maps[-1]))
    assert -1 <= found.other_class <= 1
    dones, totals = zip(*progress, strict=True)
    assert list(dones) == sorted(dones)
    assert len(set(totals)) == 1
    assert dones[-1] == totals[-1]


def test_further_draws_are_those_of_other_seeds_and_leave_the_shared_model_as_it_was(cases):
    case, progress = cases("vit"), []
    before = sha(case.encoder.model)
    found = redraws(
        case.encoder, case.sample, "saliency", 1, seed=3, draws=3, progress=lambda *step: progress.append(step)
    )
    alone = [randomisation(case.encoder, case.sample, "saliency", 1, seed=seed) for seed in (3, 4, 5)]
    assert found.seeds == (3, 4, 5)
    assert np.allclose(found.cascade.maps, alone[0].maps, atol=1e-6)
    assert np.allclose(found.maps, [alone[0].maps[0], *(one.maps[-1] for one in alone)], atol=1e-6)
    assert found.similarity == pytest.approx([one.last for one in alone])
    assert len(set(found.similarity.tolist())) == 3, "each draw is another model"
    assert found.mean == pytest.approx(np.mean([one.last for one in alone]))
    assert found.reach == (min(found.similarity), max(found.similarity))
    assert found.passes == alone[0].passes + 2 * fc.explain(case.encoder, case.sample, "saliency", 1).passes
    dones, totals = zip(*progress, strict=True)
    assert list(dones) == sorted(dones)
    assert dones[-1] == totals[-1]
    assert len(set(totals)) == 1
    assert sha(case.encoder.model) == before


def test_further_draws_can_be_stopped_and_no_draw_at_all_is_refused(cases):
    case = cases("bert")
    before = sha(case.encoder.model)

    def stop(done, total):
        if done > total - 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        redraws(case.encoder, case.sample, "attention_rollout", draws=4, progress=stop)
    assert sha(case.encoder.model) == before
    with pytest.raises(NotDefined, match="0 draws measure nothing"):
        redraws(case.encoder, case.sample, "attention_rollout", draws=0)


def test_draws_without_a_rank_have_no_mean_and_no_range(blind):
    found = redraws(*blind, "saliency", 0, draws=2)
    assert found.mean is None
    assert found.reach is None


def test_maps_that_rank_nothing_have_no_likeness(blind):
    found = randomisation(*blind, "saliency", 0)
    assert found.last is None
    assert np.isnan(found.similarity).all()
    assert found.other_class is None
    assert "constant" in found.why
    assert np.isnan(alike(np.zeros(4), np.arange(4.0)))
    assert alike(np.array([1.0, -2, 3]), np.array([-10.0, 20, 30])) == pytest.approx(1)


# --- another class ---------------------------------------------------------------------------------------------------


def with_runner_up(case, factor):
    """A BERT whose runner-up's logit is `factor` times that of its first class; the third is far below both."""
    private = private_copy(case.encoder)
    weight, bias = private.model.classifier.weight, private.model.classifier.bias
    with torch.no_grad():
        weight[1], bias[1], weight[2], bias[2] = factor * weight[0], factor * bias[0], 0.0, -1e3
    return private, case.sample


SIGNED = {"input_x_gradient": {}, "integrated_gradients": {"steps": 4}, "occlusion": {}}


def test_of_two_classes_that_mirror_each_other_a_signed_map_turns_round_and_a_length_stays(cases):
    private, sample = with_runner_up(cases("bert"), -0.5)
    for method, few in SIGNED.items():
        found = randomisation(private, sample, method, 0, **few)
        assert found.signed
        assert found.other_class == pytest.approx(-1)
    length = randomisation(private, sample, "saliency", 0)
    assert not length.signed
    assert length.other_class == pytest.approx(1)


def test_a_map_that_does_not_depend_on_the_class_has_its_order_for_the_other_with_signs_or_without(cases):
    private, sample = with_runner_up(cases("bert"), 0.5)
    for method, few in (SIGNED | {"saliency": {}}).items():
        assert randomisation(private, sample, method, 0, **few).other_class == pytest.approx(1)


def test_maps_of_the_two_classes_of_text_mini_turn_round():
    encoder = fc.load("text-mini")
    assert len(encoder.card.labels) == 2
    sample = encoder.prepare(fc.read_text("A clever, quiet film, but far too long."))
    for method, few in SIGNED.items():
        found = randomisation(encoder, sample, method, **few)
        assert -1 <= found.other_class < -0.8
    assert "below 0" in DEFINITIONS["other_class"].sentence


def test_signs_count_only_where_they_are_asked_for():
    one, turned, other = np.array([1.0, -2, 3]), np.array([-10.0, 20, -30]), np.array([3.0, 1, 2])
    assert (alike(one, turned), alike(one, turned, signed=True)) == pytest.approx((1, -1))
    assert alike(one, other, signed=True) == pytest.approx(0.5), "ranks 2 1 3 and 3 1 2 differ by 1, 0 and 1"
    assert np.isnan(alike(np.full(3, -2.0), one, signed=True))


# --- shaken inputs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_max_sensitivity_is_captums(cases, name):
    """Gradient times input by hand, shaken by the moves that ours drew."""
    from captum.metrics import sensitivity_max

    case = cases(name)
    found = max_sensitivity(case.encoder, case.sample, "input_x_gradient", 0, draws=6, seed=4)
    embedded = case.encoder.embed(case.sample)
    units = embedded[:, case.sample.rows]
    assert found.radius == pytest.approx(0.02 * float(units.std(correction=0)))
    rng = np.random.default_rng(4)

    def shake(inputs):
        inputs = inputs[0] if isinstance(inputs, tuple) else inputs
        moved = inputs.clone()
        for row in range(len(inputs)):
            moved[row, case.sample.rows] += torch.from_numpy(
                rng.uniform(-found.radius, found.radius, units.shape)
            ).float()[0]
        return moved

    def phi(inputs):
        inputs = (inputs[0] if isinstance(inputs, tuple) else inputs).detach().requires_grad_()
        with torch.enable_grad():
            score = case.encoder.logits(case.sample, inputs)[:, 0].sum()
        (grad,) = torch.autograd.grad(score, inputs)
        # A tuple: of a bare tensor Captum takes every row for an attribution of its own.
        return ((inputs * grad).sum(-1)[:, case.sample.rows].detach().contiguous(),)

    expected = sensitivity_max(phi, embedded, shake, n_perturb_samples=6, max_examples_per_batch=1)
    assert found.value == pytest.approx(float(expected), rel=1e-3)
    assert found.value > 0
    assert found.passes == 7 * fc.explain(case.encoder, case.sample, "input_x_gradient", 0).passes


def test_attention_is_shaken_too_and_a_larger_radius_moves_it_further(cases):
    case = cases("bert")
    near, far = (max_sensitivity(case.encoder, case.sample, "attention_rollout", share=s, draws=3) for s in (0.02, 0.5))
    assert 0 < near.value < far.value


def test_a_map_that_ignores_the_input_does_not_move_and_a_map_of_zeros_has_no_answer(cases, blind):
    for floor in ("centre", "random"):
        assert max_sensitivity(cases("vit").encoder, cases("vit").sample, floor, draws=3).value == 0
    found = max_sensitivity(*blind, "saliency", 0, draws=3)
    assert found.value is None
    assert "All scores are 0" in found.why


def test_shaking_leaves_the_shared_encoder_as_it_was_and_can_be_stopped(cases):
    case = cases("vit")
    before, state = sha(case.encoder.model), set(vars(case.encoder))

    def stop(done, total):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        max_sensitivity(case.encoder, case.sample, "saliency", 0, progress=stop)
    max_sensitivity(case.encoder, case.sample, "attention_rollout", draws=2)
    assert sha(case.encoder.model) == before
    assert set(vars(case.encoder)) == state
