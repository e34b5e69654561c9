"""Every expensive answer once: asked for by the digest of its question, first from memory, then from shipped runs."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from featcore.encode.libraries import IMPORTING, loaded
from featcore.encode.turns import telling
from featcore.errors import Cancelled
from featcore.keys import digest, fingerprint
from featcore.settings import settings
from featcore.types import Attribution, Card, Encoding, Latency, Look, Source
from pages.ui.show import escape

if TYPE_CHECKING:
    from featcore.draw import Picture

MEMORY_BYTES = 512 * 2**20
PICTURE_BYTES = 128 * 2**20


class Finished:
    """Finished results in memory, the least recently used dropped first; found by digest only, whoever asks."""

    def __init__(self, max_bytes: int) -> None:
        self._items: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._bytes, self._max_bytes = 0, max_bytes
        self._lock = threading.Lock()

    def get(self, key: str) -> Any | None:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: str, result: Any, size: int | None = None) -> None:
        """Keep a result of `size` bytes, by default those of its arrays."""
        size = _bytes_of(result) if size is None else size
        with self._lock:
            if key in self._items:
                self._bytes -= self._items.pop(key)[1]
            self._items[key] = (result, size)
            self._bytes += size
            while self._bytes > self._max_bytes and len(self._items) > 1:
                self._bytes -= self._items.popitem(last=False)[1][1]


def _bytes_of(result: Any) -> int:
    """Bytes of the arrays in a result, at least 1 kB."""
    if isinstance(result, list | tuple):
        return sum(map(_bytes_of, result)) or 1024
    arrays = (
        [value for value in vars(result).values() if isinstance(value, np.ndarray)]
        if hasattr(result, "__dict__")
        else []
    )
    return 1024 + sum(array.nbytes for array in arrays)


@st.cache_resource(show_spinner=False)
def finished() -> Finished:
    return Finished(MEMORY_BYTES)


@st.cache_resource(show_spinner=False)
def pictures() -> Finished:
    return Finished(PICTURE_BYTES)


def drawn(draw: "Callable[..., Picture]", *args: Any, **options: Any) -> "Picture":
    """What a function of `featcore.draw` makes of these records and numbers, made once for the same content."""
    key = fingerprint(draw, args, options)
    picture = pictures().get(key)
    if picture is None:
        picture = draw(*args, **options).freeze()
        pictures().put(key, picture, len(picture.to_json(validate=False)))
    return picture


@st.cache_resource(show_spinner=False)
def shipped() -> Any:
    """Finished runs that came with Tessera."""
    from featcore.store import Store

    return Store(settings().assets / "runs", read_only=True)


@contextmanager
def encoder(card: Card, dtype: str | None = None) -> Iterator[Any]:
    """The loaded encoder of a card while it is used; few are kept, all sessions share them.

    Args:
        dtype: number format of its weights, that of the settings unless given.
    """
    from featcore.explain import preload

    preload()  # two sessions that import at once, or one beside the warm-up, could meet half a library
    import featcore as fc
    from featcore.encode.device import pick_dtype

    size = card.parameters * pick_dtype(dtype).itemsize
    key = " ".join((card.checkpoint, card.weights_sha256, *((dtype,) if dtype else ())))
    with shelf().borrow(key, size, lambda: fc.load(card.checkpoint, dtype=dtype)) as loaded:
        yield loaded


@st.cache_resource(show_spinner=False)
def shelf() -> Any:
    """Every encoder that is loaded on this server."""
    from featcore.encode.shelf import Shelf

    return Shelf(settings().max_encoders, settings().max_encoder_bytes)


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Import the model libraries in the background, once: the first choice that needs them need not wait."""
    if settings().warm_up:
        from featcore.explain import preload

        threading.Thread(target=preload, name="warm-up", daemon=True).start()


def read_source(question: dict[str, Any], read: Callable[[], Source]) -> Source:
    """A decoded input, once per file and options."""
    return fetch({"what": "source", **question}, lambda progress: read(), "Reading")


def encoded(card: Card, source: Source, look: Look | None = None) -> Encoding:
    """Hidden states, attention and logits of a source; no model runs when it was asked before.

    Args:
        look: which attention is shown; all of it answers, too, where it is known.
    """
    from featcore.runs import encoding_question

    def compute(progress: Callable) -> Encoding:
        with encoder(card) as loaded:
            return loaded.encode(loaded.prepare(source), look or True)

    whole = encoding_question(card, source)
    if look is not None and (found := known(digest(whole))) is not None:
        return found
    return fetch(encoding_question(card, source, look), compute, f"Encoding with {card.title}")


