"""Rows, tiles and bars of the situation: what comes next, what is most pressing, what is counted where."""

import msgspec
import pytest
import yaml

from engine.core.alerting.alert import Postponed, Run
from engine.core.judging.instant import HOUR, MINUTE
from engine.texts.console.alert_rows import pressing, row, upcoming
from engine.texts.console.last_hour import bars
from engine.texts.console.tile_map import TileLayout, tile
from engine.web.console.page_renderer import console_catalogue
from tests.unit.texts.sample import ALERT, CATALOGUE, KINDS, REGIONS, TEMPLATES

TEXTS = console_catalogue(CATALOGUE, TEMPLATES).texts("id")
AT = ALERT.detected_at + MINUTE
ENDS = AT + 29 * MINUTE


def run(step: int, round_: int = 1, **more) -> Run:
    return Run(step=step, round=round_, started_at=AT, ends_at=ENDS, **more)


def alert(**changes):
    plain = {
        "status": "open",
        "runs": (run(1),),
        "exhausted_at": None,
        "silenced": "",
        "hidden": "",
        "postponed": None,
    }
    return msgspec.structs.replace(ALERT, **(plain | changes))


STEPS = len(ALERT.policy.steps)


@pytest.mark.parametrize(
    ("changes", "text", "at"),
    [
        ({}, f"ke tahap 2/{STEPS}", ENDS),
        (
            {"runs": (run(STEPS, ALERT.policy.rounds_after_first + 1),)},
            "ke akhir tahap terakhir",
            ENDS,
        ),
        ({"runs": (run(1, over=True),)}, "Tidak ada tahap yang berjalan", None),
        ({"runs": ()}, "Tidak ada tahap yang berjalan", None),
        ({"silenced": "s"}, "Dibisukan: tidak ada yang diberi tahu", None),
        ({"hidden": "r"}, "Tersembunyi di balik peringatan lain", None),
        ({"exhausted_at": AT}, "Semua tahap sudah dijalankan", None),
        ({"postponed": Postponed(step=1, round=1, until=ENDS)}, "tahap 1 ditunda", ENDS),
        ({"status": "acknowledged", "expires_at": ENDS}, "harus ditegaskan lagi", ENDS),
        ({"status": "acknowledged", "expires_at": None}, "Menunggu penyelesaian", None),
        ({"status": "resolved", "resolved_at": AT}, "Tidak ada lagi", None),
    ],
)
def test_what_comes_next(changes, text, at):
    assert upcoming(alert(**changes), TEXTS) == (text, at)


def test_a_further_round_says_so():
    policy = msgspec.structs.replace(ALERT.policy, rounds_after_first=1, from_step=1)
    assert upcoming(alert(policy=policy, runs=(run(STEPS),)), TEXTS).text == "ke putaran 2 tahap 1"


def test_the_most_pressing_is_first():
    """By level, then what nobody has, then what comes next soonest."""
    of = {
        "later": alert(id="later", level=4, runs=(run(1),)),
        "taken": alert(id="taken", level=4, status="acknowledged", expires_at=AT),
        "lower": alert(id="lower", level=2),
        "never": alert(id="never", level=4, exhausted_at=AT),
        "sooner": alert(
            id="sooner", level=4, runs=(Run(step=1, round=1, started_at=AT, ends_at=AT + MINUTE),)
        ),
    }
    assert [one.id for one in pressing(of.values())] == ["sooner", "later", "never", "taken", "lower"]


def test_marks_are_seen_at_a_glance():
    assert row(alert(space="exercise", silenced="s"), TEXTS, REGIONS, KINDS, AT).marks == (
        "LATIHAN",
        "dibisukan",
    )


def test_a_tile_says_how_many_alerts_there_are_and_the_highest_level():
    names = {"73": "Sulsel"}.__getitem__
    whole = tile("73", 2, 3, TEXTS, names)
    assert (whole.count, whole.level) == (2, 3)
    assert whole.label == "Sulsel: 2 peringatan, tertinggi SIAGA"
    assert tile("73", 0, 0, TEXTS, names).label == "Sulsel: tidak ada peringatan"


def test_every_province_has_a_place_of_its_own_on_the_map():
    layout = msgspec.convert(yaml.safe_load((TEMPLATES / "console/tiles.yaml").read_text()), TileLayout)
    provinces = {region.code for region in REGIONS if region.level == "province"}
    places = [(place.column, place.row) for place in layout.tiles.values()]
    assert layout.tiles.keys() == provinces | {"00"}
    assert len(provinces) == 38
    assert len(set(places)) == len(places)
    assert all(1 <= x <= layout.columns and 1 <= y <= layout.rows for x, y in places)
    style = (TEMPLATES / "console/console.css").read_text()
    assert all(f".x{x} " in style and f".y{y} " in style for x, y in places)


def test_bars_are_five_minutes_each_and_the_newest_is_last():
    minute = AT // MINUTE
    events = {
        (minute, "73"): 2,
        (minute - 4, "94"): 1,
        (minute - 5, "73"): 7,
        (minute - 59, "73"): 4,
        (minute - 60, "73"): 9,
    }
    assert bars(events, AT) == [4, *[0] * 9, 7, 3]
    assert bars({}, AT + HOUR) == [0] * 12
