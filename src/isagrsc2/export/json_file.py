"""Strict JSON: what every reader reads."""

import json
import math
from pathlib import Path
from typing import Any

from isagrsc2.files import replacing


def write_json(content: Any, path: Path, indent: int | None) -> Path:
    """Write a JSON file; numbers that are not finite, for which JSON has no word, become null.

    Args:
        content: plain JSON types.
        path: the file.
        indent: spaces per level; None for one line.

    Returns:
        ``path``.
    """
    with replacing(path) as temporary:
        temporary.write_text(strict_json(content, indent) + "\n", encoding="utf-8")
    return path


def strict_json(content: Any, indent: int | None) -> str:
    """See ``write_json``."""
    return json.dumps(_finite(content), indent=indent, allow_nan=False, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
