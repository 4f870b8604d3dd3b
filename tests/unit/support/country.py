"""A small country for the tests at the door: a few regions of all three zones, three kinds, and an instant."""

from engine.core.judging.instant import parse_instant
from engine.core.judging.region import Region, RegionTable

NOW, _ = parse_instant("2024-11-27T10:00:00+08:00")
KINDS = {"conflict.clash", "neutrality.asn", "desk.heartbeat"}


def region(code: str, zone: str) -> Region:
    parent = "" if code == "00" else code.rpartition(".")[0] or "00"
    timezone = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}[zone]
    return Region(
        code=code, parent=parent, level="regency", name=code, short_name=code, zone=zone, timezone=timezone
    )


REGIONS = RegionTable(
    [
        region("00", "WIB"),
        region("33", "WIB"),
        region("33.74", "WIB"),
        region("73", "WITA"),
        region("73.15", "WITA"),
        region("92", "WIT"),
        region("92.02", "WIT"),
        region("96", "WIT"),
        region("96.01", "WIT"),
        region("96.71", "WIT"),
    ]
)
