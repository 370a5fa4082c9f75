"""A Vision Transformer forward pass in plain PyTorch, and fixtures of random weights in each published layout.

Written from the published architectures (Dosovitskiy et al. 2021; Radford et al. 2021 for CLIP; Oquab et al. 2023 for
DINOv2), with functions only, so that it shares neither code nor names with what it checks. Arithmetic is float64;
fixtures store float32.
"""

import json
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

TAPPED_BLOCK = 9  # the paper's 10th


@dataclass(frozen=True)
class Shape:
    """What the names of the tensors do not tell."""

    patch: int
    dim: int
    heads: int
    depth: int
    grid: int
    epsilon: float
    quick_gelu: bool = False
    layer_scale: bool = False
    pre_norm: bool = False
    patch_bias: bool = True

    def config(self) -> dict:
        """The same as the Rust side's `EncoderConfig`."""
        return {
            "patch_size": self.patch,
            "dim": self.dim,
            "heads": self.heads,
            "depth": self.depth,
            "pretrained_grid": self.grid,
            "mlp_ratio": 4,
            "norm_epsilon": self.epsilon,
            "activation": "quick_gelu" if self.quick_gelu else "gelu",
            "layer_scale": self.layer_scale,
            "pre_norm": self.pre_norm,
            "patch_bias": self.patch_bias,
            "position_kernel": "bilinear",
        }


# Each role of a tensor under its name in each layout; `#` is the number of the block.
NAMES = {
    "timm": {
        "class": "cls_token",
        "position": "pos_embed",
        "patch": "patch_embed.proj",
        "norm1": "blocks.#.norm1",
        "qkv": "blocks.#.attn.qkv",
        "out": "blocks.#.attn.proj",
        "norm2": "blocks.#.norm2",
        "up": "blocks.#.mlp.fc1",
        "down": "blocks.#.mlp.fc2",
        "final": "norm",
    },
    "huggingface": {
        "class": "vit.embeddings.cls_token",
        "position": "vit.embeddings.position_embeddings",
        "patch": "vit.embeddings.patch_embeddings.projection",
        "norm1": "vit.encoder.layer.#.layernorm_before",
        "q": "vit.encoder.layer.#.attention.attention.query",
        "k": "vit.encoder.layer.#.attention.attention.key",
        "v": "vit.encoder.layer.#.attention.attention.value",
        "out": "vit.encoder.layer.#.attention.output.dense",
        "norm2": "vit.encoder.layer.#.layernorm_after",
        "up": "vit.encoder.layer.#.intermediate.dense",
        "down": "vit.encoder.layer.#.output.dense",
        "final": "vit.layernorm",
    },
    "openai_clip": {
        "class": "visual.class_embedding",
        "position": "visual.positional_embedding",
        "patch": "visual.conv1",
        "pre": "visual.ln_pre",
        "norm1": "visual.transformer.resblocks.#.ln_1",
        "qkv": "visual.transformer.resblocks.#.attn.in_proj",
        "out": "visual.transformer.resblocks.#.attn.out_proj",
        "norm2": "visual.transformer.resblocks.#.ln_2",
        "up": "visual.transformer.resblocks.#.mlp.c_fc",
        "down": "visual.transformer.resblocks.#.mlp.c_proj",
        "final": "visual.ln_post",
    },
}
NAMES["dinov2"] = NAMES["timm"] | {"scale1": "blocks.#.ls1.gamma", "scale2": "blocks.#.ls2.gamma"}

SHAPES = {
    "timm": Shape(patch=4, dim=16, heads=2, depth=11, grid=3, epsilon=1e-6),
    "huggingface": Shape(patch=8, dim=15, heads=3, depth=11, grid=3, epsilon=1e-12),
    "openai_clip": Shape(4, 16, 4, 11, 3, 1e-5, quick_gelu=True, pre_norm=True, patch_bias=False),
    "dinov2": Shape(7, 16, 2, 11, 4, 1e-6, layer_scale=True),
}


