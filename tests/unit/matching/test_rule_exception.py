"""Variants: which exception holds for a group, and until when."""

from engine.core.judging.filter import Test
from engine.core.judging.rule import Exemption
from engine.matching.rule_exception import changed_at, ends_at, variant_of
from tests.unit.judging.desk import rule

MAKASSAR, SOUTH = Test("region", "lies_in", ("73.71",)), Test("region", "lies_in", ("73",))


def exemption(holds, number, until=None, wait=0):
    variant = rule(
        id="aturan", escalate=f"p{number}", per=("regency",), holds_until=until, wait_for_late=wait
    )
    return Exemption(holds=holds, keys=(), reason="Surat", until=until, variant=variant)


def test_an_exception_ends_when_all_before_its_end_is_judged():
    """Then the next one that holds counts, at last the rule itself."""
    one = rule(per=("regency",), exemptions=(exemption(MAKASSAR, 1, 100, wait=10), exemption(SOUTH, 2, 200)))
    found = [variant_of(one, "73.71", at).escalate for at in (0, 109, 110, 199, 200)]
    assert found == ["p1", "p1", "p2", "p2", ""]
    assert variant_of(one, "73.15", 0).escalate == "p2"
    assert variant_of(one, "74.01", 0) is one
    assert [ends_at(variant_of(one, "73.71", at)) for at in (0, 110, 200)] == [110, 200, None]


def test_what_was_over_by_the_end_of_an_exception_is_known_later_too():
    """A process that starts then must judge late reports like one that went through the end."""
    one = rule(per=("regency",), exemptions=(exemption(MAKASSAR, 1, 100, wait=10), exemption(SOUTH, 2, 200)))
    assert [changed_at(one, "73.71", at) for at in (109, 110, 200)] == [None, 100, 200]
    assert [changed_at(one, "74.01", at) for at in (109, 110, 200)] == [None, None, None]


def test_one_without_an_end_holds_forever():
    one = rule(per=("regency",), exemptions=(exemption(SOUTH, 1),))
    assert variant_of(one, "73.15", 2**60).escalate == "p1"
    assert ends_at(variant_of(one, "73.15", 0)) is None


def test_levels_of_single_events_make_no_variant():
    one = rule(per=("regency",), exemptions=(Exemption(holds=SOUTH, keys=(), reason="Surat", level=4),))
    assert variant_of(one, "73.15", 0) is one
