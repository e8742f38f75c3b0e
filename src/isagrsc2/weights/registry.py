"""The published checkpoints this program knows: facts only, no files are touched here."""

from dataclasses import dataclass

SEGMENT_ANYTHING = "https://github.com/facebookresearch/segment-anything"


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
