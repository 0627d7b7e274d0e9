"""What the objects of a pack are called."""

import re
from typing import Any, Dict, List

import numpy as np

# Families of procedural objects whose name says what they show; "compound", "composition", "boxes" and "toy" do not.
FAMILIES = ("mug", "teapot", "table", "chair", "lamp", "bottle", "vase", "bowl", "fruit")


def normal_name(name: str) -> str:
    """The rule by which two names are one label: lower case, no accents or signs, no numbers and no single letters
    ("Rounded type A plug" and "Rounded type G plug" are both "rounded type plug"; "Sofa 2 seats" is "sofa seats")."""
    plain = re.sub(r"[^a-z0-9à-ÿ]+", " ", name.lower().replace("’", "").replace("'", ""))
    return " ".join(word for word in plain.split() if len(word) > 1 and not any(c.isdigit() for c in word)) or name.lower()


def labels_of(pack: Dict[str, Any]) -> List[str]:
    """For each cut-out of complete.pack its label, "" where its name does not say what it shows."""
    out = []
    for name, source in zip(pack["names"], pack["source"]):
        label = normal_name(name)
        out.append("" if source == 1 and label not in FAMILIES else label)
    return out


def label_set(pack: Dict[str, Any], splits: List[int]) -> List[str]:
    """The different labels of these splits in alphabetical order."""
    chosen = np.isin(pack["split"], splits)
    return sorted({label for label, inside in zip(labels_of(pack), chosen) if inside and label})
