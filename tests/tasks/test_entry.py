import pytest
from torch.utils.data import DataLoader, Dataset

from isagrsc2.errors import InputError
from isagrsc2.tasks.entry import run_task, users_mistake
from isagrsc2.training.divergence import DivergedError

MESSAGE = "a.tif breaks off: no more rows; mend it, or leave it out by data.path=IMAGES."


class DamagedFile(Dataset):
    """Raises what it is told to, as a file does that is damaged after it was looked at."""

    def __init__(self, kind, cause):
        self.kind = kind
        self.cause = cause

    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            raise self.cause
        except OSError as error:
            raise self.kind(MESSAGE) from error


def read(workers, kind=InputError, cause=None):
    return list(DataLoader(DamagedFile(kind, cause or OSError("no more rows")), num_workers=workers))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", [InputError, DivergedError])
def test_what_the_user_caused_is_one_line_whichever_process_finds_it(workers, kind):
    with pytest.raises(kind) as caught:
        read(workers, kind, InterruptedError("isagrsc2.errors.InputError: no more rows"))
    assert users_mistake(caught.value) == MESSAGE
    assert ("Traceback" in str(caught.value)) == (workers > 0)


def test_a_fault_of_the_program_in_another_process_keeps_its_traceback():
    with pytest.raises(TypeError, match="Traceback") as caught:
        read(1, cause=TypeError("not a file"))
    assert users_mistake(caught.value) is None


def test_a_task_that_reads_in_another_process_refuses_in_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        run_task(lambda _: read(1), None)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"{MESSAGE}\n"


def test_a_message_without_traceback_is_left_alone():
    assert (
        users_mistake(InputError("isagrsc2.errors.InputError: is what it says."))
        == "isagrsc2.errors.InputError: is what it says."
    )
