"""The values of every metric's labels: closed lists, so that no label grows with what comes in.

Here: the lists. Not here: the metrics (`engine.metrics`). Modules that stand above have the same lists as types; tests
keep them equal.
"""

from __future__ import annotations

from collections.abc import Mapping

OTHER = "other"
LEVELS = ("normal", "waspada", "siaga", "awas")
CHANNELS = ("sms", "email", "webhook")
EVENT_RESULTS = ("accepted", "duplicate", "quarantined", "rejected")
QUARANTINED = (
    "missing",
    "wrong_type",
    "wrong_form",
    "not_one_of",
    "out_of_range",
    "too_long",
    "too_many_fields",
    "too_deep",
    "region_look_alike",
    "region_unknown",
    "region_scheme_unknown",
    "no_zone",
    "ahead",
    "too_late",
    "id_conflict",
    "kind_unknown",
)
"""Why an event is kept aside (`documents.event_fields`)."""
REJECTED = ("not_json", "too_large", "too_many", "out_of_scope", "quarantine_full")
"""Why nothing is kept of an event (`intake.event_schema`)."""
EVENT_FLAGS = ("kind_unknown", "offset_mismatch")
STATES: Mapping[str, tuple[str, ...]] = {
    "pending": ("", "quiet_hours", "budget", "retrying", "fallback"),
    "sending": ("",),
    "sent": ("",),
    "delivered": ("",),
    "failed": (
        "unknown_host",
        "refused_connection",
        "timeout",
        "tls",
        "authentication",
        "throttled",
        "server_error",
        "recipient_refused",
        "content_refused",
        "invalid_answer",
        "disconnected",
        "misconfigured",
        "unexpected",
        "breaker_open",
        "undelivered",
        "bounced",
        "no_report",
        "not_rendered",
        "other",
    ),
    "cancelled": ("taken", "resolved", "declined", "delegated", "superseded"),
    "suppressed": ("silenced", "hidden", "conflict_of_interest", "contact_gone"),
}
"""States of a notification and the reasons it can have in each.

Specification: docs/specification/escalation.md#delivery-reports, #last-check.
"""
SAYS = ("seen", "taken", "delegated", "declined", "resolved", "reopened")
VIA = ("link", "sms", "console", "api", "proxy")
INBOUND_TEXTS = (
    "recorded",
    "refused",
    "turned",
    "stopped",
    "verified",
    "muted",
    "locked",
    "duplicate",
    "unknown_phone",
)
BOUNCES = ("failed", "delivered", "delayed", "settled", "stranger", "no_bounce")
ANSWER_OUTCOMES = ("recorded", "refused")
RESOLVED = ("by_hand", "no_longer_true", "event", "quiet", "late_report", "corrected", "refuted")
STEPS = tuple(str(step) for step in range(1, 21))
WRITES = (
    "append_events",
    "append_entry",
    "evaluate",
    "seed",
    "escalate",
    "answer",
    "claim",
    "attempted",
    "drop_unwanted",
    "put_off",
    "replan",
    "quarantine",
    "resubmit",
    "alive",
    "intake_gap",
    "archived",
    "trim",
)
"""Writes of the store that stand at zero from the start; others appear with their first, up to `MOST_WRITES`."""
WRITE_OUTCOMES = ("committed", "conflict", "fenced")
MOST_WRITES = 64
RULES_REJECTED = ("invalid", "too_many_told", "changed_meanwhile", "raised", "unreadable")
"""Why a rule set is not put in force (`rule_sets.rollout`; `raised`, `unreadable`: `evaluation.activation`)."""
REFUSED = (
    "rate",
    "event_rate",
    "byte_rate",
    "awas_rate",
    "backlog",
    "store_full",
    "link_misses",
    "sign_in",
    "head_too_large",
    "too_slow",
    "connections",
)
"""Why a request was refused that was well formed and allowed."""
DEAD_LETTERS = ("event", "group", "batch", "item")
"""What was kept aside because work on it raised: a rule's question about an event, a group of a rule, a batch on which
the evaluator's process died, one item of another loop."""
RECORD_TABLES = (
    "accounts",
    "alert_codes",
    "alerts",
    "archive",
    "breakers",
    "clock",
    "code_misses",
    "code_requests",
    "codes",
    "directory",
    "families",
    "gaps",
    "group_floors",
    "groups",
    "installation",
    "intake",
    "layout",
    "letters",
    "notes",
    "notifications",
    "own_alerts",
    "points",
    "proposals",
    "put_off_groups",
    "quarantine",
    "quarantine_shares",
    "receipts",
    "retention",
    "rule_sets",
    "rules",
    "sessions",
    "silences",
    "tokens",
    "told_codes",
    "users",
    "verifications",
)
"""Tables whose records the record audit reads (`operations.unreadable_records`): a new table goes into both lists."""
LOOPS = (
    "intake",
    "evaluator",
    "escalator",
    "dispatcher",
    "bounces",
    "balances",
    "auditor",
    "backlog",
    "archivist",
    "case_archivist",
    "records",
    "retention",
    "rules",
    "own_alerts",
    "proposals",
    "situations",
)
WITHDRAWN = ("refuted", "corrected")
"""Why earlier events do not count any more (`core.judging.correction`)."""
CORRECTIONS_REFUSED = (
    "not_its_source",
    "parent_must_confirm",
    "out_of_scope",
    "other_space",
    "ambiguous",
    "circular",
    "too_many",
)
"""Why a correction or refutation changes nothing (`core.judging.correction`)."""
