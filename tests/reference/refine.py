"""Fixtures of pixel-adaptive refinement and of the pseudo labels made with it.

Independent of the Rust side: every pixel looks up its neighbours one by one at clamped positions, absent classes are
left out instead of masked. Definitions are those published with AFA (CVPR 2022) and ToCo (CVPR 2023), `PAR.py` and
`camutils.py`.
"""

import json
import math

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vit import single

IGNORE = 255
AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
REFERENCE = {"dilations": [1, 2, 4, 8, 12, 24], "iterations": 10, "w1": 0.3, "w2": 0.01}


def neighbours(row, column, height, width, dilations):
    """Rows and columns of the neighbours of a pixel."""
    rows, columns = [], []
    for dilation in dilations:
        for down, right in AROUND:
            rows.append(min(max(row + down * dilation, 0), height - 1))
            columns.append(min(max(column + right * dilation, 0), width - 1))
    return rows, columns


def weights_of(picture, row, column, rows, columns, settings):
    """Weights [neighbours] of one pixel of `picture` [3, H, W]."""
    values = picture[:, rows, columns]
    centre = picture[:, row, column].unsqueeze(1)
    colour = -(((values - centre) / (values.std(dim=1, keepdim=True) + 1e-8) / settings["w1"]) ** 2).mean(dim=0)
    distances = torch.tensor(
        [d * math.hypot(*step) for d in settings["dilations"] for step in AROUND], dtype=torch.float64
    )
    position = -((distances / (distances.std() + 1e-8) / settings["w1"]) ** 2)
    return colour.softmax(dim=0) + settings["w2"] * position.softmax(dim=0)


def refine(picture, maps, settings):
    """One picture [3, H, W] and its maps [K, H, W]."""
    _, height, width = picture.shape
    plan = []
    for row in range(height):
        for column in range(width):
            rows, columns = neighbours(row, column, height, width, settings["dilations"])
            plan.append((row, column, rows, columns, weights_of(picture, row, column, rows, columns, settings)))
    for _ in range(settings["iterations"]):
        following = torch.empty_like(maps)
        for row, column, rows, columns, weights in plan:
            following[:, row, column] = (maps[:, rows, columns] * weights).sum(dim=1)
        maps = following
    return maps


def resize(maps, size):
    return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]


def pseudo_label(picture, cam, present, box, high, low, size):
    """Label map of one picture, and the smallest lead of a winning channel over the next."""
    half = (picture.shape[1] // 2, picture.shape[2] // 2)
    classes = [index for index, there in enumerate(present.tolist()) if there]
    names = torch.tensor([0] + [index + 1 for index in classes])
    small, maps, lead = resize(picture, half), resize(cam, half)[classes], math.inf
    found = []
    for background in (high, low):
        stack = torch.cat([torch.full((1, *half), background, dtype=maps.dtype), maps])
        scores = resize(refine(small, stack.softmax(dim=0), REFERENCE), size)
        if classes:
            best = scores.topk(2, dim=0).values
            lead = min(lead, float((best[0] - best[1]).min()))
        found.append(names[scores.argmax(dim=0)])
    inside = torch.zeros(size, dtype=torch.bool)
    inside[box[0] : box[1], box[2] : box[3]] = True
    against_high, against_low = (torch.where(inside, label, IGNORE) for label in found)
    result = against_high.clone()
    result[against_high == 0] = IGNORE
    result[against_high + against_low == 0] = 0
    return result, lead


def picture_of(height, width, generator):
    """Smooth colours with a sharp edge and noise, in steps of 1/255."""
    coarse = torch.rand(1, 3, 4, 4, generator=generator, dtype=torch.float64)
    smooth = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)[0]
    smooth[:, :, width // 2 :] = 1 - smooth[:, :, width // 2 :]
    noisy = smooth + 0.05 * torch.randn(3, height, width, generator=generator, dtype=torch.float64)
    return (noisy.clamp(0, 1) * 255).floor() / 255


def make_refine_fixture(path) -> None:
    generator = torch.Generator().manual_seed(41)
    one_outlier = torch.full((1, 3, 8, 20), 0.3, dtype=torch.float64)
    one_outlier[0, :, 3, 9] = 0.9
    ordinary = torch.stack([picture_of(26, 21, generator) for _ in range(2)])
    cases = {
        "ordinary": (ordinary, 2, REFERENCE),
        "once": (ordinary, 2, REFERENCE | {"iterations": 1}),
        "settings": (picture_of(9, 35, generator)[None], 3, {"dilations": [3, 1], "iterations": 3, "w1": 0.5, "w2": 0.1}),
        # No spread at all among the neighbours of a pixel that differs from them.
        "outlier": (one_outlier, 1, REFERENCE),
        "one_pixel": (torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64), 2, REFERENCE),
    }
    stored = {}
    for name, (pixels, channels, settings) in cases.items():
        pixels = pixels.float().double()
        maps = torch.rand(len(pixels), channels, *pixels.shape[2:], generator=generator).double()
        refined = torch.stack([refine(*pair, settings) for pair in zip(pixels, maps, strict=True)])
        stored |= {f"{name}.pixels": pixels, f"{name}.maps": maps, f"{name}.refined": refined}
    save_file(single(stored), path, metadata={"cases": json.dumps({name: case[2] for name, case in cases.items()})})


def blobs(classes, height, width, generator):
    """A disc of ones with a soft border for each class."""
    rows = torch.linspace(0, 1, height, dtype=torch.float64)[:, None]
    columns = torch.linspace(0, 1, width, dtype=torch.float64)
    centres = torch.rand(classes, 2, generator=generator, dtype=torch.float64)
    distances = [(rows - row) ** 2 + (columns - column) ** 2 for row, column in centres.tolist()]
    return torch.stack([(1.5 * torch.exp(-distance / 0.12)).clamp(max=1) for distance in distances])


def make_pseudo_label_fixture(path) -> None:
    generator = torch.Generator().manual_seed(44)
    height, width = 24, 28
    present = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]])
    boxes = [[0, 24, 0, 28], [3, 20, 5, 28], [0, 24, 7, 21], [10, 10, 4, 20]]
    pixels = torch.stack([picture_of(height, width, generator) for _ in present]).float().double()
    stored = {"pixels": pixels, "labels": present, "boxes": torch.tensor(boxes)}
    # At the pictures' size, and on a grid of patches with labels of another size.
    for name, size in {"full": (height, width), "grid": (6, 7)}.items():
        cam = torch.stack([blobs(4, *size, generator) for _ in present]).float().double()
        cam = cam * present[:, :, None, None]
        stored[f"{name}.cam"] = cam
        for levels, high in {"voc": 0.7, "coco": 0.65}.items():
            target = (height, width)
            maps = [pseudo_label(*case, high, 0.25, target) for case in zip(pixels, cam, present, boxes, strict=True)]
            leads = [lead for _, lead in maps]
            assert min(leads) > 5e-6, f"rounding would decide a label: choose another seed ({leads})"
            labels = torch.stack([label for label, _ in maps])
            assert {0, IGNORE, 1, 3, 4} <= set(labels[:3].unique().tolist()), labels.unique()
            stored[f"{name}.{levels}"] = labels
    save_file(single(stored), path)
