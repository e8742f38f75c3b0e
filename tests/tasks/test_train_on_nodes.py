"""`trainer=ddp` over machines, here processes that are told they are machines."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_train import HEAD_ONLY, small, write_chips

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def by_torchrun(node: int, port: int) -> tuple[list[str], dict[str, str]]:
    """What a user starts without a scheduler."""
    options = ("--nnodes=2", "--nproc-per-node=1", f"--node-rank={node}", "--master-addr=127.0.0.1", f"--master-port={port}")
    return ["-m", "torch.distributed.run", *options], {}


def by_slurm(node: int, port: int) -> tuple[list[str], dict[str, str]]:
    """What `srun --nodes=2 --ntasks-per-node=1` starts and sets."""
    job = {
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NAME": "train",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_NNODES": "2",
    }
    task = {"SLURM_PROCID": str(node), "SLURM_LOCALID": "0", "SLURM_NODEID": str(node), "SLURM_NODELIST": "127.0.0.1"}
    return [], {**job, **task, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def start(words: list[str], variables: dict[str, str], folder: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([sys.executable, *words], cwd=folder, env=environment, **pipes)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_machines_give_the_metrics_of_one(tmp_path: Path) -> None:
    write_chips(tmp_path / "chips")
    options = [*HEAD_ONLY, "trainer.max_epochs=2", "model.optimizer.lr=1e-2"]
    together = ["data.batch_size=2", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=1", "trainer.num_nodes=2"]

    def trained(name: str, machines: list[tuple[list[str], dict[str, str]]], *overrides: str) -> tuple[Any, list[int]]:
        """Metrics, and for every machine whether it has told of a result."""
        command = [str(ROOT / "train.py"), *small(tmp_path / "chips", tmp_path / name, *options, *overrides)]
        started = [start([*before, *command], variables, tmp_path) for before, variables in machines]
        printed = [process.communicate(timeout=250)[0] for process in started]
        assert [process.returncode for process in started] == [0] * len(started), printed[0][-2000:]
        return json.loads((tmp_path / name / "metrics.json").read_text()), [text.count("best checkpoint:") for text in printed]

    one, told = trained("one", [([], {})])
    assert told == [1]
    for number, way in enumerate((by_torchrun, by_slurm)):
        port = free_port()
        two, told = trained(f"two_{number}", [way(node, port) for node in (0, 1)], *together)
        assert two == pytest.approx(one, abs=1e-4)
        assert told == [1, 0]  # only the first machine leaves results
