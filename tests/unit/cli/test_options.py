"""Names on the command line: found, or what may have been meant."""

from pathlib import Path

import pytest

from engine.cli.common.options import group_named, rule_named
from engine.core.judging.rule import Rule
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError

REGIONS = load_regions(Path("config/regions.csv"))


def rule(*per: str) -> Rule:
    return Rule(id="contoh", title="", short_title="", owner="", why="", guide="", levels=(), per=per)


def test_a_rule_is_found_or_guessed() -> None:
    """The likeliest comes first, then all there are."""
    rules = {"netralitas-berulang": rule("region"), "bencana-tps": rule("region")}
    assert rule_named(rules, "bencana-tps") is rules["bencana-tps"]
    with pytest.raises(
        ConfigurationError, match=r"did you mean netralitas-berulang\? there are: bencana-tps, netr"
    ):
        rule_named(rules, "netralitas-berulan")
    with pytest.raises(ConfigurationError, match="no rule is called xyz; there are: "):
        rule_named(rules, "xyz")


@pytest.mark.parametrize(
    ("per", "group"),
    [
        (("regency",), "73.15"),
        (("region",), "73.15"),
        (("region",), "73"),
        (("region",), "00"),
        (("province",), "73"),
        (("district",), "73.15.03"),
        (("incident",), "73.99"),
        (("regency", "incident"), "73.15|A"),
    ],
)
def test_groups_that_can_be(per: tuple[str, ...], group: str) -> None:
    assert group_named(rule(*per), group, REGIONS) == group


@pytest.mark.parametrize(
    ("per", "group", "said"),
    [
        (("regency",), "73.99", "there is no region 73.99; region codes are written as 73 or 73.15"),
        (("regency",), "7315", "there is no region 7315; did you mean 73.15?"),
        (("regency",), "Pinrang", "there is no region Pinrang; did you mean 73.15?"),
        (("regency",), "Kota Bima", "there is no region Kota Bima; did you mean 52.72?"),
        (("regency",), "73", "contoh counts per regency, and 73 is none"),
        (("region",), "73.15.03", "contoh counts per region, and 73.15.03 is none"),
        (
            ("regency", "incident"),
            "73.15",
            "contoh counts per regency and incident; write it as 73.15|INCIDENT",
        ),
        (("regency",), "73.15|A", "there is no region 73.15|A"),
        (("regency",), "", "there is no region "),
    ],
)
def test_groups_that_cannot_be(per: tuple[str, ...], group: str, said: str) -> None:
    """An unknown region is not answered as if nothing had happened there."""
    with pytest.raises(ConfigurationError) as raised:
        group_named(rule(*per), group, REGIONS)
    assert said in str(raised.value)
