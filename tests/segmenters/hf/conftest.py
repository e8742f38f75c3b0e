from pathlib import Path

import pytest
from tiny_models import MODELS, save


@pytest.fixture(scope="session", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature of each family, named like its ``model_type``."""
    return save(request.param, tmp_path_factory.mktemp("models") / request.param)