def random_weights(layout: str, shape: Shape, seed: int) -> dict[str, torch.Tensor]:
    """Weights large enough that every part of the network shows in its output."""
    generator = torch.Generator().manual_seed(seed)
    names, dim = NAMES[layout], shape.dim
    flat = layout == "openai_clip"
    weights = {}

    def normal(*size, std, mean=0.0):
        return torch.randn(*size, generator=generator) * std + mean

    def linear(name, outputs, inputs):
        separator = "_" if name.endswith("in_proj") else "."
        weights[f"{name}{separator}weight"] = normal(outputs, inputs, std=inputs**-0.5)
        weights[f"{name}{separator}bias"] = normal(outputs, std=0.2)

    def norm(name):
        weights[f"{name}.weight"] = normal(dim, std=0.2, mean=1.0)
        weights[f"{name}.bias"] = normal(dim, std=0.2)

    weights[names["class"]] = normal(*([dim] if flat else [1, 1, dim]), std=0.5)
    positions = [1 + shape.grid**2, dim]
    weights[names["position"]] = normal(*(positions if flat else [1, *positions]), std=0.5)
    weights[names["patch"] + ".weight"] = normal(dim, 3, shape.patch, shape.patch, std=0.2)
    if shape.patch_bias:
        weights[names["patch"] + ".bias"] = normal(dim, std=0.2)
    if shape.pre_norm:
        norm(names["pre"])
    for block in range(shape.depth):
        at = {role: name.replace("#", str(block)) for role, name in names.items()}
        norm(at["norm1"])
        for role in ("q", "k", "v"):
            if role in at:
                linear(at[role], dim, dim)
        if "qkv" in at:
            linear(at["qkv"], 3 * dim, dim)
        linear(at["out"], dim, dim)
        norm(at["norm2"])
        linear(at["up"], 4 * dim, dim)
        linear(at["down"], dim, 4 * dim)
        if shape.layer_scale:
            weights[at["scale1"]] = normal(dim, std=0.2, mean=0.5)
            weights[at["scale2"]] = normal(dim, std=0.2, mean=0.5)
    norm(names["final"])
    return weights


def unneeded_weights(layout: str, dim: int) -> dict[str, torch.Tensor]:
    """Tensors that a real file of this layout holds and that an encoder has no use for."""
    return {
        "timm": {"head.weight": torch.ones(5, dim), "head.bias": torch.ones(5)},
        "huggingface": {"classifier.weight": torch.ones(5, dim), "classifier.bias": torch.ones(5)},
        "openai_clip": {
            "visual.proj": torch.ones(dim, 8),
            "positional_embedding": torch.ones(7, 8),
            "transformer.resblocks.0.ln_1.weight": torch.ones(8),
            "text_projection": torch.ones(8, 8),
            "logit_scale": torch.tensor(1.0),
        },
        "dinov2": {"mask_token": torch.ones(1, dim)},
    }[layout]


def forward(
    weights, layout: str, shape: Shape, images, kernel: str, tapped: int = TAPPED_BLOCK, attention: list | None = None
) -> dict:
    """Class token [B, D], patch tokens [B, N, D], both after the final norm; raw patch tokens of the tapped block.

    To `attention` each block adds its weights [B, heads, 1 + N, 1 + N].
    """
    names = NAMES[layout]

    def weight(role, block=0):
        name = names[role].replace("#", str(block))
        separator = "_" if name.endswith("in_proj") else "."
        return weights[f"{name}{separator}weight"], weights.get(f"{name}{separator}bias")

    def norm(x, role, block=0):
        return F.layer_norm(x, [shape.dim], *weight(role, block), eps=shape.epsilon)

    def linear(x, role, block):
        return F.linear(x, *weight(role, block))

    patches = F.conv2d(images, *weight("patch"), stride=shape.patch)
    batch, dim, rows, columns = patches.shape
    patches = patches.flatten(2).transpose(1, 2)
    positions = weights[names["position"]].reshape(1, -1, dim)
    grid = positions[:, 1:].transpose(1, 2).reshape(1, dim, shape.grid, shape.grid)
    if (rows, columns) != (shape.grid, shape.grid):
        grid = F.interpolate(grid, size=(rows, columns), mode=kernel, align_corners=False)
    grid = grid.flatten(2).transpose(1, 2)
    class_token = weights[names["class"]].reshape(1, 1, dim) + positions[:, :1]
    x = torch.cat([class_token.expand(batch, 1, dim), patches + grid], dim=1)
    if shape.pre_norm:
        x = norm(x, "pre")
    for block in range(shape.depth):
        inside = norm(x, "norm1", block)
        if "qkv" in names:
            query, key, value = linear(inside, "qkv", block).chunk(3, dim=-1)
        else:
            query, key, value = (linear(inside, role, block) for role in ("q", "k", "v"))
        heads, attended = [], []
        width = dim // shape.heads
        for head in range(shape.heads):
            part = slice(head * width, (head + 1) * width)
            similarity = query[..., part] @ key[..., part].transpose(1, 2) / width**0.5
            attended.append(similarity.softmax(dim=-1))
            heads.append(attended[-1] @ value[..., part])
        if attention is not None:
            attention.append(torch.stack(attended, dim=1))
        branch = linear(torch.cat(heads, dim=-1), "out", block)
        if shape.layer_scale:
            branch = branch * weights[names["scale1"].replace("#", str(block))]
        x = x + branch
        hidden = linear(norm(x, "norm2", block), "up", block)
        hidden = hidden * torch.sigmoid(1.702 * hidden) if shape.quick_gelu else F.gelu(hidden)
        branch = linear(hidden, "down", block)
        if shape.layer_scale:
            branch = branch * weights[names["scale2"].replace("#", str(block))]
        x = x + branch
        if block == tapped:
            block_tokens = x[:, 1:]
    x = norm(x, "final")
    return {"class_token": x[:, 0], "patch_tokens": x[:, 1:], "block_tokens": block_tokens}


