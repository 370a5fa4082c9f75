"""The network as a graph of ONNX: what crates/dalnet-engine/src/maps.rs computes of one picture at scale 1."""

import numpy as np
import onnx
import torch
import torch.nn.functional as F

from shipped_model import BLOCK, Blocks, ShippedModel

OPSET = 21  # the first in which a block of a row may have a scale of its own
NORMALISE_EPSILON = 1e-5
NORM_EPSILON = 1e-8


def outputs(manifest: dict) -> list[str]:
    """What a mask and the similarity view need; the engine makes no other map either unless it is asked for."""
    return [manifest["input"]["map"], "similarity", "logits"]


class Network(torch.nn.Module):
    """From a normalised picture [1, 3, H, W], whose sides are whole patches, to the `outputs` of its model."""

    def __init__(self, model: ShippedModel):
        super().__init__()
        architecture = model.manifest["architecture"]
        self.outputs = outputs(model.manifest)
        self.encoder, self.tapped = architecture["encoder"], architecture["auxiliary_block"]
        self.dilation = architecture["head"]["dilation"]
        # Linear layers as [in, out]: the exporter would turn them itself, and then they lost their names.
        weights = {key(name): value.T if is_linear(name, value) else value for name, value in model.weights.items()}
        self.weights = torch.nn.ParameterDict(weights)
        self.register_buffer("exponents", model.exponents())

    def weight(self, name: str) -> torch.Tensor:
        return self.weights[key(name)]

    def linear(self, x, name):
        return x @ self.weight(f"{name}.weight") + self.weight(f"{name}.bias")

    def norm(self, x, name):
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return F.layer_norm(x, [self.encoder["dim"]], weight, bias, eps=self.encoder["norm_epsilon"])

    def attention(self, x, name):
        heads, width = self.encoder["heads"], self.encoder["dim"] // self.encoder["heads"]
        query, key, value = self.linear(x, f"{name}.qkv").unflatten(2, (3, heads, width)).permute(2, 0, 3, 1, 4)
        weights = ((query * width**-0.5) @ key.transpose(2, 3)).softmax(dim=-1)
        return self.linear((weights @ value).transpose(1, 2).flatten(2), f"{name}.proj")

    def tokens(self, images):
        """Patch tokens [B, N, D] after the tapped block and after the final norm, and the grid."""
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
        return tapped[:, 1:], self.norm(x, "encoder.norm")[:, 1:], patches.shape[2:]

    def head(self, maps):
        for name in ("head.conv1.weight", "head.conv2.weight"):
            maps = F.conv2d(maps, self.weight(name), padding=self.dilation, dilation=self.dilation).relu()
        return F.conv2d(maps, self.weight("head.conv3.weight"))

    def similarity(self, tokens):
        text = self.weight("alignment.text")
        text = F.normalize(text - text.mean(dim=0), dim=1, eps=NORM_EPSILON)
        projected = tokens @ self.weight("alignment.image_projection.weight")
        return F.normalize(projected, dim=2, eps=NORM_EPSILON) @ text.T

    def forward(self, image):
        tapped, final, grid = self.tokens(torch.cat([image, image.flip(3)]))

        def on_grid(scores):
            return scores.transpose(1, 2).unflatten(2, grid)

        def at_size(maps):
            return F.interpolate(maps, size=image.shape[2:], mode="bilinear", align_corners=False)

        def cam(tokens, classifier):
            maps = on_grid(tokens @ self.weight(f"{classifier}.linear.weight"))
            maps = torch.maximum(at_size(maps[:1]), at_size(maps[1:].flip(3))).relu()
            maps = maps - maps.amin(dim=(2, 3), keepdim=True)
            return maps / (maps.amax(dim=(2, 3), keepdim=True) + NORMALISE_EPSILON)

        auxiliary_cam = cam(tapped, "auxiliary_classifier")
        labels = at_size(mean_of_halves(self.head(on_grid(final))))
        segmentation = (labels[:, 1:] - labels[:, :1]).sigmoid()
        logits = final.amax(dim=1) @ self.weight("classifier.linear.weight")
        # The exporter drops what none of the outputs needs.
        named = {
            "cam": cam(final, "classifier"),
            "auxiliary_cam": auxiliary_cam,
            "segmentation": segmentation,
            "fused": segmentation * 0.3 + auxiliary_cam * 0.7,
            "similarity": mean_of_halves(on_grid(self.similarity(final))),
            "logits": logits.mean(dim=0, keepdim=True),
        }
        own = self.outputs[0]
        # onnxruntime-web's Pow for WebGPU does not compile. The floor keeps log finite and is nothing after the power.
        named[own] = torch.exp(self.exponents * torch.log(named[own].clamp(min=1e-30)))
        return tuple(named[name] for name in self.outputs)


