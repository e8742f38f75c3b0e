"""NWPU-RESISC45: Cheng, Han & Lu 2017, *Remote Sensing Image Scene Classification: Benchmark and State of the Art*."""

import logging
from pathlib import Path

from isagrsc2.classification.data.base import ChipSplits
from isagrsc2.classification.data.image_folder import ImageFolder
from isagrsc2.classification.data.listing import list_class_folders
from isagrsc2.errors import InputError

# The 45 class folders; in each 700 images of 256 x 256 px.
CLASSES = tuple(
    """
    airplane airport baseball_diamond basketball_court beach bridge chaparral church circular_farmland cloud commercial_area
    dense_residential desert forest freeway golf_course ground_track_field harbor industrial_area intersection island lake
    meadow medium_residential mobile_home_park mountain overpass palace parking_lot railway railway_station
    rectangular_farmland river roundabout runway sea_ice ship snowberg sparse_residential stadium storage_tank tennis_court
    terrace thermal_power_station wetland
    """.split()  # noqa: SIM905 - 45 lines of quoted names are no better
)
IMAGES_PER_CLASS = 700

PAGE = "https://gcheng-nwpu.github.io/#Datasets"
LAYOUT = "<class>/<class>_001.jpg to <class>_700.jpg"

# Absent folders named in a message; more are counted.
NAMED = 5

logger = logging.getLogger(__name__)


class NwpuResisc45(ImageFolder):
    """The official folder of 45 class folders with 700 JPEGs each, split by seed; arguments as ``ImageFolder``."""

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``.

        Raises:
            InputError: class folders are absent, or there are others.
        """
        check_folder(self._root)
        return super().load()


def check_folder(root: Path) -> None:
    """Check that a folder is the data set; missing images are warned of only.

    Raises:
        InputError: class folders are absent or empty, or there are others.
    """
    found = {name: len(images) for name, images in list_class_folders(root).items()}
    absent = [name for name in CLASSES if not found.get(name)]
    images = sum(found.get(name, 0) for name in CLASSES)
    expected = len(CLASSES) * IMAGES_PER_CLASS
    if absent:
        more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
        raise InputError(
            f"{root} holds {len(CLASSES) - len(absent)} of the {len(CLASSES)} class folders and {images} of the {expected} "
            f"images of NWPU-RESISC45 (absent: {', '.join(absent[:NAMED])}{more}); download it from {PAGE} "
            f"(Cheng, Han & Lu 2017), unpack it so that {LAYOUT} lie in one folder, and give data.root=FOLDER; "
            "data=image_folder takes a part of it."
        )
    others = sorted(set(found) - set(CLASSES))
    if others:
        raise InputError(
            f"{root} holds folders that are no class of NWPU-RESISC45: {', '.join(others)}; move them elsewhere, or choose "
            "data=image_folder."
        )
    short = {name: found[name] for name in CLASSES if found[name] != IMAGES_PER_CLASS}
    if short:
        counts = ", ".join(f"{name} {count}" for name, count in list(short.items())[:NAMED])
        more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
        logger.warning(
            "%s holds %d images, NWPU-RESISC45 has %d; classes without exactly %d: %s%s.",
            *(root, images, expected, IMAGES_PER_CLASS, counts, more),
        )