def double(tensors: dict) -> dict:
    return {name: tensor.double() for name, tensor in tensors.items()}


def single(tensors: dict) -> dict:
    return {name: tensor.detach().float().contiguous() for name, tensor in tensors.items()}


def make_layout_fixture(layout: str, seed: int, path) -> None:
    """Weights under the layout's own names, pictures, and what the encoder makes of them."""
    shape = SHAPES[layout]
    weights = random_weights(layout, shape, seed)
    generator = torch.Generator().manual_seed(seed + 100)
    side = shape.patch * shape.grid
    pictures = {
        "square": torch.randn(2, 3, side, side, generator=generator),
        "larger": torch.randn(1, 3, 2 * side, 2 * side, generator=generator),
        # Not square, larger one way and smaller the other, and not a whole number of patches.
        "wide": torch.randn(2, 3, 2 * shape.patch, 5 * shape.patch + shape.patch // 2, generator=generator),
        "tall": torch.randn(1, 3, 4 * shape.patch + 1, shape.patch, generator=generator),
    }
    stored = {f"weights.{name}": tensor for name, tensor in weights.items()}
    stored |= {f"weights.{name}": tensor for name, tensor in unneeded_weights(layout, shape.dim).items()}
    for name, picture in pictures.items():
        stored[f"input.{name}"] = picture
        for kernel in ("bilinear", "bicubic"):
            outputs = forward(double(weights), layout, shape, picture.double(), kernel)
            stored |= {f"output.{name}.{kernel}.{tap}": tensor for tap, tensor in outputs.items()}
    save_file(single(stored), path, metadata={"config": json.dumps(shape.config())})


def test_picture(height: int, width: int):
    """A picture by formula, exact in float32: [1, 3, height, width] in -1..1."""
    channel, row, column = torch.meshgrid(
        torch.arange(3), torch.arange(height), torch.arange(width), indexing="ij"
    )
    return ((channel * 5 + row * 3 + column * 7 + (row // 16) * (column // 16)) % 33 - 16).double()[None] / 16


def make_real_fixture(weights_path, path) -> None:
    """What the published ViT-Ti/16 makes of a picture by formula; its weights stay outside the repository."""
    shape = Shape(patch=16, dim=192, heads=3, depth=12, grid=14, epsilon=1e-12)
    weights = double(load_file(weights_path))
    stored = {}
    for height, width in ((64, 112), (80, 48)):
        for kernel in ("bilinear", "bicubic"):
            outputs = forward(weights, "huggingface", shape, test_picture(height, width), kernel)
            stored |= {f"{height}x{width}.{kernel}.{tap}": tensor for tap, tensor in outputs.items()}
    outputs = forward(weights, "huggingface", shape, test_picture(224, 224), "bilinear")
    stored["224x224.bilinear.class_token"] = outputs["class_token"]
    save_file(single(stored), path, metadata={"config": json.dumps(shape.config())})