def explained(
    card: Card, source: Source, method: str, target: str, knobs: dict[str, Any], other: Source | None = None
) -> Attribution:
    """One score per unit; no model runs when the same was asked before. `other` as in `featcore.explain`."""
    from featcore.runs import attribution_question

    def compute(progress: Callable) -> Attribution:
        import featcore as fc

        with encoder(card) as loaded:
            second = None if other is None else loaded.prepare(other)
            return fc.explain(loaded, loaded.prepare(source), method, target, progress, second, **knobs)

    question = attribution_question(card, source, method, target, knobs)
    return fetch(question if other is None else {**question, "other": other.key}, compute, f"{method} on {card.title}")


def explained_exactly(
    card: Card, source: Source, found: Attribution, target: str, other: Source | None = None
) -> tuple[tuple[Attribution, int | None], int | None]:
    """A map in float32 with the class that comes first there, and the class that comes first in the server's format.

    Args:
        found: the map in the server's format; target, other: what it was asked for with.
    """
    from featcore.runs import attribution_question

    def compute(progress: Callable) -> Any:
        from featcore.measure.formats import EXACT, explained_again, first_class

        with encoder(card) as loaded:
            first = first_class(loaded, loaded.prepare(source))
        with encoder(card, EXACT) as loaded:  # one after the other: the shelf may have no room for both
            second = None if other is None else loaded.prepare(other)
            return explained_again(loaded, loaded.prepare(source), found, progress, second), first

    question = attribution_question(card, source, found.method, target, dict(found.knobs))
    question |= {"what": "attribution in float32", "other": None if other is None else other.key}
    return fetch(question, compute, f"{found.method} on {card.title} in float32")


def timed(
    card: Card, source: Source, methods: tuple[str, ...], reread: Callable[[], Source] | None, measure: bool
) -> list[Latency] | None:
    """Wall time by stage: what is known, or measured here and now if asked; None when neither."""
    from featcore.runs import latency_question

    def compute(progress: Callable) -> list[Latency]:
        import featcore as fc

        with encoder(card) as loaded:
            return fc.latency(loaded, source, methods=methods, reread=reread, progress=progress)

    question = latency_question(card, source, methods)
    return fetch(question, compute, f"Timing {card.title}", again=True) if measure else known(digest(question))


def known(key: str) -> Any | None:
    """The finished answer under a key, from memory or from the runs that came with Tessera."""
    found = finished().get(key)
    if found is None and (found := shipped().get(key)) is not None:
        finished().put(key, found)
    return found


def fetch(question: dict[str, Any], compute: Callable[[Callable], Any], label: str, again: bool = False) -> Any:
    """The finished answer to a question, or the answer computed now, with progress, time left and a way to stop."""
    key = digest(question)
    if not again and (found := known(key)) is not None:
        return found
    if key in st.session_state.get("stopped", ()):
        st.button("Run again", key=f"again-{key[:16]}", on_click=_resume, args=(key,), icon=":material/refresh:")
        raise Cancelled(f"{label} was stopped. Nothing else on the page is lost; run it again, or change a choice.")
    with working(key, label) as progress:
        with IMPORTING:
            pass  # the warm-up, if it is under way, comes first
        result = compute(progress)
    finished().put(key, result)
    return result


@contextmanager
def working(key: str, label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with time left and a button that stops; drawing the bar is the point where the work can be stopped."""
    box = st.empty()
    start = time.perf_counter()
    with box.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text=f"{label} …" if loaded() else f"{label}: loading the libraries …")
        st.button("Stop", key=f"stop-{key[:16]}", on_click=_stop, args=(key,), icon=":material/stop_circle:")

    def progress(done: int, total: int) -> None:
        share = min(done / total, 1.0) if total else 0.0
        spent = time.perf_counter() - start
        left = f", about {spent * (1 - share) / share:.0f} s left" if share > 0.05 and spent > 1 else ""
        bar.progress(share, text=f"{label}: {done} of {total}{left}")

    def wait(words: str) -> None:
        """Say why nothing moves: somebody else computes or times on this device."""
        bar.progress(0.0, text=f"{label}: {escape(words)}" if words else f"{label} …")

    try:
        with telling(wait):
            yield progress
    finally:
        box.empty()


def _stop(key: str) -> None:
    st.session_state.setdefault("stopped", set()).add(key)


def _resume(key: str) -> None:
    st.session_state["stopped"].discard(key)
