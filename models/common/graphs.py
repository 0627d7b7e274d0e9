"""The weights of a shipped graph, so that a bundle can be trained on without the run that made it."""

import re
from pathlib import Path
from typing import List

import numpy as np
import torch

# How the graph builder marks a tensor kept in half precision, and one kept under another shape (a bias as [32,1,1]).
MARKS = re.compile(r"_f16|\[[\d,]*\]")


def load_graph(model: torch.nn.Module, path: Path) -> List[str]:
    """Fills the model from the initializers of an ONNX graph that packages/networks built for it: they carry PyTorch's names.

    Returns the names that the graph lacks (constants it has folded, parameters of training alone); these keep the model's own values.
    Throws ValueError, naming all of them, where weights or biases are missing or of another size, and ImportError without the package onnx.
    """
    import onnx

    stored = {}
    for initializer in onnx.load(str(path)).graph.initializer:
        stored[MARKS.sub("", initializer.name)] = initializer
    filled, kept, wrong = {}, [], []
    for name, want in model.state_dict().items():
        filled[name] = want
        if name not in stored:
            (wrong if name.endswith((".weight", ".bias")) else kept).append(name)
            continue
        have = onnx.numpy_helper.to_array(stored[name])
        if have.size == want.numel():
            filled[name] = torch.from_numpy(have.astype(np.float32)).reshape(want.shape)
        else:
            wrong.append(f"{name} of {have.size} numbers, not {want.numel()}")
    if wrong:
        listed = "; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else "")
        raise ValueError(f"{path} does not fit the network: {listed}. Use the preset and the options that its README names")
    model.load_state_dict(filled)
    return kept
