"""Escalation policies, from `config/policies.yaml` to values (docs/specification/escalation.md#policies).

Here: the keys of a policy, a step, a target. Not here: walking the steps (`core.alerting.escalation`).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, cast

from engine.core.alerting.policy import (
    POSKO_NASIONAL,
    Acknowledge,
    Channel,
    Digest,
    Policy,
    PolicyStep,
    Quiet,
    StepCondition,
    StepTarget,
)
from engine.core.judging.instant import MINUTE, Millis
from engine.core.judging.region import RegionTable
from engine.documents.fields import (
    Form,
    Take,
    boolean,
    form_of,
    identifier,
    level,
    list_of,
    named,
    region,
    scalar,
    whole,
    word,
)
from engine.documents.finding import Findings, UnusableError
from engine.documents.loaded import Loaded, load_file, load_node
from engine.documents.times import clock_time, days, duration, hours
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

CHANNELS: tuple[Channel, ...] = ("sms", "email", "webhook")
MOST_STEPS = 20
MOST_ROUNDS = 20
_MERGED = ("acknowledge", "quiet", "digest")
"""Keys of which a policy may give a part; the rest comes from `defaults`."""

Need = int | Literal["one", "all"]
Policies = tuple[Policy, ...]


def load_policies(
    path: Path, regions: RegionTable | None = None, stages: Collection[str] | None = None
) -> Loaded[Policies]:
    """Load a policies file; `regions` and `stages` are what `at` and `when` may name (anything where None)."""
    return load_file(path, _File(regions, stages).read, ())


def read_policies(node: Node, findings: Findings, regions: RegionTable | None = None) -> Loaded[Policies]:
    """Load policies from the node of a whole file."""
    return load_node(node, _File(regions).read, (), findings)


def inline_policies(node: Node, findings: Findings, regions: RegionTable | None = None) -> Policies:
    """Take the list that stands under `policies:`, as `inline_policies` of a test has it."""
    return _File(regions).policies(node, findings, None)


class _File:
    """Reads one file; knows the regions that a target may name and the stages that a step may wait for."""

    def __init__(self, regions: RegionTable | None, stages: Collection[str] | None = None) -> None:
        self._region = region(regions)
        self._stage = named(stages, "unknown_stage")

    def read(self, form: Form, findings: Findings) -> Policies:
        defaults = form.node("defaults")
        if defaults is not None and not isinstance(defaults, MappingNode):
            findings.add("not_a_map", defaults.mark)
        elif defaults is not None:
            self._check_defaults(defaults, findings)

        def policies(node: Node, findings: Findings) -> Policies:
            return self.policies(node, findings, defaults if isinstance(defaults, MappingNode) else None)

        return form.require("policies", policies, ())

    def policies(self, node: Node, findings: Findings, defaults: MappingNode | None) -> Policies:
        def policy(item: Node, findings: Findings) -> Policy:
            return self._policy(_under(item, defaults), findings)

        read = list_of(policy)(node, findings)
        first: dict[str, int] = {}
        for item in node.items if isinstance(node, SequenceNode) else ():
            own = item.get("id") if isinstance(item, MappingNode) else None
            if isinstance(own, ScalarNode) and own.text:
                line = first.setdefault(own.text, own.mark.line)
                if line != own.mark.line:
                    place = f"{own.mark.source.file}:{line}"
                    findings.add("id_taken", own.mark, id=own.text, first=place)
        return read

    def _check_defaults(self, defaults: MappingNode, findings: Findings) -> None:
        form = form_of(defaults, findings)
        for key in ("id", "steps"):
            if key in form:
                findings.add("not_in_defaults", form.key_place(key), key=key)
        form.read("channels", _channels, ())
        self._common(form)
        form.close(also=("id", "steps"))

    def _policy(self, node: Node, findings: Findings) -> Policy:
        form = form_of(node, findings)
        id_ = form.require("id", identifier, "")
        steps = form.require("steps", list_of(self._step, minimum=1, maximum=MOST_STEPS), ())
        rounds, from_step = form.read("repeat", _repeat, (0, 1))
        if steps and from_step > len(steps):
            findings.add("from_step_too_high", form.place("repeat"), number=from_step, count=len(steps))
        inform, acknowledge, quiet, digest, bypass_subject, on_exhausted = self._common(form)
        form.close()
        return Policy(
            id=id_,
            steps=steps,
            rounds_after_first=rounds,
            from_step=from_step,
            inform=inform,
            acknowledge=acknowledge,
            quiet=quiet,
            digest=digest,
            bypass_subject=bypass_subject,
            on_exhausted=on_exhausted,
        )

    def _common(
        self, form: Form
    ) -> tuple[tuple[StepTarget, ...], Acknowledge, Quiet, Digest, bool, tuple[StepTarget, ...]]:
        """Read the keys that a policy and `defaults` share."""
        targets = list_of(self.target, minimum=1)
        return (
            form.read("inform", targets, ()),
            form.read("acknowledge", _acknowledge, Acknowledge()),
            form.read("quiet", _quiet, Quiet()),
            form.read("digest", _digest, Digest()),
            form.read("bypass_subject", boolean, default=True),
            form.read("on_exhausted", targets, (POSKO_NASIONAL,)),
        )

    def _step(self, node: Node, findings: Findings) -> PolicyStep:
        form = form_of(node, findings)
        to = form.require("to", list_of(self.target, minimum=1, maximum=50), ())
        need: Need = form.read("need", _need, "one")
        if isinstance(need, int) and to and need > len(to):
            findings.add("need_too_many", form.place("need"), need=need, targets=len(to))
        step = PolicyStep(
            to=to,
            wait=form.require("wait", duration(MINUTE), MINUTE),
            channels=form.read("channels", _channels, ()),
            need=need,
            inform=form.read("inform", list_of(self.target), ()),
            when=form.read("when", self._when, StepCondition()),
        )
        form.close()
        return step

    def _when(self, node: Node, findings: Findings) -> StepCondition:
        form = form_of(node, findings)
        when = StepCondition(
            level_at_least=form.read("level", _level_at_least, None),
            hours=form.read("hours", hours, None),
            days=form.read("days", days, None),
            stages=form.read("stage", list_of(self._stage, single=True, minimum=1), ()),
            not_resolved=form.read("not_resolved", boolean, default=False),
        )
        form.close()
        return when

    def target(self, node: Node, findings: Findings) -> StepTarget:
        """Take a role, `{role, at, fallback}` or `{person}`."""
        if isinstance(node, ScalarNode):
            return StepTarget(role=identifier(node, findings))
        form = form_of(node, findings)
        role, person = form.read("role", identifier, ""), form.read("person", identifier, "")
        at = form.read("at", self._at, "region")
        fallback = form.read("fallback", word("up", "none"), "up")
        form.close()
        if ("role" in form) == ("person" in form) or (
            "person" in form and ("at" in form or "fallback" in form)
        ):
            raise findings.unusable("target_form", form.mark)
        if person:
            return StepTarget(person=person, fallback="none")
        return StepTarget(role=role, at=at, fallback="none" if fallback == "none" else "up")

    def _at(self, node: Node, findings: Findings) -> str:
        found = scalar(node, findings).text
        if found[:1].isalpha():
            return word("region", "province", "nation")(node, findings)
        return self._region(node, findings)


def _under(node: Node, defaults: MappingNode | None) -> Node:
    """Put the defaults under a policy: `channels` under each step, parts of a map under that map, else whole keys."""
    if defaults is None or not isinstance(node, MappingNode):
        return node
    pairs = {key: pair for key, pair in defaults.pairs.items() if key not in ("channels", "id", "steps")}
    for key, (marked, value) in node.pairs.items():
        below = defaults.get(key)
        merge = key in _MERGED and isinstance(value, MappingNode) and isinstance(below, MappingNode)
        pairs[key] = (marked, _over(value, below) if merge else value)
    steps = node.get("steps")
    if "channels" in defaults.pairs and isinstance(steps, SequenceNode):
        channels = MappingNode({"channels": defaults.pairs["channels"]}, defaults.mark)
        pairs["steps"] = (
            pairs["steps"][0],
            SequenceNode(tuple(_over(s, channels) for s in steps.items), steps.mark),
        )
    return MappingNode(pairs, node.mark)


def _over(node: Node, below: Node | None) -> Node:
    if not isinstance(node, MappingNode) or not isinstance(below, MappingNode):
        return node
    return MappingNode({**below.pairs, **node.pairs}, node.mark)


def _channels(node: Node, findings: Findings) -> tuple[Channel, ...]:
    """Take `all` (as the empty tuple) or a list of channels."""
    if isinstance(node, ScalarNode) and node.text == "all":
        return ()
    return cast("tuple[Channel, ...]", list_of(word(*CHANNELS), single=True, minimum=1)(node, findings))


def _need(node: Node, findings: Findings) -> Need:
    found = scalar(node, findings).text
    if found in ("one", "all"):
        return "one" if found == "one" else "all"
    if not found.isdigit():
        raise findings.no_choice("not_a_choice", node.mark, found, ("one", "all", "2"))
    return whole(1, 50)(node, findings)


def _repeat(node: Node, findings: Findings) -> tuple[int, int]:
    """Take the number of further rounds, and the step at which they start."""
    if isinstance(node, ScalarNode):
        return whole(0, MOST_ROUNDS)(node, findings), 1
    form = form_of(node, findings)
    times = form.require("times", whole(0, MOST_ROUNDS), 0)
    from_step = form.read("from_step", whole(1, MOST_STEPS), 1)
    form.close()
    return times, from_step


def _acknowledge(node: Node, findings: Findings) -> Acknowledge:
    form = form_of(node, findings)
    # 1 is read as 2 (docs/specification/escalation.md#policies)
    grade = max(2, form.read("grade", whole(1, 4), 2))
    expires = form.read("expires", _expires, Acknowledge().expires)
    remind = form.read("remind", list_of(duration(MINUTE), single=True), ())
    form.close()
    if expires is not None and any(length >= expires for length in remind):
        findings.add("remind_after_expiry", form.place("remind"))
    return Acknowledge(grade=grade, expires=expires, remind=tuple(sorted(set(remind))))


def _expires(node: Node, findings: Findings) -> Millis | None:
    if isinstance(node, ScalarNode) and node.text == "never":
        return None
    return duration(MINUTE)(node, findings)


def _quiet(node: Node, findings: Findings) -> Quiet:
    form = form_of(node, findings)
    quiet = Quiet(hours=form.require("hours", hours, ""), levels=form.require("levels", _levels, ()))
    form.close()
    return quiet


def _digest(node: Node, findings: Findings) -> Digest:
    form = form_of(node, findings)
    at = form.require("at", list_of(clock_time, single=True, minimum=1, maximum=24), ())
    digest = Digest(levels=form.require("levels", _levels, ()), at=tuple(sorted(set(at))))
    form.close()
    return digest


def _level_at_least(node: Node, findings: Findings) -> int:
    form = form_of(node, findings)
    lowest = form.require("at_least", level, 0)
    form.close()
    if not lowest:
        raise UnusableError
    return lowest


_levels: Take[tuple[int, ...]] = list_of(level, single=True, minimum=1)
