"""Reads the packs that `npm run data` writes: zip archives of WebP sheets with an index, pack.json.

    python models/common/packs.py complete.pack        # prints names, shapes and the time it took

complete.pack
    rgba [N,128,128,4] uint8 straight alpha (colour where alpha is 0 means nothing), object_id [N] int32 (row of objects),
    split [N] uint8 (0 train, 1 val, 2 test), source [N] uint8 (0 furniture, 1 procedural, 2 emoji), names: list of N,
    backgrounds [M,128,128,3] uint8, background_split [M] uint8, objects: list of dicts
views.pack; V views of O objects, S = 128, R pixels a rig view
    rgba [V,S,S,4] uint8, front, back [V,S,S] float16 (0 outside), back_rgb [V,S,S,3] uint8, object [V] int32, split [V] uint8,
    elevation, azimuth, roll [V] float32 in radians, distance, focal [V] float32 (focal: in widths of the picture), step [V] int8,
    rig [O,16,R,R,4] uint8, rig_elevation, rig_distance, rig_focal [O] float32, object_split [O] uint8, objects: list of dicts
    Depths are offsets along the view's axis from the plane through the object's centre, positive away from the camera, in 1/255 of the
    object's own range (at most 1.74): an error of at most 0.0034 of the object's longest side.
    Azimuth is 22.5 degrees times step; rig view j relative to an input view is rig[object, (step + j) % 16].
    Views that touch the picture's border are left out.
"""

import io
import json
import math
import os
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Union

import numpy as np
from PIL import Image

SPLITS = {"train": 0, "val": 1, "test": 2}
RIG_VIEWS = 16


class PackError(ValueError):
    """A file that is no pack, or one that is damaged."""


def open_pack(path: Union[str, Path], threads: Optional[int] = None) -> Dict[str, Any]:
    """All arrays of a pack by name. Pictures are decoded in `threads` threads (as many as there are cores): Pillow lets go of the lock."""
    try:
        with zipfile.ZipFile(path) as archive:
            index = json.loads(archive.read("pack.json"))
            if index.get("schemaVersion") != 1 or index.get("kind") not in READERS:
                raise PackError(f"{path}: expected a complete or views pack of schema version 1; make it again with `npm run data -- pack`")
            # reading through one ZipFile is serial; entries are stored, so this is a copy
            files = {name: archive.read(name) for name in archive.namelist() if name != "pack.json"}
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise PackError(f"{path}: expected a pack, this is none or it is cut short ({error}); make it again with `npm run data -- pack`") from error
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return READERS[index["kind"]](index, files, lambda work, count: list(pool.map(work, range(count))))


Map = Callable[[Callable[[int], None], int], Any]


def _tiles(webp: bytes, columns: int, side: int, mode: str) -> np.ndarray:
    """uint8 [tiles, side, side, channels] of a sheet, row by row."""
    sheet = np.asarray(Image.open(io.BytesIO(webp)).convert(mode))
    rows = sheet.shape[0] // side
    return sheet.reshape(rows, side, columns, side, -1).transpose(0, 2, 1, 3, 4).reshape(rows * columns, side, side, -1)


def _complete(index: Dict[str, Any], files: Dict[str, bytes], run: Map) -> Dict[str, Any]:
    side, cutouts, backgrounds = index["pixels"], index["cutouts"], index["backgrounds"]
    used = [[i for i, tile in enumerate(sheet["tiles"]) if tile is not None] for sheet in cutouts]
    starts = np.cumsum([0] + [len(u) for u in used])
    rgba = np.empty((int(starts[-1]), side, side, 4), np.uint8)

    def cutout(k: int) -> None:
        rgba[starts[k] : starts[k + 1]] = _tiles(files[cutouts[k]["file"]], cutouts[k]["columns"], side, "RGBA")[used[k]]

    run(cutout, len(cutouts))
    tiles = [sheet["tiles"][i] for sheet, u in zip(cutouts, used) for i in u]
    ends = np.cumsum([0] + [len(sheet["splits"]) for sheet in backgrounds])
    rgb = np.empty((int(ends[-1]), side, side, 3), np.uint8)

    def background(k: int) -> None:
        rgb[ends[k] : ends[k + 1]] = _tiles(files[backgrounds[k]["file"]], backgrounds[k]["columns"], side, "RGB")[: ends[k + 1] - ends[k]]

    run(background, len(backgrounds))
    return {
        "rgba": rgba,
        "object_id": np.array([t["object"] for t in tiles], np.int32),
        "split": np.array([SPLITS[t["split"]] for t in tiles], np.uint8),
        "source": np.array([t["source"] for t in tiles], np.uint8),
        "names": [index["objects"][t["object"]]["name"] for t in tiles],
        "backgrounds": rgb,
        "background_split": np.array([SPLITS[s] for sheet in backgrounds for s in sheet["splits"]], np.uint8),
        "objects": index["objects"],
    }


