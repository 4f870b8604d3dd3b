"""Runs in the environment of ElastAlert 2: its rule classes on the readings of `judging`, without Elasticsearch.

Here: only what the peer's own environment has. Prints JSON: condition -> events/s of each run.
Called as `peer_elastalert.py RUNS EVENTS GROUPS`.
"""

import datetime as dt
import json
import sys
import time

from elastalert.ruletypes import CardinalityRule, FlatlineRule, FrequencyRule, SpikeRule

BATCH = 500
BEGIN = dt.datetime(2024, 11, 27, 0, 0, tzinfo=dt.UTC)
COMMON = {"timestamp_field": "@timestamp", "query_key": "region", "name": "ukur", "index": "-", "type": "any"}
HOUR = dt.timedelta(hours=1)


def rules():
    """Return a fresh rule of each condition that the bench compares; none of them matches."""
    return {
        "count": FrequencyRule({**COMMON, "num_events": 1_000_000, "timeframe": HOUR}),
        "distinct": CardinalityRule(
            {**COMMON, "cardinality_field": "incident", "max_cardinality": 1_000_000, "timeframe": HOUR}
        ),
        "spike": SpikeRule(
            {
                **COMMON,
                "spike_height": 1_000,
                "spike_type": "up",
                "timeframe": HOUR,
                "threshold_cur": 1_000_000,
            }
        ),
        "silence": FlatlineRule({**COMMON, "threshold": 0, "timeframe": HOUR, "forget_keys": False}),
    }


def main():
    runs, events, groups = map(int, sys.argv[1:])
    found = {}
    for _ in range(runs):
        for name, rule in rules().items():
            batches = [
                [
                    {
                        "@timestamp": BEGIN + dt.timedelta(milliseconds=200 * place),
                        "region": f"r{place * 7919 % groups}",
                        "incident": f"i{place % 50}",
                        "count": 1,
                    }
                    for place in range(first, min(first + BATCH, events))
                ]
                for first in range(0, events, BATCH)
            ]
            began = time.process_time()
            for batch in batches:
                rule.add_data(batch)
                rule.garbage_collect(batch[-1]["@timestamp"])
            found.setdefault(name, []).append(events / (time.process_time() - began))
    sys.stdout.write(json.dumps(found))


main()
