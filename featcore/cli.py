"""A terminal gets what the pages get; `featcore --help` lists the commands.

Heavy imports stand inside the commands, so that `featcore --help` answers at once.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featcore.commands.bench import bench
from featcore.commands.inputs import File, Image, Video, Words, read_other, read_source, read_target
from featcore.commands.ranks import ranks_of
from featcore.commands.terminal import in_words, plain, progress, say, tell_line, write_json
from featcore.commands.trust import trust
from featcore.errors import InputError, NotDefined, UnknownName

if TYPE_CHECKING:
    from featcore.types import Attribution, Card, Latency, Source

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=(__doc__ or "").splitlines()[0])

Encoder = Annotated[str, typer.Option("--encoder", "-e", help="an embedded encoder, a folder, or a hub id")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16 or float16")]
Json = Annotated[bool, typer.Option("--json", help="everything, for programs")]
Data = Annotated[Path | None, typer.Option(help="folder of the data")]

BAR = 24
"""Columns of the longest bar."""


@app.command()
def encoders(as_json: Json = False) -> None:
    """The embedded encoders, those kept here, well-known ones of the hub, and the families that load."""
    import featcore as fc
    from featcore.encode.curated import CURATED
    from featcore.encode.layouts import LAYOUTS

    with in_words():
        cards = fc.encoders()
    if as_json:
        listed = [{key: value for key, value in vars(card).items() if key != "config"} for card in cards]
        return write_json({"encoders": listed, "families": list(LAYOUTS.values()), "curated": list(CURATED.values())})
    for card in cards:
        say(f"{card.name:<12} {card.modality:<6} {card.family:<12} {card.parameters:>12,} parameters  {card.title}")
        say(f"{'':<12} {card.accuracy}" if card.accuracy else "")
    for row in CURATED.values():
        free = ", non-commercial" if row.non_commercial else ""
        more = "" if row.proven else "; safetensors not proven"
        at = f"{row.licence}{free}, {row.revision[:12]}{more}"
        say(f"{row.name}: {row.family}, {row.parameters:,} parameters, {row.answers}, {at}")
    for modality in ("text", "image", "video"):
        known = ", ".join(layout.family for layout in LAYOUTS.values() if layout.modality == modality)
        say(f"families of {modality} that a folder or hub id may be of: {known}")


@app.command()
def check(
    encoder: Annotated[str, typer.Argument(help="an embedded encoder, a folder, or a hub id")],
    text: Words = None,
    image: Image = None,
    video: Video = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """What a checkpoint provides, where its units stand, and what one pass of it costs."""
    import featcore as fc
    from featcore.encode.room import in_bytes

    with in_words():
        from featcore.measure.check import check as run
        from featcore.runs import first_sample

        loaded = fc.load(encoder)
        found = run(loaded, read_source(loaded.card, text, image, video, file) or first_sample(loaded.card))
    if as_json:
        return write_json(found)
    layout = found["layout"]
    say(f"{found['name']}: {found['architecture']} of the family {found['family']}, reads {found['modality']}")
    commit = found["revision"] or "none, it is a folder"
    say(f"commit of the hub: {commit}; sha256 of the weights: {found['weights_sha256']}")
    say(f"provides {', '.join(found['provides'])}: {', '.join(found['provided'])}; licence: {found['licence']}")
    say(f"before the units: {', '.join(layout['before']) or 'nothing'}; attention: {layout['attention']}")
    units = f"{found['units']} units ({found['unit']}) at {found['positions']} positions"
    say(f"{units}, grid {layout['grid']}, sees {layout['input_size']}")
    if field := found["receptive_field"]:
        of_frames = "".join(f"{frames} frames of " for frames in field[:-2])
        say(f"the middle cell reads {of_frames}{field[-2]}x{field[-1]} pixels")
    reads = layout["reads"]
    say(f"the answer is read at {reads[0] if len(reads) == 1 else f'the mean of {len(reads)} positions'}")
    size = f"{in_bytes(found['weight_bytes'])} in memory"
    say(f"{found['parameters']:,} parameters, {size}, {found['flop']:,} FLOP a pass")
    say(f"a pass keeps {in_bytes(found['activation_bytes'])} for gradients")
    say(f"attention maps of all layers and heads: {in_bytes(found['attention_bytes'])}")
    for reason in found["not_defined"].values():
        say(f"not defined: {reason}")
    for note in found["notes"]:
        say(note)


@app.command()
def torchvision(
    name: Annotated[
        str,
        typer.Argument(help="a network of torchvision: resnet50, convnext_tiny, ...; for video r3d_18, swin3d_t, ..."),
    ],
    out: Annotated[Path, typer.Argument(help="folder to write; every command then takes it as an encoder")],
    weights: Annotated[str, typer.Option(help="which of torchvision's weights; they are downloaded by it")] = "DEFAULT",
    frames: Annotated[
        int | None, typer.Option(help="of a clip, for video; as torchvision measured it if not given")
    ] = None,
) -> None:
    """Keep a classifier of torchvision as a folder with safetensors."""
    with in_words():
        from featcore.encode.tv import keep

        say(f"{keep(name, out, weights, frames)}: {name} of torchvision, weights {weights}")


@app.command()
def methods() -> None:
    """The attribution methods and their knobs."""
    import featcore as fc
    from featcore.explain import knobs

    for method in fc.methods():
        say(f"{method.name:<22} {method.title}; needs {', '.join(sorted(method.needs)) or 'nothing'}")
        for name, about in knobs(method).items():
            say(f"{'':<22} {name}={about['default']}  {about['help']}")


@app.command()
def explain(
    encoder: Encoder,
    method: Annotated[
        list[str], typer.Option("--method", "-m", help="see `featcore methods`; several, given again, share passes")
    ] = ["integrated_gradients"],  # noqa: B006
    text: Words = None,
    image: Image = None,
    video: Video = None,
    file: File = None,
    target: Annotated[
        str | None,
        typer.Option(help="a label, a class index, 'a>b' for a rather than b, or: predicted, difference, probability"),
    ] = None,
    other: Annotated[
        str | None, typer.Option(help="a second text or file: with --target similarity, or else as the baseline")
    ] = None,
    knob: Annotated[list[str] | None, typer.Option("--knob", "-k", help="name=value, may be repeated")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="add the scores up for each word or sentence, superpixel or region, frame or clip; as the encoder "
            "cuts (token, patch, tubelet) by default"
        ),
    ] = None,
    export: Annotated[Path | None, typer.Option(help="also write a film of the scored clip: .webm or .gif")] = None,
    as_json: Json = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """One score per token or fragment of an input; in a shorter number format, held against float32."""
    import featcore as fc
    from featcore.explain import explain_all
    from featcore.units.coarser import coarser, regrouped

    with in_words(), progress() as tell:
        options = {name: read_knobs(name, knob or []) for name in method}
        if export and len(options) > 1:
            raise InputError("--export films one map. Name one method, or leave it out.")
        loaded = fc.load(encoder, device, dtype)
        film = film_of(export, loaded.card)
        source = read_source(loaded.card, text, image, video, file)
        if source is None:
            raise InputError("There is nothing to explain. Give --text, --image, --video or --file.")
        sample = loaded.prepare(source)
        parts = None if by is None else coarser(sample.units, source, by)
        second = None if other is None else loaded.prepare(read_other(loaded.card, other))
        tried = explain_all(loaded, sample, options, read_target(loaded.card, target), tell, second)
        failed = {name: one for name, one in tried.items() if isinstance(one, NotDefined)}
        if len(failed) == len(tried):
            raise next(iter(failed.values()))
        fine = [one for one in tried.values() if not isinstance(one, NotDefined)]
        exact = partial(fc.load, encoder, device)
        agreed = [ranks_of(one, loaded, sample, exact, tell, second, parts) for one in fine]
        maps = fine if parts is None else [regrouped(one, *parts) for one in fine]
        if export and film:
            export.write_bytes(film(source, maps[0]))
            tell_line(f"{export}: {export.stat().st_size:,} bytes")
    for note in sample.notes:
        typer.echo(note, err=True)
    if as_json:
        written = [
            plain(one) | {"by": one.units.kind, "ranks": plain(held)} for one, held in zip(maps, agreed, strict=True)
        ]
        reasons = {name: str(error) for name, error in failed.items()}
        return write_json(written[0] if len(tried) == 1 else {"maps": written, "failed": reasons})
    for one, held in zip(maps, agreed, strict=True):
        write_scores(one)
        say(str(held or ""))
    for error in failed.values():
        tell_line(str(error))


@app.command()
def pair(
    checkpoint: Annotated[str, typer.Argument(help="a checkpoint of two towers (CLIP, SigLIP): a folder or a hub id")],
    text: Annotated[str, typer.Option("--text", help="the text itself")],
    image: Annotated[Path, typer.Option("--image", help="a picture")],
    method: Annotated[str, typer.Option("--method", "-m", help="see `featcore methods`")] = "integrated_gradients",
    knob: Annotated[list[str] | None, typer.Option("--knob", "-k", help="name=value, may be repeated")] = None,
    as_json: Json = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """What makes a text and a picture alike: scores of its tokens and of its patches, for one similarity."""
    import featcore as fc
    from featcore.explain import explain_pair

    with in_words(), progress() as tell:
        options = read_knobs(method, knob or [])
        words, sees = (fc.load(f"{checkpoint}#{tower}", device, dtype) for tower in ("text", "image"))
        sides = (words, words.prepare(fc.read_text(text))), (sees, sees.prepare(fc.read_image(image)))
        found = explain_pair(*sides, method, tell, **options)
    if as_json:
        return write_json({"text": found[0], "image": found[1]})
    for side in found:
        write_scores(side)


@app.command()
def latency(
    encoder: Encoder,
    text: Words = None,
    image: Image = None,
    video: Video = None,
    file: File = None,
    method: Annotated[list[str] | None, typer.Option("--method", "-m", help="also time this method")] = None,
    budget_s: Annotated[float, typer.Option(min=0.01, help="seconds of timing a stage")] = 3.0,
    as_json: Json = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Wall time by stage; a sample of ours where no input is given."""
    import featcore as fc
    from featcore.runs import first_sample

    with in_words(), progress() as tell:
        loaded = fc.load(encoder, device, dtype)
        card = loaded.card

        def read() -> "Source":
            given = read_source(card, text, image, video, file)
            return first_sample(card) if given is None else given

        # Text on the command line and samples made in memory have no file that could be decoded again.
        reread = read if any((image, video, file)) else None
        found = fc.latency(loaded, read(), methods=tuple(method or ()), budget_s=budget_s, reread=reread, progress=tell)
    if as_json:
        return write_json(found)
    from featcore.measure.latency import left_out

    write_latencies(found)
    for stage, reason in left_out(loaded, reread=reread).items():
        say(f"{stage}: not measured. {reason}")


