"""Log lines are one JSON object each, or for people, and hold no personal data."""

import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StoreError
from engine.runtime import logging as logs
from engine.settings import Log


@pytest.mark.parametrize(
    "private",
    [
        "sekda@pinrang.example",
        "<nama.orang+x@kab-pinrang.go.id>",
        "+628110000001",
        "0811-0000-0001",
        "+62 811 0000 0001",
        "628110000001",
        "siaga_6bceb62923_xqDkk2nR0tq8rjyx8Gd8m3mZpXcWcP8xHq0nJvP9f1E",
        "http://127.0.0.1:8080/a/k7qrk7qrk7qr",
        "7315011204870003",
        "198704122010011007",
    ],
)
def test_addresses_numbers_and_tokens_are_masked_wherever_they_slip_in(private):
    line = {"event": f"gagal: {private}!", "deep": {"list": [private]}, "n": 3}
    masked = logs.without_personal_data(None, "info", line)
    assert logs.MASK in masked["event"]
    assert logs.MASK in masked["deep"]["list"][0]
    assert masked["n"] == 3
    core = private.strip("<>").removeprefix("http://127.0.0.1:8080")
    assert core not in str(masked)


@pytest.mark.parametrize(
    "plain",
    [
        "event_quarantined",
        "lga7kjfsx22lixb2",
        "73.15.03.2001",
        "2024-11-27T07:00:00+07:00",
        "1732676400000",
        "http://127.0.0.1:8080",
        "sekda-7315",
        "siaga_events_total",
    ],
)
def test_ids_codes_and_instants_stay(plain):
    assert logs.without_personal_data(None, "info", {"event": plain}) == {"event": plain}


@given(
    st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_masking_takes_any_value_and_is_done_after_once(value):
    once = logs.without_personal_data(None, "info", {"v": value})
    assert logs.without_personal_data(None, "info", dict(once)) == once


def test_machines_get_one_json_object_a_line(capsys):
    logs.set_up(Log(format="json"))
    structlog.get_logger("siaga.intake").info("event_quarantined", reason="ahead", to="a@b.example")
    logging.getLogger("uvicorn.error").warning("from %s", "a library")
    logging.getLogger("siaga.intake").debug("too small")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["reason"], first["level"]) == ("event_quarantined", "ahead", "info")
    assert first["to"] == logs.MASK
    assert (second["event"], second["logger"]) == ("from a library", "uvicorn.error")
    assert first["timestamp"].endswith("Z")


def test_a_trace_is_part_of_the_line_and_masked_too(capsys):
    for style in ("json", "console"):
        logs.set_up(Log(format=style))
        try:
            summary = "Kericuhan di rumah Bapak X"
            int("+628110000001 failed" + summary[:0])
        except ValueError:
            structlog.get_logger("x").exception("broken")
        written = capsys.readouterr().err
        assert "ValueError" in written
        assert "628110000001" not in written
        assert "Bapak X" not in written.replace('summary = "Kericuhan di rumah Bapak X"', "")


def test_an_exception_is_written_without_its_text_unless_it_is_one_of_siaga(capsys):
    for style in ("json", "console"):
        logs.set_up(Log(format=style))
        for error in (KeyError("Yohanes Tabuni"), StoreError("a stored alert cannot be read")):
            try:
                raise RuntimeError("saksi Yohanes") from error  # noqa: TRY301 -- what is tested
            except RuntimeError:
                structlog.get_logger("x").exception("broken")
        written = capsys.readouterr().err
        assert "Yohanes" not in written
        assert all(word in written for word in ("KeyError", "RuntimeError", "test_logging.py"))
        assert "a stored alert cannot be read" in written


def test_a_long_text_is_cut_before_it_is_searched():
    """However it is made: the search for mailboxes would take the square of its length."""
    line = logs.without_personal_data(None, "info", {"event": "a" * 1_000_000 + "@" + "b" * 1_000_000})
    assert len(line["event"]) < 3_000


def test_no_text_begins_a_line_of_its_own(capsys):
    for style in ("json", "console"):
        logs.set_up(Log(format=style))
        structlog.get_logger("x").info("accepted", id='1\n{"level":"error","event":"forged"}\r\x1b[2J\u2028x')
        written = capsys.readouterr().err
        assert len(written.splitlines()) == 1
        assert "\x1b[2J" not in written


@pytest.mark.parametrize(("terminal", "is_json"), [(True, False), (False, True)])
def test_auto_is_for_people_on_a_terminal_only(capsys, terminal, is_json):
    logs.set_up(Log(), terminal=terminal)
    structlog.get_logger("x").info("halo")
    written = capsys.readouterr().err
    assert written.startswith("{") is is_json
    assert "halo" in written


def test_the_level_holds_for_all(capsys):
    logs.set_up(Log(level="error", format="json"))
    structlog.get_logger("x").warning("not this")
    logging.getLogger("y").warning("nor this")
    assert capsys.readouterr().err == ""
