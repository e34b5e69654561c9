"""A hub name becomes a folder in the local cache: safetensors, config and vocabulary of one commit, never code."""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from errno import ENOSPC
from pathlib import Path
from threading import Event
from typing import Any

from featcore.encode.curated import CURATED
from featcore.encode.room import in_bytes
from featcore.errors import Cancelled, LimitError, LoadError
from featcore.settings import settings

WEIGHTS = "model.safetensors"
FILES = (
    *("config.json", "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *(
        "vocab.txt",
        "merges.txt",
        "spiece.model",
        "spm.model",
        "sentencepiece.bpe.model",
        "tokenizer.model",
        "1_Pooling/config.json",
    ),
)
ALTERNATIVE = "Choose an embedded encoder instead, for example 'text-mini'; it needs no network."
_COMMIT = re.compile(r"[0-9a-f]{40}")


def split_name(name: str) -> tuple[str, str]:
    """Repository and revision of 'org/model' or 'org/model@revision'; a curated name has a commit of its own.

    Raises:
        LoadError: the name breaks the rule of Hugging Face for names.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    repository, _, revision = name.partition("@")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise LoadError(f"'{name}' is no name of the hub: {error} Write it as 'org/model'.") from error
    if repository.count("/") != 1 or not re.fullmatch(r"[\w.-]*", revision):
        raise LoadError(f"'{name}' is no name of the hub. Write it as 'org/model' or 'org/model@commit'.")
    known = CURATED[repository].revision if repository in CURATED else "main"
    return repository, revision or known


def cached(name: str) -> Path | None:
    """The folder of a name that was downloaded before; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    repository, revision = split_name(name)
    found = try_to_load_from_cache(repository, WEIGHTS, revision=revision)  # the weights come last
    return Path(found).parent if isinstance(found, str) else None


def fetch(name: str, progress: Callable[[int, int], None] = lambda done, total: None) -> Path:
    """The folder of a name, downloaded where it is not there yet; `progress` gets bytes done and in all.

    `HF_TOKEN` is read from the environment and sent to the hub only. `progress` is called from this thread and may
    raise to stop; files that are whole are kept, the one that was on its way begins again the next time. A connection
    that breaks is taken up again where it broke, five times.

    Raises:
        LoadError: the hub is not allowed or not reachable, or the repository has no safetensors.
        LimitError: the weights are larger than the settings allow, on disk or in memory, or than what is free.
    """
    repository, revision = split_name(name)
    if not settings().hub_allowed:
        raise LoadError(f"Names of the hub, such as '{name}', are switched off on this server. {ALTERNATIVE}")
    if _COMMIT.fullmatch(revision) and (folder := cached(name)):
        return folder
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return _download(repository, revision, progress)
    except GatedRepoError as error:
        cause = (
            f"it is gated; accept its licence at huggingface.co/{repository} and set HF_TOKEN where the server starts"
        )
        raise _refusal(name, cause) from error
    except DisabledRepoError as error:
        raise _refusal(name, "the hub has switched this repository off") from error
    except RevisionNotFoundError as error:
        raise _refusal(name, f"it has no revision '{revision}'; leave out what stands behind the @") from error
    except RepositoryNotFoundError as error:
        cause = "no public repository has that name; check it, or set HF_TOKEN where the server starts if it is private"
        raise _refusal(name, cause) from error
    except (HTTPError, OfflineModeIsEnabled, OSError) as error:
        status = _status(error)
        if status not in (401, 403) and (folder := cached(name)) is not None:
            return folder
        raise _refusal(name, _cause(error, status)) from error


def _refusal(name: str, cause: str) -> LoadError:
    return LoadError(f"The hub did not give '{name}': {cause}. {ALTERNATIVE} That is an embedded encoder.")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from; the hub's library wraps what a file's request was answered with."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The status that the hub answered with; None where it did not answer."""
    answers = (getattr(each, "response", None) for each in _chain(error))
    return next((int(answer.status_code) for answer in answers if answer is not None), None)


