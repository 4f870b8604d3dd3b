"""`except`: what it makes of a rule for events and for groups, and what it may set for whom."""

import msgspec
import pytest

from engine.core.judging.condition import Count
from engine.core.judging.instant import HOUR
from engine.core.judging.rule import Clear
from engine.documents.finding import Findings
from engine.documents.reference_data import ANYTHING
from engine.documents.rules.rules import inline_rules, read_rules
from engine.documents.yaml_tree import compose
from engine.matching.rule_exception import variant_of

RULE = """inline_rules:
  - id: satu
    watch: {kind: a}
    per: PER
    alert_when: {count: {at_least: 3, within: 1h}}
    except: [EXCEPTIONS]
  - {id: dua, like: satu, alert_when: {count: {at_least: 9, within: 1h}}}
"""


def load(*exceptions: str, per: str = "regency", now: int | None = None):
    text = RULE.replace("EXCEPTIONS", ", ".join(exceptions)).replace("PER", per)
    return inline_rules(compose(text.encode(), "r", Findings()), msgspec.structs.replace(ANYTHING, now=now))


def exception(for_: str, sets: str, more: str = "") -> str:
    return f"{{for: {{{for_}}}, set: {{{sets}}}, reason: Surat{more}}}"


def test_the_keys_are_laid_over_those_of_the_rule_and_of_one_that_is_like_it():
    satu, dua = load(
        exception('region: "73"', "alert_when.count.within: 2h, clear_when: {quiet_for: 1h}, escalate: lain")
    ).expect()
    for rule, at_least in ((satu, 3), (dua, 9)):
        variant = variant_of(rule, "73.15", 0)
        assert variant.condition == Count(at_least, 2 * HOUR)
        assert (variant.clear, variant.escalate) == (Clear("quiet", quiet_for=HOUR), "lain")
        assert (variant.id, variant.version) == (rule.id, rule.version)
        assert variant_of(rule, "74.01", 0) is rule


def test_the_first_that_holds_for_a_group_counts():
    rule, _ = load(
        exception('region: "73.15"', "hold_for: 0s"), exception('region: "73"', "escalate: b")
    ).expect()
    first, second = (one.variant for one in rule.exemptions)
    assert variant_of(rule, "73.15", 0) is first
    assert variant_of(rule, "73.16", 0) is second


def test_other_keys_of_per_choose_too():
    rule, _ = load(
        exception('incident: A, unless: {region: "74"}', "escalate: b"), per="[regency, incident]"
    ).expect()
    assert [variant_of(rule, group, 0).escalate for group in ("73.15|A", "73.15|B", "74.01|A")] == [
        "b",
        "",
        "",
    ]


def test_a_change_of_an_exception_is_a_new_version():
    rules = [
        load(exception('region: "73"', f"alert_when.count.at_least: {n}")).expect()[0] for n in (4, 5, 4)
    ]
    assert rules[0].version == rules[2].version != rules[1].version


@pytest.mark.parametrize(
    ("for_", "per", "code"),
    [
        ('region: "73.15"', "regency", None),
        ('region: "73.15"', "province", "except_for"),
        ('region: "73.15.03"', "regency", "except_for"),
        ("severity: 4", "regency", "except_for"),
        ("incident: A", "regency", "except_for"),
        ('any: [{region: "73"}, {severity: 4}]', "regency", "except_for"),
    ],
)
def test_what_is_set_for_groups_may_test_their_keys_only(for_, per, code):
    """The level of an event is its own, whatever is tested."""
    found = {f.code for f in load(exception(for_, "escalate: b"), per=per).findings}
    assert found == ({code} if code else set())
    assert load(exception(for_, "level: awas"), per=per).valid


@pytest.mark.parametrize("word", ["count.of: x", "distinct: {of: x, at_least: 2, within: 1h}"])
def test_what_is_read_of_an_event_is_the_same_for_all_groups(word):
    assert not load(exception('region: "73"', f"alert_when.{word}")).valid


@pytest.mark.parametrize(
    ("sets", "more", "code"),
    [
        ("watch: {kind: b}", "", "except_key"),
        ("per: nation", "", "except_key"),
        ("clear_when: {event: {kind: b}}", "", "except_key"),
        ("alert_when.count.weight: x", "", "except_condition"),
    ],
)
def test_what_is_the_same_for_all_groups_cannot_be_set(sets: str, more: str, code: str):
    assert {f.code for f in load(exception('region: "73"', sets, more)).findings} == {code}


def test_a_mistake_in_what_is_set_is_reported_there():
    (found,) = [
        f for f in load(exception('region: "73"', "hold_for: lama")).findings if f.code != "hold_for_on_event"
    ]
    assert (found.code, found.source_line[found.caret :].startswith("lama")) == ("not_a_duration", True)


@pytest.mark.parametrize(("now", "codes"), [(None, []), (86_399_999, []), (86_400_000, ["except_expired"])])
def test_one_that_is_over_is_worth_a_remark(now: int | None, codes: list[str]):
    over = exception('region: "73"', "level: awas", ', until: "1970-01-02T00:00:00Z"')
    text = RULE.replace("EXCEPTIONS", over).replace("PER", "regency").replace("inline_rules", "rules")
    found = read_rules([("r", text.encode())], msgspec.structs.replace(ANYTHING, now=now)).findings
    assert [f.code for f in found if f.code.startswith("except")] == codes
