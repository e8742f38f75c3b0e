import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.prompt_training.data.draws import DrawsInOrder


def test_by_hand():
    # 11 draws, 2 to a batch, 2 processes: steps of 4; three draws are left out.
    first, second = DrawsInOrder(11, 2, 0, 2), DrawsInOrder(11, 2, 1, 2)
    assert (list(first), list(second)) == ([0, 1, 4, 5], [2, 3, 6, 7])
    second.set_epoch(3)
    assert list(second) == [35, 36, 39, 40]


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 4), st.integers(0, 3))
def test_processes_share_the_draws_of_an_epoch(count, batch, processes, epoch):
    parts = []
    for process in range(processes):
        sampler = DrawsInOrder(count, batch, process, processes)
        sampler.set_epoch(epoch)
        parts.append(list(sampler))
        assert len(sampler) == len(parts[-1])
    steps = count // (batch * processes)
    assert sorted(itertools.chain(*parts)) == [epoch * count + index for index in range(steps * batch * processes)]
    # One process with larger batches takes in each step what all of them take.
    for step in range(steps):
        together = sorted(draw for part in parts for draw in part[step * batch : (step + 1) * batch])
        start = epoch * count + step * batch * processes
        assert together == list(range(start, start + batch * processes))


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_for_a_batch(count):
    assert list(DrawsInOrder(count, 4, 0, 1)) == []
