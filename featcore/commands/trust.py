"""`featcore trust`: methods over a set of inputs that people marked, or over one input of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featcore.commands.inputs import File, Image, Video, Words, read_source, read_target
from featcore.commands.terminal import in_words, progress, say, tell_line, write_json
from featcore.commands.verdicts import ask, write_definitions, write_verdicts
from featcore.errors import InputError

if TYPE_CHECKING:
    from featcore.encode.base import Encoder

MARKS = {"better": "+", "worse": "-", "cannot tell": "."}
INPUTS = "--text, --image, --video or --file"


def trust(
    name: Annotated[str | None, typer.Option("--set", help="sst, rationales, boxes or motion")] = None,
    text: Words = None,
    image: Image = None,
    video: Video = None,
    file: File = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", "-e", help="the one the set is meant for by default; needed for an input")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", "-m", help="all that are affordable by default; may be given again")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, help="inputs of the set, 200 unless given")] = None,
    data: Annotated[Path | None, typer.Option(help="folder of the set's data")] = None,
    seed: Annotated[
        int | None, typer.Option(help="of the set's order, random floor and intervals; 0 by default")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="write the set's record to this file; it holds no input")] = None,
    target: Annotated[str | None, typer.Option(help="of an input: as in `featcore explain`")] = None,
    scale: Annotated[str | None, typer.Option(help="of an input: curves read the class's probability or logit")] = None,
    baseline: Annotated[str | None, typer.Option(help="of an input: what hidden units become, auto by default")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="of an input: steps of a curve, 20 by default")] = None,
    maps: Annotated[
        int | None, typer.Option(min=1, help="of an input: random maps in the floor, 19 by default")
    ] = None,
    checks: Annotated[
        bool, typer.Option(help="of an input: also shake it and draw the weights anew, which takes longest")
    ] = True,
    definitions: Annotated[bool, typer.Option("--definitions", help="what each number means")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="everything, for programs")] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16")] = None,
) -> None:
    """Do the methods point where people say the answer lies, and is what they point at what the model uses?

    Either over a --set that people marked, or for one input of your own, beside maps that know nothing. A set that is
    stopped with Ctrl-C gives what was finished and says so.
    """
    import featcore as fc

    inputs = text, image, video, file
    own = any(one is not None for one in inputs)
    if definitions and name is None and not own:
        return write_definitions()
    with in_words():
        from featcore.trust.sets import SETS

        _one_question(name, own, list(SETS))
        of_set = {"--n": n, "--data": data, "--seed": seed, "--save": save}
        of_own = {"--target": target, "--scale": scale, "--baseline": baseline, "--steps": steps, "--maps": maps}
        _no_strays(of_set if own else of_own, "--set" if own else INPUTS)
        if name is None and encoder is None:
            raise InputError(
                "No encoder was named to judge your input with. Give one with -e; see `featcore encoders`."
            )
        loaded = fc.load(encoder or SETS[name or ""].encoder, device, dtype)
        if name is not None:
            return _over_set(name, loaded, n or 200, tuple(method or ()), data, seed or 0, save, as_json)
        source = read_source(loaded.card, *inputs)
        assert source is not None
        options = {"scale": scale, "baseline": baseline, "steps": steps, "maps": maps}
        record = ask(loaded, source, method or [], read_target(loaded.card, target), options, checks)
    if as_json:
        return write_json(record)
    write_verdicts(record)
    if definitions:
        write_definitions()


def _one_question(name: str | None, own: bool, sets: list[str]) -> None:
    """Refuse no question at all, and two at once."""
    if name is None and not own:
        raise InputError(
            f"There is nothing to judge. Give --set ({', '.join(sets)}), or an input of your own: {INPUTS}."
        )
    if name is not None and own:
        raise InputError(f"Both the set '{name}' and an input of your own were given. Leave one of them out.")


def _no_strays(options: dict[str, Any], owner: str) -> None:
    """Refuse options that the question does not have."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise InputError(f"{', '.join(given)} would change nothing here: only {owner} has it. Leave it out.")


def _over_set(
    name: str,
    loaded: "Encoder",
    n: int,
    methods: tuple[str, ...],
    data: Path | None,
    seed: int,
    save: Path | None,
    as_json: bool,
) -> None:
    """Run a set, keep its record where asked, and show it."""
    from featcore.trust.run import run
    from featcore.trust.shipped import save as write

    with progress() as tell:
        record = run(name, loaded, n, methods, data, seed, tell)
    if save is not None:
        write(save, record)
    if as_json:
        return write_json(record)
    write_record(record)
    if not record["complete"]:
        tell_line(f"Stopped after {record['n']} of {record['asked']} inputs; the numbers are of these.")


def write_record(record: dict[str, Any]) -> None:
    """A row a method; behind each number how it stands to the random floor."""
    from featcore.trust.shipped import percent, turned_down

    say(f"{record['title']}: {record['n']} inputs, encoder {record['encoder']}, seed {record['seed']}")
    say(record["marked"])
    say(f"Explained is {record['target']}.")
    if record["right"] is not None:
        say(f"The encoder's answer is the marked one for {record['right']:.0%} of them.")
    say(f"{percent(record['chance'], 1)} of the units are marked; that is the chance level of the first three columns.")
    for reason, count in record["skipped"].items():
        say(f"left out, {count} times: {reason}")
    titles = [title for title, *_ in record["measures"].values()]
    say("")
    say(f"{'':<22} " + " ".join(f"{title:<19}" for title in titles) + " gap median, worst    passes     s")
    for one in record["methods"]:
        cells = [
            f"{percent(found['mean'])} {MARKS.get(found.get('beats_random', ''), ' ')}"
            for found in one["numbers"].values()
        ]
        gap = "" if one["gap"] is None else f"{one['gap'][1]:.1%}, {one['gap'][2]:.1%}"
        say(
            f"{one['name']:<22} "
            + " ".join(f"{cell:<19}" for cell in cells)
            + f" {gap:<18} {one['passes']:>8} {one['seconds'][0]:>5.3f}"
        )
    say("")
    say("+ better, - worse than the random floor with the whole interval of the paired difference; . cannot tell")
    for measure, best in record["best"].items():
        if best:
            title, alike = record["measures"][measure][0], ", ".join(best["not_told_apart"])
            say(f"{title}: best is {best['method']}" + (f", not told apart from {alike}" if alike else ""))
    for line in turned_down(record):
        say(line)
    for method, reason in record["not_run"].items():
        say(f"{method}: not run. {reason}")
    say(f"intervals: {record['interval']}")
    if record["disturbed"]:
        say(f"seconds are disturbed: {record['disturbed']}")
