from copy import deepcopy

import numpy as np
import pytest
import torch
from tiny_sam import all_logits, patchwork

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.sam.embedding_cache import SceneEmbeddings, encoder_digest, look_at, restore
from isagrsc2.segmenters.sam.segmenter import SamSegmenter

TILES = [(0, 0, 64, 64), (64, 0, 128, 64)]


def features_of(bounds):
    return np.full((2, 3, 3), bounds[0], np.float16)


def nobody(bounds):
    raise AssertionError("it was looked at before")


def make(folder, encoder="a", name="scene", **identity):
    return SceneEmbeddings.of(folder, name, {"path": "x.tif", **identity}, encoder)


def test_looks_once(tmp_path):
    embeddings = make(tmp_path)
    assert embeddings.missing(TILES) == TILES
    embeddings.complete(TILES[:1], features_of)
    assert embeddings.missing(TILES) == TILES[1:]
    embeddings.complete(TILES, features_of)
    make(tmp_path).complete(TILES, nobody)
    assert np.array_equal(make(tmp_path).read(TILES[1]), features_of(TILES[1]))


def test_folders_tell_encoders_and_scenes_apart(tmp_path):
    different = [make(tmp_path), make(tmp_path, encoder="b"), make(tmp_path, changed=1), make(tmp_path, name="other")]
    assert len({one.folder for one in different}) == 4
    assert different[0] == make(tmp_path)


def test_is_there_whole_or_not_at_all(tmp_path):
    embeddings = make(tmp_path)

    def breaks_off(bounds):
        if bounds == TILES[1]:
            raise KeyboardInterrupt
        return features_of(bounds)

    with pytest.raises(KeyboardInterrupt):
        embeddings.complete(TILES, breaks_off)
    assert [path.name for path in embeddings.folder.iterdir()] == ["x0_y0_x64_y64.npy"]


def test_says_when_the_folder_cannot_be_written(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match=r"cache/scene_\w+ cannot be written \(Not a directory\); .*data\.cache"):
        make(tmp_path / "cache").complete(TILES, features_of)


def test_says_which_file_is_damaged(tmp_path):
    embeddings = make(tmp_path)
    embeddings.complete(TILES, features_of)
    path = embeddings.path(TILES[0])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"x0_y0_x64_y64\.npy cannot be read .*delete it"):
        embeddings.read(TILES[0])


def test_digest_is_of_the_encoder_alone(small_sam):
    tuned, other, dimmed = deepcopy(small_sam), deepcopy(small_sam), deepcopy(small_sam)
    with torch.no_grad():
        tuned.mask_decoder.iou_token.weight.add_(1.0)
        other.image_encoder.neck[0].weight[0, 0, 0, 0] += 1e-3
        dimmed.pixel_mean.add_(1.0)
    assert encoder_digest(tuned) == encoder_digest(small_sam)
    assert len({encoder_digest(sam) for sam in (small_sam, other, dimmed)}) == 3


@pytest.mark.parametrize("shape", [(128, 128), (60, 100)])
def test_what_was_kept_answers_as_what_is_seen(small_sam, shape):
    segmenter = SamSegmenter.from_model(small_sam, "cpu", 16, 1.0, "float32", False)
    image, points = patchwork(*shape), np.array([[10.0, 20.0], [40.0, 30.0]])
    seen = segmenter.embed(image)
    kept = restore(segmenter, look_at(segmenter, image), shape)
    for name in ("tile_shape", "mask_shape", "scale", "input_shape"):
        assert getattr(kept, name) == getattr(seen, name)
    one, other = segmenter.segment(seen, points), segmenter.segment(kept, points)
    assert ((all_logits(one) > 0) == (all_logits(other) > 0)).mean() > 0.995
    np.testing.assert_allclose(one.scores, other.scores, atol=5e-3)
