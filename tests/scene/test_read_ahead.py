import pickle
import threading
from typing import Any

import numpy as np
import pytest
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.scene.read_ahead import Direct, ReadAhead

WINDOWS = [Window(column, 0, 2, 3) for column in (0, 2, 4)]


class CountingScene:
    """Remembers what was read, and lets a test wait for it."""

    def __init__(self, broken: int = -1) -> None:
        self.broken = broken
        self.read_columns: list[int] = []
        self.news = threading.Condition()

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        with self.news:
            self.read_columns.append(window.col_off)
            self.news.notify_all()
        if window.col_off == self.broken:
            raise InputError("it is damaged")
        return np.full((3, 2, 3), window.col_off, np.uint8), np.ones((3, 2), bool)

    def wait_for(self, columns: list[int]) -> None:
        with self.news:
            assert self.news.wait_for(lambda: self.read_columns == columns, 10)

    def __reduce__(self) -> Any:
        return CountingScene, (self.broken,)


def test_the_next_window_is_read_before_it_is_asked_for() -> None:
    scene: Any = CountingScene()
    with ReadAhead(scene, WINDOWS) as reader:
        assert reader.read(WINDOWS[0])[0].max() == 0
        scene.wait_for([0, 2])
        assert reader.read(WINDOWS[1])[0].max() == 2
        scene.wait_for([0, 2, 4])
        assert reader.read(WINDOWS[2])[0].max() == 4
    assert scene.read_columns == [0, 2, 4]  # each once


def test_any_order_gives_the_same() -> None:
    scene: Any = CountingScene()
    with ReadAhead(scene, WINDOWS) as reader:
        assert [reader.read(WINDOWS[number])[0].max() for number in (2, 0, 0, 1)] == [4, 0, 0, 2]


def test_an_error_comes_where_the_window_is_asked_for() -> None:
    scene: Any = CountingScene(broken=2)
    with ReadAhead(scene, WINDOWS) as reader:
        reader.read(WINDOWS[0])
        with pytest.raises(InputError, match="damaged"):
            reader.read(WINDOWS[1])
        assert reader.read(WINDOWS[2])[0].max() == 4


def test_without_windows_and_in_another_process() -> None:
    scene: Any = CountingScene()
    with ReadAhead(scene, []) as reader:
        assert reader.read(WINDOWS[1])[0].max() == 2
        sent = pickle.loads(pickle.dumps(reader))
    assert isinstance(sent, Direct)
    assert sent.read(WINDOWS[1])[0].max() == 2
