"""`siaga test`: the shipped tests pass, and tests that ought to fail do, saying why."""

import json
import logging
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import structlog
from typer.testing import CliRunner

from engine.cli import app
from engine.simulation import suite
from tests.acceptance import shipped
from tests.acceptance.shipped import FILES, PREMISES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_what_is_shipped_passes(path):
    """Every rule test and policy test of the repository."""
    report = await shipped.report(path)
    assert report.passed
    assert [failure.text("en") for result in report.results for failure in result.failures] == []


async def outcome(tmp_path: Path, text: str, name: str = "satu.test.yaml") -> dict[str, list[str]]:
    """Run a file of tests; return the failures in English by the name of the test."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    report = await suite.run_suite([path], PREMISES)
    return {result.name: [failure.text("en") for failure in result.failures] for result in report.results}


COUNT = """
inline_rules:
  - {id: r, watch: {kind: a.b}, alert_when: {count: {at_least: 2, within: 1h}}, clear_when: no_longer_true}
tests:
  - name: uji
    events: [{at: +0m, kind: a.b, id: A}, {at: +59m59s999ms, kind: a.b, id: B}]
    run_until: +3h
"""
RIGHT = "{at: +59m59s999ms, rule: r, state: opens}, {at: +1h, rule: r, state: closes}"


@pytest.mark.parametrize(
    "expected",
    [
        RIGHT,
        RIGHT.replace("opens", "opens, detected: +59m59s999ms, level: siaga").replace(
            "closes", "closes, group: '00'"
        ),
        RIGHT.replace("closes", "closes, reason: no_longer_true, group: {region: '00'}"),
        RIGHT.replace("opens", "opens, evidence: [B, A], count: 2"),
        "{at: +59m59s999ms, state: opens}, {at: +1h, state: closes}",
    ],
)
async def test_a_test_that_says_what_happens_passes(tmp_path, expected):
    """In few words or in many."""
    assert await outcome(tmp_path, COUNT + f"    expect: [{expected}]\n") == {"uji": []}


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("", "was not expected"),
        (RIGHT.replace("+59m59s999ms", "+1h"), "what happened instead"),
        (RIGHT.replace("opens", "opens, count: 3"), "count 2"),
        (RIGHT.replace("opens", "opens, evidence: [A]"), "evidence A/B"),
        (RIGHT.replace("opens", "opens, level: awas"), "level siaga"),
        (RIGHT.replace("opens", "opens, detected: +1h"), "detected +59m59s999ms"),
        (RIGHT.replace("closes", "closes, reason: quiet"), "no_longer_true"),
        (RIGHT + ", {at: +59m59s999ms, rule: r, state: joins}", "did not happen"),
        (RIGHT + ", {at: +2h, rule: r, state: opens}", "did not happen"),
        (RIGHT.replace("rule: r", "rule: r, group: {incident: A}", 1), "the keys of its groups: region"),
        (RIGHT.replace("rule: r", "rule: r, group: {region: '73'}", 1), "did not happen"),
        (RIGHT.replace("rule: r", "rule: s", 1), "there is no rule `s`"),
    ],
)
async def test_a_test_that_says_otherwise_fails(tmp_path, expected, said):
    """And says what happened instead (docs/specification/tests.md#expected-openings)."""
    failures = (await outcome(tmp_path, COUNT + f"    expect: [{expected}]\n"))["uji"]
    assert any(said in failure for failure in failures), failures


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("{at: +59m59s998ms, rule: r, open: false, value: 1, count: 0}", True),
        ("{at: +59m59s999ms, rule: r, open: true, value: 2, count: 2, evidence: [A, B], level: siaga}", True),
        ("{at: +1h, rule: r, value: 1}", True),
        ("{at: +2h, rule: r, open: false, value: 0}", True),
        ("{at: +59m59s999ms, rule: r, open: false}", False),
        ("{at: +1h, rule: r, value: 2}", False),
    ],
)
async def test_checks_look_at_their_instant(tmp_path, line, passes):
    """After all that came and all that was due by then, to the millisecond (docs/specification/tests.md#checks)."""
    failures = (await outcome(tmp_path, COUNT + f"    expect: [{RIGHT}]\n    check: [{line}]\n"))["uji"]
    assert bool(failures) is not passes


