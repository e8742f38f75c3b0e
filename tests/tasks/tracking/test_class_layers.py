"""Layers of an overlay: classes, never numbers of parcels."""

from small_scene import small_result

from isagrsc2.tasks.tracking.class_layers import layered_image


def test_layers_are_classes_of_at_most_127() -> None:
    drawn = layered_image(small_result(parcels=3), max_side=100)
    assert drawn.image.shape == (4, 8, 3)  # not enlarged
    assert drawn.layers["class"].mask[0].tolist() == [1, 2, 3, 0, 0, 0, 0, 0]
    assert drawn.layers["round"].mask[0].tolist() == [100, 127, 127, 0, 0, 0, 0, 0]
    assert max(drawn.layers["round"].labels) == 127
    assert drawn.layers["reference"].mask[0].tolist() == [1, 1, 0, 0, 2, 2, 2, 2]
    half = layered_image(small_result(parcels=2), max_side=4)
    assert half.layers["reference"].mask.tolist() == [[1, 0, 2, 2]] * 2
    assert layered_image(small_result(parcels=0), max_side=4).layers["class"].mask.tolist() == [[0] * 4] * 2
