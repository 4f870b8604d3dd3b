"""The names of all writes of a store: the points at which a process may die.

Here: the closed list. Not here: what a write holds (`store.port`). A new write needs a name here, or mypy refuses it;
and the crash tests, which kill the process before and after each of them, fail until their scenario does it
(`tests/crash`).
"""

from __future__ import annotations

from typing import Literal

ServiceWrite = Literal[
    # intake and its pulse
    "alive",
    "clock_jumped",
    "intake_gap",
    "pressure",
    "token_storm",
    "quarantine",
    "resubmit",
    # evaluator
    "begin_count",
    "evaluate",
    "first_rules",
    "rebuild_progress",
    "reload",
    "rules_refused",
    "seed",
    "switch_announced",
    # escalator
    "cover",
    "escalate",
    "own_alert",
    "put_off",
    "replan",
    "reveal",
    "situation",
    # dispatcher
    "attempted",
    "breaker",
    "claim",
    "claim_digest",
    "claim_notice",
    "claim_reply",
    "drop_unwanted",
    "hold",
    "receipt",
    "settle_digest",
    "settle_reply",
    # what people and gateways say
    "answer",
    "called",
    "comment",
    "reply",
    "report",
    "report_reply",
    "sweep_codes",
    # what people set up and look after
    "add_user",
    "audit",
    "backed_up",
    "begin_session",
    "create_token",
    "decide_proposal",
    "directory",
    "disable_user",
    "disown_token",
    "drill",
    "end_session",
    "erase",
    "key",
    "erase_note",
    "mend_record",
    "propose",
    "revoke_token",
    "rotate_token",
    "set_password",
    "silence",
    "use_session",
    "use_token",
    "verification",
    # archivists and retention
    "archived",
    "case_archived",
    "expire",
    # what a store that is older than its lists gets once
    "index_alerts",
    "index_quarantine",
    "key_links",
    # lock-step time
    "clock",
]
"""Names of `Write`s of the service."""
StreamWrite = Literal["append_events", "forget_identities", "lease", "release", "trim"]
"""What the service writes beside `Write`s: to the stream, what is remembered of its events, and the lease."""
RehearsalWrite = Literal["append_entry", "bench", "forget"]
"""Writes of rehearsals and benches into stores of their own, which nobody needs after a crash."""

WriteName = ServiceWrite | StreamWrite | RehearsalWrite
