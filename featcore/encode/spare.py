"""Whether the weights of an encoder fit into what is free here, before anything of it is read; see `room` for the rest.

Devices are asked only where the libraries are loaded already: a first page lists encoders without them.
"""

from featcore.encode.libraries import loaded
from featcore.encode.room import in_bytes
from featcore.settings import settings

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def weight_bytes(parameters: int) -> int:
    """Bytes of the weights in the number format of the settings."""
    return parameters * _BYTES.get(settings().dtype, 4)


def free_here() -> tuple[int, str] | None:
    """Bytes that are free for weights and on which device; None while that is not known."""
    if not loaded():
        return None
    from featcore.encode.device import free_bytes, pick_device

    place = pick_device()
    free = free_bytes(place)
    return None if free is None else (free, str(place))


def why_not(parameters: int) -> str:
    """Why an encoder of so many parameters will not be loaded on this server, in words; "" where it will, or where
    nobody knows yet."""
    size, most = weight_bytes(parameters), settings().max_encoder_bytes
    if size > most:
        return f"more than the {in_bytes(most)} that encoders may use here"
    known = free_here()
    if known is not None and size > known[0]:
        return f"more than the {in_bytes(known[0])} that are free on {known[1]}"
    return ""