def key(name: str) -> str:
    """The name of a weight as PyTorch allows it for a parameter."""
    return name.replace(".", "/")


def is_linear(name: str, value: torch.Tensor) -> bool:
    """Whether a weight is the matrix of a linear layer."""
    return value.dim() == 2 and name.endswith(".weight")


def mean_of_halves(maps):
    """Of maps [2, C, h, w] of a picture and of its mirror image: [1, C, h, w]."""
    return (maps[:1] + maps[1:].flip(3)) / 2


def export(model: ShippedModel, image: torch.Tensor) -> onnx.ModelProto:
    """The graph for pictures of any size, traced with `image`, with weights stored as the shipped file stores them."""
    sides = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        Network(model).eval(),
        (image,),
        input_names=["image"],
        output_names=outputs(model.manifest),
        dynamic_shapes=(sides,),
        opset_version=OPSET,
        dynamo=True,
    )
    exported = program.model_proto
    store_as_shipped(exported, model.blocks)
    onnx.helper.set_model_props(exported, {"weights": model.digests()})
    return exported


def store_as_shipped(exported: onnx.ModelProto, blocks: dict[str, Blocks]) -> None:
    """Stores `blocks` as they are and other larger tensors that 16 bits hold exactly in 16; the graph widens both."""
    blocks = {f"weights.{key(name)}": block for name, block in blocks.items()}
    stored, widening = [], []
    for tensor in exported.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if block := blocks.pop(tensor.name, None):
            tensors, nodes = blocked(tensor.name, block)
            stored += tensors
            widening += nodes
        elif values.dtype == np.float32 and values.size >= 16 and np.array_equal(values, values.astype(np.float16)):
            name = f"{tensor.name}.f16"
            stored.append(onnx.numpy_helper.from_array(values.astype(np.float16), name))
            widening.append(onnx.helper.make_node("Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT))
        else:
            stored.append(tensor)
    if blocks:
        raise ValueError(f"the exporter left out or renamed {', '.join(blocks)}; pin its version again")
    nodes = [*widening, *exported.graph.node]
    for node in nodes:
        # Where in the Python source it came from: 300 kB that no one downloads gladly.
        node.ClearField("metadata_props")
    del exported.graph.initializer[:], exported.graph.node[:]
    exported.graph.initializer.extend(stored)
    exported.graph.node.extend(nodes)


def blocked(name: str, block: Blocks):
    """Tensors and nodes that give the numbers of a block under `name`, those of a linear layer as [in, out]."""
    tensor, node = onnx.numpy_helper.from_array, onnx.helper.make_node
    steps, scales, rows, shape = (f"{name}.{part}" for part in ("steps", "scales", "rows", "shape"))
    if block.steps.dim() == 2:
        tensors = [tensor(block.steps.T.numpy(), steps), tensor(block.scales.T.numpy(), scales)]
        return tensors, [node("DequantizeLinear", [steps, scales], [name], axis=0, block_size=BLOCK)]
    tensors = [tensor(block.steps.flatten(1).numpy(), steps), tensor(block.scales.numpy(), scales)]
    tensors.append(tensor(np.array(block.steps.shape), shape))
    widen = node("DequantizeLinear", [steps, scales], [rows], axis=1, block_size=BLOCK)
    return tensors, [widen, node("Reshape", [rows, shape], [name])]
