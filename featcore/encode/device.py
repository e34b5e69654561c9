"""Where the numbers are computed: the device is chosen once, and one lock a device keeps timings honest."""

import threading
from pathlib import Path

import torch

from featcore.encode.turns import Turn, turn
from featcore.errors import LoadError
from featcore.settings import settings

MOST_PINNED = 64 * 2**20
_PINNED = threading.local()
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(name: str | None = None) -> torch.device:
    """The device to compute on: CUDA, then MPS, then CPU, unless named.

    Raises:
        LoadError: the named device is not on this machine.
    """
    name = name or settings().device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.split(":")[0]
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(kind, False):
        here = ", ".join(device for device, found in present.items() if found)
        raise LoadError(f"The device '{name}' is not on this machine. Here: {here}. Choose one of these, or 'auto'.")
    return torch.device(name)


def pick_dtype(name: str | None = None) -> torch.dtype:
    """The number format of the weights; float32 unless the settings or the caller say otherwise."""
    name = name or settings().dtype
    if name not in _DTYPES:
        raise LoadError(f"The number format '{name}' is not offered. Known: {', '.join(_DTYPES)}.")
    return _DTYPES[name]


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def device_lock(device: torch.device) -> Turn:
    """Held while timing, so that nobody else computes on the device meanwhile; forwards take it too."""
    return turn(str(device))


def sent(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Bytes on a device, UInt8[...]; on CUDA through one pinned buffer a thread, of at most `MOST_PINNED` bytes.

    The buffer is used again, since pinning memory for each input costs more than it saves.
    """
    if device.type != "cuda" or value.is_cuda or value.nbytes > MOST_PINNED:
        return value.to(device)
    if getattr(_PINNED, "buffer", value[:0]).numel() < value.numel():
        _PINNED.buffer = torch.empty(value.numel(), dtype=torch.uint8, pin_memory=True)
        _PINNED.read = torch.cuda.Event()
    _PINNED.read.synchronize()  # what was staged before may still be on its way
    staged = _PINNED.buffer[: value.numel()].view(value.shape).copy_(value)
    with torch.cuda.device(device):
        moved = staged.to(device, non_blocking=True)
        _PINNED.read.record()
    return moved


def synchronise(device: torch.device) -> None:
    """Wait until everything queued on the device is done; nothing to wait for on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free for weights, in bytes; None where the machine does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    told = Path("/proc/meminfo")
    if device.type != "cpu" or not told.is_file():
        return None
    lines = dict(line.split(":", 1) for line in told.read_text().splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None


def describe(device: torch.device) -> str:
    """The device in words: its name and, for a GPU, its memory; for a CPU the threads used."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if device.type == "mps":
        return "Apple GPU"
    return f"CPU, {torch.get_num_threads()} threads"
