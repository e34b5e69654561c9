"""One encoder, many threads: answers stay right, and afterwards the model is as it was."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from featcore.errors import Cancelled, NotDefined
from featcore.explain import explain, undefined
from tests import tiny

METHODS = ("integrated_gradients", "gradient_shap", "occlusion", "attention_rollout", "saliency")


def state_of(model):
    """Everything that a run might leave behind."""
    modules = list(model.modules())
    return {
        "hooks": sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in modules),
        "patched": [type(module).__name__ for module in modules if "forward" in vars(module)],
        "gradients": [name for name, weight in model.named_parameters() if weight.grad is not None],
        "learning": [name for name, weight in model.named_parameters() if weight.requires_grad],
        "training": [type(module).__name__ for module in modules if module.training],
    }


CLEAN = {"hooks": 0, "patched": [], "gradients": [], "learning": [], "training": []}


@pytest.mark.parametrize("method", METHODS)
def test_explaining_leaves_no_hooks_no_gradients_and_no_patch(case, method):
    case.encoder.encode(case.sample)  # transformers hooks a model itself when it is first asked for attention
    hooks = state_of(case.encoder.model)["hooks"]
    if method in undefined(case.encoder):
        with pytest.raises(NotDefined):
            explain(case.encoder, case.sample, method)
    else:
        explain(case.encoder, case.sample, method)
    assert state_of(case.encoder.model) == CLEAN | {"hooks": hooks}


@pytest.mark.parametrize("method", ["integrated_gradients", "gradient_shap", "occlusion", "saliency"])
@pytest.mark.parametrize("name", ["bert", "vit", "videomae"])
def test_a_cancelled_explanation_leaves_the_model_as_it_was(cases, name, method):
    case = cases(name)
    plain = case.encoder.encode(case.sample).logits
    hooks = state_of(case.encoder.model)["hooks"]

    def stop(done, total):
        if done:
            raise Cancelled("stopped by the user")

    with pytest.raises(Cancelled):
        explain(case.encoder, case.sample, method, progress=stop)
    assert state_of(case.encoder.model) == CLEAN | {"hooks": hooks}
    assert not case.encoder.lock._is_owned()
    np.testing.assert_array_equal(case.encoder.encode(case.sample).logits, plain)


def test_an_error_inside_the_model_leaves_the_model_as_it_was(case):
    embedded = case.encoder.embed(case.sample)
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        case.encoder.logits(case.sample, embedded[:, :, :3])
    assert state_of(case.encoder.model)["patched"] == []
    assert not case.encoder.lock._is_owned()
    with torch.no_grad():
        again = case.encoder.logits(case.sample, embedded)[0]
    np.testing.assert_allclose(again, case.encoder.encode(case.sample).logits, atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "vit-wide", "videomae"])
def test_three_threads_get_the_answers_of_one(cases, name):
    """Eager and fused attention and foreign embeddings alternate; a mix-up would show in some number."""
    case = cases(name)
    samples = [case.sample, case.another(1), case.another(2)]

    def work(index):
        encoder, sample = case.encoder, samples[index % 3]
        if index % 2:
            encoding = encoder.encode(sample, attention=index % 4 == 1)
            return [encoding.logits, encoding.hidden]
        method = ("integrated_gradients", "attention_rollout", "gradient_shap", "occlusion")[index // 2 % 4]
        return [explain(encoder, sample, method).scores]

    jobs = list(range(24))
    alone = [work(index) for index in jobs]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(work, jobs))
    for expected, found in zip(alone, together, strict=True):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(other, one, rtol=0, atol=1e-6)


def test_threads_may_prepare_texts_of_any_length_at_once(cases):
    """A fast tokenizer keeps truncation as a state of its own; sharing it without a lock mixes texts up."""
    encoder = cases("roberta").encoder
    texts = [tiny.text("film " * length) for length in (1, 400, 7, 900, 30, 2000)] * 8
    alone = [encoder.prepare(source).sequence for source in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda source: encoder.prepare(source).sequence, texts))
    assert together == alone


def test_a_thread_that_times_and_a_thread_that_explains_do_not_wait_for_each_other(cases):
    """Timing holds the device while it explains; every other thread must take its locks in the same order."""
    import threading

    from featcore.encode.device import device_lock

    case, results = cases("bert"), []
    midway, timing = threading.Event(), threading.Event()

    def pause(done, total):
        midway.set()
        timing.wait(0.5)  # until the other thread has the device, or cannot get it

    def explain_it():
        results.append(explain(case.encoder, case.sample, "gradient_shap", 0, progress=pause).scores)

    def time_it():
        assert midway.wait(20)
        with device_lock(case.encoder.device):
            timing.set()
            results.append(explain(case.encoder, case.sample, "gradient_shap", 0).scores)

    threads = [threading.Thread(target=target, daemon=True) for target in (explain_it, time_it)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "two threads wait for each other's lock"
    assert np.array_equal(*results)


def test_loading_and_encoding_do_not_touch_the_global_random_states(case):
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    for method in set(METHODS) - set(undefined(case.encoder)):
        explain(case.encoder, case.sample, method)
    case.encoder.encode(case.sample)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