def _cause(error: BaseException, status: int | None) -> str:
    """Why a request failed and what to do, in words."""
    if status in (401, 403):
        may = "is not valid" if status == 401 else "may not read it"
        return f"the HF_TOKEN of this server {may} ({status}); set another where it starts, or none"
    if status == 429:
        return "it was asked too often (429); wait some minutes, or set HF_TOKEN where the server starts"
    if status is not None:
        return f"it answers with an error of its own ({status}); try again later"
    if any("Timeout" in type(each).__name__ for each in _chain(error)):
        return "it did not answer in time; try again later"
    if getattr(error, "errno", None) == ENOSPC:
        return "there is no space left on this machine's disk; make room where HF_HOME points"
    return f"it cannot be reached ({type(error).__name__}); check the network"


def _download(repository: str, revision: str, progress: Callable[[int, int], None]) -> Path:
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT

    token = os.environ.get("HF_TOKEN") or False  # never a token that somebody left on this machine
    api = HfApi(token=token)
    info = api.model_info(repository, revision=revision, files_metadata=True, timeout=HF_HUB_ETAG_TIMEOUT)
    assert info.sha is not None
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    if WEIGHTS not in sizes:
        raise LoadError(
            f"'{repository}' has no {WEIGHTS} at revision '{revision}'. Weights as pickles are never opened, and "
            f"weights in several files are not read. {ALTERNATIVE}"
        )
    _refuse_large(repository, sizes[WEIGHTS])
    wanted = [name for name in (*FILES, WEIGHTS) if name in sizes]
    total, counted, stop = sum(sizes[name] for name in wanted), _Counted(), Event()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(_files, repository, info.sha, wanted, token, _bar(counted, stop))
        try:
            while True:
                progress(min(counted.done, total), total)
                try:
                    return job.result(timeout=0.1)
                except StillRunning:
                    continue
        finally:
            stop.set()  # whoever leaves early, by an error or by a click, takes the download along


def _refuse_large(repository: str, size: int) -> None:
    """Refuse weights of so many bytes before they are downloaded, if they would be refused after.

    They are taken for float32, the longest format: what they need in memory is then never overrated.
    """
    from featcore.encode.device import free_bytes, pick_device, pick_dtype

    limit, place = settings().max_download_bytes, pick_device()
    if size > limit:
        raise LimitError(
            f"The weights of '{repository}' have {in_bytes(size)}; the limit is {in_bytes(limit)} "
            "(FEATCORE_MAX_DOWNLOAD_BYTES). Choose a smaller encoder."
        )
    needed, most, free = size * pick_dtype().itemsize // 4, settings().max_encoder_bytes, free_bytes(place)
    if needed > most:
        raise LimitError(
            f"The weights of '{repository}' need {in_bytes(needed)} in memory; {in_bytes(most)} may be used by all "
            "encoders (FEATCORE_MAX_ENCODER_BYTES). Choose a smaller encoder."
        )
    if free is not None and needed > free:
        raise LimitError(
            f"The weights of '{repository}' need {in_bytes(needed)} in memory; {in_bytes(free)} are free on {place}. "
            "Choose a smaller encoder, or a shorter number format (FEATCORE_DTYPE)."
        )


def _files(repository: str, commit: str, wanted: list[str], token: Any, bar: Any) -> Path:
    from huggingface_hub import hf_hub_download

    paths = [Path(hf_hub_download(repository, name, revision=commit, token=token, tqdm_class=bar)) for name in wanted]
    return paths[-1].parent


class _Counted:
    """Bytes that arrived so far."""

    done = 0


def _bar(counted: _Counted, stop: Event) -> type:
    from tqdm.auto import tqdm

    class Bar(tqdm):
        """Counts instead of drawing, and stops the download when it is asked to."""

        def __init__(self, *args: Any, **more: Any) -> None:
            more.pop("name", None)
            super().__init__(*args, **(more | {"disable": True}))
            counted.done += int(more.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            if stop.is_set():
                raise Cancelled(
                    "The download was stopped. Files that are whole are kept; the next time it goes on with the others."
                )
            counted.done += int(n or 0)

    return Bar
