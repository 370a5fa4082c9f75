"""CLIP's text encoder in plain PyTorch, and fixtures of random weights in each published layout.

Written from the published architecture (Radford et al. 2021), with functions only, so that it shares neither code nor
names with what it checks. Arithmetic is float64; fixtures store float32.
"""

import json
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

EPSILON = 1e-5


@dataclass(frozen=True)
class Shape:
    dim: int
    heads: int
    depth: int
    embedding: int
    vocabulary: int
    context: int
    quick_gelu: bool

    def config(self) -> dict:
        """The same as the Rust side's `TextEncoderConfig`."""
        return {
            "dim": self.dim,
            "heads": self.heads,
            "embedding_dim": self.embedding,
            "depth": self.depth,
            "vocabulary": self.vocabulary,
            "context": self.context,
            "mlp_ratio": 4,
            "norm_epsilon": EPSILON,
            "activation": "quick_gelu" if self.quick_gelu else "gelu",
        }


OPENAI = {
    "token": "token_embedding.weight",
    "position": "positional_embedding",
    "norm1": "transformer.resblocks.#.ln_1",
    "qkv": "transformer.resblocks.#.attn.in_proj",
    "out": "transformer.resblocks.#.attn.out_proj",
    "norm2": "transformer.resblocks.#.ln_2",
    "up": "transformer.resblocks.#.mlp.c_fc",
    "down": "transformer.resblocks.#.mlp.c_proj",
    "final": "ln_final",
    "projection": "text_projection",
}

# Each role of a tensor under its name in each layout; `#` is the number of the block.
NAMES = {
    "openai": OPENAI,
    "open_clip": {role: f"text.{name}" for role, name in OPENAI.items()},
    "huggingface": {
        "token": "text_model.embeddings.token_embedding.weight",
        "position": "text_model.embeddings.position_embedding.weight",
        "norm1": "text_model.encoder.layers.#.layer_norm1",
        "q": "text_model.encoder.layers.#.self_attn.q_proj",
        "k": "text_model.encoder.layers.#.self_attn.k_proj",
        "v": "text_model.encoder.layers.#.self_attn.v_proj",
        "out": "text_model.encoder.layers.#.self_attn.out_proj",
        "norm2": "text_model.encoder.layers.#.layer_norm2",
        "up": "text_model.encoder.layers.#.mlp.fc1",
        "down": "text_model.encoder.layers.#.mlp.fc2",
        "final": "text_model.final_layer_norm",
        "projection": "text_projection.weight",
    },
}

SHAPES = {
    "openai": Shape(16, 2, 3, 8, 30, 11, quick_gelu=True),
    "open_clip": Shape(12, 3, 2, 20, 30, 11, quick_gelu=False),
    "huggingface": Shape(15, 3, 3, 8, 30, 11, quick_gelu=True),
}

# Ids of texts, the start token being the last but one of the vocabulary and the end token the last: the shortest, some
# in between, one that fills the context, and one with an end token in its middle.
TEXTS = [
    [28, 29],
    [28, 4, 29],
    [28, 7, 0, 3, 3, 29],
    [28, 1, 2, 3, 4, 5, 6, 7, 8, 9, 29],
    [28, 5, 29, 6, 29],
    [28, 27, 26, 25, 24, 23, 29],
]


def random_weights(layout: str, shape: Shape, seed: int) -> dict[str, torch.Tensor]:
    """Weights large enough that every part of the network shows in its output."""
    generator = torch.Generator().manual_seed(seed)
    names, dim = NAMES[layout], shape.dim
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

    weights[names["token"]] = normal(shape.vocabulary, dim, std=0.7)
    weights[names["position"]] = normal(shape.context, dim, std=0.7)
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
    norm(names["final"])
    # HuggingFace stores a linear layer's weight, the others a matrix to multiply with from the right.
    size = [shape.embedding, dim] if layout == "huggingface" else [dim, shape.embedding]
    weights[names["projection"]] = normal(*size, std=dim**-0.5)
    return weights


def unneeded_weights(layout: str) -> dict[str, torch.Tensor]:
    """Tensors that a whole CLIP of this layout holds and that its text encoder has no use for."""
    if layout == "huggingface":
        return {
            "vision_model.encoder.layers.0.layer_norm1.weight": torch.ones(4),
            "visual_projection.weight": torch.ones(2, 4),
            "logit_scale": torch.tensor(1.0),
            "text_model.embeddings.position_ids": torch.arange(11)[None],
        }
    return {
        "visual.transformer.resblocks.0.ln_1.weight": torch.ones(4),
        "visual.proj": torch.ones(4, 2),
        "logit_scale": torch.tensor(1.0),
    }


def encode(weights, layout: str, shape: Shape, ids: list[int], padding: int) -> torch.Tensor:
    """The unit-norm embedding of one text, padded to the whole context."""
    names = NAMES[layout]

    def weight(role, block=0):
        name = names[role].replace("#", str(block))
        separator = "_" if name.endswith("in_proj") else "."
        return weights[f"{name}{separator}weight"], weights[f"{name}{separator}bias"]

    def norm(x, role, block=0):
        return F.layer_norm(x, [shape.dim], *weight(role, block), eps=EPSILON)

    def linear(x, role, block):
        return F.linear(x, *weight(role, block))

    padded = ids + [padding] * (shape.context - len(ids))
    x = torch.stack([weights[names["token"]][token] for token in padded]) + weights[names["position"]]
    width = shape.dim // shape.heads
    for block in range(shape.depth):
        inside = norm(x, "norm1", block)
        if "qkv" in names:
            query, key, value = linear(inside, "qkv", block).chunk(3, dim=-1)
        else:
            query, key, value = (linear(inside, role, block) for role in ("q", "k", "v"))
        rows = []
        for row in range(shape.context):
            heads = []
            for head in range(shape.heads):
                part = slice(head * width, (head + 1) * width)
                # A token sees itself and those before it.
                similarity = key[: row + 1, part] @ query[row, part] / width**0.5
                heads.append(similarity.softmax(dim=0) @ value[: row + 1, part])
            rows.append(torch.cat(heads))
        x = x + linear(torch.stack(rows), "out", block)
        hidden = linear(norm(x, "norm2", block), "up", block)
        hidden = hidden * torch.sigmoid(1.702 * hidden) if shape.quick_gelu else F.gelu(hidden)
        x = x + linear(hidden, "down", block)
    end = norm(x, "final")[ids.index(max(ids))]
    projection = weights[names["projection"]]
    embedding = projection @ end if layout == "huggingface" else end @ projection
    return embedding / embedding.norm()


def make_text_fixture(layout: str, seed: int, path) -> None:
    """Weights under the layout's own names, and what the encoder makes of the texts."""
    shape = SHAPES[layout]
    weights = random_weights(layout, shape, seed)
    double = {name: tensor.double() for name, tensor in weights.items()}
    # OpenAI pads with 0, HuggingFace with the end token.
    embeddings = [encode(double, layout, shape, ids, padding=0) for ids in TEXTS]
    for ids, embedding in zip(TEXTS, embeddings):
        assert torch.equal(encode(double, layout, shape, ids, padding=29), embedding)
    stored = {f"weights.{name}": tensor for name, tensor in (weights | unneeded_weights(layout)).items()}
    stored["embeddings"] = torch.stack(embeddings).float()
    metadata = {"config": json.dumps(shape.config()), "texts": json.dumps(TEXTS)}
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, path, metadata=metadata)
