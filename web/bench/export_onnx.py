"""Writes the shipped model as ONNX, for the benchmark: python export_onnx.py [--model DIR] [--out FILE]

The graph computes what the engine computes of a normalised picture `image` [1, 3, H, W] (sides are whole patches): the
picture and its mirror image pass the encoder as one batch, and give the map [1, C, H, W] in 0..1 that labels pixels, the
`similarity` [1, C + 1, h, w] of patches and texts, and the `logits` [1, C]. Refinement by the picture's pixels is no part
of it: the engine refines the maps of the classes that are asked for, not the network's output.

Weights stay as the shipped file has them, so that both engines download the same numbers: 8 bits in blocks of 32, each
with a scale of 32 bits (DequantizeLinear), and 16-bit floats for the rest. onnxruntime widens the floats when it loads,
and the blocks of a linear layer when it multiplies by them (MatMulNBits).

Before it writes, it runs the graph in onnxruntime on a photo and compares every output with the float64 PyTorch
functions of tests/reference, which share no code with this one.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image

from float64_reference import reference
from onnx_graph import export, outputs
from shipped_model import ShippedModel, read_model

BENCH = Path(__file__).resolve().parent
# Of the largest value of an output. The 32-bit sums of 12 blocks are worth 1e-5 to 3e-5, by the processor's kernels.
TOLERANCE = 5e-5


def photo(path: Path, manifest: dict) -> torch.Tensor:
    """A photo [1, 3, H, W] as the network sees it, up to the resizing filter."""
    picture, patch = Image.open(path).convert("RGB"), manifest["architecture"]["encoder"]["patch_size"]
    scale = manifest["input"]["long_side"] / max(picture.size)
    picture = picture.resize([max(round(side * scale / patch), 1) * patch for side in picture.size])
    mean, std = (torch.tensor(manifest["normalisation"][part]).reshape(3, 1, 1) for part in ("mean", "std"))
    return ((torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255 - mean) / std)[None]


def far_outputs(graph: bytes, model: ShippedModel, image: torch.Tensor) -> list[str]:
    """Prints how far the outputs of `graph` are from the reference; the names of those that are too far."""
    options = onnxruntime.SessionOptions()
    # Products in 32 bits. Otherwise what enters a linear layer of 8-bit weights may be rounded to 8 bits as well, which
    # moves maps by up to 0.3.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    size, far = "x".join(map(str, image.shape[2:])), []
    with torch.no_grad():
        expected = reference(model, image)
    names = outputs(model.manifest)
    for name, got in zip(names, session.run(names, {"image": image.numpy()}), strict=True):
        want = expected[name].numpy()
        differences, largest = np.abs(got - want), np.abs(want).max()
        if name == model.manifest["input"]["map"]:
            # A power below 1 stretches what lies next to 0, the inverse of one above 1 does: one of the two does not.
            inverse = 1 / model.exponents().numpy()
            differences = np.minimum(differences, np.abs(got**inverse - want**inverse))
        error = differences.max()
        print(f"{name} at {size}: largest difference {error:.1e} of {largest:.2f}")
        if got.shape != want.shape or not error <= TOLERANCE * largest:
            far.append(name)
    return far


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    public = BENCH.parent / "public"
    parser.add_argument("--model", type=Path, default=public / "model", help="folder of a shipped model")
    parser.add_argument("--photo", type=Path, default=public / "samples" / "cat.jpg", help="what to compare on")
    parser.add_argument("--out", type=Path, default=BENCH / "model.onnx")
    arguments = parser.parse_args()
    model = read_model(arguments.model)
    image = photo(arguments.photo, model.manifest)
    exported = export(model, image)
    onnx.checker.check_model(exported, full_check=True)
    graph = exported.SerializeToString()
    # The second picture is the first on its side: the graph holds no size.
    far = [name for shown in (image, image.transpose(2, 3).contiguous()) for name in far_outputs(graph, model, shown)]
    if far:
        sys.exit(f"{', '.join(far)}: further than {TOLERANCE} from float64 PyTorch; nothing was written")
    arguments.out.write_bytes(graph)
    print(f"{arguments.out}: {len(graph)} bytes")


if __name__ == "__main__":
    main()