async def test_a_check_names_its_rule_where_there_are_several(tmp_path):
    """Or none."""
    text = """
tests:
  - name: uji
    inline_rules: %s
    events: [{at: +0m, kind: a.b}]
    check: [{at: +0m, open: true}]
    nothing_else: false
"""
    rule = "{id: %s, watch: {kind: a.b}, alert_when: every_event}"
    for rules, passes in (([rule % "r"], True), ([rule % "r", rule % "s"], False), ([], False)):
        found = await outcome(tmp_path, text % f"[{', '.join(rules)}]")
        assert bool(found["uji"]) is not passes


async def test_nothing_else_may_be_waived(tmp_path):
    """Then openings that are not listed are no failure (docs/specification/tests.md#nothing-else)."""
    text = COUNT + "    expect: []\n    nothing_else: false\n"
    assert await outcome(tmp_path, text) == {"uji": []}


async def test_joins_are_never_else(tmp_path):
    """A third event joins; that need not be listed, but may be."""
    text = COUNT.replace("within: 1h}}", "within: 1h}}").replace(", clear_when: no_longer_true", "")
    text = text.replace("id: B}", "id: B}, {at: +1h30m, kind: a.b, id: C}")
    opens = "{at: +59m59s999ms, state: opens}"
    assert await outcome(tmp_path, text + f"    expect: [{opens}]\n") == {"uji": []}
    joins = "{at: +1h30m, state: joins, evidence: [A, B, C]}"
    assert await outcome(tmp_path, text + f"    expect: [{opens}, {joins}]\n") == {"uji": []}


async def test_only_tests_that_see_an_invalid_rule_fail(tmp_path):
    """The others of the file run."""
    text = """
inline_rules: [{id: r, watch: {kind: a.b}, alert_when: every_event}]
tests:
  - {name: sah, events: [{at: +0m, kind: a.b}], expect: [{at: +0m, state: opens}]}
  - name: tidak
    inline_rules: [{id: r, watch: {kind: a.b}, alert_when: {count: {at_least: 2}}}]
    events: []
"""
    found = await outcome(tmp_path, text)
    assert found["sah"] == []
    assert "within" in found["tidak"][0]


async def test_all_tests_of_a_file_that_does_not_load_fail(tmp_path):
    """By name, each with the findings."""
    text = "tests:\n  - {name: satu, evnts: []}\n  - {name: dua, events: []}\n"
    found = await outcome(tmp_path, text)
    assert list(found) == ["satu", "dua"]
    assert all("evnts" in failures[0] for failures in found.values())


async def test_a_restart_judges_what_was_missed_in_order(tmp_path):
    """A hold that ended while the service was down opens at its instant and is detected when the service is back."""
    text = """
inline_rules:
  - {id: r, watch: {kind: a.b}, alert_when: {value: {field: n, at_least: 1}}, hold_for: 30m, wait_for_late: 0s}
tests:
  - name: uji
    events: [{at: +0m, kind: a.b, n: 1}, {at: +20m, restart: {down_for: 20m}}]
    run_until: +1h
    expect: [{at: +30m, state: opens, detected: +40m}]
"""
    assert await outcome(tmp_path, text) == {"uji": []}


@pytest.mark.parametrize(("at", "passes"), [("+1h", True), ("+1h30m", True), ("+1h15m", False)])
async def test_a_closing_that_was_put_off_has_two_instants(tmp_path, at, passes):
    """The one at which the condition stopped being true, and the one at which `keep_open_for` was over.

    Law: docs/specification/rules.md#closing-reasons.
    """
    text = COUNT.replace("clear_when: no_longer_true", "clear_when: no_longer_true, keep_open_for: 30m")
    text += f"    expect: [{{at: +59m59s999ms, state: opens}}, {{at: {at}, state: closes}}]\n"
    failures = (await outcome(tmp_path, text))["uji"]
    assert bool(failures) is not passes


