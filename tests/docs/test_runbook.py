"""Whoever is woken finds what to do: metrics, the alerts on them and the runbook belong together."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "config/prometheus/siaga-alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()


def test_every_metric_that_asks_for_something_has_an_alert():
    """A row of the table in docs/running.md whose last column is not "look" names a metric that some alert looks at."""
    table = (ROOT / "docs/running.md").read_text().partition("\n## Metrics")[2]
    rows = re.findall(r"^\| (`siaga_.+?) \|.*\| ([^|]+) \|$", table, re.MULTILINE)
    watched = " ".join(rule["expr"] for rule in RULES)
    assert len(rows) > 30
    asleep = [
        names
        for names, action in rows
        if action.strip() != "look" and not any(name in watched for name in re.findall(r"siaga_\w+", names))
    ]
    assert asleep == []


def test_every_alert_leads_to_its_heading_and_every_heading_is_led_to():
    linked = {rule["annotations"]["runbook"] for rule in RULES}
    headings = re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)
    assert linked == {f"docs/runbook.md#{heading.lower()}" for heading in headings}


def test_every_alert_is_for_somebody_and_says_what_it_is():
    assert {rule["labels"]["severity"] for rule in RULES} == {"page", "ticket"}
    assert [rule["alert"] for rule in RULES if not rule["annotations"]["summary"]] == []


def test_every_entry_says_what_it_means_and_what_to_do():
    entries = RUNBOOK.split("\n## ")[1:]
    wordless = [
        e.partition("\n")[0]
        for e in entries
        if not re.match(r"\w+\n\*\*Means\.\*\* (?s:.+)\n\*\*Do\.\*\* \S", e)
    ]
    assert wordless == []
