"""A recipe becomes a Hugging Face folder with a card: the one training loop for text, image and video."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import logging as bars

from featcore.encode.device import pick_device
from featcore.errors import InputError, LoadError
from featcore.learn import checkpoint, conv, pixel, text, video, vit  # noqa: F401  recipes register themselves
from featcore.learn.batches import Batches
from featcore.learn.card import WEIGHTS, numbers, read_card, write_card
from featcore.learn.recipe import DATA, RECIPES, Examples, Recipe
from featcore.learn.watch import Log, Terminal, Watcher

CHECKPOINT_S = 60.0


def train(
    name: str,
    data: Path = DATA,
    epochs: float | None = None,
    seed: int | None = None,
    out: Path | None = None,
    log: Log = print,
    **more: Any,
) -> Path:
    """Train the recipe `name` and write the folder `out` (by default `<name>` in the current folder).

    The dev split picks the weights; the test split is read once, after training. The same seed gives the same
    weights on one machine with one number of threads, also when the run was killed and taken up again.

    Args:
        more: `device`, `resume` and `watchers` of `learn`.

    Raises:
        UnknownName: no recipe has this name.
        InputError: the data folder lacks the recipe's data.
        LoadError: there is nothing to resume from.
    """
    return fit(RECIPES[name], Path(data), epochs, seed, Path(out or name), log, **more)


def fit(
    recipe: Recipe, data: Path, epochs: float | None, seed: int | None, out: Path, log: Log = print, **more: Any
) -> Path:
    """Train any recipe, registered or changed with `dataclasses.replace`, and write its card; see `train`."""
    epochs = recipe.epochs if epochs is None else epochs
    seed = recipe.seed if seed is None else seed
    run = learn(recipe, data, epochs, seed, out, log, **more)
    finish(run, data, epochs, seed)
    log(f"{recipe.name}: written to {out} after {run.progress.seconds:.0f} s")
    return out


def learn(
    recipe: Recipe,
    data: Path,
    epochs: float,
    seed: int,
    out: Path,
    log: Log = print,
    *,
    device: str = "cpu",
    resume: bool = False,
    watchers: Sequence[Watcher] = (),
    checkpoint_s: float = CHECKPOINT_S,
) -> "Run":
    """Run the steps of a recipe; `out` then holds the weights that were best on dev, and no card yet.

    Args:
        resume: go on from the checkpoint in `out`, which is written every `checkpoint_s` seconds and at every look at
            the dev split, and removed when the card is written.
        watchers: hear of every step beside the terminal.
    """
    examples, dev = _training(recipe, data, seed), _limited(recipe, recipe.read(data, "dev", seed))
    phases = _phases(recipe, recipe.before(data, seed), examples, epochs)
    bars.disable_progress_bar()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        processor = recipe.processor(examples)
        batches = Batches(recipe, processor, phases, np.random.default_rng(seed))
        model = recipe.model(processor).to(pick_device(device))  # type: ignore[arg-type]
        run = Run(recipe, processor, model, batches, dev, out)
        # What must be alike for a checkpoint to be this run's.
        named = f"{recipe.name}, seed {seed}, {epochs:g} epochs, {batches.total} steps of {recipe.batch}"
        if resume:
            run.restore(checkpoint.load(out, named))
            log(f"{recipe.name}  goes on at step {batches.done}/{batches.total}")
        run.go([Terminal(recipe.name, log), *watchers], named, checkpoint_s)
    return run


def finish(run: "Run", data: Path, epochs: float, seed: int) -> None:
    """Measure what a run wrote on the test split and under its controls, and write its card."""
    write_card(
        run.recipe,
        run.out,
        seed=seed,
        epochs=epochs,
        steps=run.batches.done,
        seconds=run.progress.seconds,
        device=run.model.device.type,
        dev=run.progress.best,
        history=run.progress.history,
        result=evaluate(run.out, data, "test", run.recipe),
        controls=_controls(run.recipe, run.out, data, seed),
    )
    checkpoint.remove(run.out)


def _limited(recipe: Recipe, examples: Examples, seed: int = 0) -> Examples:
    """At most `recipe.limit` examples, chosen at random."""
    if recipe.limit is None or len(examples) <= recipe.limit:
        return examples
    return examples.take(np.random.default_rng(seed).permutation(len(examples))[: recipe.limit])


def _training(recipe: Recipe, data: Path, seed: int) -> Examples:
    """What a run learns from; under the control, every label belongs to another example."""
    examples = _limited(recipe, recipe.read(data, "train", seed), seed)
    if not recipe.shuffled:
        return examples
    return Examples(examples.inputs, np.random.default_rng(seed).permutation(examples.targets))


def _phases(recipe: Recipe, before: Examples | None, examples: Examples, epochs: float) -> list[tuple[Examples, int]]:
    """The first phase once, if there is one, then the epochs; each with its number of batches."""
    first = [] if before is None else [(before, len(before) // recipe.batch)]
    return [*first, (examples, max(1, math.ceil(epochs * (len(examples) // recipe.batch))))]


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
    recipe = recipe or _recipe_of(folder, Path(data))
    model, processor = _load(recipe, folder)
    examples = _limited(recipe, recipe.read(Path(data), split, 0))
    return {"split": split, **numbers(recipe.labels, *_answers(recipe, model, processor, examples))}


def _recipe_of(folder: Path, data: Path) -> Recipe:
    """The registered recipe of a trained folder; for a tuned one, the recipe of the person's data."""
    card = read_card(folder)
    if card["name"] in RECIPES:
        return RECIPES[card["name"]]
    from featcore.learn.finetune import tuning

    recipe = tuning(str(folder), data, seed=card["seed"])
    if list(recipe.labels) != card["labels"]:
        raise InputError(
            f"'{folder.name}' was tuned to other classes: it answers {', '.join(card['labels'])}; "
            f"the data have {', '.join(recipe.labels)}. Give the data it was tuned on with --data."
        )
    return recipe


