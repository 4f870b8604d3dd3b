"""The spool: nothing that it confirmed is lost or halved, whatever happens to the process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk_client.spool import BATCH_BYTES, BATCH_EVENTS, RefusedEvent, Spool, SpoolBusyError

NOW = 1_732_665_600_000


@pytest.fixture
def spool(tmp_path) -> Spool:
    return Spool(tmp_path / "spool")


def lines(spool: Spool) -> list[bytes]:
    return [line for batch in spool.waiting() for line in batch.read_bytes().splitlines()]


def test_events_wait_in_the_order_in_which_they_came_for_this_user_alone(spool):
    spool.add([b'{"id":"b"}'], NOW + 1)
    spool.add([b'{"id":"a"}'], NOW)
    assert lines(spool) == [b'{"id":"a"}', b'{"id":"b"}']
    assert spool.folder.stat().st_mode & 0o077 == 0
    assert all(batch.stat().st_mode & 0o077 == 0 for batch in spool.waiting())


def test_batches_keep_to_their_bounds(spool):
    batches = spool.add([b"{}"] * (BATCH_EVENTS + 1), NOW)
    assert [batch.read_bytes().count(b"\n") for batch in batches] == [BATCH_EVENTS, 1]
    large = b'"' + b"x" * (BATCH_BYTES // 2) + b'"'
    assert len(spool.add([large, large, large], NOW + 1)) == 3


@given(st.lists(st.binary(min_size=1, max_size=2_000).map(bytes.hex).map(str.encode), max_size=60))
def test_every_event_stands_once_and_in_order(tmp_path_factory, events):
    spool = Spool(tmp_path_factory.mktemp("spool"))
    spool.add(events, NOW)
    assert lines(spool) == events


def test_what_was_answered_for_leaves_and_what_was_refused_stays_aside(spool):
    (batch,) = spool.add([b"1", b"2"], NOW)
    kept = spool.settle(batch, [RefusedEvent(reason="out_of_scope", field="region", event="2")])
    assert spool.waiting() == []
    assert kept.read_text() == '{"reason":"out_of_scope","field":"region","event":"2"}\n'
    assert kept.stat().st_mode & 0o077 == 0


def test_a_batch_in_two_halves_holds_the_same_in_the_same_place(spool):
    (first,) = spool.add([b"1", b"2", b"3"], NOW)
    spool.add([b"4"], NOW + 1)
    spool.split(first, [b"1", b"2", b"3"])
    assert [batch.read_bytes() for batch in spool.waiting()] == [b"1\n2\n", b"3\n", b"4\n"]


def test_two_never_deliver_at_once(spool):
    with spool.delivering(), pytest.raises(SpoolBusyError), spool.delivering():
        pass
    with spool.delivering():
        spool.add([b"1"], NOW)  # what comes meanwhile is kept all the same


def test_half_a_file_of_a_process_that_died_is_never_sent(spool):
    spool.add([b"1"], NOW)
    left = spool.folder / f".{NOW:014d}-0000-ab.ndjson.part"
    left.write_bytes(b'{"id":"ha')
    assert lines(spool) == [b"1"]
    spool.add([b"2"], NOW + 1)
    assert not left.exists()
    assert lines(spool) == [b"1", b"2"]


WRITER = """
import sys
from pathlib import Path
from engine.desk_client.spool import Spool
spool, number = Spool(Path(sys.argv[1])), 0
while True:
    spool.add([b'{"id":"%d"}' % number], number)
    print(number, flush=True)
    number += 1
"""


def test_a_killed_process_has_kept_all_that_it_confirmed(tmp_path):
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, env=environment
    ) as writer:
        confirmed = [writer.stdout.readline() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        confirmed += writer.stdout.readlines()
    there = lines(Spool(tmp_path))
    whole = [line for line in confirmed if line.endswith(b"\n")]
    assert there[: len(whole)] == [b'{"id":"%d"}' % n for n in range(len(whole))]
    assert len(there) - len(whole) in (0, 1)  # the one that was kept and not yet confirmed
