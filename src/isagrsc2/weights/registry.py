"""The weights this program knows, published ones and those in the package: facts only, no files are touched here."""

from dataclasses import dataclass
from pathlib import Path

SEGMENT_ANYTHING = "https://github.com/facebookresearch/segment-anything"
REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"

# Where the weights in the package lie.
FOLDER = Path(__file__).parent

# Names of the weights in the package.
COMPACT = "compact"
CLASSIFIER = "classifier"


@dataclass(frozen=True)
class Checkpoint:
    """A published file of weights.

    Attributes:
        name: what it is called here.
        description: one line for people.
        file_name: its official name, kept on disk.
        url: where it is fetched from.
        sha256: of the whole file, 64 hex digits.
        size: bytes; a hint for people and progress bars, the hash is what counts.
        licence: SPDX identifier.
        source: page of its authors.
    """

    name: str
    description: str
    file_name: str
    url: str
    sha256: str
    size: int
    licence: str
    source: str


@dataclass(frozen=True)
class EmbeddedWeights:
    """A file of weights that lies in the package, trained by this repository.

    Attributes:
        name: what it is called here.
        description: one line for people.
        file_name: its name in ``FOLDER``.
        sha256: of the whole file, 64 hex digits.
        size: bytes.
        licence: SPDX expression, or words; ``NOTICE.md`` beside the file has the notices.
        data: what it was trained on, and under which licence that is.
        command: trained it.
        effort: what that took: machine, time.
    """

    name: str
    description: str
    file_name: str
    sha256: str
    size: int
    licence: str
    data: str
    command: str
    effort: str

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / self.file_name


def _segment_anything(model: str, description: str, file_name: str, sha256: str, size: int) -> Checkpoint:
    return Checkpoint(
        name=f"sam_{model}",
        description=description,
        file_name=file_name,
        url=f"https://dl.fbaipublicfiles.com/segment_anything/{file_name}",
        sha256=sha256,
        size=size,
        licence="Apache-2.0",
        source=SEGMENT_ANYTHING,
    )


def _real_esrgan(name: str, description: str, file_name: str, release: str, sha256: str, size: int) -> Checkpoint:
    return Checkpoint(
        name=name,
        description=description,
        file_name=file_name,
        url=f"{REAL_ESRGAN}/releases/download/{release}/{file_name}",
        sha256=sha256,
        size=size,
        licence="BSD-3-Clause",
        source=REAL_ESRGAN,
    )


# The six digits in Meta's file names begin the file's MD5, not its SHA-256, so the full SHA-256 stands here.
CHECKPOINTS: tuple[Checkpoint, ...] = (
    _segment_anything(
        "vit_b",
        "Segment Anything, ViT-B image encoder (91 M parameters)",
        "sam_vit_b_01ec64.pth",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        375_042_383,
    ),
    _segment_anything(
        "vit_l",
        "Segment Anything, ViT-L image encoder (308 M parameters)",
        "sam_vit_l_0b3195.pth",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        1_249_524_607,
    ),
    _segment_anything(
        "vit_h",
        "Segment Anything, ViT-H image encoder (636 M parameters)",
        "sam_vit_h_4b8939.pth",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        2_564_550_879,
    ),
    _real_esrgan(
        "real_esrgan_x4plus",
        "Real-ESRGAN, x4, RRDBNet of 23 blocks (16.7 M parameters)",
        "RealESRGAN_x4plus.pth",
        "v0.1.0",
        "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        67_040_989,
    ),
    _real_esrgan(
        "realesr_general_x4v3",
        "Real-ESRGAN, x4, small: SRVGGNetCompact of 32 layers (1.2 M parameters)",
        "realesr-general-x4v3.pth",
        "v0.2.5.0",
        "8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        4_885_111,
    ),
)

EMBEDDED: tuple[EmbeddedWeights, ...] = (
    EmbeddedWeights(
        name=COMPACT,
        description="Compact segmenter: draws the borders of parcels (1.5 M parameters)",
        file_name="compact.safetensors",
        sha256="2e8861ed653fb7d1969e56c4f45901579ad37e05087aaee13bdda852ba8d495d",
        size=5_990_272,
        licence="Apache-2.0; its encoder began as SqueezeNet 1.0, BSD (NOTICE.md)",
        data="synthetic farmland; 15 NAIP images (public domain) with parcels of agoro-field-boundary-detector (MIT)",
        command=(
            "python train.py experiment=train/compact data.path=IMAGES data.reference=PARCELS data.val_share=0 "
            "data.test_share=0 data.batch_size=8 model.start.encoder=SQUEEZENET model.encoder_rate=0.2 "
            "trainer=cpu trainer.precision=bf16-mixed; the last epoch"
        ),
        effort="70 min of one CPU core",
    ),
    EmbeddedWeights(
        name=CLASSIFIER,
        description="Classifier of segments, cultivated or not: SqueezeNet 1.0 with CBAM (0.9 M parameters)",
        file_name="classifier.safetensors",
        sha256="4223a7dd7ff9fe0a65d4c2f3056d07af7d0d8670eb17b29b5c4e977d6baa1758",
        size=3_459_512,
        licence="Apache-2.0; began as SqueezeNet 1.0, BSD (NOTICE.md)",
        data="synthetic farmland; 20 NAIP images (public domain) with parcels of agoro-field-boundary-detector (MIT)",
        command=(
            "python train.py experiment=train/embedded_classifier data.sources.labelled.path=IMAGES "
            "data.sources.labelled.reference=PARCELS data.sources.labelled.test_share=0 data.sources.labelled.val_share=0.15 "
            "model.backbone.pretrained=SQUEEZENET model.backbone.normalisation=mean_only trainer=cpu "
            "trainer.precision=bf16-mixed; then python -m isagrsc2.classification.export"
        ),
        effort="12 min of one CPU core",
    ),
)


def find(name: str) -> Checkpoint:
    """The checkpoint called ``name``.

    Raises:
        KeyError: there is none; the names are fixed in the code that asks.
    """
    return {checkpoint.name: checkpoint for checkpoint in CHECKPOINTS}[name]


def published_as(file_name: str) -> Checkpoint | None:
    """The checkpoint officially published under a file name, or None for a file of the user's own."""
    return {checkpoint.file_name: checkpoint for checkpoint in CHECKPOINTS}.get(file_name)


def find_embedded(name: str) -> EmbeddedWeights | None:
    """The weights in the package called ``name``, or None."""
    return {weights.name: weights for weights in EMBEDDED}.get(name)
