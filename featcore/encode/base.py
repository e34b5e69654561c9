"""The encoder: one class for text, image and video, whose verbs turn a source into numbers and numbers into logits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from time import time
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from featcore.encode.depth import blocks, shortened
from featcore.encode.device import describe, device_lock, dtype_name, sent
from featcore.encode.finite import refuse_infinite_states
from featcore.encode.layouts import Layout
from featcore.encode.maps import across_frames, across_times, across_windows, cells, numbers, rolled
from featcore.encode.probes import asking, over_time, watching
from featcore.encode.stems import Stem
from featcore.errors import NotDefined
from featcore.keys import digest
from featcore.types import Card, Encoding, Look, Provenance, Sample, Source


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Name and version of what a number depends on; looked up once, since that reads files."""
    return tuple((name, version(package)) for name, package in VERSIONED.items())


VERSIONED = {"featcore": "tessera", "torch": "torch", "transformers": "transformers", "captum": "captum"}


class Loader(Protocol):
    """What differs between text and pixels: how units are cut, and what "nothing there" looks like.

    bytes: whether pixels are kept as bytes, UInt8, which `coloured` turns into what the model sees.
    """

    bytes: bool

    def prepare(self, source: Source, key: str) -> Sample: ...

    def blank(self, sample: Sample, kind: str) -> Tensor: ...

    def coloured(self, pixels: Tensor) -> Tensor: ...


class States(NamedTuple):
    """What lies between unit embeddings and answer in one pass, all of it on the way of the gradients.

    hidden: what enters each layer, and what leaves the last; attention: maps of each layer as the model computed them,
    empty for a model without attention; pooled: the vector that a classifier reads.
    """

    hidden: tuple[Tensor, ...]
    attention: tuple[Tensor, ...]
    logits: Float[Tensor, "b k"] | None
    pooled: Float[Tensor, "b d"]


class Seen(NamedTuple):
    """What one pass gave, still on the device: the model's output, what a learned query reads, attention over time."""

    output: Any
    weights: list[Tensor]
    times: list[Tensor]


