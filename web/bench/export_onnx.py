"""Writes the shipped model as ONNX, for the benchmark: python export_onnx.py [--model DIR] [--out FILE]

The graph computes what the engine computes of a normalised picture `image` [1, 3, H, W] (sides are whole patches): the
picture and its mirror image pass the encoder as one batch; `maps` [1, C, H, W] in 0..1 are the larger of both CAMs,
negatives cut, each class between its minimum and its maximum; `logits` [1, C] are the mean of both. Weights stay the
16-bit floats of the shipped file, so that both engines download the same numbers; the graph widens them when it loads.

Before it writes, it runs the graph in onnxruntime on a photo and compares with the float64 PyTorch encoder of
tests/reference, which shares no code with this one.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

WEB = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(WEB.parent / "tests" / "reference"))
from vit import Shape, double, forward  # noqa: E402

OPSET = 20  # the first with GELU as one operator
NORMALISE_EPSILON = 1e-5
TOLERANCE = 1e-4


class Maps(torch.nn.Module):
    """The network of a manifest, without what the shown map does not need."""

    def __init__(self, manifest: dict, weights: dict[str, torch.Tensor]):
        super().__init__()
        architecture = manifest["architecture"]
        self.encoder, self.tapped = architecture["encoder"], architecture["auxiliary_block"]
        self.auxiliary = manifest["input"]["map"] == "auxiliary_cam"
        self.weights = torch.nn.ParameterDict({name.replace(".", "/"): value for name, value in weights.items()})

    def weight(self, name: str) -> torch.Tensor:
        return self.weights[name.replace(".", "/")]

    def linear(self, x, name):
        return F.linear(x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"))

    def norm(self, x, name):
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return F.layer_norm(x, [self.encoder["dim"]], weight, bias, eps=self.encoder["norm_epsilon"])

    def attention(self, x, name):
        heads, width = self.encoder["heads"], self.encoder["dim"] // self.encoder["heads"]
        query, key, value = self.linear(x, f"{name}.qkv").unflatten(2, (3, heads, width)).permute(2, 0, 3, 1, 4)
        weights = ((query * width**-0.5) @ key.transpose(2, 3)).softmax(dim=-1)
        return self.linear((weights @ value).transpose(1, 2).flatten(2), f"{name}.proj")

    def tokens(self, images):
        """Class and patch tokens [B, 1 + N, D] after the tapped block and after the final norm, and the grid."""
        side, dim = self.encoder["pretrained_grid"], self.encoder["dim"]
        projection = (self.weight(f"encoder.patch_embed.proj.{part}") for part in ("weight", "bias"))
        patches = F.conv2d(images, *projection, stride=self.encoder["patch_size"])
        positions = self.weight("encoder.pos_embed")
        grid = positions[:, 1:].transpose(1, 2).reshape(1, dim, side, side)
        kernel = self.encoder["position_kernel"]
        grid = F.interpolate(grid, size=patches.shape[2:], mode=kernel, align_corners=False)
        class_token = self.weight("encoder.cls_token") + positions[:, :1]
        x = (patches + grid).flatten(2).transpose(1, 2)
        x = torch.cat([class_token.expand(images.shape[0], 1, dim), x], dim=1)
        for block in range(self.encoder["depth"]):
            name = f"encoder.blocks.{block}"
            x = x + self.attention(self.norm(x, f"{name}.norm1"), f"{name}.attn")
            hidden = F.gelu(self.linear(self.norm(x, f"{name}.norm2"), f"{name}.mlp.fc1"))
            x = x + self.linear(hidden, f"{name}.mlp.fc2")
            if block == self.tapped:
                tapped = x
        return tapped, self.norm(x, "encoder.norm"), patches.shape[2:]

    def forward(self, image):
        tapped, final, grid = self.tokens(torch.cat([image, image.flip(3)]))
        logits = F.linear(final[:, 1:].amax(dim=1), self.weight("classifier.linear.weight"))
        source, classifier = (tapped, "auxiliary_classifier") if self.auxiliary else (final, "classifier")
        scores = F.linear(source[:, 1:], self.weight(f"{classifier}.linear.weight"))
        maps = scores.transpose(1, 2).unflatten(2, grid)
        maps = F.interpolate(maps, size=image.shape[2:], mode="bilinear", align_corners=False)
        return normalised(maps), logits.mean(dim=0, keepdim=True)


def normalised(maps):
    """Maps [2, C, H, W] of a picture and of its mirror image, to [1, C, H, W] in 0..1."""
    maps = torch.maximum(maps[:1], maps[1:].flip(3)).relu()
    maps = maps - maps.amin(dim=(2, 3), keepdim=True)
    return maps / (maps.amax(dim=(2, 3), keepdim=True) + NORMALISE_EPSILON)


def reference(manifest: dict, weights: dict[str, torch.Tensor], image: torch.Tensor):
    """The same maps and logits in float64."""
    architecture, encoder = manifest["architecture"], manifest["architecture"]["encoder"]
    weights = double(weights)
    shape = Shape(
        patch=encoder["patch_size"],
        dim=encoder["dim"],
        heads=encoder["heads"],
        depth=encoder["depth"],
        grid=encoder["pretrained_grid"],
        epsilon=encoder["norm_epsilon"],
    )
    image = image.double()
    names = {name.removeprefix("encoder."): value for name, value in weights.items()}
    both, kernel = torch.cat([image, image.flip(3)]), encoder["position_kernel"]
    outputs = forward(names, "timm", shape, both, kernel, architecture["auxiliary_block"])
    auxiliary = manifest["input"]["map"] == "auxiliary_cam"
    tokens, classifier = ("block_tokens", "auxiliary_classifier") if auxiliary else ("patch_tokens", "classifier")
    grid = [side // shape.patch for side in image.shape[2:]]
    maps = (outputs[tokens] @ weights[f"{classifier}.linear.weight"].T).transpose(1, 2).unflatten(2, grid)
    maps = F.interpolate(maps, size=image.shape[2:], mode="bilinear", align_corners=False)
    logits = outputs["patch_tokens"].amax(dim=1) @ weights["classifier.linear.weight"].T
    return normalised(maps), logits.mean(dim=0, keepdim=True)


def read_model(folder: Path):
    """The manifest of `folder` and its weights in 32 bits; refuses what the graph above does not compute."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    shown, encoder = manifest["input"], manifest["architecture"]["encoder"]
    wanted = {
        "input.scales [1.0]": shown["scales"] == [1.0],
        "input.map cam or auxiliary_cam": shown["map"] in ("cam", "auxiliary_cam"),
        "no input.affinity": shown.get("affinity") is None,
        "an encoder with GELU and without layer scale or pre-norm": encoder["activation"] == "gelu"
        and not encoder["layer_scale"]
        and not encoder["pre_norm"],
    }
    weights = {}
    for file in manifest["files"]:
        weights |= load_file(folder / file["path"])
    floats = (torch.float16, torch.float32)
    wanted["weights in floats (export with --precision f16)"] = all(value.dtype in floats for value in weights.values())
    for wish, met in wanted.items():
        if not met:
            sys.exit(f"{path}: the benchmark's graph needs {wish}; choose another model or extend export_onnx.py")
    return manifest, {name: value.float() for name, value in weights.items()}


