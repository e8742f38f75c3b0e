import json
import math

import pytest

from isagrsc2.export.json_file import write_json
from isagrsc2.export.metrics import Metrics


def refuse(word):
    raise AssertionError(f"{word} is no JSON")


def test_what_is_not_finite_becomes_null(tmp_path):
    content = {"a": math.nan, "b": [1, math.inf, {"c": -math.inf}], "d": (0.5, None, True, "NaN")}
    path = write_json(content, tmp_path / "x.json", indent=2)
    back = json.loads(path.read_text(), parse_constant=refuse)
    assert back == {"a": None, "b": [1, None, {"c": None}], "d": [0.5, None, True, "NaN"]}


def test_metrics(make_result, tmp_path):
    path = Metrics().write(make_result(), tmp_path)
    assert path == tmp_path / "metrics.json"
    assert json.loads(path.read_text(), parse_constant=refuse) == {"coverage": [0.8, None], "name": "field"}


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = write_json({"a": 1}, tmp_path / "x.json", indent=2)
    with pytest.raises(TypeError):
        write_json({"a": object()}, path, indent=2)
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
