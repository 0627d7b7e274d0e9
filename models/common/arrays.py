"""Training data as numpy arrays, from a pack or from an .npz with the same names."""

from pathlib import Path
from typing import Any, Dict

import numpy as np


def load_arrays(path: Path) -> Dict[str, Any]:
    """name -> array. Throws FileNotFoundError, or what `packs.open_pack` throws for a pack it cannot read."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a pack made by `npm run data`")
    if path.suffix == ".npz":
        with np.load(path) as data:
            return dict(data)
    from common.packs import open_pack

    return open_pack(path)
