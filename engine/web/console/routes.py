"""The list of all modules of pages.

Here: the one flat list that the app reads. Not here: any route.
"""

from __future__ import annotations

from collections import Counter

from fastapi import FastAPI

from engine.app import Siaga
from engine.operations.recent_activity import RecentActivity
from engine.operations.ui_feed import UiFeed
from engine.people.sessions import SignInLimits
from engine.web.console import (
    alert,
    alert_actions,
    audit,
    not_found,
    outgoing,
    phone_list,
    proposals,
    quarantine,
    report_form,
    roster,
    rule_change,
    rules,
    sign_in,
    silences,
    situation,
    situation_report,
    static,
    stream,
    upload,
    what_if,
)
from engine.web.console.page_renderer import PageRenderer
from engine.web.console.report_form import Forms
from engine.web.console.what_if import WhatIfForm

MODULES = (
    sign_in,
    static,
    stream,
    situation,
    alert,
    alert_actions,
    phone_list,
    situation_report,
    report_form,
    upload,
    outgoing,
    quarantine,
    roster,
    silences,
    rules,
    what_if,
    rule_change,
    proposals,
    audit,
    not_found,
)
"""`nowhere` is the last: it takes every path that no other has."""


def install(app: FastAPI, siaga: Siaga) -> None:
    """Let the app serve the pages of an installation."""
    app.state.shell = PageRenderer(siaga)
    app.state.sign_in_limits = SignInLimits()
    app.state.forms = Forms(siaga)
    app.state.changes = UiFeed(siaga.store)
    app.state.streams = Counter[str]()
    app.state.asked = WhatIfForm(siaga)
    app.state.recent = RecentActivity(siaga.store, siaga.clock)
    for module in MODULES:
        app.include_router(module.router)
