"""all-MiniLM-L6-v2 (Apache-2.0), the sentence encoder that the text table is distilled from: BERT in the few lines that inference needs."""

import json
from pathlib import Path
from typing import List, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from common.weights import DTYPES
from recognise.wordpiece import WordPiece

START, END = 101, 102  # [CLS], [SEP]


class Teacher:
    """folder: config.json, vocab.txt and model.safetensors as published."""

    def __init__(self, folder: Path):
        data = (folder / "model.safetensors").read_bytes()
        begin = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:begin])
        header.pop("__metadata__", None)
        self.w = {}
        for name, entry in header.items():
            low, high = entry["data_offsets"]
            self.w[name] = torch.from_numpy(np.frombuffer(data[begin + low : begin + high], DTYPES[entry["dtype"]]).copy()).reshape(entry["shape"])
        self.config = json.loads((folder / "config.json").read_text())
        self.tokenizer = WordPiece(folder / "vocab.txt")

    def linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self.w[f"{name}.weight"], self.w[f"{name}.bias"], self.config["layer_norm_eps"])

    @torch.no_grad()
    def embed_ids(self, ids: torch.Tensor) -> torch.Tensor:
        """ids int64 [B,T], all of one length, with START and END -> unit vectors float32 [B,384]: the mean over the tokens."""
        heads = self.config["num_attention_heads"]
        e = "embeddings."
        x = self.w[e + "word_embeddings.weight"][ids] + self.w[e + "position_embeddings.weight"][: ids.shape[1]]
        x = self.norm(x + self.w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        for i in range(self.config["num_hidden_layers"]):
            n = f"encoder.layer.{i}."
            q, k, v = (self.linear(x, f"{n}attention.self.{p}").unflatten(-1, (heads, -1)).transpose(1, 2) for p in ("query", "key", "value"))
            y = (torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5, -1) @ v).transpose(1, 2).flatten(2)
            x = self.norm(x + self.linear(y, n + "attention.output.dense"), n + "attention.output.LayerNorm")
            x = self.norm(x + self.linear(F.gelu(self.linear(x, n + "intermediate.dense")), n + "output.dense"), n + "output.LayerNorm")
        return F.normalize(x.mean(1), dim=-1)

    def embed_rows(self, rows: Sequence[List[int]], batch: int = 256) -> torch.Tensor:
        """Rows of token ids without special tokens -> float32 [N,384]. Rows of one length go together, so nothing is padded."""
        out = torch.zeros(len(rows), self.config["hidden_size"])
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and end - start < batch and len(rows[order[end]]) == len(rows[order[start]]):
                end += 1
            part = order[start:end]
            out[part] = self.embed_ids(torch.tensor([[START, *rows[i], END] for i in part]))
            start = end
        return out
