"""Fixtures of patch-token contrast: the loss and its gradient, and the patch-level CAMs and boxes its labels come from.

Independent of the Rust side: pairs of tokens are enumerated one by one, boxes are found by pooling a mask of pixels.
Definitions are those published with ToCo (CVPR 2023): absolute cosine of tokens normalised with epsilon 1e-8, pairs
summed over the whole batch, denominators plus one, label 255 and the diagonal left out.
"""

import itertools
import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from cam import cam_to_label, normalised
from vit import single

IGNORE = 255
GRID = (3, 4)
COUNT = GRID[0] * GRID[1]
DIM = 8
CLASSES = 3
# Of a crop of 64 x 96 pixels: whole, on borders of patches, between them, one pixel.
CROP = (64, 96)
BOXES = [[0, 64, 0, 96], [16, 48, 32, 96], [1, 63, 17, 79], [15, 17, 31, 33], [63, 64, 95, 96], [0, 1, 0, 1]]
PATCHES = (16, 8)


def patch_token_contrast(tokens, labels):
    """Loss of `tokens` [B, N, D] under `labels` [B, N]."""
    directions = F.normalize(tokens, dim=2, eps=1e-8)
    alike, apart = [], []
    for picture, its_labels in zip(directions, labels.tolist(), strict=True):
        for one, other in itertools.permutations(range(len(its_labels)), 2):
            if IGNORE in (its_labels[one], its_labels[other]):
                continue
            similarity = torch.dot(picture[one], picture[other]).abs()
            (alike if its_labels[one] == its_labels[other] else apart).append(similarity)
    mean_alike = sum(alike, tokens.sum() * 0) / (len(alike) + 1)
    mean_apart = sum(apart, tokens.sum() * 0) / (len(apart) + 1)
    return 0.5 * (1 - mean_alike) + 0.5 * mean_apart


def patch_cam(tokens, weight, labels):
    """CAM [B, C, h, w] of `tokens` [B, N, D], in 0..1, absent classes 0."""
    feature_map = tokens.transpose(1, 2).unflatten(2, GRID)
    cam = normalised(F.relu(F.conv2d(feature_map, weight[:, :, None, None])))
    return cam * labels[:, :, None, None]


def box_on_grid(box, patch):
    """The smallest box of patches around every patch that has a pixel inside `box`."""
    top, bottom, left, right = box
    mask = torch.zeros(1, 1, *CROP)
    mask[:, :, top:bottom, left:right] = 1
    touched = F.max_pool2d(mask, patch)[0, 0]
    rows = touched.amax(dim=1).nonzero().flatten()
    columns = touched.amax(dim=0).nonzero().flatten()
    return [int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1]


def loss_cases(generator):
    """Name, tokens and labels of each case."""

    def tokens(batch):
        # One token of a picture resembles the next one, as those of a real picture do.
        return torch.randn(batch, COUNT, DIM, generator=generator) + torch.randn(batch, 1, DIM, generator=generator)

    mixed = torch.tensor([[0, 0, 1, 1, 2, 255, 0, 255, 1, 2, 2, 0], [0] * 7 + [3] + [255] * 4, [255] * 11 + [1]])
    yield "ordinary", tokens(3), mixed
    yield "one_class", tokens(2), torch.full((2, COUNT), 2)
    yield "background", tokens(2), torch.zeros(2, COUNT, dtype=torch.long)
    yield "ignored", tokens(2), torch.full((2, COUNT), IGNORE)
    with_zero = tokens(3)
    with_zero[0, 3] = 0.0
    yield "zero_token", with_zero, mixed
    # So short that an epsilon of another size, or in another place, would show.
    yield "faint", tokens(3) * 1e-5, mixed


def make_patch_contrast_fixture(path) -> None:
    generator = torch.Generator().manual_seed(31)
    stored, cases = {}, []
    for name, tokens, labels in loss_cases(generator):
        cases.append(name)
        tokens = tokens.double().requires_grad_()
        loss = patch_token_contrast(tokens, labels)
        loss.backward()
        stored |= {
            f"{name}.tokens": tokens,
            f"{name}.labels": labels,
            f"{name}.loss": loss.reshape(1),
            f"{name}.gradient": tokens.grad,
        }

    tokens = torch.randn(3, COUNT, DIM, generator=generator)
    weight = torch.randn(CLASSES, DIM, generator=generator)
    # Turned away from the last class, whose map of the first picture is then zero everywhere.
    tokens[0] -= 8 * weight[2] / weight[2].norm()
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    cam = patch_cam(tokens.double(), weight.double(), labels.double())
    assert cam[0, 2].abs().max() == 0
    boxes = [[0, 3, 0, 4], [1, 3, 0, 3], [0, 2, 1, 4]]
    label_map = cam_to_label(cam, 0.5, 0.7, 0.25, boxes).flatten(1)
    for threshold in (0.25, 0.7):
        assert (cam - threshold).abs().min() > 1e-4, "rounding would decide a label: choose another seed"
    stored |= {
        "cam.tokens": tokens,
        "cam.weight": weight,
        "cam.labels": labels,
        "cam.cam": cam,
        "cam.boxes": torch.tensor(boxes),
        "cam.label_map": label_map,
        "cam.loss": patch_token_contrast(tokens.double(), label_map).reshape(1),
    }
    metadata = {
        "cases": json.dumps(cases),
        "grid": json.dumps(GRID),
        "boxes": json.dumps(BOXES),
        "boxes_on_grid": json.dumps({str(patch): [box_on_grid(box, patch) for box in BOXES] for patch in PATCHES}),
    }
    save_file(single(stored), path, metadata=metadata)
