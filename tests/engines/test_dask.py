"""`engine=dask` on processes of this machine; one cluster for most tests."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engine_functions import Fragile, Model, kill_at_three, refuse_at_three, square, take_memory, working_folder

from isagrsc2.engines.dask import DaskEngine
from isagrsc2.engines.engine import EngineError, Lost
from isagrsc2.errors import InputError


def engine(**options: Any) -> DaskEngine:
    numbers = {"workers": 2, "threads": 1, "memory_limit": 0, "resources": {}, "retries": 1, "wait_seconds": 20}
    return DaskEngine(**{"scheduler": "local", "dashboard": "none", **numbers, **options})


@pytest.fixture(scope="module")
def local() -> Iterator[DaskEngine]:
    """Two processes, kept between tests."""
    made = engine()
    yield made
    made.close()


def test_every_item_gets_its_result(local: DaskEngine) -> None:
    assert sorted(local.map(square, range(50))) == [number**2 for number in range(50)]
    assert list(local.map(square, [])) == []


def test_the_function_is_loaded_once_per_worker(local: DaskEngine, tmp_path: Path) -> None:
    assert sorted(local.map(Model(tmp_path), range(20))) == [number**2 for number in range(20)]
    loaded = [file.name.split("_")[1] for file in tmp_path.glob("loaded_*")]
    used = Counter(file.name.split("_")[2] for file in tmp_path.glob("at_*"))
    assert len(loaded) == len(set(loaded)) == 2
    assert set(used) == set(loaded)
    assert sum(used.values()) == 20
    assert min(used.values()) >= 5  # both had their share


def test_what_fails_is_tried_again_and_then_lost(local: DaskEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = list(local.map(Fragile(tmp_path, {4: 2, 5: 9}), range(8)))
    lost = [one for one in found if isinstance(one, Lost)]
    assert lost == [Lost(5, "ValueError: attempt 2")]
    assert sorted(set(found) - set(lost)) == [0, 1, 4, 9, 16, 36, 49]
    assert len(list(tmp_path.iterdir())) == 8 + 1 + 1
    (given_up,) = [record for record in caplog.records if record.message.startswith("given up")]
    assert given_up.exc_info is not None  # a fault of the program keeps its traceback


def test_an_item_that_kills_its_worker_is_lost_and_no_other(local: DaskEngine) -> None:
    found = list(local.map(kill_at_three, range(12)))
    (lost,) = [one for one in found if isinstance(one, Lost)]
    assert lost.item == 3
    assert lost.reason.startswith("its worker died whenever it was computed")
    assert sorted(set(found) - {lost}) == [number**2 for number in range(12) if number != 3]


def test_a_worker_that_is_killed_by_others_costs_nothing(local: DaskEngine, tmp_path: Path) -> None:
    model, found = Model(tmp_path), []
    for result in local.map(model, range(60)):
        found.append(result)
        if len(found) == 10:
            os.kill(int(next(tmp_path.glob("at_*")).name.split("_")[2]), signal.SIGKILL)
    assert sorted(found) == [number**2 for number in range(60)]


def test_a_users_mistake_is_raised_at_once(local: DaskEngine) -> None:
    with pytest.raises(InputError, match=r"^3 cannot be used; give another\.$"):
        list(local.map(refuse_at_three, range(200)))
    assert list(local.map(square, [7])) == [49]  # nothing of it is left


@pytest.mark.slow
def test_a_worker_with_too_much_memory_is_stopped() -> None:
    made = engine(workers=1, retries=0, memory_limit="600MB")
    try:
        found = list(made.map(take_memory, [1, 2000, 2]))
    finally:
        made.close()
    assert [one.item for one in found if isinstance(one, Lost)] == [2000]
    assert len(found) == 3


# ------------------------------------------------------------------------------------------ a cluster that is there


@dataclass
class There:
    """Someone else's cluster: one worker that has a GPU, as it says, and starts in another folder."""

    file: Path
    scheduler: "subprocess.Popen[bytes]"

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("there")
    file = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    file_option = ("--scheduler-file", str(file))
    options = {
        "scheduler": (*file_option, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", ":0"),
        "worker": (*file_option, "--nthreads", "1", "--resources", "GPU=1", "--no-dashboard", "--local-directory", str(folder)),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", role, *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for role, words in options.items()
    ]
    yield There(file, started[0])
    for process in reversed(started):
        process.terminate()
        process.wait(20)


def test_a_scheduler_file_that_is_written_later_is_waited_for(there: There, tmp_path: Path) -> None:
    made = engine(scheduler=str(there.file), resources={"GPU": 1}, wait_seconds=60)
    assert sorted(made.map(Model(tmp_path), range(5))) == [0, 1, 4, 9, 16]
    assert list(made.map(working_folder, [0])) == [str(Path.cwd())]  # so relative paths are the same
    made.close()


def test_a_scheduler_is_found_by_its_address(there: There) -> None:
    made = engine(scheduler=there.address)
    assert sorted(made.map(square, range(5))) == [0, 1, 4, 9, 16]
    made.close()


def test_without_a_worker_that_can_compute_it_ends(there: There) -> None:
    made = engine(scheduler=there.address, resources={"GPU": 2}, wait_seconds=2)
    with pytest.raises(EngineError, match=r"for 2 s the scheduler .* has had no worker with GPU=2; start some, check"):
        list(made.map(square, range(5)))
    made.close()


def test_a_worker_that_does_not_see_the_folder_is_named(there: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine(scheduler=there.address)
    monkeypatch.setattr("isagrsc2.engines.dask.Path.cwd", lambda: tmp_path / "elsewhere")
    with pytest.raises(EngineError, match=r"worker tcp://.* cannot begin: .*elsewhere.*Give the workers the file system"):
        list(made.map(square, [1]))
    made.close()


def test_a_scheduler_that_is_killed_ends_it(there: There, tmp_path: Path) -> None:
    made = engine(scheduler=there.address, wait_seconds=2)
    computing = made.map(Model(tmp_path), range(1000))
    next(computing)
    there.scheduler.kill()
    with pytest.raises(EngineError, match=r"the scheduler tcp://.* went away"):
        list(computing)
    made.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "tcp://127.0.0.1:9", "wait_seconds": 1}, "no scheduler answers at tcp://127.0.0.1:9"),
        ({"scheduler": "nothing://x", "wait_seconds": 1}, "no scheduler answers at nothing://x"),
        ({"scheduler": "missing.json", "wait_seconds": 1}, "engine.scheduler=missing.json is no scheduler file after 1 s"),
    ],
)
def test_a_scheduler_that_is_not_there_is_one_line(options: dict[str, Any], message: str) -> None:
    made = engine(**options)
    with pytest.raises(EngineError) as raised:
        list(made.map(square, [1]))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("workers", 0),
        ("threads", "many"),
        ("memory_limit", "large"),
        ("memory_limit", -1),
        ("retries", -1),
        ("wait_seconds", 0),
    ],
)
def test_a_number_that_does_not_fit_is_named(option: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^engine.{option}={value} does not fit; give"):
        engine(**{option: value})


def test_without_the_extra_the_remedy_is_said() -> None:
    code = (
        "import sys; sys.modules['distributed'] = None; sys.modules['dask'] = None\n"
        "from isagrsc2.engines.dask import DaskEngine\n"
        "DaskEngine('local', 1, 1, 0, 'none', {}, 0, 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "engine=dask needs the packages of the extra cluster; pip install -e '.[cluster]'." in done.stderr
