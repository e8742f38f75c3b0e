import pytest
from segment_anything.modeling import Sam
from tiny_sam import make_tiny_sam


@pytest.fixture(scope="session")
def tiny_sam() -> Sam:
    return make_tiny_sam()
