"""SAM through the whole of ``segment.py``: a miniature checkpoint's worth of network in the place of the configured one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig
from segment_anything.modeling import Sam
from tiny_sam import patchwork

from isagrsc2.segmenters.sam.segmenter import SamSegmenter


@pytest.mark.parametrize(
    "prompting", ["residual", *(pytest.param(name, marks=pytest.mark.slow) for name in ("whitened", "single_pass"))]
)
def test_a_picture_goes_through_sam(
    prompting: str,
    tiny_sam: Sam,
    compose_config: Callable[..., DictConfig],
    write_raster: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from isagrsc2.tasks import configured_method
    from isagrsc2.tasks import segment as task

    segmenter = SamSegmenter.from_model(tiny_sam, "cpu", 64, 1.0, "float32", False)
    instantiate = configured_method.instantiate

    def with_miniature(config: DictConfig, **options: object) -> object:
        is_sam = config.get("_target_") == "isagrsc2.segmenters.sam.segmenter.SamSegmenter"
        return segmenter if is_sam else instantiate(config, **options)

    monkeypatch.setattr(configured_method, "instantiate", with_miniature)
    path = write_raster("patches.png", patchwork(160, 200, 3))
    # The miniature's scores end near 0.76: the first round asks for less than the real network would give.
    rounds = 1 if prompting == "single_pass" else 4
    lower = [f"prompting.rounds.round_{number}.search.min_score=0.4" for number in range(1, rounds + 1)]
    lower += [f"prompting.rounds.round_{number}.search.min_stability=0.4" for number in range(1, rounds + 1)]
    tiles = ["tiling.size=128", "tiling.overlap=48"]
    output = tmp_path / "out"
    output.mkdir()
    given = [f"scene.path={path}", "segmenter=sam_vit_b", f"prompting={prompting}", f"output_dir={output}"]
    task.segment(compose_config("segment", *given, *tiles, *lower))
    metrics = json.loads((output / "patches" / "metrics.json").read_text())
    assert metrics["parcels"] > 5
    assert metrics["coverage"][-1] > 0.5
    assert np.all(np.diff(metrics["coverage"]) >= 0)
