"""The record audit knows every table: one that it does not know would never be looked at."""

import re
from pathlib import Path

from engine.metric_labels import RECORD_TABLES
from engine.operations.unreadable_records import RAW, TYPES

ENGINE = Path(__file__).parents[3] / "engine"
TABLE = re.compile(r'^(?:\w+) = "(\w+)"\n"""(?:Table|Schedule of requests; also the table)', re.MULTILINE)


def test_every_table_is_known():
    found = {name for file in ENGINE.rglob("*.py") for name in TABLE.findall(file.read_text())}
    assert len(found) > 20
    assert found - TYPES.keys() - set(RAW) == set()


def test_the_metric_has_every_table_at_zero():
    assert tuple(sorted(RECORD_TABLES)) == tuple(sorted(TYPES))