@dataclass
class _Progress:
    """Where a run stands; `history` has the mean training loss and the dev accuracy at each check."""

    best: float = -1.0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)

    def checked(self, step: int, accuracy: float) -> bool:
        """Note one look at the dev split; true if it is the best so far."""
        loss = sum(self.losses) / len(self.losses)
        self.history.append({"step": step, "loss": round(loss, 4), "dev_accuracy": round(accuracy, 4)})
        self.losses.clear()
        better = accuracy > self.best
        self.best = max(self.best, accuracy)
        return better


class Run:
    """One learning-rate cycle; the folder always holds the weights that were best on dev so far."""

    def __init__(
        self, recipe: Recipe, processor: Any, model: PreTrainedModel, batches: Batches, dev: Examples, out: Path
    ) -> None:
        self.recipe, self.processor, self.model = recipe, processor, model
        self.batches, self.dev, self.out = batches, dev, out
        # On a CPU the written-out attention trains twice as fast as the fused one.
        model.set_attn_implementation("eager" if model.device.type == "cpu" else "sdpa")
        self.optimizers = _optimizers(recipe, model)
        self.schedules = [_schedule(optimizer, batches.total, recipe) for optimizer in self.optimizers]
        self.progress = _Progress()

    def go(self, watchers: Sequence[Watcher], named: str, checkpoint_s: float) -> None:
        """Every batch that is left, with a look at the dev split `recipe.checks` times."""
        total = self.batches.total
        every = math.ceil(total / self.recipe.checks)
        started, kept = time.perf_counter() - self.progress.seconds, time.perf_counter()
        for tensors, targets in self.batches:
            step = self.batches.done
            self.progress.losses.append(self._learn(tensors, targets))
            for watcher in watchers:
                watcher.step(step, total, self.progress.losses[-1])
            looked = step % every == 0 or step == total
            if looked:
                self._look(step, watchers)
            self.progress.seconds = time.perf_counter() - started
            if looked or time.perf_counter() - kept > checkpoint_s:
                checkpoint.save(self.out, {"run": named, **self.state()})
                kept = time.perf_counter()

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "schedules": [schedule.state_dict() for schedule in self.schedules],
            "batches": self.batches.state(),
            "progress": asdict(self.progress),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        for mine, stored in zip(self.optimizers, state["optimizers"], strict=True):
            mine.load_state_dict(stored)
        for schedule, stored in zip(self.schedules, state["schedules"], strict=True):
            schedule.load_state_dict(stored)
        self.batches.restore(state["batches"])
        self.progress = _Progress(**state["progress"])

    def _learn(self, tensors: dict[str, Tensor], targets: Tensor) -> float:
        """One step; the loss of its batch."""
        device = self.model.device
        self.model.train()
        moved = {name: value.to(device) for name, value in tensors.items()}
        with _half(device):
            loss = self.recipe.loss(self.model, moved, targets.to(device), 1 - self.batches.done / self.batches.total)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, schedule in zip(self.optimizers, self.schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        return loss.item()

    def _look(self, step: int, watchers: Sequence[Watcher]) -> None:
        answers, truth = _answers(self.recipe, self.model, self.processor, self.dev)
        if self.progress.checked(step, float((answers.argmax(1) == truth.argmax(1)).mean())):
            _save(self.recipe, self.model, self.processor, self.out)
        for watcher in watchers:
            watcher.check(self.progress.history)


def _answers(
    recipe: Recipe, model: PreTrainedModel, processor: Any, examples: Examples
) -> tuple[np.ndarray, np.ndarray]:
    """Logits and targets of every example, in the order of the split."""
    if not len(examples):
        raise InputError("This split has no rows, so there is nothing to measure.")
    model.eval()
    rows, logits = recipe.alike(examples), []
    with torch.inference_mode():
        for start in range(0, len(rows), 256):
            batch = examples.take(rows[start : start + 256])
            tensors = {name: value.to(model.device) for name, value in recipe.collate(processor, batch.inputs).items()}
            logits.append(model(**tensors).logits.float().cpu().numpy())
    return np.concatenate(logits)[np.argsort(rows)], examples.targets


def _controls(recipe: Recipe, folder: Path, data: Path, seed: int) -> dict[str, dict[str, Any]]:
    model, processor = _load(recipe, folder)
    test = _limited(recipe, recipe.read(data, "test", seed))
    found = {}
    for changed, control in recipe.controls().items():
        examples = control(test, np.random.default_rng(seed))
        found[changed] = numbers(recipe.labels, *_answers(recipe, model, processor, examples))
        del found[changed]["per_class"], found[changed]["confusion"]
    return found


def _load(recipe: Recipe, folder: Path) -> tuple[PreTrainedModel, Any]:
    bars.set_verbosity_error()  # a report of names tells nobody anything
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
        torch.optim.AdamW([decayed, plain], lr=recipe.peak_rate, betas=recipe.betas)
    ]
    if chosen:
        muon = torch.optim.Muon(chosen.values(), recipe.muon_rate, recipe.weight_decay, adjust_lr_fn="match_rms_adamw")
        optimizers.append(muon)
    return optimizers


def _schedule(optimizer: torch.optim.Optimizer, total: int, recipe: Recipe) -> torch.optim.lr_scheduler.LRScheduler:
    """Up to the optimizer's own rate and down to zero; momentum stays."""
    if recipe.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    peak = optimizer.param_groups[0]["lr"]
    # At least one step of rising, however short the run.
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        peak,
        total_steps=total + 1,
        pct_start=max(recipe.warmup, 2 / (total + 1)),
        div_factor=recipe.from_below,
        cycle_momentum=False,
    )


def _half(device: torch.device) -> torch.autocast:
    """bfloat16 where the processor multiplies it natively; elsewhere it would only be slower."""
    native = device.type == "cuda" or torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.autocast(device.type, torch.bfloat16, enabled=native and device.type in ("cpu", "cuda"))