app.command()(bench)
app.command()(trust)


@app.command()
def train(
    name: str,
    data: Data = None,
    epochs: Annotated[float | None, typer.Option(help="passes over the data; the recipe's own by default")] = None,
    seed: Annotated[int | None, typer.Option(help="the recipe's own by default")] = None,
    out: Annotated[Path | None, typer.Option(help="folder to write; the name by default")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps")] = "cpu",
    resume: Annotated[
        bool, typer.Option(help="go on with a run that was stopped, from the checkpoint in --out")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="examples of each split at most, for a short run")] = None,
    shuffled: Annotated[bool, typer.Option(help="control: shuffled labels, which must end at chance")] = False,
    logs: Annotated[list[str], typer.Option("--log", help="csv, jsonl, tensorboard, wandb; may be given again")] = [],  # noqa: B006
) -> None:
    """Train an embedded encoder from its recipe; a run that is stopped or killed can be taken up again."""
    with in_words():
        from featcore import learn
        from featcore.learn.watch import watcher
        from featcore.settings import settings

        recipe = dataclasses.replace(learn.RECIPES[name], limit=limit, shuffled=shuffled)
        out = out or Path(name)
        watchers = [watcher(kind, out) for kind in logs]
        folder = data or settings().data
        say(
            str(
                learn.fit(recipe, folder, epochs, seed, out, tell_line, device=device, resume=resume, watchers=watchers)
            )
        )


