"""Writes `siaga.json`, the Grafana dashboard, beside itself: `python3 config/grafana/build.py`.

Here: what is shown, in which order and why. Not here: who is woken by what (`config/prometheus/siaga-alerts.yaml`). The
JSON is never edited by hand: a test holds both equal, and asks every expression of a Prometheus that scrapes a running
Siaga. Import it in Grafana under Dashboards, New, Import; it asks for the Prometheus that scrapes Siaga as job `siaga`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

WIDTH, HEIGHT = 24, 7
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


class Panel(NamedTuple):
    """One panel: title, (expression, legend) of each line, unit, what to make of it, share of the width, kind."""

    title: str
    lines: tuple[tuple[str, str], ...]
    unit: str = "short"
    says: str = ""
    width: int = 8
    kind: str = "timeseries"
    red_from: float | None = None


def quantile(share: float, metric: str, by: str = "le") -> str:
    """Return the expression of a quantile of a histogram."""
    return f'histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{{job="siaga"}}[5m])))'


def hourly(metric: str, by: str) -> str:
    """Return the expression of what a counter grew by in an hour."""
    return f'sum by ({by}) (increase({metric}{{job="siaga"}}[1h]))'


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Promises: all of this is 0",
        (
            Panel(
                "Unaccounted alerts",
                (('max(siaga_alerts_unaccounted{job="siaga"})', ""),),
                says="Nothing and nobody will look at them again.",
                width=4,
                kind="stat",
                red_from=1,
            ),
            Panel(
                "Unaccounted messages",
                (('max(siaga_notifications_unaccounted{job="siaga"})', ""),),
                says="Neither due, held nor final.",
                width=4,
                kind="stat",
                red_from=1,
            ),
            Panel(
                "Alerts without anybody",
                (('max(siaga_alerts_nobody{job="siaga"})', ""),),
                says="Open, and no reachable person: call somebody.",
                width=4,
                kind="stat",
                red_from=1,
            ),
            Panel(
                "Since the last whole audit",
                (('time() - max(siaga_heartbeat_timestamp_seconds{job="siaga"})', ""),),
                unit="s",
                says="Above two minutes something is lost, or nobody looks.",
                width=4,
                kind="stat",
                red_from=120,
            ),
            Panel(
                "Processes that judge",
                (('count(siaga_evaluator_epoch{job="siaga"} > 0)', ""),),
                says="Exactly one.",
                width=4,
                kind="stat",
                red_from=2,
            ),
            Panel(
                "Processes that answer",
                (('sum(up{job="siaga"})', ""),),
                width=4,
                kind="stat",
            ),
        ),
    ),
    (
        "Alerts",
        (
            Panel("Open, by level", (('max by (level) (siaga_alerts_open{job="siaga"})', "{{level}}"),)),
            Panel(
                "Age of the oldest that nobody has taken",
                (
                    (
                        'max by (level) (siaga_alerts_oldest_unacknowledged_seconds{job="siaga"})',
                        "{{level}}",
                    ),
                ),
                unit="s",
                says="Above the policy's steps: call.",
            ),
            Panel(
                "Opened an hour, by rule",
                (
                    (
                        'topk(10, sum by (rule) (increase(siaga_alerts_opened_total{job="siaga"}[1h])))',
                        "{{rule}}",
                    ),
                ),
            ),
            Panel(
                "Ended an hour, by reason",
                ((hourly("siaga_alerts_resolved_total", "reason"), "{{reason}}"),),
                says="Many `refuted`: talk to the desks.",
            ),
            Panel(
                "Steps an hour",
                (
                    (
                        hourly("siaga_steps_started_total", "step"),
                        "step {{step}}",
                    ),
                    ('sum(increase(siaga_steps_skipped_total{job="siaga"}[1h]))', "skipped"),
                    ('sum(increase(siaga_alerts_exhausted_total{job="siaga"}[1h]))', "nobody took it"),
                ),
            ),
            Panel(
                "Answers an hour",
                (
                    (
                        'sum by (says, via) (increase(siaga_answers_total{job="siaga"}[1h]))',
                        "{{says}} by {{via}}",
                    ),
                    (
                        'sum(increase(siaga_link_prefetch_total{job="siaga"}[1h]))',
                        "links fetched by machines",
                    ),
                ),
            ),
        ),
    ),
    (
        "Messages",
        (
            Panel(
                "Messages a minute, by channel and state",
                (
                    (
                        'sum by (channel, state) (rate(siaga_notifications_total{job="siaga"}[5m])) * 60',
                        "{{channel}} {{state}}",
                    ),
                ),
            ),
            Panel(
                "Failures an hour, by reason",
                (
                    (
                        "sum by (channel, reason) "
                        '(increase(siaga_notifications_total{job="siaga",state="failed"}[1h]))',
                        "{{channel}} {{reason}}",
                    ),
                ),
            ),
            Panel(
                "Gateways: what they took a minute",
                (
                    (
                        'sum by (gateway, result) (rate(siaga_gateway_messages_total{job="siaga"}[5m])) * 60',
                        "{{gateway}} {{result}}",
                    ),
                ),
            ),
            Panel(
                "Gateways: time to answer, nine of ten",
                (
                    (
                        quantile(0.9, "siaga_gateway_seconds", "gateway, le"),
                        "{{gateway}}",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "Gateways out of order",
                (('max by (gateway) (siaga_gateway_breaker_open{job="siaga"})', "{{gateway}}"),),
            ),
            Panel(
                "Balance of prepaid gateways",
                (('max by (gateway) (siaga_gateway_balance{job="siaga"})', "{{gateway}}"),),
            ),
            Panel(
                "What comes back an hour",
                (
                    (
                        hourly("siaga_inbound_texts_total", "result"),
                        "SMS {{result}}",
                    ),
                    (hourly("siaga_bounces_total", "result"), "mail {{result}}"),
                ),
            ),
        ),
    ),
    (
        "Events",
        (
            Panel(
                "Events a minute at the door",
                (('sum by (result) (rate(siaga_events_total{job="siaga"}[5m])) * 60', "{{result}}"),),
                says="Accepted at 0 on an election day: are the desks cut off?",
            ),
            Panel(
                "Kept aside and refused an hour, by reason",
                (
                    (
                        hourly("siaga_events_quarantined_total", "reason"),
                        "quarantine {{reason}}",
                    ),
                    (
                        hourly("siaga_events_rejected_total", "reason"),
                        "rejected {{reason}}",
                    ),
                    (
                        hourly("siaga_events_flagged_total", "flag"),
                        "flag {{flag}}",
                    ),
                ),
            ),
            Panel(
                "Refused for now an hour, and events that wait",
                (
                    (hourly("siaga_requests_refused_total", "reason"), "refused {{reason}}"),
                    ('max(siaga_events_waiting{job="siaga"})', "events that wait"),
                ),
            ),
            Panel(
                "Corrections an hour",
                (
                    (
                        hourly("siaga_events_withdrawn_total", "reason"),
                        "withdrawn {{reason}}",
                    ),
                    (
                        hourly("siaga_corrections_refused_total", "reason"),
                        "refused {{reason}}",
                    ),
                ),
            ),
            Panel(
                "Request to answer",
                tuple(
                    (
                        quantile(share, "siaga_intake_seconds"),
                        f"{share:.0%}",
                    )
                    for share in (0.5, 0.99)
                ),
                unit="s",
            ),
            Panel(
                "Receipt to judgement",
                tuple(
                    (
                        quantile(share, "siaga_ingest_lag_seconds"),
                        f"{share:.0%}",
                    )
                    for share in (0.5, 0.99)
                ),
                unit="s",
                says="Above some seconds the evaluator falls behind.",
            ),
            Panel(
                "Time without intake",
                (('sum(increase(siaga_intake_gap_seconds_total{job="siaga"}[1h]))', "seconds an hour"),),
                unit="s",
            ),
        ),
    ),
    (
        "Machine room",
        (
            Panel(
                "Since each loop turned",
                (('max by (loop) (siaga_loop_age_seconds{job="siaga"})', "{{loop}}"),),
                unit="s",
            ),
            Panel(
                "The oldest that waits",
                (
                    ('max(siaga_events_oldest_unjudged_seconds{job="siaga"})', "event to be judged"),
                    ('max(siaga_steps_due_oldest_seconds{job="siaga"})', "step due"),
                    ('max(siaga_messages_due_oldest_seconds{job="siaga"})', "message due"),
                ),
                unit="s",
            ),
            Panel(
                "Failed turns and late timers an hour",
                (
                    (hourly("siaga_turns_failed_total", "loop"), "{{loop}}"),
                    ('sum(increase(siaga_late_timers_total{job="siaga"}[1h]))', "late timers"),
                    ('sum(increase(siaga_dead_letters_total{job="siaga"}[1h]))', "put aside"),
                    ('max(siaga_groups_put_off{job="siaga"})', "groups not judged"),
                    ('sum(max by (table) (siaga_records_unreadable{job="siaga"}))', "unreadable records"),
                ),
            ),
            Panel(
                "Events judged a minute, and time for a batch",
                (
                    ('sum(rate(siaga_events_evaluated_total{job="siaga"}[5m])) * 60', "events a minute"),
                    (
                        quantile(0.9, "siaga_evaluation_seconds"),
                        "seconds a batch (90%)",
                    ),
                ),
            ),
            Panel(
                "Writes a second",
                (
                    ('sum(rate(siaga_commits_total{job="siaga"}[5m]))', "done"),
                    ('sum(rate(siaga_conflicts_total{job="siaga"}[5m]))', "overtaken"),
                    ('sum(rate(siaga_fenced_total{job="siaga"}[5m]))', "of a late evaluator"),
                ),
            ),
            Panel(
                "Receipt to first message",
                (
                    (quantile(0.5, "siaga_first_message_seconds", "le, level"), "half, {{level}}"),
                    (quantile(0.9, "siaga_first_message_seconds", "le, level"), "nine of ten, {{level}}"),
                ),
                unit="s",
                says="Awas above a minute: evaluator, messages or gateways are behind.",
            ),
            Panel(
                "Age of the newest backup",
                (('time() - max(siaga_backup_timestamp_seconds{job="siaga"})', ""),),
                unit="s",
                says="Above a day: look at the timer of the backup.",
                kind="stat",
                red_from=93_600,
            ),
            Panel(
                "Memory of the processes",
                (('process_resident_memory_bytes{job="siaga"}', "{{instance}} {{process}}"),),
                unit="bytes",
            ),
            Panel(
                "CPU of the processes",
                (
                    (
                        'rate(process_cpu_seconds_total{job="siaga"}[5m])',
                        "{{instance}} {{process}}",
                    ),
                ),
            ),
            Panel(
                "Software that runs",
                (
                    (
                        'count by (version, commit, python) (siaga_build_info{job="siaga"})',
                        "{{version}} {{commit}} Python {{python}}",
                    ),
                ),
                says="Two lines: an upgrade is half done.",
            ),
            Panel(
                "Wall clock against Siaga's",
                (('max(siaga_clock_offset_seconds{job="siaga"})', "ahead"),),
                unit="s",
            ),
            Panel(
                "Archive",
                (
                    ('sum(increase(siaga_archived_events_total{job="siaga"}[1h]))', "events an hour"),
                    ('max(siaga_archive_damaged{job="siaga"})', "damaged"),
                ),
            ),
            Panel(
                "Rules",
                (
                    ('max(siaga_rule_files_differ{job="siaga"})', "files differ"),
                    ('max(siaga_rule_files_invalid{job="siaga"})', "files invalid"),
                    ('sum(increase(siaga_reloads_total{job="siaga"}[1h]))', "put in force"),
                    (
                        hourly("siaga_rules_rejected_total", "reason"),
                        "rejected {{reason}}",
                    ),
                    (
                        'sum(increase(siaga_matcher_disagreements_total{job="siaga"}[1h]))',
                        "matchers differ",
                    ),
                ),
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS:
        panels.append(
            _placed({"type": "row", "title": title, "collapsed": False}, len(panels), 0, top, WIDTH, 1)
        )
        top, left = top + 1, 0
        for panel in row:
            if left + panel.width > WIDTH:
                top, left = top + HEIGHT, 0
            panels.append(_placed(_panel(panel), len(panels), left, top, panel.width, HEIGHT))
            left += panel.width
        top += HEIGHT
    return {
        "title": "Siaga",
        "uid": "siaga",
        "tags": ["siaga"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "Asia/Jakarta",
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
            ]
        },
        "panels": panels,
    }


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.red_from is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.red_from}]
        defaults |= {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": steps}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}}
        if panel.kind == "timeseries"
        else {},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for number, (expr, legend) in enumerate(panel.lines)
        ],
    }


def _placed(panel: dict[str, Any], number: int, x: int, y: int, w: int, h: int) -> dict[str, Any]:
    return {"id": number + 1, "gridPos": {"x": x, "y": y, "w": w, "h": h}, **panel}


def text() -> str:
    """Return the file as it is written."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("siaga.json").write_text(text(), encoding="utf-8")
