"""What installations hold on to: the API, metrics, settings, names in the store and in the log, versions, reasons."""

import ast
import asyncio
import functools
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from engine.app import open_siaga
from engine.clock import ManualClock
from engine.core.judging.instant import parse_instant
from engine.documents.finding import CODES
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.metrics import Metrics
from engine.rule_sets.rule_files import read_rule_set
from engine.settings import Settings, load
from engine.store.memory import MemoryStore
from engine.store.write_names import RehearsalWrite, ServiceWrite, StreamWrite
from engine.web.app import build
from tests.golden.house.plain import HOME, plain, written
from tests.golden.house.record import Documents

CONFIG = HOME / "config" / "siaga.yaml"
NOW, _ = parse_instant("2024-11-27T00:00:00Z")
_PHRASES = (
    ("Unprocessable Content", "Unprocessable Entity"),
    ("Content Too Large", "Request Entity Too Large"),
)
_LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def api() -> Documents:
    """Return the OpenAPI and a list of all routes, those for browsers too."""

    async def built() -> tuple[dict[str, Any], set[str]]:
        with tempfile.TemporaryDirectory(prefix="siaga-golden-") as folder:
            overrides = [f"paths.var={folder}", "clock.mode=lock_step"]
            async with AsyncExitStack() as stack:
                siaga = await open_siaga(
                    load(CONFIG, overrides=overrides), stack, store=MemoryStore(), clock=ManualClock(NOW)
                )
                app = build(siaga)
                return app.openapi(), set(_routes(app.routes))

    openapi, routes = asyncio.run(built())
    for newer, older in _PHRASES:  # Python 3.11 and 3.12 call two statuses otherwise
        openapi = json.loads(json.dumps(openapi).replace(older, newer))
    found = {
        f"{method.upper()} {path}": plain(written(operation))
        for path, item in openapi.pop("paths").items()
        for method, operation in item.items()
    }
    found |= {
        f"schema {name}": plain(written(schema))
        for name, schema in openapi["components"].pop("schemas").items()
    }
    return found | {"openapi": plain(written(openapi)), "routes": "\n".join(sorted(routes))}


def _routes(routes: Any, before: str = "") -> Iterator[str]:
    for route in routes:
        path = before + getattr(route, "path", "")
        if inner := getattr(route, "routes", None):
            yield from _routes(inner, path)
        else:
            yield f"{path} {' '.join(sorted(getattr(route, 'methods', None) or ('any',)))}"


def metrics() -> Documents:
    """Return every metric with its type, its text, and the values of its labels that stand at zero from the start."""
    measured = Metrics()
    measured.know_rules(["uji"])
    found = {}
    for family in measured.registry.collect():
        values: dict[str, set[str]] = defaultdict(set)
        for sample in family.samples:
            for label, value in sample.labels.items():
                values[label].add("*" if family.name in ("siaga_build", "python_info") else value)
        lines = [family.type, family.documentation]
        lines += sorted({sample.name for sample in family.samples})
        lines += [f"{label}: {' '.join(sorted(found_))}" for label, found_ in sorted(values.items())]
        labels = getattr(measured.registry._names_to_collectors.get(family.name), "_labelnames", ())
        lines += [f"labels: {' '.join(labels)}"]
        if not family.name.startswith("process_"):
            found[family.name] = "\n".join(lines)
    return found


def settings() -> Documents:
    """Return every setting by its dotted name, with its type, its bounds, its default and its text."""
    found = dict(_settings(Settings, ""))
    return {"settings": "\n".join(found[name] for name in sorted(found))}


def _settings(model: type[BaseModel], before: str) -> Iterator[tuple[str, str]]:
    properties = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{before}{name}.")
            continue
        shape = {key: value for key, value in properties[name].items() if key not in ("title", "description")}
        default = field.get_default(call_default_factory=True)
        shape["default"] = plain(repr(default) if not isinstance(default, Path) else str(default))
        if "$ref" in str(shape):
            shape = {"default": shape["default"]}
        text = " ".join((field.description or "").split())
        dotted = before + name
        variable = "SIAGA_" + dotted.upper().replace(".", "__")
        yield dotted, f"{dotted} ({variable})\n  {json.dumps(shape, sort_keys=True)}\n  {text}"


def log_events() -> Documents:
    """Return the names of all log events with their levels and fields, and of the loggers that have a name."""
    events: dict[str, set[str]] = defaultdict(set)
    loggers = set()
    for _path, tree in _modules():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            first = call.args[0] if call.args else None
            text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
            if text is not None and (levels := _levels_of(call.func)):
                fields = sorted(f"{word.arg or '**'}" for word in call.keywords)
                events[text].add(f"{' or '.join(levels)}: {' '.join(fields)}".rstrip())
            elif ast.unparse(call.func).endswith(("get_logger", "getLogger")) and text is not None:
                loggers.add(text)
    lines = [f"{name}\n  " + "\n  ".join(sorted(uses)) for name, uses in sorted(events.items())]
    return {"events": "\n".join(lines), "loggers": "\n".join(sorted(loggers))}


def _levels_of(function: ast.expr) -> list[str]:
    """Return the levels of a call of a logger; none where it is the call of something else."""
    if isinstance(function, ast.IfExp):
        return [*_levels_of(function.body), *_levels_of(function.orelse)]
    if isinstance(function, ast.Attribute) and function.attr in _LEVELS:
        owner = ast.unparse(function.value).rpartition(".")[2].strip("_").lower()
        return [function.attr] if owner.startswith(("log", "logger")) else []
    return []


def module_loggers() -> Documents:
    """Return the modules whose loggers are named after them: names that change as modules move."""
    named = {
        str(path.relative_to(HOME))
        for path, tree in _modules()
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        if ast.unparse(call.func).endswith(("get_logger", "getLogger"))
        and not (call.args and isinstance(call.args[0], ast.Constant))
    }
    return {"modules": "\n".join(sorted(named))}


def reasons() -> Documents:
    """Return every closed list of words in the code (`Literal`), and the codes of findings.

    These are reason codes of decisions, states, and words of forms and files. Their Python names are left out.
    """
    lists = set()
    for _path, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal"):
                words = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                values = [word.value for word in words if isinstance(word, ast.Constant)]
                if values and all(isinstance(value, str) for value in values):
                    lists.add(" ".join(sorted(repr(value) for value in values)))
    return {"lists": "\n".join(sorted(lists)), "findings": "\n".join(sorted(CODES))}


def write_names() -> Documents:
    """Return the names of all writes of the store."""
    kinds = {"service": ServiceWrite, "stream": StreamWrite, "rehearsal": RehearsalWrite}
    return {name: "\n".join(sorted(get_args(kind))) for name, kind in kinds.items()}


def rule_versions() -> Documents:
    """Return the versions of the shipped rules, policies and calendar: hashes of what they judge by."""
    found = load(CONFIG)
    read = read_rule_set(found.paths, load_regions(found.paths.regions), load_kinds(found.paths.kinds))
    lines = [f"{rule.id} {rule.version}" for rule in read.rules.values()]
    return {
        "rules": "\n".join(sorted(lines)),
        "rule set": read.id,
        "policies": "\n".join(sorted(read.policies)),
    }


@functools.cache
def _modules() -> tuple[tuple[Path, ast.Module], ...]:
    """Return all modules of Siaga as they are written."""
    files = (path for folder in ("engine", "notifiers") for path in sorted((HOME / folder).rglob("*.py")))
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in files)
