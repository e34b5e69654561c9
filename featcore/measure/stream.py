"""The clock of a CUDA stream: what the device itself took, apart from what the host waited."""

import torch


class CudaStopwatch:
    """Event pairs on the current stream; read after the device was waited for.

    With one sample between two waits the queue is empty when it starts, so gaps between kernels that the host could not
    fill in time are part of the figure.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._before = torch.cuda.Event(enable_timing=True)
        self._after = torch.cuda.Event(enable_timing=True)

    def start(self) -> None:
        self._before.record(torch.cuda.current_stream(self.device))

    def stop(self) -> None:
        self._after.record(torch.cuda.current_stream(self.device))

    def seconds(self) -> float:
        return self._before.elapsed_time(self._after) / 1e3


def stopwatch(device: torch.device) -> CudaStopwatch | None:
    """The device's own clock, None where it has none that could be read (CPU: host and device are one)."""
    return CudaStopwatch(device) if device.type == "cuda" else None
