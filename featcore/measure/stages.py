"""Every stage of every encoder on its first sample, as records."""

from collections.abc import Iterator, Sequence

from featcore.encode.base import Encoder
from featcore.explain.base import Progress, silent
from featcore.inputs.samples import first_for
from featcore.measure import records
from featcore.measure.latency import one_by_one
from featcore.measure.records import Record
from featcore.measure.trial import own, sizes

METHOD = "integrated_gradients"


def stages(encoders: Sequence[Encoder], budget_s: float, progress: Progress = silent) -> Iterator[Record]:
    """read, cut, transfer, encode, attention and one attribution; what cannot be measured here is left out.

    A text's sample is written in the program, so only pictures and clips are read from a file.
    """
    run_id = records.new_run()
    for index, encoder in enumerate(encoders):

        def tell(done: int, total: int, index: int = index) -> None:
            progress(100 * index + (100 * done // total if total else 0), 100 * len(encoders))

        def reread(encoder: Encoder = encoder):
            return first_for(encoder.card)

        trial = own(encoder)
        files = None if encoder.layout.modality == "text" else reread
        for found in one_by_one(
            encoder, first_for(encoder.card), methods=(METHOD,), budget_s=budget_s, reread=files, progress=tell
        ):
            more = records.of_encoder(encoder, found.provenance.attention) | sizes(trial)
            yield records.of_latency(found, run_id, **more, suite="stages")
    progress(100 * len(encoders), 100 * len(encoders))