def _views(index: Dict[str, Any], files: Dict[str, bytes], run: Map) -> Dict[str, Any]:
    side, small, inputs, objects = index["pixels"], index["rigPixels"], index["inputs"], index["objects"]
    used = [[i for i, view in enumerate(o["views"]) if not view["clipped"]] for o in objects]
    starts = np.cumsum([0] + [len(u) for u in used])
    count = int(starts[-1])
    rgba, back_rgb = np.empty((count, side, side, 4), np.uint8), np.empty((count, side, side, 3), np.uint8)
    front, back = np.empty((count, side, side), np.float16), np.empty((count, side, side), np.float16)
    rig = np.empty((len(objects), RIG_VIEWS, small, small, 4), np.uint8)

    def one(k: int) -> None:
        here = slice(starts[k], starts[k + 1])
        pictures = _tiles(files[f"{k}/inputs.webp"], inputs, side, "RGBA")[used[k]]
        depth = _tiles(files[f"{k}/depth.webp"], inputs, side, "RGB")[used[k]].astype(np.float32) / 255
        near = np.array([objects[k]["views"][i]["near"] for i in used[k]], np.float32)[:, None, None]
        far = np.array([objects[k]["views"][i]["far"] for i in used[k]], np.float32)[:, None, None]
        inside = pictures[..., 3] > 0
        rgba[here] = pictures
        front[here] = np.where(inside, near + (far - near) * depth[..., 1], 0)
        back[here] = np.where(inside, near + (far - near) * depth[..., 2], 0)
        back_rgb[here] = _tiles(files[f"{k}/back.webp"], inputs, side, "RGB")[used[k]]
        rig[k] = _tiles(files[f"{k}/rig.webp"], index["rigColumns"], small, "RGBA")

    run(one, len(objects))
    views = [o["views"][i] for o, u in zip(objects, used) for i in u]

    def column(name: str, scale: float = 1.0) -> np.ndarray:
        return np.array([v[name] for v in views], np.float32) * np.float32(scale)

    per_object = np.ones(len(objects), np.float32)
    return {
        "rgba": rgba,
        "front": front,
        "back": back,
        "back_rgb": back_rgb,
        "object": np.repeat(np.arange(len(objects), dtype=np.int32), [len(u) for u in used]),
        "split": np.array([SPLITS[o["split"]] for o, u in zip(objects, used) for _ in u], np.uint8),
        "elevation": column("elevationDeg", math.pi / 180),
        "azimuth": column("step", math.pi / 8),
        "roll": column("rollDeg", math.pi / 180),
        "distance": column("distance"),
        "focal": column("focal"),
        "step": np.array([v["step"] for v in views], np.int8),
        "rig": rig,
        "rig_elevation": per_object * np.float32(math.pi / 6),
        "rig_distance": per_object * np.float32(1.5),
        "rig_focal": per_object * np.float32(280 / 256),
        "object_split": np.array([SPLITS[o["split"]] for o in objects], np.uint8),
        "objects": objects,
    }


READERS = {"complete": _complete, "views": _views}


def main() -> None:
    start = time.time()
    arrays = open_pack(sys.argv[1])
    for name, value in arrays.items():
        print(name, f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else f"list of {len(value)}")
    print(f"{time.time() - start:.1f} s")


if __name__ == "__main__":
    main()
