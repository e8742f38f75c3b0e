"""The commit that a run was made with."""

import subprocess
from pathlib import Path

from isagrsc2.tasks.tracking.provenance import NO_COMMIT, commit_of


def test_the_commit_is_that_of_the_code_and_not_of_a_repository_around_it(tmp_path: Path) -> None:
    def git(*command: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    code = tmp_path / "code.py"
    code.touch()
    assert commit_of(code) == NO_COMMIT
    git("init", "-q")
    assert commit_of(code) == NO_COMMIT
    git("add", "code.py")
    git("commit", "-q", "-m", "begin")
    assert commit_of(code) == git("rev-parse", "HEAD").strip()
    code.write_text("pass")
    assert commit_of(code) == git("rev-parse", "HEAD").strip() + "-dirty"