class Encoder:
    """A loaded checkpoint. Every verb answers from its inputs alone and holds the encoder's lock.

    The model is shared between threads, so attention kind and unit embedding are only ever exchanged under the lock
    and are put back before it is released. A model without attention runs as it is.
    """

    def __init__(self, card: Card, layout: Layout, loader: Loader, model: PreTrainedModel, stem: Stem) -> None:
        self.card, self.layout, self.loader, self.stem = card, layout, loader, stem
        self.model = model.eval().requires_grad_(False)
        # Asked once: transformers looks for them among all parameters every time.
        self.device: torch.device = model.device
        self.dtype: torch.dtype = model.dtype
        self.lock = threading.RLock()
        # A quarter of what floats take on the way; on a CPU nothing is on its way.
        loader.bytes = self.device.type == "cuda"
        self._attention = model.config._attn_implementation
        self._activations: dict[tuple[int, ...], int] = {}
        self._stated: dict[tuple[str, int], tuple[int, Provenance]] = {}
        # Some families compute attention in one way only, which they call eager.
        self._fuses = bool(getattr(type(model), "_supports_sdpa", False))

    # --- verbs ---------------------------------------------------------------------------------------------------

    def prepare(self, source: Source) -> Sample:
        """Cut a source into the units of this encoder.

        Raises:
            CutError: the source is of another modality, or has another number of frames than the encoder sees.
        """
        # A fast tokenizer keeps its truncation as state, so two threads must not cut at once.
        with self.lock:
            return self.loader.prepare(source, digest(source.key, self.card.name, self.card.weights_sha256))

    def encode(self, sample: Sample, attention: bool | Look = True, embedded: Tensor | None = None) -> Encoding:
        """One forward pass: hidden states, logits and, with eager attention, the attention of every layer and head.

        Args:
            attention: whether weights are kept; a `Look` says of which layers and heads, and only those are copied.
            embedded: a unit embedding, Tensor[1 m d], that stands in for the sample's own.

        Raises:
            NotDefined: a layer or head that the model does not have, a rollout of maps that are not square, or an
                answer that is not finite, as where a number format is too short for it.
        """
        return self.encoding(sample, self.seen(sample, bool(attention), embedded), attention)

    def seen(self, sample: Sample, attention: bool = True, embedded: Tensor | None = None) -> Seen:
        """The pass of `encode`, from which `encoding` can be asked with any look."""
        kind = self._kind("eager" if attention else "sdpa")
        asked = {"output_attentions": attention} if "attention" in self.card.provides else {}
        spatial = attention and self.layout.attention == "spatial"
        run = self.model if embedded is None else partial(self._standing_in, embedded)
        weights: list[Tensor] = []
        times: list[Tensor] = []
        with self.running(kind), torch.inference_mode():
            given = {**self.tensors(sample), "output_hidden_states": True, **asked}
            if spatial or self._probes:
                with asking(self.model, self._probes) as weights, over_time(self.model, spatial) as times:
                    output = run(**given)
            else:  # of a pass of two milliseconds the two are felt
                output = run(**given)
        return Seen(output, weights, times)

    def encoding(self, sample: Sample, seen: Seen, attention: bool | Look = True) -> Encoding:
        """What `encode` gives, of a pass that was made; attention is asked of a pass that has it."""
        (output, weights, times), attends = seen, "attention" in self.card.provides
        look = attention if isinstance(attention, Look) else Look()
        kind = self._kind("eager" if attention else "sdpa")
        hidden = self._rows(output.hidden_states).float().cpu().numpy()
        logits = self._scores(output)[0].float().cpu().numpy() if "logits" in self.card.provides else None
        refuse_infinite_states(hidden, logits, self.dtype, self.card.name)
        reading = weights[0].cpu().numpy() if self._probes else self._reading(sample, len(sample.sequence))
        kept: dict[str, Any] = {"attention": None}
        if attention and attends:
            # An empty tuple is what fused attention returns without a word; believing it would draw an empty picture.
            config: Any = getattr(self.model.config, "vision_config", self.model.config)
            assert len(output.attentions) == config.num_hidden_layers, "the model gave no attention of some layer"
            kept = self._kept(self._maps(sample, tuple(output.attentions), times), look, reading)
        return Encoding(
            units=sample.units,
            positions=sample.positions,
            sequence=sample.sequence,
            hidden=hidden,
            logits=logits,
            labels=self.card.labels if logits is not None else (),
            reading=reading,
            provenance=self.provenance(kind),
            why_no_attention=self._why_no_attention(bool(attention), look.rolled),
            notes=sample.notes,
            unknown=sample.unknown,
            left_out=sample.left_out,
            **kept,
        )

    def embed(self, sample: Sample) -> Float[Tensor, "1 m d"]:
        """The unit embedding of a sample: word vectors, or projected patches, before positions are added."""
        return self._embed(self.tensors(sample)[self.model.main_input_name])

    def baseline(self, sample: Sample, kind: str = "auto") -> Float[Tensor, "1 m d"]:
        """The unit embedding of "nothing there"; rows of special positions stay as they are.

        Args:
            kind: one of `card.baselines`; "auto" is the first. "zero" is a row of zeros, the others are embeddings of
                a blanked input (mask token, padding token, mean colour, black, blur).
        """
        kind = self.baseline_kind(kind)
        rows = torch.from_numpy(sample.rows).to(self.device)
        embedded = self.embed(sample).clone()
        if kind == "zero":
            embedded[:, rows] = 0
        else:
            blank = self._embed(self._move(self.loader.blank(sample, kind)))
            embedded[:, rows] = blank[:, rows]
        return embedded

    def logits(
        self, sample: Sample, embedded: Float[Tensor, "b m d"], stays: Int[Tensor, "b k"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Class scores of a batch of unit embeddings that stand in for the sample's own; differentiable.

        Args:
            stays: positions of the sequence that go through the layers, rising; the others are left out. -1 fills up
                the end of a row that keeps fewer than its neighbours, for models that take a mask (`fills_up`).

        Raises:
            NotDefined: the checkpoint has no classifier, or its layers need the whole sequence.
        """
        if "logits" not in self.card.provides:
            raise NotDefined(
                f"'{self.card.name}' has no classifier, so there is no class to explain. Choose an encoder with labels."
            )
        if stays is None:
            return self._scores(self._run(sample, embedded))
        return self._scores(self._shorter(sample, embedded, stays))

    def pooled(self, sample: Sample, embedded: Float[Tensor, "b m d"]) -> Float[Tensor, "b d"]:
        """The vector that a classifier would read, of a batch of unit embeddings; differentiable."""
        return self._answer(sample, embedded, "sdpa", output_hidden_states=True)[1]

    def states(self, sample: Sample, embedded: Float[Tensor, "b m d"], layers: int | None = None) -> States:
        """One pass with eager attention that keeps what lies between, for gradients in the middle of the model.

        Args:
            layers: how many layers run, all unless given; behind them the answer is read as behind the last one.
        """
        attends = "attention" in self.card.provides
        asked = {"output_attentions": True} if attends else {}
        with self.running("eager"), shortened(self.model, layers):
            output, pooled = self._answer(sample, embedded, "eager", output_hidden_states=True, **asked)
        logits = self._scores(output) if "logits" in self.card.provides else None
        maps = tuple(output.attentions)[:layers] if attends else ()
        kept = None if layers is None else layers + 1
        return States(tuple(output.hidden_states)[:kept], maps, logits, pooled)

    def activation_bytes(self, sample: Sample) -> int:
        """What one pass keeps in memory for its gradients, in bytes; measured once for each length of input."""
        embedded = self.embed(sample)
        shape = tuple(embedded.shape)
        if shape not in self._activations:
            seen: dict[int, int] = {}

            def note(kept: Tensor) -> Tensor:
                seen[kept.untyped_storage().data_ptr()] = kept.untyped_storage().nbytes()
                return kept

            with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
                self._run(sample, embedded.requires_grad_())
            weights = {weight.untyped_storage().data_ptr() for weight in self.model.parameters()}
            self._activations[shape] = sum(size for address, size in seen.items() if address not in weights)
        return self._activations[shape]

    @property
    def layers(self) -> int:
        """Layers whose attention is given; 0 for a convolutional network."""
        return len(blocks(self.model)) if "attention" in self.card.provides else 0

    @property
    def fills_up(self) -> bool:
        """Whether sequences of different lengths can share a pass, the shorter ones filled up with what is masked."""
        return self.layout.modality == "text" and not self.layout.filled

    # --- what the verbs and the measurements share -----------------------------------------------------------------

    def baseline_kind(self, kind: str) -> str:
        """The kind of baseline that "auto" stands for; any other kind is checked against the card."""
        known = self.card.baselines
        if kind == "auto":
            return known[0]
        if kind not in known:
            raise NotDefined(f"'{self.card.name}' has no baseline '{kind}'. Known: {', '.join(known)}.")
        return kind

    def tensors(self, sample: Sample) -> dict[str, Any]:
        """What the model's forward gets: the sample's tensors on the encoder's device, floats in its number format."""
        return {name: self._move(value) for name, value in sample.tensors.items()}

    @contextmanager
    def running(self, attention: str) -> Iterator[None]:
        """Hold the device and the encoder with one kind of attention ("eager" keeps weights, "sdpa" is fast)."""
        with device_lock(self.device), self.lock:
            attention = self._kind(attention)
            if self._attention != attention and attention != "no":
                self.model.set_attn_implementation(attention)
                self._attention = attention
            yield

    def provenance(self, attention: str, seed: int | None = None) -> Provenance:
        """What is needed to repeat a number that is computed now."""
        key, second = (self._kind(attention), torch.get_num_threads()), int(time())
        at, stated = self._stated.get(key) or (0, self._state(*key))
        if at != second:
            stated = replace(stated, time_utc=datetime.fromtimestamp(second, UTC).isoformat())
            self._stated[key] = second, stated
        return stated if seed is None else replace(stated, seed=seed)

    def _state(self, attention: str, threads: int) -> Provenance:
        return Provenance(
            encoder=self.card.name,
            revision=self.card.state,
            weights_sha256=self.card.weights_sha256,
            device=str(self.device),
            dtype=dtype_name(self.dtype),
            attention=attention,
            threads=threads,
            versions=_versions(),
            time_utc="",
            machine=describe(self.device),
        )

    def _move(self, value: Any) -> Any:
        if not isinstance(value, Tensor):  # an option of the model's forward
            return value
        if value.dtype == torch.uint8:
            return self.loader.coloured(sent(value, self.device)).to(self.dtype)
        return value.to(self.device, self.dtype) if value.is_floating_point() else value.to(self.device)

    def _embed(self, value: Tensor) -> Tensor:
        with device_lock(self.device), self.lock, torch.no_grad():
            return self.stem.embed(value)

    def _kept(self, maps: list[Float[Tensor, "h s s"]], look: Look, reading: np.ndarray) -> dict[str, Any]:
        """What is asked of the maps, on the host, as fields of `Encoding`; nothing else is copied there."""
        if look.rolled:
            if self.layout.attention not in ("full", "causal"):
                raise NotDefined(f"Attention of '{self.card.name}' is {self.layout.attention}: it has no rollout.")
            row = rolled(maps, torch.from_numpy(reading).to(maps[0].device))
            assert abs(float(row.sum()) - 1) < 1e-2, "rows of attention must sum to 1"
            return {"attention": None, "rollout": row.cpu().numpy()}
        layers, heads = numbers(look.layers, len(maps), "Layer"), numbers(look.heads, len(maps[0]), "Head")
        chosen = torch.stack([maps[layer] if look.heads is None else maps[layer][list(heads)] for layer in layers])
        found = chosen.float().cpu().numpy()
        sums = found @ np.ones(found.shape[-1], found.dtype)  # a third of the time that `sum` takes over short rows
        assert abs(sums - 1).max() < 1e-2, "rows of attention must sum to 1"
        partial = {"layers": () if look.layers is None else layers, "heads": () if look.heads is None else heads}
        return {"attention": found, **partial}

    def _maps(self, sample: Sample, found: tuple[Tensor, ...], times: list[Tensor]) -> list[Float[Tensor, "h s s"]]:
        """Attention of every layer over the whole sequence, in the order of `Layout.map_names`."""
        if self.layout.attention == "spatial":
            fast = self.layout.time_fastest
            pairs = zip(times, found, strict=True)
            return [
                one
                for time, picture in pairs
                for one in (across_times(time, fast), across_frames(picture, sample.units.grid, fast))
            ]
        if self.layout.attention == "windowed":
            stages, grid = self.layout.windows(self.card.config), sample.units.grid
            return [
                across_windows(layer.mean(1, keepdim=True), (rows, columns), window, moved, grid)
                for layer, (rows, columns, window, moved) in zip(found, stages, strict=True)
            ]
        return [layer[0] for layer in found]

    def _rows(self, states: tuple[Tensor, ...]) -> Float[Tensor, "l s d"]:
        """One row a position for each layer; of feature maps only the last has the units' grid."""
        if self.layout.cells:
            return cells(states[-1])
        return torch.cat(tuple(states))

    def _standing_in(self, embedded: Float[Tensor, "b m d"], **given: Any) -> Any:
        return self.stem.run(given, embedded.to(self.dtype))

    def _run(self, sample: Sample, embedded: Float[Tensor, "b m d"], attention: str = "sdpa", **asked: Any) -> Any:
        """The model's answer to unit embeddings that stand in for the sample's own."""
        batch = len(embedded)
        tensors = {
            name: value.expand(batch, *value.shape[1:]) if isinstance(value, Tensor) else value
            for name, value in self.tensors(sample).items()
        }
        with self.running(attention):
            return self.stem.run({**tensors, **asked}, embedded.to(self.dtype))

    def _shorter(self, sample: Sample, embedded: Float[Tensor, "b m d"], stays: Int[Tensor, "b k"]) -> Any:
        """The model's answer to the positions that stay, each with the embedding of the place where it stood."""
        if not self.layout.shortens:
            raise NotDefined(
                f"Units of '{self.card.name}' cannot be left out: the layers of a {self.layout.family} read where each "
                "position stands in the whole sequence. Replace units by the baseline instead."
            )
        given = {name: value.expand(len(stays), *value.shape[1:]) for name, value in self.tensors(sample).items()}
        there, stays = stays >= 0, stays.clamp(min=0)
        if self.fills_up:
            given["attention_mask"] = given["attention_mask"].gather(1, stays) * there
        else:
            assert there.all(), "this model sees every row it gets"
        embeddings: Any = self.model.base_model.embeddings
        with self.running("sdpa"):
            leaving = embeddings.register_forward_hook(
                lambda _, __, rows: rows.gather(1, stays[..., None].expand(-1, -1, rows.shape[-1]))
            )
            try:
                return self.stem.run(given, embedded.to(self.dtype))
            finally:
                leaving.remove()

    def _answer(
        self, sample: Sample, embedded: Float[Tensor, "b m d"], attention: str, **asked: Any
    ) -> tuple[Any, Float[Tensor, "b d"]]:
        """The model's answer to unit embeddings, and the vector that a classifier would read."""
        if not (self._probes and "logits" in self.card.provides):
            output = self._run(sample, embedded, attention, **asked)
            return output, self._pool(sample, output)
        with self.running(attention), watching(self.model.classifier) as seen:
            output = self._run(sample, embedded, attention, **asked)
        return output, seen[0][0][0]

    def _pool(self, sample: Sample, output: Any) -> Float[Tensor, "b d"]:
        if self.layout.projected:  # into the space that a picture's tower shares with a text's
            for name in ("image_embeds", "text_embeds", "pooler_output"):
                if output.get(name) is not None:
                    return output[name]
        rows = getattr(output, "last_hidden_state", None)
        rows = output.hidden_states[-1] if rows is None else rows
        rows = cells(rows) if self.layout.cells else rows
        return torch.from_numpy(self._reading(sample, rows.shape[1])).to(rows.device, rows.dtype) @ rows

    def _reading(self, sample: Sample, length: int) -> Float[np.ndarray, " s"]:
        return self.layout.reading(self.card.config, sample.positions, length)

    @property
    def _probes(self) -> bool:
        """Whether a learned query of the checkpoint reads the units, as much of each as it finds worth."""
        return self.layout.readout_of(self.card.config) == "probe"

    def _scores(self, output: Any) -> Float[Tensor, "b k"]:
        """Class scores; of a language model the scores of the next token, which the last position gives."""
        return output.logits[:, -1] if output.logits.ndim == 3 else output.logits

    def _kind(self, attention: str) -> str:
        """The kind of attention that runs when this one is asked for: "no" without attention."""
        if "attention" not in self.card.provides:
            return "no"
        return attention if self._fuses else "eager"

    def _why_no_attention(self, asked: bool, rolled: bool) -> str:
        if "attention" not in self.card.provides:
            return f"'{self.card.name}' {self.layout.why_no_map(self.card.config)}."
        if asked:
            return "This pass kept the rollout of its attention and no map." if rolled else ""
        if self._fuses:
            return "This pass ran with fused attention, which keeps no weights."
        return "This pass kept no attention weights; this family has no fused attention that would save time by it."
