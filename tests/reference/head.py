"""Fixtures of the segmentation head: logits with gradients of tokens and weights, and the balanced cross-entropy.

Independent of the Rust side: the head is PyTorch's convolutions, the loss runs over the pixels one by one.
"""

import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vit import single

IGNORE = 255
DIM, HIDDEN, CLASSES = 6, 5, 3
# Rows and columns of the grid, dilation: taps partly, and in the second case all but one, outside of the map.
GRIDS = {"wide": ((6, 9), 2), "small": ((3, 4), 5), "single": ((1, 7), 3)}


def head(tokens, weights, grid, dilation):
    """Logits [B, C + 1, h, w] of tokens [B, N, D]."""
    x = tokens.transpose(1, 2).unflatten(2, grid)
    x = F.relu(F.conv2d(x, weights["conv1.weight"], padding=dilation, dilation=dilation))
    x = F.relu(F.conv2d(x, weights["conv2.weight"], padding=dilation, dilation=dilation))
    return F.conv2d(x, weights["conv3.weight"])


def balanced_cross_entropy(logits, labels):
    """Half the mean over background pixels, half that over pixels of classes, 0 for a side without pixels."""
    background, foreground = [], []
    batch, _, rows, columns = logits.shape
    for picture in range(batch):
        for row in range(rows):
            for column in range(columns):
                label = int(labels[picture, row, column])
                if label == IGNORE:
                    continue
                loss = -logits[picture, :, row, column].log_softmax(dim=0)[label]
                (foreground if label else background).append(loss)
    nothing = logits.sum() * 0
    return sum(0.5 * sum(side, nothing) / max(len(side), 1) for side in (background, foreground))


def loss_cases(generator):
    """Name, logits and labels of each case."""
    grid = (3, 4)

    def logits(batch, scale=1.0):
        return torch.randn(batch, CLASSES + 1, *grid, generator=generator) * scale

    mixed = torch.tensor([[0, 0, 1, 1, 2, 255, 0, 255, 1, 2, 3, 0], [0] * 7 + [3] + [255] * 4, [255] * 11 + [1]])
    mixed = mixed.reshape(3, *grid)
    yield "ordinary", logits(3), mixed
    yield "confident", logits(3, 40.0), mixed
    yield "background", logits(2), torch.zeros(2, *grid, dtype=torch.long)
    yield "foreground", logits(2), torch.full((2, *grid), 2)
    yield "ignored", logits(2), torch.full((2, *grid), IGNORE)


def make_head_fixture(path) -> None:
    generator = torch.Generator().manual_seed(41)
    stored, grids, cases = {}, {}, []
    for name, (grid, dilation) in GRIDS.items():
        grids[name] = {"grid": grid, "dilation": dilation}
        tokens = torch.randn(2, grid[0] * grid[1], DIM, generator=generator)
        weights = {
            "conv1.weight": torch.randn(HIDDEN, DIM, 3, 3, generator=generator) * 0.4,
            "conv2.weight": torch.randn(HIDDEN, HIDDEN, 3, 3, generator=generator) * 0.4,
            "conv3.weight": torch.randn(CLASSES + 1, HIDDEN, 1, 1, generator=generator) * 0.4,
        }
        pull = torch.randn(2, CLASSES + 1, *grid, generator=generator)
        inputs = {"tokens": tokens} | {f"weights.{key}": value for key, value in weights.items()}
        stored |= {f"{name}.{key}": value for key, value in inputs.items()} | {f"{name}.pull": pull}
        inputs = {key: value.double().requires_grad_() for key, value in inputs.items()}
        weights = {key.removeprefix("weights."): value for key, value in inputs.items()}
        logits = head(inputs["tokens"], weights, grid, dilation)
        (logits * pull.double()).sum().backward()
        stored[f"{name}.logits"] = logits
        stored |= {f"{name}.gradient.{key}": value.grad for key, value in inputs.items()}
    for name, logits, labels in loss_cases(generator):
        cases.append(name)
        logits = logits.double().requires_grad_()
        loss = balanced_cross_entropy(logits, labels)
        loss.backward()
        stored |= {
            f"loss.{name}.logits": logits,
            f"loss.{name}.labels": labels,
            f"loss.{name}.loss": loss.reshape(1),
            f"loss.{name}.gradient": logits.grad,
        }
    # An aggregate that PyTorch has as well, where both sides have pixels.
    labels = stored["loss.ordinary.labels"]
    logits = stored["loss.ordinary.logits"].detach()
    sides = [F.cross_entropy(logits, labels.where(keep, torch.tensor(IGNORE)), ignore_index=IGNORE)
             for keep in (labels == 0, labels != 0)]
    assert torch.allclose(0.5 * sum(sides), stored["loss.ordinary.loss"])
    metadata = {
        "grids": json.dumps(grids),
        "cases": json.dumps(cases),
        "shape": json.dumps({"dim": DIM, "hidden": HIDDEN, "classes": CLASSES}),
    }
    save_file(single(stored), path, metadata=metadata)
