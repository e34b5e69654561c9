"""One input of one's own is judged by every method and becomes lines: a row a map, the floors below."""

from typing import TYPE_CHECKING, Any

from featcore.commands.terminal import progress, say
from featcore.errors import NotDefined, UnknownName

if TYPE_CHECKING:
    from featcore.encode.base import Encoder
    from featcore.trust.own import Answer
    from featcore.types import Sample, Source

SHOWN = (
    *("deletion", "insertion", "morf", "lerf", "abpc", "completeness", "infidelity"),
    *("sensitivity", "randomisation", "other_class", "seconds", "passes"),
)
ARROWS = {"lower": "↓", "higher": "↑", "": ""}
WIDE = 9
"""Columns of one number."""


def ask(
    loaded: "Encoder",
    source: "Source",
    methods: list[str],
    target: str | int | None,
    options: dict[str, Any],
    checks: bool,
) -> dict[str, Any]:
    """Judge one input by the functions of the page Trust.

    Args:
        methods: by name; all that are affordable unless given. The floors are always there.
        options: of `Asked`; what is None keeps its default. checks: also shake the input and draw the weights anew.

    Raises:
        UnknownName: no such method or scale. NotDefined: a method that was named is not defined for this encoder.
    """
    from featcore.explain import METHODS, why_not
    from featcore.explain.floor import FLOORS
    from featcore.trust.cheaper import affordable
    from featcore.trust.own import Asked, check_all, judge_all, record

    if options["scale"] not in (None, "probability", "logit"):
        raise UnknownName(f"Curves cannot read a '{options['scale']}'. Known: probability, logit.")
    for name in methods:
        if reason := why_not(METHODS[name], loaded):
            raise NotDefined(reason)
    sample = loaded.prepare(source)
    known, not_run = affordable(loaded, sample)
    wanted = [name for name in methods or [one.name for one in known] if name not in FLOORS]
    given = {option: value for option, value in options.items() if value is not None}
    found = judge_all(Asked(tuple(dict.fromkeys(wanted)), target, **given), _answering(loaded, sample))
    unchecked = check_all(found, _answering(loaded, sample)) if checks else {}
    more = {"unchecked": unchecked, "not_run": {} if methods else not_run, "input_notes": sample.notes}
    return record(found, loaded, sample) | more


def _answering(loaded: "Encoder", sample: "Sample") -> "Answer":
    """Computes whatever is asked, with progress under its name; maps in passes that they share."""
    from featcore.explain.shared import Shared

    shared: Any = Shared(loaded, sample, several=True)

    def answer(what: str, method: str, options: dict[str, Any], compute: Any) -> Any:
        with progress(what=f"{method}, {what}") as tell:
            return compute(shared if what == "attribution" else loaded, sample, tell)

    return answer


# --- out -------------------------------------------------------------------------------------------------------------


def write_verdicts(record: dict[str, Any]) -> None:
    """What was asked, a row a map with the floors below, and what the columns cannot hold."""
    definitions, maps, random = record["definitions"], record["maps"], record["random"]
    say(f"{record['input']['name']}: {record['units']} units ({record['kind']}), encoder {record['encoder']}")
    for note in record["input_notes"]:
        say(note)
    say(f"F is the {record['reads']}; hidden units become '{record['baseline']}', in {record['steps']} steps.")
    say(f"Explained is the {record['explained']}.")
    say("")
    titles = [f"{definitions[name]['symbol']} {ARROWS[definitions[name]['better']]}".strip() for name in SHOWN]
    say(f"{'':<24}" + " ".join(f"{title:>{WIDE}}" for title in titles))
    for one in maps:
        best = {name for name, winner in record["best"].items() if winner == one["name"]}
        _row(one["name"], [_cell(one["numbers"][name], "*" if name in best else "") for name in SHOWN])
    n = random["n"]
    _row(f"random, mean of {n}", [_cell(random["mean"][name]) for name in SHOWN])
    for end, label in ((1, "  95 % interval from"), (2, "  to")):
        _row(label, [_cell((random["interval"][name] or [None] * 3)[end]) for name in SHOWN])
    _row(f"random, best of {n}", [_cell(random["best"][name]) for name in SHOWN])
    say("")
    say("* best, and clear of the centre and of all random maps. Numbers of one map are exact; these are drawn:")
    for one in maps:
        _write_drawn(one)
    _write_agreement(record["agreement"])
    _write_reasons(record)
    where = record["provenance"]
    say(f"on {where.device}, {where.dtype}, {where.threads} threads; `featcore trust --definitions` says what each is")


