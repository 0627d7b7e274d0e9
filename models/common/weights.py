"""Weights as safetensors in half precision, in files of at most 15 MB, and the readers of what training leaves behind.

The format (https://github.com/huggingface/safetensors): 8 bytes little-endian length of a JSON header, the header
{name: {dtype, shape, data_offsets}}, the tensors' bytes. Written and read here in a few lines, so that nothing has to be installed.
A folder holds model-00001-of-0000N.safetensors and model.safetensors.index.json, as Hugging Face's loaders expect.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import torch

from common.device import TORCH_MAJOR

SHARD_BYTES = 15_000_000
INDEX = "model.safetensors.index.json"
DTYPES = {"F16": np.float16, "F32": np.float32, "I32": np.int32, "I64": np.int64}
NAMES = {torch.float16: "F16", torch.float32: "F32", torch.int32: "I32", torch.int64: "I64"}


@dataclass
class Trained:
    """A network's weights and how they came about."""

    config: Dict[str, Any]
    state: Dict[str, torch.Tensor]
    step: int
    minutes: float


def replace_with(path: Path, data: bytes) -> None:
    """Writes the file so that at every moment either the old or the new one is there in full."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)


def _shard(tensors: Dict[str, torch.Tensor], metadata: Dict[str, str]) -> bytes:
    header: Dict[str, Any] = {"__metadata__": metadata}
    blobs, at = [], 0
    for name, tensor in tensors.items():
        blob = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(blobs)


def write_weights(folder: Path, state: Dict[str, torch.Tensor], config: Dict[str, Any], step: int, minutes: float,
                  limit: int = SHARD_BYTES, exact_below: int = 0) -> List[Path]:
    """Floating-point tensors of `exact_below` elements or more are stored as float16, the others as they are. Throws ValueError for a tensor that no file can hold."""
    folder.mkdir(parents=True, exist_ok=True)
    room = limit - 1_000_000 if limit > 2_000_000 else limit // 2  # for the header
    shards: List[Dict[str, torch.Tensor]] = [{}]
    filled = total = 0
    for name, value in state.items():
        tensor = value.detach().cpu()
        tensor = tensor.half() if tensor.is_floating_point() and tensor.numel() >= exact_below else tensor
        size = tensor.numel() * tensor.element_size()
        if size > room:
            raise ValueError(f"{name}: {size} bytes, expected at most {room}; a larger tensor does not fit into one file")
        if filled + size > room and shards[-1]:
            shards.append({})
            filled = 0
        shards[-1][name] = tensor
        filled += size
        total += size
    metadata = {"format": "pt", "config": json.dumps(config), "step": str(step), "minutes": f"{minutes:.2f}"}
    for old in folder.glob("model-*.safetensors"):
        old.unlink()
    paths, where = [], {}
    for i, tensors in enumerate(shards):
        path = folder / f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        replace_with(path, _shard(tensors, metadata))
        paths.append(path)
        where.update({name: path.name for name in tensors})
    replace_with(folder / INDEX, json.dumps({"metadata": {"total_size": total, **metadata}, "weight_map": where}, indent=1).encode())
    return [*paths, folder / INDEX]


def read_weights(folder: Path) -> Trained:
    """All shards of a folder, as float32. Throws FileNotFoundError where a shard that the index names is missing."""
    index = json.loads((folder / INDEX).read_text())
    state: Dict[str, torch.Tensor] = {}
    for name in sorted(set(index["weight_map"].values())):
        data = (folder / name).read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        for key, entry in json.loads(data[8:start]).items():
            if key == "__metadata__":
                continue
            low, high = entry["data_offsets"]
            flat = np.frombuffer(data[start + low : start + high], DTYPES[entry["dtype"]])
            tensor = torch.from_numpy(flat.copy()).reshape(entry["shape"])
            state[key] = tensor.float() if tensor.is_floating_point() else tensor
    metadata = index["metadata"]
    return Trained(json.loads(metadata["config"]), state, int(metadata["step"]), float(metadata["minutes"]))


def read_checkpoint(path: Path) -> Dict[str, Any]:
    """A .pt file on the CPU. PyTorch 2 reads tensors and plain values only; 1.13's safe reader knows no floats, so there a file is
    unpickled in full: give it only files of your own, and safetensors where others' weights are wanted."""
    return torch.load(path, map_location="cpu", weights_only=TORCH_MAJOR >= 2)


def load_trained(path: Path) -> Trained:
    """The averaged weights of a checkpoint (.pt), of a run's folder, or of a folder of safetensors."""
    if path.is_dir():
        for folder in (path, path / "weights"):
            if (folder / INDEX).exists():
                return read_weights(folder)
        path = path / "last.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a checkpoint, a run's folder or a folder of safetensors")
    state = read_checkpoint(path)
    config = state.get("config") or ({"size": state["size"]} if "size" in state else {})
    return Trained(config, state["ema"], int(state["step"]), float(state["spent"]) / 60)


def load_grown(model: torch.nn.Module, state: Dict[str, torch.Tensor]) -> List[str]:
    """Fills the model from a state of the same architecture that may know fewer input channels: those it lacks start at zero, at the end.

    Returns the names that were widened. Throws ValueError, naming all of them, where parameters are missing, unknown or of another size.
    """
    own = model.state_dict()
    wrong = [f"{n} is missing" for n in own if n not in state] + [f"{n} is unknown" for n in state if n not in own]
    filled, grown = {}, []
    for name, want in own.items():
        if name not in state:
            continue
        have = state[name]
        if have.shape == want.shape:
            filled[name] = have
        elif have.ndim == want.ndim == 4 and have.shape[0] == want.shape[0] and have.shape[2:] == want.shape[2:] and have.shape[1] < want.shape[1]:
            filled[name] = torch.zeros_like(want)
            filled[name][:, : have.shape[1]] = have.to(want.device)
            grown.append(name)
        else:
            wrong.append(f"{name} is {list(have.shape)}, expected {list(want.shape)}")
    if wrong:
        listed = "; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else "")
        raise ValueError(f"weights do not fit the network: {listed}. Use the preset or the options that the weights were trained with")
    model.load_state_dict(filled)
    return grown
