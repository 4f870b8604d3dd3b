"""The rota: the loops of the roles that are wanted, and of no other."""

from engine.clock import ManualClock
from engine.metrics import Metrics
from engine.runtime.loop_runner import LoopRunner
from engine.store.memory import MemoryStore
from tests.unit.support.country import NOW


async def turn() -> int:
    return 0


def test_a_loop_of_a_role_that_runs_elsewhere_is_none_of_this_process():
    """Nor does its age stand in the metrics of this one, where nothing would ever turn it."""
    metrics = Metrics()
    rota = LoopRunner(["auditor"], store=MemoryStore(), clock=ManualClock(NOW), metrics=metrics)
    for name in ("auditor", "retention", "dispatcher"):
        rota.add(name, turn, every=40)
    assert list(rota.states) == ["auditor", "retention"]
    assert "dispatcher" not in rota
    bounds = {
        name: metrics.registry.get_sample_value("siaga_loop_bound_seconds", {"loop": name})
        for name in ("auditor", "retention", "dispatcher")
    }
    assert bounds == {"auditor": 160, "retention": 160, "dispatcher": 0}