def _row(label: str, cells: list[str]) -> None:
    say(f"{label:<24}" + " ".join(f"{cell:>{WIDE}}" for cell in cells))


def _cell(value: float | None, mark: str = "") -> str:
    return "-" if value is None else f"{mark}{value:.4g}"


def _write_drawn(one: dict[str, Any]) -> None:
    """The numbers of a map that come from draws, with how many, and an interval or a range."""
    said = []
    if interval := one["infidelity"]["interval"]:
        low, high = interval[1:]
        said.append(f"infidelity {low:.3g} to {high:.3g} (95 %, {one['infidelity']['draws']} sets)")
    if gate := one["gate"]:
        reach = "undefined" if gate["reach"] is None else f"{gate['reach'][0]:.2f} to {gate['reach'][1]:.2f}"
        said.append(f"randomisation {gate['verdict']}, {reach} over {gate['draws']} draws")
    if said:
        say(f"  {one['name']}: {'; '.join(said)}")


def _write_agreement(agreement: dict[str, Any]) -> None:
    """A row a pair: how alike both maps are, what they get when one lies elsewhere, and what chance gives."""
    from featcore.compare.agreement import FEWEST_SHIFTS
    from featcore.trust.agreements import ATTENTION

    pairs = agreement["pairs"]
    if not pairs:
        return
    wide, top = max(len(_pair(one)) for one in pairs) + 1, pairs[0]["top"]
    say(f"Agreement of every two maps: Spearman correlation, and |A & B| / |A | B| of their {top} strongest units")
    for kind in dict.fromkeys((ATTENTION, *sorted(one["kind"] for one in pairs))):
        rows = [one for one in pairs if one["kind"] == kind]
        if rows:
            heads = f"{'rho':>6}  {'shifted, 95 %':>14} {'as far':>7} {'overlap':>8} {'chance':>7}"
            say(f"{kind or 'others':<{wide}}{heads}")
        for one in rows:
            say(f"{_pair(one):<{wide}}{_agreeing(one)}")
    say("* outside of what the same maps get shifted; as far: share of all places that lie as far from 0, or further")
    if any(one["rho"] is not None and one["clear"] is None for one in pairs):
        say(f"With fewer than {FEWEST_SHIFTS} shifts nobody can tell agreement from accident, so none is marked.")
    say(agreement["normal"])


def _pair(one: dict[str, Any]) -> str:
    return f"  {one['one']}, {one['other']}"


def _agreeing(one: dict[str, Any]) -> str:
    """The numbers of a pair in columns, or why it has none."""
    if one["rho"] is None:
        return f"{'-':>6}  {one['why']}"
    null = "-" if one["null"] is None else f"{one['null'][0]:.2f} to {one['null'][1]:.2f}"
    share = "-" if one["share"] is None else f"{one['share']:.1%}"
    mark = "*" if one["clear"] else " "
    return f"{one['rho']:>6.2f}{mark} {null:>14} {share:>7} {one['overlap']:>8.2f} {one['by_chance']:>7.2f}"


def _write_reasons(record: dict[str, Any]) -> None:
    """Why numbers, maps and methods are not there."""
    for one in record["maps"]:
        for note in one["notes"]:
            say(f"{one['name']}: {note}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in record["maps"]:
        for number, why in one["undefined"].items():
            reasons.setdefault((number, why), []).append(one["name"])
    for (number, why), names in reasons.items():
        say(f"no {record['definitions'][number]['symbol']} for {', '.join(names)}: {why}")
    for name, why in record["failed"].items():
        say(f"{name}: failed. {why}")
    for name, why in record["unchecked"].items():
        say(f"{name}: not checked. {why}")
    for name, why in record["not_run"].items():
        say(f"{name}: not run. {why}")


def write_definitions() -> None:
    """Every number that a judgement gives: its column, which way is better, what it is and who defined it."""
    from featcore.measure.definitions import DEFINITIONS
    from featcore.measure.truth import POINTING

    for each in (DEFINITIONS | POINTING).values():
        better = f", {each.better} is better" if each.better else ""
        source = f" {each.source}." if each.source else ""
        say(f"{each.symbol}: {each.name}{better}. {each.sentence}{source}")
