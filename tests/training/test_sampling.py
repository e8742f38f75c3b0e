import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.training.sampling import EpochSampler, ShareSampler


def drawn(count, batch, processes, epoch=0, seed=1):
    """The draws of every process in one epoch."""
    samplers = [EpochSampler(count, batch, seed, process, processes) for process in range(processes)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)
    return [list(sampler) for sampler in samplers]


@given(st.integers(2, 60), st.integers(1, 8), st.integers(1, 4), st.integers(0, 3))
def test_every_chip_at_most_once_and_all_but_a_rest(count, batch, processes, epoch):
    shares = drawn(count, batch, processes, epoch)
    every = [draw for share in shares for draw in share]
    assert len(every) == len(set(every))
    assert {draw // count for draw in every} <= {epoch}
    assert len({len(share) for share in shares}) == 1
    step = batch * processes
    if count >= step:
        assert len(every) == count - count % step
    else:
        assert len(every) == count - count % processes


@pytest.mark.parametrize("processes", [2, 3])
def test_a_step_of_several_processes_holds_the_chips_of_one_with_larger_batches(processes):
    batch, count = 4, 50
    (alone,) = drawn(count, batch * processes, 1)
    shares = drawn(count, batch, processes)
    for step in range(len(alone) // (batch * processes)):
        together = {draw for share in shares for draw in share[step * batch : (step + 1) * batch]}
        assert together == set(alone[step * batch * processes : (step + 1) * batch * processes])


def test_orders_depend_on_epoch_and_seed_alone():
    assert drawn(20, 5, 1, epoch=1) == drawn(20, 5, 1, epoch=1)
    first, second = drawn(20, 5, 1, epoch=0)[0], drawn(20, 5, 1, epoch=1)[0]
    assert first != [draw - 20 for draw in second]
    assert sorted(first) == sorted(draw - 20 for draw in second) == list(range(20))
    assert drawn(20, 5, 1, seed=2)[0] != first


@given(st.integers(0, 40), st.integers(1, 5))
def test_shares_are_a_partition(count, processes):
    shares = [list(ShareSampler(count, process, processes)) for process in range(processes)]
    assert sorted(index for share in shares for index in share) == list(range(count))
    assert [len(ShareSampler(count, process, processes)) for process in range(processes)] == [len(s) for s in shares]
