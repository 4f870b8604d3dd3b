"""`siaga explain`: why an alert is as it is, and why a rule did, or did not, open one.

Here: asking the store and putting gates and history into words. Not here: the gates themselves
(`core.judging.explanation`) and what happened (`alerting`). Answers name events, offices and people by id only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated

import msgspec
import typer

from engine.cli.common.options import (
    ConfigFile,
    Overrides,
    group_named,
    option_instant,
    rule_named,
    settings_of,
)
from engine.cli.common.storage import storage
from engine.clock import WallClock
from engine.core.alerting.alert import Alert, HistoryEntry
from engine.core.alerting.silence import inhibiting_rule
from engine.core.judging.condition import SilenceCondition
from engine.core.judging.explanation import GroupExplanation, OpeningGate, explain_group
from engine.core.judging.group_key import GroupKey, region_of_group
from engine.core.judging.group_state import Circumstances, GroupState
from engine.core.judging.instant import Instant, format_duration, local
from engine.core.judging.region import RegionTable, level_of
from engine.core.judging.rule import Rule, level_name
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.evaluation.group_context import REAL, GroupContexts
from engine.evaluation.groups import read, state_of
from engine.matching.rule_exception import variant_of
from engine.people.tokens import Tokens
from engine.records.alert_repository import standing
from engine.records.case_archive import archive_of, case_story
from engine.records.outages import kept_gaps
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.rule_sets.rule_files import read_rule_set
from engine.settings import DEFAULT_FILE, Settings
from engine.texts.catalogue import Texts, load_catalogue
from engine.texts.credential_words import credential_words, tokens_among

app = typer.Typer(no_args_is_help=True, help="Say why (not): the gates of a rule, the story of an alert.")

ExplainLanguage = Annotated[str, typer.Option("--lang", metavar="id|en", help="Language of the answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]

GATES: dict[str, dict[str, str]] = {
    "effective": {"id": "aturan berlaku", "en": "the rule is in effect"},
    "active": {"id": "di dalam jam dan tahapan aturan", "en": "within the rule's hours and stages"},
    "too_late": {"id": "laporan tidak terlalu terlambat", "en": "the report is not too late"},
    "before_rule": {"id": "terjadi sesudah aturan berlaku", "en": "happened after the rule came into force"},
    "expected": {"id": "wajib melapor", "en": "must report"},
    "already_open": {"id": "belum ada peringatan yang terbuka", "en": "no alert is open yet"},
    "figure_below_limit": {"id": "angka mencapai ambang", "en": "the figure meets the limit"},
    "not_newer_than_closing": {
        "id": "ada kejadian yang lebih baru daripada penutupan terakhir",
        "en": "there is an event newer than the last closing",
    },
    "waiting_until": {"id": "tidak sedang menunggu", "en": "nothing is being waited for"},
    "hidden": {"id": "tidak tersembunyi sekarang", "en": "nothing hides it now"},
    "condition_true": {
        "id": "syarat terpenuhi: peringatan dibuka",
        "en": "the condition holds: an alert opens",
    },
}
"""What it means that a gate lets pass, by its name (docs/specification/escalation.md#gates)."""
DETAILS: dict[str, dict[str, str]] = {
    "figure": {"id": "angka", "en": "figure"},
    "limit": {"id": "ambang", "en": "limit"},
    "now": {"id": "sekarang", "en": "now"},
    "reference": {"id": "pembanding", "en": "compared with"},
    "ids": {"id": "kejadian", "en": "events"},
    "oldest_leaves_at": {"id": "yang tertua keluar", "en": "the oldest leaves"},
    "since": {"id": "sejak", "en": "since"},
    "until": {"id": "sampai", "en": "until"},
    "from": {"id": "dari", "en": "from"},
    "by": {"id": "oleh", "en": "by"},
    "closing": {"id": "penutup", "en": "closing event"},
    "newest": {"id": "laporan terakhir", "en": "newest report"},
    "due": {"id": "jatuh tempo", "en": "falls due"},
    "outages": {"id": "gangguan penerimaan", "en": "outages of the intake"},
    "next_start": {"id": "dinilai lagi", "en": "judged again"},
}
NOTHING_KEPT = {
    "id": "belum ada kejadian yang dihitung aturan ini untuk kelompok {group}",
    "en": "this rule has counted no event of the group {group} so far",
}
INSTANTS = frozenset(("oldest_leaves_at", "since", "until", "from", "newest", "due", "next_start"))
LENGTHS = frozenset(("outages",))


@app.command()
def rule(
    rule_id: Annotated[str, typer.Argument(metavar="RULE", help="The id of a rule in force.")],
    group: Annotated[str, typer.Option(help="The group, as alerts name it: 73.15, or 73.15|A.")],
    at: Annotated[
        str | None,
        typer.Option(
            help="The instant: RFC 3339, or 2024-11-27 11:00 WITA. Default: the newest event, or now."
        ),
    ] = None,
    lang: ExplainLanguage = "id",
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Say which gate let a rule open an alert for a group at an instant, or held it back.

    Example: siaga explain rule netralitas-berulang --group 73.15 --at "2024-09-10 12:00 WITA"
    """
    settings = settings_of(config, set_)
    regions = load_regions(settings.paths.regions)
    known, state, around, before, hidden = asyncio.run(_state(settings, regions, rule_id, group))
    newest = max((point.evidence.occurred_at for point in state.points), default=None)
    when = option_instant("--at", at) or newest or WallClock().now()
    stand = explain_group(variant_of(known, group, when), state, at=when, around=around, before=before)
    if known.hide_while and stand.gates[-1].passed:
        last = OpeningGate(name="hidden", passed=not hidden, detail={"by": hidden or None})
        stand = msgspec.structs.replace(stand, gates=(*stand.gates, last))
    if as_json:
        typer.echo(msgspec.json.encode(stand).decode())
        return
    for line in _stand(known, group, stand, _zone(regions, group), lang):
        typer.echo(line)
    if newest is None:
        typer.echo("  " + NOTHING_KEPT.get(lang, NOTHING_KEPT["en"]).format(group=group))


@app.command()
def alert(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT", help="The id that messages and the API name.")],
    lang: ExplainLanguage = "id",
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_FILE,
    set_: Overrides = None,
) -> None:
    """Tell the story of an alert: what opened it, who was told or passed over and why, who answered, what comes next.

    Example: siaga explain alert 7hzrn46dphmhzjhb
    """
    settings = settings_of(config, set_)
    found, entries, labels = asyncio.run(_story(settings, alert_id))
    if as_json:
        typer.echo(msgspec.json.encode({"alert": found, "history": entries}).decode())
        return
    zone = _zone(load_regions(settings.paths.regions), found.region)
    typer.echo(
        f"{found.id}  {found.rule.id} {found.rule.version}  [{found.group}]  {level_name(found.level)}, {found.status}"
    )
    texts = load_catalogue(settings.paths.templates / "texts.yaml").texts("en" if lang == "en" else "id")
    brought = {"id": "dibawa oleh", "en": "brought by"}["en" if lang == "en" else "id"]
    for evidence in found.evidence:
        by = credential_words(evidence.token, texts, labels)
        typer.echo(
            f"       {_moment(evidence.occurred_at, zone)}  {evidence.desk} {evidence.id}  {brought} {by}"
        )
    for line in history_lines(entries, texts, labels, zone):
        typer.echo(line)
    if found.wake_at is not None:
        typer.echo({"id": "berikutnya: ", "en": "next: "}.get(lang, "") + _moment(found.wake_at, zone))


def history_lines(
    entries: Iterable[HistoryEntry], texts: Texts, labels: Mapping[str, str], zone: str
) -> Iterator[str]:
    """Yield a line for each entry; at its end the credential by which it was, in words. `labels` are of tokens."""
    for entry in entries:
        about = " ".join([*_named(entry), *(f"{name}={value}" for name, value in entry.details.items())])
        about = f"{about}  [{credential_words(entry.by, texts, labels)}]".strip()
        yield f"  {entry.number:>3}  {_moment(entry.at, zone)}  {entry.name:<22} {about}"


def _named(entry: HistoryEntry) -> list[str]:
    return [part for part in (entry.reason, entry.person) if part]


async def _state(
    settings: Settings, regions: RegionTable, rule_id: str, group: str
) -> tuple[Rule, GroupState, Circumstances, Instant | None, str]:
    """Return the rule as it is in force, how its group stands, when it came into force so, and which rule hides it."""
    async with storage(settings) as store:
        books = RuntimeConfig(
            store, namespace=settings.namespace, regions=regions, kinds={}, rule_set=RuleSet({}, {})
        )
        if not (await books.follow()).rule_set:  # no service ran on this store so far
            books.rule_set = read_rule_set(settings.paths, regions, load_kinds(settings.paths.kinds))
        found = rule_named(books.rule_set.rules, rule_id)
        key, backdrop = (
            GroupKey(REAL, rule_id, group_named(found, group, regions)),
            GroupContexts(books, None),
        )
        backdrop.take(await kept_gaps(store))
        state = state_of((await read(store, [key]))[key])
        open_now = frozenset((await standing(store, REAL, found.hide_while)).values())
        hidden = inhibiting_rule(found.hide_while, region_of_group(found.per, key.group), open_now)
        return found, state, backdrop.of(key, found), backdrop.before(found), hidden


async def _story(settings: Settings, alert_id: str) -> tuple[Alert, list[HistoryEntry], dict[str, str]]:
    """Return the alert, its history, and the labels of the tokens that either names."""
    async with storage(settings) as store:
        case, entries = await case_story(store, archive_of(settings), alert_id)
        named = [*(entry.by for entry in entries), *(one.token for one in case.alert.evidence)]
        labels = await Tokens(store, WallClock()).labels(tokens_among(named))
        return case.alert, list(entries), labels


def _zone(regions: RegionTable, group: str) -> str:
    code = group.partition("|")[0]
    try:
        level_of(code)
        return regions.timezone(code)
    except IndexError:
        return "Asia/Jakarta"


def _stand(rule_: Rule, group: str, stand: GroupExplanation, zone: str, lang: str) -> list[str]:
    lines = [f"{rule_.id} [{group}] {_moment(stand.at, zone)}"]
    for gate in stand.gates:
        mark = "ya   " if gate.passed else "TIDAK"
        if lang == "en":
            mark = "yes" if gate.passed else "NO "
        words = GATES.get(gate.name, {}).get(lang, gate.name)
        lengths = LENGTHS | ({"figure", "limit"} if isinstance(rule_.condition, SilenceCondition) else set())
        lines.append(f"  {mark}  {words} ({gate.name}){_details(gate, zone, lang, lengths)}")
    if stand.counted:
        counted = {"id": "dihitung", "en": "counted"}.get(lang, "counted")
        lines.append(f"  {counted}: {', '.join(stand.counted)}")
    return lines


def _details(gate: OpeningGate, zone: str, lang: str, lengths: Collection[str]) -> str:
    said = [
        f"{DETAILS.get(name, {}).get(lang, name)} {_value(name, value, zone, lengths)}"
        for name, value in gate.detail.items()
        if value is not None and name != "ids"
    ]
    return f": {', '.join(said)}" if said else ""


def _value(name: str, value: object, zone: str, lengths: Collection[str]) -> str:
    if name in INSTANTS and isinstance(value, int):
        return _moment(value, zone)
    if name in lengths and isinstance(value, int | float):
        return format_duration(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _moment(instant_: Instant, zone: str) -> str:
    return f"{local(instant_, zone):%Y-%m-%d %H:%M:%S %Z}"
