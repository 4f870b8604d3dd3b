"""Silences as people write them: the match, and the acts of a policy test that make and end them.

Specification: docs/specification/escalation.md#silences.

Here: keys and patterns. Not here: which alerts a silence means (`core.alerting.silence`) and other acts
(`documents.test_files.steps`).
"""

from __future__ import annotations

import msgspec

from engine.core.alerting.silence import Match
from engine.core.judging.instant import Millis
from engine.core.judging.region import RegionTable
from engine.documents.fields import boolean, form_of, level, list_of, text
from engine.documents.finding import Findings
from engine.documents.test_files.occurrence import test_offset
from engine.documents.yaml_tree import Node


class Silencing(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts are kept quiet until an offset from the start of the test (from None: the instant of the act)."""

    match: Match
    since: Millis | None
    until: Millis
    reason: str
    author: str
    include_awas: bool


class Unsilencing(msgspec.Struct, frozen=True, kw_only=True):
    """The silences with this very match end."""

    match: Match


def silence_match(node: Node, findings: Findings) -> Match:
    """Take a match: at least one of its keys, each with one value or several; a text may end in `*`."""
    form = form_of(node, findings)
    texts = list_of(text, single=True, minimum=1)
    match = Match(
        region=form.read("region", texts, ()),
        rule=form.read("rule", texts, ()),
        level=form.read("level", list_of(level, single=True, minimum=1), ()),
        kind=form.read("kind", texts, ()),
        policy=form.read("policy", texts, ()),
        incident=form.read("incident", texts, ()),
    )
    form.close()
    if not form.written:
        findings.add("required", form.mark, key="region")
    return match


def silencing(_regions: RegionTable, node: Node, findings: Findings) -> Silencing:
    """Take the act of making a silence."""
    form = form_of(node, findings)
    found = Silencing(
        match=form.require("match", silence_match, Match()),
        since=form.read("from", test_offset, None),
        until=form.require("until", test_offset, 0),
        reason=form.require("reason", text, ""),
        author=form.read("author", text, "operator"),
        include_awas=form.read("include_awas", boolean, default=False),
    )
    form.close()
    return found


def unsilencing(_regions: RegionTable, node: Node, findings: Findings) -> Unsilencing:
    """Take the act of ending silences."""
    form = form_of(node, findings)
    found = Unsilencing(match=form.require("match", silence_match, Match()))
    form.close()
    return found
