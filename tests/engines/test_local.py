import pytest
from engine_functions import kill_at_three, square

from isagrsc2.engines.engine import EngineError
from isagrsc2.engines.local import LocalEngine


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(LocalEngine(workers).map(square, range(5))) == [0, 1, 4, 9, 16]


def test_a_killed_process_is_one_error_with_the_remedy() -> None:
    with pytest.raises(EngineError, match="a process of engine=local died") as raised:
        list(LocalEngine(2).map(kill_at_three, range(6)))
    assert "choose fewer than engine.workers=2" in str(raised.value)