@app.command()
def finetune(
    encoder: Annotated[str, typer.Argument(help="the encoder to begin from: embedded, a folder, or a hub id")],
    data: Annotated[
        Path, typer.Argument(help="a .csv or .tsv with text and label, or a folder with one folder a class")
    ],
    mode: Annotated[str, typer.Option(help="full, head (the classifier alone) or lora (needs peft)")] = "full",
    epochs: Annotated[float, typer.Option(min=0.1, help="passes over the data")] = 5.0,
    seed: Annotated[int, typer.Option(help="of the split and of the training")] = 0,
    out: Annotated[Path | None, typer.Option(help="folder to write; my-<encoder> by default")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps")] = "cpu",
    resume: Annotated[bool, typer.Option(help="go on with a run that was stopped")] = False,
    logs: Annotated[list[str], typer.Option("--log", help="csv, jsonl, tensorboard, wandb; may be given again")] = [],  # noqa: B006
) -> None:
    """Teach an encoder your own classes; rows that cannot be used are named and left out."""
    with in_words():
        from featcore.learn.finetune import tuning
        from featcore.learn.loop import fit
        from featcore.learn.own import told
        from featcore.learn.watch import watcher

        recipe = tuning(encoder, data, mode, epochs, seed, out.name if out else "")  # type: ignore[arg-type]
        out = out or Path(recipe.name)
        for line in told(recipe.left_out):
            tell_line(line)
        watchers = [watcher(kind, out) for kind in logs]
        say(str(fit(recipe, data, epochs, seed, out, tell_line, device=device, resume=resume, watchers=watchers)))


@app.command()
def evaluate(
    name: Annotated[str, typer.Argument(help="an embedded encoder, or a folder that `featcore train` wrote")],
    data: Data = None,
    split: Annotated[str, typer.Option(help="train, dev or test")] = "test",
    as_json: Json = False,
) -> None:
    """Accuracy of a trained encoder on one split."""
    with in_words():
        from featcore import learn
        from featcore.encode.catalog import folder_of

        folder: dict[str, Any] = {} if data is None else {"data": data}
        found = learn.evaluate(folder_of(name), split=split, **folder)
    if as_json:
        return write_json(found)
    say(
        f"{name}, {found['split']}: {found['accuracy']:.1%} of {found['n']} "
        f"(95 % interval {found['low']:.1%} to {found['high']:.1%}, chance {found['chance']:.1%})"
    )
    for label, share in found["per_class"].items():
        say(f"  {label:<20} {share:.1%}")


@app.command()
def ship(budget_s: Annotated[float, typer.Option(min=0.01, help="seconds of timing a stage")] = 3.0) -> None:
    """Compute the finished runs of the first screen anew, and list every file of `assets` with its digest."""
    with in_words():
        from featcore import manifest
        from featcore.runs import compute_shipped
        from featcore.settings import ROOT, settings
        from featcore.store import Store
        from featcore.trust import shipped

        store = Store(settings().assets / "runs")
        store.prune(0)
        for key in compute_shipped(store, budget_s):
            say(key)
        manifest.write(settings().assets)
        manifest.write_encoders(ROOT / "README.md", settings().assets)
        shipped.write_trust(ROOT / "README.md", settings().assets)


# --- in --------------------------------------------------------------------------------------------------------------


def film_of(path: Path | None, card: "Card") -> "Callable[[Any, Attribution], bytes] | None":
    """What makes a film of this kind of file; asked before anything is computed."""
    from featcore import draw

    if path is None:
        return None
    if card.modality != "video":
        raise InputError(f"--export films a clip under its scores; '{card.name}' reads no clips. Leave it out.")
    makers = {".webm": draw.film_webm, ".gif": draw.film_gif}
    if path.suffix.lower() not in makers:
        raise InputError(f"'{path.name}' is no kind of film that is written. Name a file that ends in .webm or .gif.")
    if not path.absolute().parent.is_dir():
        raise InputError(f"The folder of '{path}' does not exist. Make it, or name another file.")
    return makers[path.suffix.lower()]


def read_knobs(method: str, pairs: list[str]) -> dict[str, Any]:
    """Options as they were typed, in the types of their defaults; limits are checked by the method."""
    from featcore.explain import METHODS, knobs

    known, found = knobs(METHODS[method]), {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in known:
            names = ", ".join(known) or "none"
            raise UnknownName(f"'{pair}' sets no knob of '{method}'. Write name=value; known: {names}.")
        kind = type(known[name]["default"])
        try:
            found[name] = value.lower() in ("1", "true", "yes") if kind is bool else kind(value)
        except ValueError as error:
            raise UnknownName(f"'{value}' is no {kind.__name__}, which {name} of '{method}' wants.") from error
    return found


# --- out -------------------------------------------------------------------------------------------------------------


def write_scores(found: "Attribution") -> None:
    """A row a unit with a bar, scaled to the largest score, then what was explained and what it cost."""
    from featcore.explain.remarks import remarks

    longest = max((abs(float(score)) for score in found.scores), default=0.0) or 1.0
    width = max(len(label) for label in found.units.labels)
    for label, score in zip(found.units.labels, found.scores, strict=True):
        bar = ("+" if score > 0 else "-") * round(BAR * abs(score) / longest)
        say(f"{label:<{width}}  {score:>+11.4g}  {bar}")
    say(f"one score for each {found.units.kind}, {found.scores.sum():+.4g} together")
    say(f"method {found.method}; target {found.target or 'none'}; bars end at {longest:.4g}")
    if found.target_score is not None:
        before = "" if found.baseline_score is None else f", F(baseline: {found.baseline}) {found.baseline_score:.4g}"
        say(f"F(x) {found.target_score:.4g}{before}")
    if found.completeness_gap is not None:
        say(f"completeness gap {found.completeness_gap:.2%}")
    for remark in remarks(found):
        say(remark)
    where = found.provenance
    say(f"{found.passes} passes, {found.seconds:.2f} s on {where.device}, {where.dtype}, {where.threads} threads")


def write_latencies(found: "list[Latency]") -> None:
    from featcore.types import median_interval

    say(f"{'stage':<34} {'median ms':>10} {'95 % interval':>19} {'first ms':>10} {'runs':>5}  ended by")
    for one in found:
        interval = median_interval(one.samples_s)
        between = "needs 6 runs" if interval is None else f"{interval[0] * 1e3:.3f} to {interval[1] * 1e3:.3f}"
        median = "needs 5" if one.p50_s is None else f"{one.p50_s * 1e3:.3f}"
        runs = len(one.samples_s)
        say(f"{one.stage:<34} {median:>10} {between:>19} {one.first_s * 1e3:>10.3f} {runs:>5}  {one.stopped}")
    for where in sorted({(p.device, p.dtype, p.threads) for p in (one.provenance for one in found)}):
        say(f"on {where[0]}, {where[1]}, {where[2]} threads")
    for reason in sorted({f"{one.stage}: {one.disturbed}" for one in found if one.disturbed}):
        say(f"disturbed, {reason}")


if __name__ == "__main__":
    app()
