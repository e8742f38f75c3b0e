import json

import geopandas
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from isagrsc2.errors import InputError
from isagrsc2.export.fiboa import OWN, SCHEMAS, Fiboa

# Of https://fiboa.org/specification/v0.3.0/schema.yaml and vecorel's: property, Arrow type, whether it must be there.
PROPERTIES = {
    "id": (pyarrow.string(), True),
    "collection": (pyarrow.string(), True),
    "geometry": (pyarrow.binary(), True),
    "metrics:area": (pyarrow.float32(), False),
    "metrics:perimeter": (pyarrow.float32(), False),
    "determination:method": (pyarrow.string(), False),
    "determination:details": (pyarrow.string(), False),
}
METHODS = {"manual", "driven", "surveyed", "auto-operation", "auto-imagery", "unknown"}


@pytest.mark.parametrize("rows", [1000, 3])
def test_columns_and_description_are_those_of_the_specification(make_result, tmp_path, rows):
    path = Fiboa("zstd", "scene").write(make_result(rows=rows), tmp_path)
    schema = pyarrow.parquet.read_schema(path)
    for name, (kind, required) in PROPERTIES.items():
        assert schema.field(name).type == kind, name
        assert schema.field(name).nullable is not required, name
    others = set(schema.names) - set(PROPERTIES) - {"bbox"}
    described = json.loads(schema.metadata[b"collection"])
    assert described["schemas"] == {"field": list(SCHEMAS)}
    assert set(described["schemas:custom"]["properties"]) == set(OWN) == others
    table = geopandas.read_parquet(path)
    assert table["id"].is_unique
    assert set(table["collection"]) == {"field"}
    assert set(table["determination:method"]) <= METHODS
    (parcels,) = make_result().parcels
    np.testing.assert_allclose(table["metrics:area"], parcels["area_m2"], rtol=1e-6)
    np.testing.assert_allclose(table["metrics:perimeter"], parcels["perimeter_m"], rtol=1e-6)
    assert table["isagrsc2:class"].tolist() == parcels["class_name"].tolist()
    assert table.crs == parcels.crs


def test_another_crs(make_result, tmp_path):
    table = geopandas.read_parquet(Fiboa("zstd", "EPSG:4326").write(make_result(), tmp_path))
    assert table.crs == "EPSG:4326"
    assert table.total_bounds[0] == pytest.approx(9.0, abs=0.01)


def test_an_image_without_a_place(make_result, tmp_path):
    with pytest.raises(InputError, match="export=fiboa needs an image with a CRS"):
        Fiboa("zstd", "scene").write(make_result(crs=None), tmp_path)
