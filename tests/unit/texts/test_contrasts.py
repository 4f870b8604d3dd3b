"""One figure against another in a sentence: every way to write a share and a comparison."""

import msgspec
import pytest

from engine.core.judging.condition import Condition, Earlier, Floor, PreviousWindow, ReferenceColumn, SameHour
from engine.core.judging.filter import Limit
from engine.core.judging.instant import HOUR
from tests.unit.texts.test_sentence import CONDITIONS, said

SHARE, COMPARE = CONDITIONS["share"][0], CONDITIONS["compare"][0]


@pytest.mark.parametrize(
    ("condition", "keys", "language", "expected"),
    [
        (
            SHARE,
            {
                "part": "metrics.tps",
                "whole": ReferenceColumn(name="directory.tps"),
                "within": None,
                "missing": 0,
            },
            "id",
            (
                "Bila menurut laporan terbaru tentang bentrok massa di satu kabupaten/kota jumlah TPS sedikitnya 20%"
                " dari jumlah TPS daerah itu, hanya bila keseluruhannya sedikitnya 5"
                " (laporan tanpa angka dihitung 0)"
            ),
        ),
        (
            SHARE,
            {"whole": ReferenceColumn(name="directory.ikp")},
            "en",
            (
                "If within 1 day the number of reports of clash with loss of life in reports of clash between groups"
                " in one regency or city is at least 20% of the figure directory.ikp of that region in the table,"
                " only if the whole is at least 5"
            ),
        ),
        (
            COMPARE,
            {"figure": "count", "reference": PreviousWindow(), "relation": "rises_to", "at": None},
            "en",
            (
                "If within 3 hours the number of reports of clash between groups in one regency or city is at least"
                " 10 times that of the 3 hours before, only if percentage done in the latest report is at least 50"
            ),
        ),
        (
            COMPARE,
            {
                "figure": "distinct",
                "of": ("incident",),
                "reference": SameHour(days=7),
                "relation": "falls_below",
                "number": 0.5,
                "floor": Floor(now=Limit("above", 0)),
                "if_no_baseline": 4,
                "at": None,
            },
            "id",
            (
                "Bila dalam 3 jam banyaknya kejadian yang berbeda pada bentrok massa di satu kabupaten/kota kurang dari"
                " 0,5 kali rata-rata pada jam yang sama 7 hari sebelumnya, hanya bila angkanya lebih dari 0"
                " (tanpa pembanding dipakai 4)"
            ),
        ),
        (
            COMPARE,
            {
                "figure": "count",
                "weight": "metrics.count",
                "reference": Earlier(before=HOUR, not_older_than=2 * HOUR),
                "relation": "rises_by",
                "floor": Floor(),
                "if_no_baseline": "fire",
                "at": None,
            },
            "id",
            (
                "Bila dalam 3 jam total jumlah kasus pada bentrok massa di satu kabupaten/kota sedikitnya 10 poin"
                " lebih tinggi daripada angka 1 jam sampai 2 jam sebelumnya (tanpa pembanding dianggap terpenuhi)"
            ),
        ),
    ],
)
def test_contrasts_in_words(condition: Condition, keys: dict[str, object], language: str, expected: str):
    said_of_it = said(language, condition=msgspec.structs.replace(condition, **keys))
    assert said_of_it.startswith(expected + ",")
