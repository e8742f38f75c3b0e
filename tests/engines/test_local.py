import itertools

import pytest
from engine_functions import kill_at_three, square

from isagrsc2.engines.engine import EngineError
from isagrsc2.engines.local import LocalEngine


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(LocalEngine(workers).map(square, range(5))) == [0, 1, 4, 9, 16]


def test_only_a_few_results_are_computed_ahead() -> None:
    """Items without end: what is computed follows what is taken."""
    results = LocalEngine(2).map(square, itertools.count())
    assert list(itertools.islice(results, 20)) == [number**2 for number in range(20)]
    results.close()  # type: ignore[attr-defined]  # a generator


def test_a_killed_process_is_one_error_with_the_remedy() -> None:
    with pytest.raises(EngineError, match="a process of engine=local died") as raised:
        list(LocalEngine(2).map(kill_at_three, range(6)))
    assert "choose fewer than engine.workers=2" in str(raised.value)
