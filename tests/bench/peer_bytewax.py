"""Runs in the environment of bytewax: counts by key in tumbling windows, in memory, one worker.

Called as `peer_bytewax.py RUNS EVENTS GROUPS`; prints JSON: events/s of each run, in CPU time.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

BEGIN = datetime(2024, 11, 27, tzinfo=UTC)


def rate(events, groups):
    """Return events/s."""
    readings = [
        (f"r{place * 7919 % groups}", BEGIN + timedelta(milliseconds=200 * place)) for place in range(events)
    ]
    flow, out = Dataflow("ukur"), []
    source = op.input("in", flow, TestingSource(readings, batch_size=500))
    clock = win.EventClock(lambda one: one[1], wait_for_system_duration=timedelta(seconds=10))
    windows = win.TumblingWindower(length=timedelta(hours=1), align_to=BEGIN)
    op.output(
        "out", win.count_window("count", source, clock, windows, lambda one: one[0]).down, TestingSink(out)
    )
    began = time.process_time()
    run_main(flow)
    return events / (time.process_time() - began)


runs, events, groups = map(int, sys.argv[1:])
sys.stdout.write(json.dumps([rate(events, groups) for _ in range(runs)]))
