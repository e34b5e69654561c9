"""A recipe becomes a Hugging Face folder with a card: the one training loop for text, image and video."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import logging as bars

from featcore.errors import InputError, LoadError
from featcore.learn.card import WEIGHTS, numbers, read_card, write_card
from featcore.learn.recipe import DATA, RECIPES, Examples, Recipe

Log = Callable[[str], None]


def train(
    name: str, data: Path = DATA, epochs: float | None = None, seed: int = 0, out: Path | None = None, log: Log = print
) -> Path:
    """Train the recipe `name` and write the folder `out` (by default `<name>` in the current folder).

    The dev split picks the weights; the test split is read once, after training. The same seed gives the same
    weights on one machine with one number of threads.

    Raises:
        UnknownName: no recipe has this name.
        InputError: the data folder lacks the recipe's data.
    """
    return fit(RECIPES[name], Path(data), epochs, seed, Path(out or name), log)


def fit(recipe: Recipe, data: Path, epochs: float | None, seed: int, out: Path, log: Log = print) -> Path:
    """Train any recipe, registered or changed with `dataclasses.replace`; see `train`."""
    started = time.perf_counter()
    examples, dev = recipe.read(data, "train", seed), recipe.read(data, "dev", seed)
    rng = np.random.default_rng(seed)
    bars.disable_progress_bar()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        processor = recipe.processor(examples)
        model = recipe.model(processor)
        # On a CPU the written-out attention trains twice as fast as the fused one.
        model.set_attn_implementation("eager")
        epochs = recipe.epochs if epochs is None else epochs
        progress = _run(recipe, model, processor, examples, dev, epochs, rng, out, log)
    seconds = time.perf_counter() - started
    write_card(
        recipe,
        out,
        seed=seed,
        epochs=epochs,
        steps=progress.steps,
        seconds=seconds,
        dev=progress.best,
        history=progress.history,
        result=evaluate(out, data, "test", recipe),
        controls=_controls(recipe, out, data, seed),
    )
    log(f"{recipe.name}: written to {out} after {seconds:.0f} s")
    return out


def evaluate(folder: Path, data: Path = DATA, split: str = "test", recipe: Recipe | None = None) -> dict[str, Any]:
    """Accuracy of a trained folder on one split, read back from disk through its own processor.

    Returns:
        accuracy (share), low and high (Wilson 95 %), n, chance, per_class (label to accuracy), split.

    Raises:
        LoadError: the folder has no card, or its weights cannot be read.
        InputError: the data folder lacks the data, or the split has no rows.
    """
    folder = Path(folder)
    bars.disable_progress_bar()
    recipe = recipe or RECIPES[read_card(folder)["name"]]
    model, processor = _load(recipe, folder)
    examples = recipe.read(Path(data), split, 0)
    return {"split": split, **numbers(recipe.labels, *_answers(recipe, model, processor, examples))}


@dataclass
class _Progress:
    """Where a run stands; `history` has the mean training loss and the dev accuracy at each check."""

    steps: int = 0
    best: float = -1.0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)

    def checked(self, accuracy: float) -> bool:
        """Note one look at the dev split; true if it is the best so far."""
        loss = sum(self.losses) / len(self.losses)
        self.history.append({"step": self.steps, "loss": round(loss, 4), "dev_accuracy": round(accuracy, 4)})
        self.losses.clear()
        better = accuracy > self.best
        self.best = max(self.best, accuracy)
        return better


def _run(
    recipe: Recipe,
    model: PreTrainedModel,
    processor: Any,
    examples: Examples,
    dev: Examples,
    epochs: float,
    rng: np.random.Generator,
    out: Path,
    log: Log,
) -> _Progress:
    """One learning-rate cycle; the folder always holds the weights that were best on dev so far."""
    total = max(1, math.ceil(epochs * (len(examples) // recipe.batch)))
    every = math.ceil(total / recipe.checks)
    optimizers = _optimizers(recipe, model)
    schedules = [_one_cycle(optimizer, total, recipe.warmup) for optimizer in optimizers]
    progress, watch = _Progress(), _Watch(recipe.name, total, log)
    for tensors, targets in _batches(recipe, processor, examples, total, rng):
        model.train()
        with _half():
            logits = model(**tensors).logits
        loss = nn.functional.cross_entropy(logits.float(), targets, label_smoothing=recipe.smoothing)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        progress.steps += 1
        progress.losses.append(loss.item())
        watch(progress.steps, progress.losses[-1])
        if progress.steps % every == 0 or progress.steps == total:
            answers, truth = _answers(recipe, model, processor, dev)
            accuracy = float((answers.argmax(1) == truth.argmax(1)).mean())
            log(f"{recipe.name}  step {progress.steps}/{total}  dev accuracy {accuracy:.4f}")
            if progress.checked(accuracy):
                _save(recipe, model, processor, out)
    return progress


def _batches(
    recipe: Recipe, processor: Any, examples: Examples, total: int, rng: np.random.Generator
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Exactly `total` augmented batches, starting new epochs as needed."""
    done = 0
    while done < total:
        for rows in recipe.order(examples, rng):
            if done == total:
                return
            batch = examples.take(rows)
            yield recipe.augment(processor, batch.inputs, rng), torch.from_numpy(batch.targets)
            done += 1