async def test_a_correction_undoes_the_opening_in_every_order(tmp_path):
    """Named events come from one desk unless they say otherwise, so that one may refute the other.

    Law: docs/specification/tests.md#corrections-in-tests.
    """
    text = """
inline_rules: [{id: r, watch: {kind: a.b}, alert_when: {count: {at_least: 2, within: 1h}}}]
tests:
  - name: uji
    events:
      - {at: +0m, kind: a.b, id: A}
      - {at: +10m, kind: a.b, id: B}
      - {at: +2h, kind: correction, id: C, corrects: B, verification: refuted}
    expect: [{at: +10m, state: opens}, {at: +2h, state: closes, reason: refuted, detected: +2h}]
    any_arrival_order: true
"""
    assert await outcome(tmp_path, text) == {"uji": []}


async def test_a_reload_brings_rules_from_its_instant_on(tmp_path):
    """A new rule tells of what comes after it, and records what was over; a removed one judges no more."""
    text = """
inline_rules: [{id: lama, watch: {kind: a.b}, alert_when: every_event}]
tests:
  - name: uji
    events:
      - {at: +0m, kind: a.b}
      - {at: +1h, reload: {inline_rules: [{id: baru, watch: {kind: a.b}, alert_when: every_event}]}}
      - {at: +2h, kind: a.b}
    expect:
      - {at: +0m, rule: lama, state: opens}
      - {at: +0m, rule: baru, state: hidden, detected: +1h}
      - {at: +2h, rule: baru, state: opens}
"""
    assert await outcome(tmp_path, text) == {"uji": []}


POLICY = """
inline_rules: [{id: r, watch: {kind: a.b}, alert_when: every_event, level: siaga}]
inline_policies: [{id: p, steps: [{to: [sekda], wait: 10m}]}]
inline_directory:
  regions: [{code: "00", name: Indonesia, zone: WIB}, {code: "73", name: Sulawesi Selatan, zone: WITA}]
  people: [{id: s, contacts: [{channel: sms, value: "+628110000001"}, {channel: email, value: s@sulsel.example}]}]
  assignments: [{position: {region: "73", role: sekda}, person: s}]
tests:
  - name: uji
    timeline: [{at: +0m, event: {kind: a.b, region: "73"}}%s]
    run_until: +5m
"""
FIRST = "{at: +0m, message: first, to: s, channel: [sms, email]}"


@pytest.mark.parametrize(
    ("acts", "expected", "said"),
    [
        ("", FIRST, ""),
        ("", "{at: +0m, message: first, to: s}", ""),
        (
            "",
            "{between: [+0m, +1m], message: first, to: s, channel: [sms, email], step: 1, contains: Sulawesi}",
            "",
        ),
        ("", "", "was not expected"),
        ("", FIRST.replace("+0m", "+1m"), "sent +0m"),
        ("", FIRST.replace("]}", "], contains: Papua}"), "contains 'Papua'"),
        ("", FIRST.replace("]}", "], lacks: Sulawesi}"), "lacks 'Sulawesi'"),
        ("", FIRST.replace("]}", "], step: 2}"), "step 1"),
        ("", FIRST + ", {at: +1m, alert: acknowledged}", "alert open"),
        ("", FIRST + ", {at: +1m, audit: exhausted}", "did not happen"),
        (
            ", {at: +1m, answer: {who: s, says: taken, via: sms}}",
            FIRST + ", {at: +5m, alert: acknowledged, by: s}",
            "",
        ),
        (", {at: +1m, report: {who: x, channel: sms, state: failed}}", FIRST, "no sms message went to x"),
        (", {at: +1m, post: {who: x}}", FIRST, "no link was sent to x"),
    ],
)
async def test_policy_tests_pass_or_say_what_came(tmp_path, acts, expected, said):
    """What is expected, what is not, and acts that this version cannot do.

    Law: docs/specification/tests.md#unlisted-messages.
    """
    text = POLICY % acts + f"    expect: [{expected}]\n"
    failures = (await outcome(tmp_path, text, "satu.policy-test.yaml"))["uji"]
    assert any(said in failure for failure in failures) if said else failures == []


