"""Which silences need a second person: those of awas, and of a whole province or more."""

import pytest

from engine.core.alerting.silence import Match, root_of, width_of
from engine.core.judging.region import Region, RegionTable, level_of

CODES = ("00", "73", "73.15", "73.16", "94", "94.02")
REGIONS = RegionTable(
    Region(
        code=code,
        parent=code.rpartition(".")[0] or "00",
        level=level_of(code),
        name=code,
        short_name=code,
        zone="WITA",
        timezone="Asia/Makassar",
    )
    for code in CODES
)


def width(match: Match, *, awas: bool = False):
    return width_of(match, REGIONS, include_awas=awas)


@pytest.mark.parametrize(
    "match",
    [
        Match(rule=("a",)),
        Match(level=(2,)),
        Match(region=("00",)),
        Match(region=("73.15", "73")),
        Match(region=("7*",)),
        Match(region=("73.*",)),
        Match(region=("73.1*",)),
        Match(region=("73.15", "73.16")),
        Match(region=("94.02",)),
        Match(region=("73.15", "73.16"), rule=("a",)),
    ],
)
def test_a_province_or_more(match: Match) -> None:
    assert width(match) == "covers_province"


@pytest.mark.parametrize(
    "match", [Match(region=("73.15",)), Match(region=("73.15.*",)), Match(region=("73.15.02", "94.02.01"))]
)
def test_less_than_a_province(match: Match) -> None:
    assert width(match) is None


def test_awas_where_it_is_covered() -> None:
    assert width(Match(region=("73.15",)), awas=True) == "covers_awas"
    assert width(Match(region=("73.15",), level=(3, 4)), awas=True) == "covers_awas"
    assert width(Match(region=("73.15",), level=(2, 3)), awas=True) is None


@pytest.mark.parametrize(
    ("pattern", "root"), [("73.15", "73.15"), ("73.*", "73"), ("73.1*", "73"), ("7*", "00"), ("*", "00")]
)
def test_the_root_of_a_pattern(pattern: str, root: str) -> None:
    assert root_of(pattern) == root
