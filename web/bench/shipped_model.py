"""A shipped model as a static host has it: the manifest, and the weights as they are stored and as they are used."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

BLOCK = 32  # numbers of a row that share a scale: crates/dalnet-assets/src/quantise.rs
SCALES = ".scales"


@dataclass(frozen=True)
class Blocks:
    """A tensor [out, …] as 8-bit steps of its shape, with the size of a step for each block of a row: [out, blocks]."""

    steps: torch.Tensor
    scales: torch.Tensor

    def widened(self) -> torch.Tensor:
        """The numbers in 32 bits, rounded as the engine rounds them."""
        rows = self.steps.flatten(1)
        scales = self.scales.repeat_interleave(BLOCK, dim=1)[:, : rows.shape[1]]
        return (rows.float() * scales).reshape(self.steps.shape)


@dataclass(frozen=True)
class ShippedModel:
    """The manifest, every weight in 32 bits, and the blocks of those that are stored in 8."""

    manifest: dict
    weights: dict[str, torch.Tensor]
    blocks: dict[str, Blocks]

    def digests(self) -> str:
        """What tells the weights from any others: the SHA-256 of their files."""
        return " ".join(file["sha256"] for file in self.manifest["files"])

    def exponents(self) -> torch.Tensor:
        """Of each class's map [1, C, 1, 1]; without such numbers a map is itself."""
        exponents = self.manifest["input"].get("exponents") or [1.0] * len(self.manifest["classes"])
        return torch.tensor(exponents).reshape(1, -1, 1, 1)


def read_model(folder: Path) -> ShippedModel:
    """Reads `folder`; ends the program with a sentence about what the benchmark's graph does not compute."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    shown, architecture = manifest["input"], manifest["architecture"]
    encoder, alignment = architecture["encoder"], architecture.get("alignment")
    wanted = {
        "input.scales [1.0]": shown["scales"] == [1.0],
        "no input.affinity": shown.get("affinity") is None,
        "an encoder with GELU and without layer scale or pre-norm": encoder["activation"] == "gelu"
        and not encoder["layer_scale"]
        and not encoder["pre_norm"],
        "a segmentation head": architecture.get("head") is not None,
        'an alignment with text_side "centred"': alignment is not None and alignment["text_side"] == "centred",
    }
    for wish, met in wanted.items():
        if not met:
            sys.exit(f"{path}: the benchmark's graph needs {wish}; choose another model or extend onnx_graph.py")
    stored = {}
    for file in manifest["files"]:
        stored |= load_file(folder / file["path"])
    blocks = {}
    for name, steps in stored.items():
        if steps.dtype == torch.int8:
            if name + SCALES not in stored:
                sys.exit(f"{folder}: {name} is stored in 8 bits without {name}{SCALES}; export the model again")
            blocks[name] = Blocks(steps, stored[name + SCALES])
    scales = {name + SCALES for name in blocks}
    weights = {name: value.float() for name, value in stored.items() if name not in blocks and name not in scales}
    return ShippedModel(manifest, weights | {name: block.widened() for name, block in blocks.items()}, blocks)