def photo(path: Path, manifest: dict) -> torch.Tensor:
    """A photo [1, 3, H, W] as the network sees it, up to the resizing filter."""
    picture, patch = Image.open(path).convert("RGB"), manifest["architecture"]["encoder"]["patch_size"]
    scale = manifest["input"]["long_side"] / max(picture.size)
    picture = picture.resize([max(round(side * scale / patch), 1) * patch for side in picture.size])
    mean, std = (torch.tensor(manifest["normalisation"][part]).reshape(3, 1, 1) for part in ("mean", "std"))
    return ((torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255 - mean) / std)[None]


def store_in_16_bits(model: onnx.ModelProto) -> None:
    """Stores every larger 32-bit tensor that 16 bits hold exactly in 16, and casts it where it is used."""
    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 16 or not np.array_equal(values, values.astype(np.float16)):
            continue
        name, stored = tensor.name, f"{tensor.name}.f16"
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    for node in nodes:
        # Where in the Python source it came from: 300 kB that no one downloads gladly.
        node.ClearField("metadata_props")
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=WEB / "public" / "model", help="folder of a shipped model")
    parser.add_argument("--photo", type=Path, default=WEB / "public" / "samples" / "cat.jpg", help="what to compare on")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "model.onnx")
    arguments = parser.parse_args()
    manifest, weights = read_model(arguments.model)
    image = photo(arguments.photo, manifest)
    module = Maps(manifest, weights).eval()
    sides = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        module,
        (image,),
        input_names=["image"],
        output_names=["maps", "logits"],
        dynamic_shapes=(sides,),
        opset_version=OPSET,
        dynamo=True,
    )
    model = program.model_proto
    store_in_16_bits(model)
    onnx.checker.check_model(model, full_check=True)

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wrong = []
    # The second picture is the first on its side: the graph holds no size.
    for picture in (image, image.transpose(2, 3).contiguous()):
        with torch.no_grad():
            expected = reference(manifest, weights, picture)
        for name, got, want in zip(("maps", "logits"), session.run(None, {"image": picture.numpy()}), expected):
            error, size = np.abs(got - want.numpy()).max(), "x".join(map(str, picture.shape[2:]))
            print(f"{name} of {arguments.photo.name} at {size}: largest difference {error:.1e} of {want.abs().max():.2f}")
            if not error <= TOLERANCE * want.abs().max():
                wrong.append(name)
    if wrong:
        sys.exit(f"{', '.join(wrong)}: further than {TOLERANCE} from float64 PyTorch; nothing was written")
    arguments.out.write_bytes(model.SerializeToString())
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
