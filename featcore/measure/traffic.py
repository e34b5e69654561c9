"""What one call computes, moves and holds, operator by operator: FLOP, bytes, and the most that was alive at once.

Counted by looking at every operator that PyTorch dispatches, so it is exact, the same on every device, and takes no
part in timing. What an operator uses inside itself and gives back (scratch of a matrix product) is not seen.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import flop_counter
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from featcore.measure.records import Record

_ATEN = torch.ops.aten
_LOOKED_UP = (_ATEN.embedding, _ATEN.index, _ATEN.index_select, _ATEN.gather)
_NOTHING = (_ATEN._unsafe_view, _ATEN.alias, _ATEN.lift_fresh, _ATEN.empty, _ATEN.empty_like, _ATEN.empty_strided)


def _fused(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return flop_counter.sdpa_flop_count(query.shape, key.shape, value.shape)


def _fused_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return flop_counter.sdpa_backward_flop_count(grad.shape, query.shape, key.shape, value.shape)


_FORMULAS: dict[Any, Callable[..., int]] = {
    **flop_counter.flop_registry,
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _fused,
    _ATEN._scaled_dot_product_flash_attention_for_cpu_backward: _fused_backward,
}

_FORGET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
SOURCE = "operands and results of every dispatched operator, each once; views move nothing"


@dataclass(frozen=True)
class Traffic:
    """Bytes of one call.

    Attributes:
        moved: operands read and results written by all operators, as if nothing stayed in a cache between two of them
            (the traffic that the roofline model divides FLOP by, Williams et al. 2009, doi:10.1145/1498765.1498785).
        peak: most bytes of results alive at once, beyond what was alive before: activations, without weights and input.
        result: what the call returned stays alive afterwards.
        flop: of matrix products, convolutions and attention, forward and backward, as torch.utils.flop_counter has
            them, and of the CPU's fused attention, which older versions of it leave out (pytorch issue 195460).
    """

    moved: int
    peak: int
    result: int
    flop: int


def traffic(call: Callable[[], Any]) -> Traffic:
    """Run a call once and count its bytes."""
    with _Counting() as counting:
        found = call()
    kept = {each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in _tensors(found)}
    return Traffic(counting.moved, counting.peak, sum(kept.values()), counting.flop)


def of_call(call: Callable[[], Any], device: torch.device) -> Record:
    """The fields of a record that say what one call moves and holds; runs it once, and on CUDA once more.

    flops_counted, bytes_moved and activation_peak_bytes as of `Traffic`; device_alloc_peak_bytes and
    device_reserved_peak_bytes are the allocator's own on CUDA (with weights and input,
    `torch.cuda.max_memory_allocated`), null elsewhere. host_peak_bytes is the largest resident size of the whole
    process meanwhile, libraries and weights included, as Linux counts it; null elsewhere.
    """
    watched = _forget_host_peak()
    found = traffic(call)
    host = _host_peak_bytes() if watched else None
    allocated = reserved = None
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        allocated, reserved = torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
    return {
        "bytes_moved": found.moved,
        "activation_peak_bytes": found.peak,
        "host_peak_bytes": host,
        "device_alloc_peak_bytes": allocated,
        "device_reserved_peak_bytes": reserved,
        "memory_source": SOURCE,
        "flops_counted": found.flop,
    }


def _forget_host_peak() -> bool:
    """Let the system count the largest resident size of this process anew (proc(5), clear_refs); False where not."""
    try:
        _FORGET.write_text("5")
    except OSError:
        return False
    return True


def _host_peak_bytes() -> int | None:
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return int(lines["VmHWM"].split()[0]) * 1024 if "VmHWM" in lines else None


class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.moved = self.alive = self.peak = self.flop = 0
        self._seen: dict[int, Any] = {}

    def __torch_dispatch__(self, op: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if op.overloadpacket not in _FORMULAS:
            with self:  # what is made of others is counted by its parts, as with gradients and without
                found = op.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        found = op(*args, **kwargs)
        given, made = _tensors((args, kwargs)), _tensors(found)
        before = {each.untyped_storage()._cdata for each in given}
        for each in made:
            self._born(each, before)
        if made and not op.is_view and op.overloadpacket not in _NOTHING:
            table = given[:1] if op.overloadpacket in _LOOKED_UP else []
            rows = made[:1] if table else []  # of a table only the rows that were asked for are read
            self.moved += sum(map(_bytes, (*given, *made, *rows))) - sum(map(_bytes, table))
        if formula := _FORMULAS.get(op.overloadpacket):
            self.flop += formula(*args, **kwargs, out_val=found)
        return found

    def _born(self, tensor: Tensor, before: set[int]) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in before or key in self._seen:
            return
        size = storage.nbytes()

        def died(_: Any) -> None:
            self.alive -= size
            self._seen.pop(key, None)

        self._seen[key] = weakref.ref(storage, died)
        self.alive += size
        self.peak = max(self.peak, self.alive)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _bytes(tensor: Tensor) -> int:
    """Bytes that are really there: a tensor that was expanded reads the same ones again."""
    there = 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        there *= size if stride or size == 0 else 1
    return there * tensor.element_size()
