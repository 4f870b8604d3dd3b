"""All parts of what must not change, in the order in which they are made."""

from tests.golden.house import commands, interface, judged, mistakes, replayed, stored, written_where
from tests.golden.house.record import Part

PARTS = (
    Part("help", commands.helps),
    Part("commands", commands.outputs),
    Part("check", mistakes.findings, bulky=True),
    Part("api", interface.api),
    Part("metrics", interface.metrics),
    Part("settings", interface.settings),
    Part("write-names", interface.write_names),
    Part("log-events", interface.log_events),
    Part("module-loggers", interface.module_loggers, loose=True),
    Part("reasons", interface.reasons),
    Part("rule-versions", interface.rule_versions),
    Part("stored", stored.examples, bulky=True),
    Part("keys", stored.keys),
    Part("writes", written_where.writes),
    Part("tests", judged.results, bulky=True),
    Part("backtest", replayed.backtests, slow=True),
    Part("demo", replayed.demo, slow=True, bulky=True),
)