def _answers(
    recipe: Recipe, model: PreTrainedModel, processor: Any, examples: Examples
) -> tuple[np.ndarray, np.ndarray]:
    """Logits and targets of every example, in the order of the split."""
    if not len(examples):
        raise InputError("This split has no rows, so there is nothing to measure.")
    model.eval()
    logits = []
    with torch.inference_mode():
        for start in range(0, len(examples), 256):
            batch = examples.take(slice(start, start + 256))
            logits.append(model(**recipe.collate(processor, batch.inputs)).logits.float().numpy())
    return np.concatenate(logits), examples.targets


def _controls(recipe: Recipe, folder: Path, data: Path, seed: int) -> dict[str, dict[str, Any]]:
    model, processor = _load(recipe, folder)
    test = recipe.read(data, "test", seed)
    found = {}
    for changed, control in recipe.controls().items():
        examples = control(test, np.random.default_rng(seed))
        found[changed] = numbers(recipe.labels, *_answers(recipe, model, processor, examples))
        del found[changed]["per_class"]
    return found


def _load(recipe: Recipe, folder: Path) -> tuple[PreTrainedModel, Any]:
    try:
        model = recipe.auto_model.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        return model, recipe.auto_processor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise LoadError(f"'{folder}' is not a trained {recipe.name}: {error}") from error


def _save(recipe: Recipe, model: PreTrainedModel, processor: Any, out: Path) -> None:
    """Weights in half precision: what is shipped is what is measured afterwards."""
    kept = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    model.half().save_pretrained(out)
    save_file(recipe.finish(load_file(out / WEIGHTS)), out / WEIGHTS, metadata={"format": "pt"})
    model.float().load_state_dict(kept)
    processor.save_pretrained(out)


def _optimizers(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    """AdamW for all, with weight decay for matrices only; the layers' matrices go to Muon where a recipe asks.

    Source: Jordan et al. 2024, Muon, scaled to AdamW's step size as in Liu et al. 2025, arXiv:2502.16982.
    """
    chosen = {
        name: p for name, p in model.named_parameters() if recipe.muon_rate and p.ndim == 2 and ".layers." in name
    }
    rest = [p for name, p in model.named_parameters() if name not in chosen and p.requires_grad]
    decayed = {"params": [p for p in rest if p.ndim > 1], "weight_decay": recipe.weight_decay}
    plain = {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0}
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW([decayed, plain], lr=recipe.peak_rate, betas=(0.9, 0.98))
    ]
    if chosen:
        muon = torch.optim.Muon(chosen.values(), recipe.muon_rate, recipe.weight_decay, adjust_lr_fn="match_rms_adamw")
        optimizers.append(muon)
    return optimizers


def _one_cycle(optimizer: torch.optim.Optimizer, total: int, warmup: float) -> torch.optim.lr_scheduler.LRScheduler:
    """Up to the optimizer's own rate and down to zero; momentum stays."""
    peak = optimizer.param_groups[0]["lr"]
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=total + 1, pct_start=warmup, cycle_momentum=False
    )


def _half() -> torch.autocast:
    """bfloat16 where the processor multiplies it natively; elsewhere it would only be slower."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.backends.cpu.get_cpu_capability() == "AVX512")


class _Watch:
    """Says every ten seconds how far training is and how long it will still take."""

    def __init__(self, name: str, total: int, log: Log, every_s: float = 10.0) -> None:
        self.name, self.total, self.log, self.every_s = name, total, log, every_s
        self.started = self.said = time.perf_counter()

    def __call__(self, step: int, loss: float) -> None:
        now = time.perf_counter()
        if now - self.said < self.every_s:
            return
        self.said = now
        left_s = (now - self.started) / step * (self.total - step)
        left = f"{left_s // 60:.0f} min {left_s % 60:02.0f} s left"
        self.log(f"{self.name}  step {step}/{self.total}  loss {loss:.3f}  {left}")
