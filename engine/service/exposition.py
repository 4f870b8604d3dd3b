"""What a scrape reads: the metrics of this process and what the evaluator process counted, as one.

Here: adding the two. Not here: the metrics themselves (`engine.metrics`) and the route (`web.api.ops`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from engine.service.evaluator_child import Sample


class _Sum(Collector):
    """The families of a registry with further samples added: equal ones summed, others put to their family.

    Every counter, histogram and gauge of Siaga is moved in one process only and stands at 0 in the other, so a sum is
    right for all of them. Samples about the evaluator's process itself (`process_...`) have a label of their own.
    """

    def __init__(self, registry: CollectorRegistry, further: Iterable[Sample]) -> None:
        self._registry = registry
        self._further = {(name, labels): value for name, labels, value in further}

    def collect(self) -> Iterator[Metric]:
        left = dict(self._further)
        for family in self._registry.collect():
            whole = Metric(family.name, family.documentation, family.type)
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                whole.add_sample(sample.name, sample.labels, sample.value + left.pop(key, 0.0))
            own = {family.name, *(family.name + suffix for suffix in ("_total", "_bucket", "_sum", "_count"))}
            for key in [key for key in left if key[0] in own]:
                whole.add_sample(key[0], dict(key[1]), left.pop(key))
            yield whole


def exposition(registry: CollectorRegistry, further: Iterable[Sample]) -> bytes:
    """Return the text that Prometheus scrapes."""
    return generate_latest(_Sum(registry, further))
