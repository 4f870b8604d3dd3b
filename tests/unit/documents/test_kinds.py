"""The kinds of events: all of the schema are named, shortly and without saying more than is known."""

from pathlib import Path

import pytest

from engine.documents.kinds import EventKind, load_groups, load_kinds
from engine.errors import ConfigurationError

SHIPPED = Path("config/kinds.yaml")
SCHEMA = {
    "neutrality": ("asn", "village", "official", "organizer"),
    "conflict": ("clash", "death", "unrest"),
    "attack": ("office", "logistics", "candidate"),
    "intimidation": ("organizer",),
    "accident": ("major",),
    "turnout": ("reading", "low"),
    "voting": ("late_open", "anomaly", "postponed", "rerun"),
    "count": ("progress", "anomaly", "halted"),
    "logistics": ("shortage", "late", "swapped", "damaged", "arrived"),
    "disaster": ("flood", "volcano"),
    "money": ("politics",),
    "infra": ("outage",),
    "budget": ("nphd",),
    "staff": ("casualty",),
    "result": ("dispute",),
    "policy": ("risk_index",),
    "desk": ("readiness", "complaint", "heartbeat"),
    "followup": ("police", "neutrality"),
    "disinfo": ("hoax",),
    "voterlist": ("problem",),
}
ALLEGED = ("neutrality.", "money.", "intimidation.", "disinfo.", "voting.anomaly", "count.anomaly")
PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 /-.,()")


def test_the_kinds_are_those_of_the_schema() -> None:
    schema = {f"{family}.{kind}" for family, kinds in SCHEMA.items() for kind in kinds} | {"correction"}
    assert set(load_kinds(SHIPPED)) == schema


def test_names_fit_into_an_sms() -> None:
    names = [name for kind in load_kinds(SHIPPED).values() for name in (kind.id, kind.en)]
    assert [name for name in names if not 0 < len(name) <= 40 or not set(name) <= PLAIN] == []


def test_names_differ() -> None:
    kinds = load_kinds(SHIPPED).values()
    assert len({kind.id for kind in kinds}) == len({kind.en for kind in kinds}) == len(kinds)


def test_what_is_alleged_is_called_so() -> None:
    alleged = {code: kind for code, kind in load_kinds(SHIPPED).items() if code.startswith(ALLEGED)}
    assert len(alleged) == 9
    assert [code for code, kind in alleged.items() if not kind.id.startswith("Dugaan ")] == []
    assert [code for code, kind in alleged.items() if not kind.en.startswith("Alleged ")] == []


def test_a_name_is_given_by_language() -> None:
    flood = EventKind(id="Banjir", en="Flood")
    assert (flood.name("id"), flood.name("en")) == ("Banjir", "Flood")


@pytest.mark.parametrize(
    "text",
    [
        "version: 2\nkinds: {}",
        "kinds: {}",
        "version: 1\nkinds: {a.b: {id: A}}",
        "version: 1\nkinds: {a.b: {id: A, en: B, fr: C}}",
        "version: 1\nkinds: [",
        "version: 1\nkinds: [a.b]",
        "version: 1\nkinds: {A b: {id: A, en: B}}",
        "version: 1\nkinds: {a.b: {id: Bentrok \u2013 massa, en: B}}",
        "version: 1\nkinds: {a.b: {id: A, en: B}, a.b: {id: C, en: D}}",
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kinds.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"kinds\.yaml"):
        load_kinds(path)


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "kinds.yaml"
    path.write_text("version: 1\nkinds:\n  a.b: {id: A}\n  c.d: {en: C}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_kinds(path)
    assert f"{path}:3:" in str(refused.value)
    assert f"{path}:4:" in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml"):
        load_kinds(tmp_path / "none.yaml")


def test_the_groups_of_the_form_name_known_kinds_once_and_leave_out_what_no_person_reports() -> None:
    offered = [code for group in load_groups(SHIPPED) for code in group.kinds]
    assert len(offered) == len(set(offered))
    assert set(load_kinds(SHIPPED)) - set(offered) == {"desk.heartbeat", "correction", "policy.risk_index"}


@pytest.mark.parametrize(
    "group",
    [
        "{id: A, en: A, kinds: [b.c]}",
        "{id: A, en: A, kinds: [a.b], ask: [metrics.cows]}",
        "{id: A, kinds: [a.b]}",
        "{id: A, en: A, kinds: []}",
    ],
)
def test_a_group_of_another_form_is_refused(tmp_path: Path, group: str) -> None:
    path = tmp_path / "kinds.yaml"
    path.write_text(f"version: 1\nkinds: {{a.b: {{id: A, en: A}}}}\ngroups:\n  - {group}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"kinds\.yaml:4:"):
        load_kinds(path)
