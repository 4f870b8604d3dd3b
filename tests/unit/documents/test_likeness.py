"""Rules that are like another one: what they take over, from which file, and where a mistake is reported."""

from engine.core.judging.condition import Count
from engine.core.judging.rule import LevelStep
from engine.documents.reference_data import ReferenceData
from engine.documents.rules.rules import read_rules

KNOWN = ReferenceData(policies=frozenset({"netralitas", "kekerasan"}))
BASE = """version: 1
defaults: {owner: Biro A, wait_for_late: 5m}
rules:
  - id: dasar
    title: Dasar
    short_title: Dasar
    why: SKB 2/2022
    guide: sop/dasar.md
    level: siaga
    watch: {kind: neutrality.asn}
    per: regency
    alert_when: {count: {at_least: 3, within: 7d}}
    escalate: netralitas
"""


def load(*files: str):
    return read_rules([(f"{'abc'[place]}.yaml", text.encode()) for place, text in enumerate(files)], KNOWN)


def derived(keys: str, head: str = "") -> str:
    return f"version: 1\n{head}rules:\n  - {keys}\n"


def test_everything_is_taken_and_single_keys_are_replaced():
    dasar, ketat = load(BASE, derived("{id: ketat, like: dasar, level: awas}")).expect()
    assert (ketat.levels, ketat.condition, ketat.title) == (
        (LevelStep(4),),
        Count(3, 7 * 86_400_000),
        "Dasar",
    )
    assert (ketat.owner, ketat.wait_for_late) == (dasar.owner, dasar.wait_for_late) == ("Biro A", 300_000)
    assert ketat.version != dasar.version
    assert ketat.source == "b.yaml:3"


def test_own_keys_come_before_those_of_the_other_rule_and_these_before_defaults():
    """Law: docs/specification/rules.md#inheritance."""
    head = "defaults: {owner: Biro B, guide: sop/b.md, late_horizon: 48h}\n"
    rules = {r.id: r for r in load(BASE, derived("{id: b, like: dasar, guide: sop/c.md}", head)).expect()}
    assert (rules["b"].owner, rules["b"].guide, rules["b"].late_horizon) == (
        "Biro A",
        "sop/c.md",
        48 * 3_600_000,
    )


def test_a_chain_in_any_order_of_files():
    chain = derived("{id: c, like: b, per: province}"), derived("{id: b, like: dasar, level: awas}"), BASE
    rules = {rule.id: rule for rule in load(*chain).expect()}
    assert (rules["c"].levels, rules["c"].per, rules["b"].per) == (
        (LevelStep(4),),
        ("province",),
        ("regency",),
    )


def test_the_version_is_that_of_the_resolved_rule():
    """A change of the other rule changes it, and so does nothing else that stands beside it.

    Law: docs/specification/rules.md#rule-version.
    """
    own = derived("{id: b, like: dasar, level: awas}")
    before = {rule.id: rule.version for rule in load(BASE, own).expect()}
    for text, same in (
        (BASE.replace("at_least: 3", "at_least: 4"), False),
        (BASE.replace("level: siaga", "level: waspada"), True),
    ):
        after = {rule.id: rule.version for rule in load(text, own).expect()}
        assert (after["b"] == before["b"]) is same
        assert after["dasar"] != before["dasar"]


def test_a_bad_value_is_reported_once_where_it_stands():
    found = load(BASE.replace("7d", "tujuh"), derived("{id: b, like: dasar}")).findings
    assert [(f.file, f.line, f.code) for f in found] == [("a.yaml", 12, "not_a_duration")]


def test_keys_that_do_not_fit_are_reported_in_the_file_that_joined_them():
    kept = BASE.replace("    escalate", "    clear_when: {at_most: 1}\n    escalate")
    found = load(kept, derived("{id: b, like: dasar, alert_when: every_event}")).findings
    assert [(f.file, f.line, f.column, f.code) for f in found] == [("b.yaml", 3, 19, "needs_figure")]


def test_rings_are_reported_at_each_rule_of_them_and_nothing_beside():
    ring = derived("{id: b, like: c}"), derived("{id: c, like: b}"), derived("{id: d, like: b}")
    found = [f for f in load(*ring).findings if f.code != "required"]
    assert [(f.file, f.code, dict(f.facts)["ring"]) for f in found] == [
        ("a.yaml", "like_cycle", "b -> c -> b"),
        ("b.yaml", "like_cycle", "c -> b -> c"),
    ]


def test_a_long_chain_is_no_deep_recursion():
    links = "".join(f"  - {{id: r{n}, like: {f'r{n - 1}' if n else 'dasar'}}}\n" for n in range(3_000))
    rules = load(BASE, f"version: 1\nrules:\n{links}").expect()
    assert len(rules) == 3_001
    assert rules[-1].condition == rules[0].condition


def test_a_missing_key_that_no_rule_of_the_chain_gives_is_still_missing():
    found = load(
        BASE.replace("    guide: sop/dasar.md\n", ""), derived("{id: b, like: dasar, guide: sop/b.md}")
    ).findings
    assert [(f.file, f.code, dict(f.facts)) for f in found] == [("a.yaml", "required", {"key": "guide"})]