async def test_states_count_too_where_a_test_says_so(tmp_path):
    """`nothing_else: all` wants every change of an alert's status listed.

    Law: docs/specification/tests.md#expectations.
    """
    text = POLICY % "" + f"    expect: [{FIRST}]\n    nothing_else: all\n"
    (failure,) = (await outcome(tmp_path, text, "satu.policy-test.yaml"))["uji"]
    assert "alert opens r [73]" in failure


@pytest.fixture
def log():
    """Give the log back as it was: a command sets up that of its process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def command(*arguments: str) -> tuple[int, str]:
    """Run `siaga test`; return exit code and standard output."""
    result = CliRunner().invoke(app, ["test", "--config", str(PREMISES.config), *arguments])
    return result.exit_code, result.stdout


@pytest.mark.usefixtures("log")
def test_the_command_says_it_in_one_json_object(tmp_path):
    """Of exactly these keys; exit code 1 where a test fails (docs/specification/tests.md#reports-of-a-run)."""
    (tmp_path / "a.test.yaml").write_text(COUNT + "    expect: []\n", encoding="utf-8")
    code, said = command(str(tmp_path), "--format", "json")
    found = json.loads(said)
    assert code == 1
    assert set(found) == {"passed", "failed", "tests", "coverage"}
    assert (found["passed"], found["failed"]) == (0, 1)
    assert set(found["tests"][0]) == {"file", "name", "passed", "failures"}
    assert found["tests"][0]["failures"]


@pytest.mark.usefixtures("log")
def test_the_command_prints_a_table_by_time(tmp_path):
    """Indonesian first, English when asked; exit code 0 where all is well.

    Law: docs/specification/tests.md#failures-of-a-test.
    """
    path = tmp_path / "a.test.yaml"
    path.write_text(COUNT + "    expect: [{at: +2h, rule: r, state: opens}]\n", encoding="utf-8")
    code, said = command(str(path))
    assert code == 1
    assert "GAGAL  uji" in said
    assert "diharapkan" in said
    assert command(str(path), "--lang", "en")[1].count("expected") > 1
    path.write_text(COUNT + f"    expect: [{RIGHT}]\n", encoding="utf-8")
    assert command(str(path))[0] == 0


@pytest.mark.usefixtures("log")
def test_the_command_writes_junit(tmp_path):
    """A suite for the file, a case for the test, its failure inside."""
    (tmp_path / "a.test.yaml").write_text(COUNT + "    expect: []\n", encoding="utf-8")
    _code, said = command(str(tmp_path), "--format", "junit")
    root = ET.fromstring(said)  # noqa: S314 -- our own words
    assert root.attrib["failures"] == "1"
    assert len(root.findall("./testsuite/testcase/failure")) == 2


@pytest.mark.usefixtures("log")
def test_wrong_usage_is_told_apart(tmp_path):
    """A path that does not exist is not a test that failed."""
    assert command(str(tmp_path / "tidak-ada.test.yaml"))[0] == 2


def test_a_file_of_rules_means_the_tests_beside_it(tmp_path):
    """Policies likewise; a file of tests may have any name, and a folder means those with the names of tests."""
    names = ("a.yaml", "a.test.yaml", "a.policy-test.yaml", "b.yaml")
    rules, rule_tests, policy_tests, other = (tmp_path / name for name in names)
    for path in (rules, rule_tests, policy_tests):
        path.write_text("version: 1\n", encoding="utf-8")
    other.write_text("tests: []\n", encoding="utf-8")
    assert suite.test_files([rules]) == [rule_tests, policy_tests]
    assert suite.test_files([other]) == [other]
    assert set(suite.test_files([tmp_path])) == {rule_tests, policy_tests}
