"""The evidence that an alert carries: how much of it stays, and what it is after a re-dating.

Here: bounding and joining evidence in event order. Not here: what evidence means to a rule (`judging`).
"""

from __future__ import annotations

from engine.alerting.alert import EVIDENCE_KEPT
from engine.judging.judgement import Evidence, Redated


def bounded(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Bound the evidence an alert carries: the first third and the newest of the rest, in event order.

    The first event that names an office always stays: whoever bears it may not be told (escalation.md 2.4).
    """
    ordered = sorted(evidence, key=lambda e: e.key)
    if len(ordered) <= EVIDENCE_KEPT:
        return tuple(ordered)
    naming: dict[tuple[str, str], Evidence] = {}
    for e in ordered:
        if e.subject_role:
            naming.setdefault((e.region, e.subject_role), e)
    others = [e for e in ordered if e not in naming.values()]
    room = max(EVIDENCE_KEPT - len(naming), 0)
    first = room // 3
    kept = [*naming.values(), *others[:first], *others[max(len(others) - (room - first), first) :]]
    return tuple(sorted(kept, key=lambda e: e.key))


def redated_evidence(known: tuple[Evidence, ...], redated: Redated) -> tuple[Evidence, ...]:
    """Return the evidence of a re-dated opening, with what joined it later.

    After a withdrawal the former opening's evidence is no more: what was withdrawn is among it.
    """
    last = max((e.key for e in redated.evidence), default=None)
    new = {(e.desk, e.id) for e in redated.evidence}
    joined = (
        e
        for e in known
        if (e.desk, e.id) not in new
        and (redated.reason not in ("corrected", "refuted") or (last is not None and e.key > last))
    )
    return (*redated.evidence, *joined)
