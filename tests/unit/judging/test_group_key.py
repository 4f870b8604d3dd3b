"""The group an event belongs to, and the region it stands for."""

from __future__ import annotations

import pytest

from engine.core.judging.group_key import canonical, group_of, region_of_group
from tests.unit.judging.desk import event, rule


@pytest.mark.parametrize(
    ("per", "region", "group"),
    [
        (("nation",), "73.15", "00"),
        (("province",), "73.15.03", "73"),
        (("regency",), "73.15.03.2001", "73.15"),
        (("district",), "73.15.03.2001", "73.15.03"),
        (("village",), "73.15.03.2001", "73.15.03.2001"),
        (("regency",), "73", None),
        (("district",), "73.15", None),
        (("region",), "73.15.03", "73.15"),
        (("region",), "73", "73"),
        (("region",), "00", "00"),
        (("incident",), "73.15", "A|B"),
        (("regency", "incident"), "73.15", "73.15|A\\|B"),
        (("regency", "nothing"), "73.15", None),
        (("empty",), "73.15", None),
        (("n",), "73.15", "3"),
        (("truth", "n"), "73.15", "true|3"),
        (("source.desk",), "73.15", "7315"),
    ],
)
def test_the_key_of_a_group(per: tuple[str, ...], region: str, group: str | None) -> None:
    """Regions are cut to their level; an event without a key belongs to no group.

    Law: docs/specification/rules.md#groups.
    """
    report = event(0, region=region, incident="A|B", n=3.0, truth=True, empty="")
    assert group_of(rule(per=per), report) == group


@pytest.mark.parametrize(
    ("per", "region", "stands_for"),
    [
        (("province",), "73.15.03", "73"),
        (("province", "regency"), "73.15.03", "73.15"),
        (("district", "incident"), "73.15.03", "73.15.03"),
        (("incident",), "73.15.03", "73.15"),
        (("incident",), "73", "73"),
        (("nation",), "73.15", "00"),
    ],
)
def test_the_region_a_group_stands_for(per: tuple[str, ...], region: str, stands_for: str) -> None:
    """The narrowest region of `per`, else the event's regency."""
    report = event(0, region=region, incident="A")
    assert region_of_group(per, group_of(rule(per=per), report) or "", region) == stands_for


def test_canonical_texts_are_equal_for_equal_values_only() -> None:
    """1 and 1.0 are the same number; 1, true and their texts are four things."""
    assert canonical(1) == canonical(1.0) == canonical(1.0000000001)
    assert len({canonical(value) for value in (None, "", 1, "1", True, "true", 1.5, -0.5)}) == 8
