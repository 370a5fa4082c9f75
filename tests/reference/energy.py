"""Fixtures of the dense energy regularisation and of the permutohedral lattice, in float64.

Independent of the Rust side: the exact filter is the full matrix of all pairs of pixels, the lattice a dictionary of
integer points with barycentric weights from a linear system. Definitions are those published with ToCo (CVPR 2023) and
"On regularized losses for weakly-supervised CNN segmentation" (ECCV 2018), and of "Fast high-dimensional filtering
using the permutohedral lattice" (Eurographics 2010).
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vit import single

IGNORE = 255
WEIGHT = 1e-7
SIGMA_RGB = 15.0
SIGMA_XY = 100.0
CLASSES = 3


def all_pairs(features, values):
    """Gaussian filter of `values` [N, C] over `features` [N, D]."""
    distance = ((features[:, None] - features[None]) ** 2).sum(-1)
    return np.exp(-distance / 2) @ values


def lattice(features, values):
    """The same on the permutohedral lattice."""
    count, dim = features.shape
    basis = np.zeros((dim + 1, dim))
    for axis in range(dim):
        basis[: axis + 1, axis] = 1
        basis[axis + 1, axis] = -(axis + 1)
        basis[:, axis] /= math.sqrt((axis + 1) * (axis + 2))
    grid, shares = {}, []
    for point, value in zip(features @ basis.T * math.sqrt(2 / 3) * (dim + 1), values, strict=True):
        first = np.rint(point / (dim + 1)).astype(int)
        offset = point / (dim + 1) - first
        while first.sum() != 0:
            step = -1 if first.sum() > 0 else 1
            axis = np.argmin(offset) if step < 0 else np.argmax(offset)
            first[axis] += step
            offset[axis] -= step
        order = np.argsort(-offset)
        corners = []
        for remainder in range(dim + 1):
            corner = first * (dim + 1) + remainder
            corner[order[dim + 1 - remainder :]] -= dim + 1
            corners.append(tuple(corner))
        system = np.vstack([np.array(corners, float).T, np.ones(dim + 1)])
        weights = np.linalg.lstsq(system, np.append(point, 1.0), rcond=None)[0]
        assert abs(weights.sum() - 1) < 1e-9
        assert weights.min() > 1e-5, "rounding would decide whether a vertex exists: choose another seed"
        shares.append(list(zip(corners, weights, strict=True)))
        for corner, weight in shares[-1]:
            grid[corner] = grid.get(corner, 0) + weight * value
    nothing = np.zeros(values.shape[1])
    for axis in range(dim + 1):
        step = np.ones(dim + 1, int)
        step[axis] = -dim

        def beside(corner, sign, grid=grid, step=step):
            return grid.get(tuple(np.array(corner) + sign * step), nothing)

        grid = {corner: value + 0.5 * (beside(corner, 1) + beside(corner, -1)) for corner, value in grid.items()}
    filtered = np.array([sum(weight * grid[corner] for corner, weight in share) for share in shares])
    return filtered / (1 + 2.0**-dim)


def picture_features(picture, scale):
    """Column, row and colour of each pixel of `picture` [3, h, w], in standard deviations."""
    _, height, width = picture.shape
    rows, columns = np.mgrid[:height, :width]
    position = np.stack([columns, rows]) / (SIGMA_XY * scale)
    return np.concatenate([position, picture / SIGMA_RGB]).reshape(5, -1).T


class Energy(torch.autograd.Function):
    """The energy at one resolution, with the published gradient."""

    @staticmethod
    def forward(context, segmentation, pictures, region, unlabelled, scale):
        batch, classes, height, width = segmentation.shape
        gate = region - segmentation.amax(dim=1)
        gate[unlabelled] = 1
        gate[gate < 0] = 0
        inside = segmentation * region[:, None]
        affinity = torch.zeros_like(segmentation)
        for index in range(batch):
            features = picture_features(pictures[index].numpy(), scale)
            filtered = all_pairs(features, inside[index].reshape(classes, -1).T.numpy())
            affinity[index] = torch.from_numpy(filtered).T.reshape(classes, height, width) * gate[index]
        context.save_for_backward(affinity, region)
        return -(inside * affinity).sum() / batch

    @staticmethod
    def backward(context, gradient):
        affinity, region = context.saved_tensors
        return -2 * gradient * affinity / len(affinity) * region[:, None], None, None, None, None


def dense_energy(probabilities, pictures, labels, boxes, scale):
    """Loss of `probabilities` [B, K, h, w] for `pictures` [B, 3, H, W], `labels` [B, H, W] and their crop boxes."""
    size = [int(side * scale) for side in pictures.shape[2:]]
    region = torch.zeros(labels.shape, dtype=torch.float64)
    for its_region, (top, bottom, left, right) in zip(region, boxes, strict=True):
        its_region[top:bottom, left:right] = 1
    small = F.interpolate(probabilities, size=size, mode="bilinear", align_corners=False)
    region = F.interpolate(region[:, None], size=size)[:, 0]
    unlabelled = F.interpolate(labels[:, None].double(), size=size)[:, 0] == IGNORE
    pictures = F.interpolate(pictures, size=size)
    return WEIGHT * Energy.apply(small, pictures, region, unlabelled, scale)


def make_pictures(generator, batch, height, width):
    """Two flat objects on a slope, with noise: [B, 3, H, W] in 0..255."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    colours = torch.rand(batch, 2, 3, 1, 1, generator=generator) * 160 + 40
    split = (columns + rows > width * 0.7)[None, None]
    pictures = torch.where(split, colours[:, 0], colours[:, 1]) + 2.0 * rows
    return (pictures + 8 * torch.randn(batch, 3, height, width, generator=generator)).clamp(0, 255)


def gradients(logits, arguments):
    """Loss, and its gradients with respect to the probabilities and the logits."""
    logits = logits.double().requires_grad_()
    probabilities = logits.softmax(dim=1)
    probabilities.retain_grad()
    loss = dense_energy(probabilities, *arguments)
    loss.backward()
    return loss.reshape(1), probabilities.grad, logits.grad


def check_closed_form(pictures, logits) -> None:
    """Where the gate is 1 everywhere, the published gradient is the derivative."""
    probabilities = logits[:1].double().softmax(dim=1).requires_grad_()
    labels = torch.full((1, *pictures.shape[2:]), IGNORE)
    box = [[0, pictures.shape[2], 0, pictures.shape[3]]]
    dense_energy(probabilities, pictures[:1].double(), labels, box, 1.0).backward()
    features = picture_features(pictures[0].double().numpy(), 1.0)
    kernel = torch.from_numpy(all_pairs(features, np.eye(len(features))))
    leaf = probabilities.detach().requires_grad_()
    flat = leaf.reshape(CLASSES, -1)
    (-WEIGHT * torch.einsum("ki,ij,kj->", flat, kernel, flat)).backward()
    torch.testing.assert_close(probabilities.grad, leaf.grad)


def make_energy_fixture(path) -> None:
    generator = torch.Generator().manual_seed(47)
    height, width = 12, 16
    pictures = make_pictures(generator, 2, height, width)
    logits = 2 * torch.randn(2, CLASSES, height, width, generator=generator)
    coarse = 2 * torch.randn(2, CLASSES, 4, 5, generator=generator)
    check_closed_form(pictures, logits)
    labels = torch.randint(0, CLASSES, (2, height, width), generator=generator)
    labels[0, 3:9, 5:12] = IGNORE
    labels[1, :, 9:] = IGNORE
    whole, inner, empty = [0, height, 0, width], [1, 9, 3, 15], [0, 0, 0, 0]
    ignored = torch.full_like(labels, IGNORE)
    odd = torch.randint(0, CLASSES, (1, 11, 13), generator=generator) * 127 + 1
    odd_pictures = make_pictures(generator, 1, 11, 13)
    odd_logits = torch.randn(1, CLASSES, 11, 13, generator=generator)
    cases = {
        "ordinary": (logits, pictures, labels, [whole, inner], 0.5),
        "full_size": (logits, pictures, labels, [inner, whole], 1.0),
        "coarse": (coarse, pictures, labels, [whole, inner], 0.5),
        "ignored": (coarse, pictures, ignored, [inner, whole], 0.5),
        "one_empty": (coarse, pictures, labels, [whole, empty], 0.5),
        "empty": (coarse, pictures, labels, [empty, empty], 0.5),
        "odd": (odd_logits, odd_pictures, odd, [[0, 11, 2, 13]], 0.5),
    }
    stored, scales = {"even.pixels": pictures, "odd.pixels": odd_pictures}, {}
    stored |= {"fine.logits": logits, "coarse.logits": coarse, "odd.logits": odd_logits}
    inputs = {id(logits): "fine", id(coarse): "coarse", id(odd_logits): "odd"}
    for name, (its_logits, its_pictures, its_labels, boxes, scale) in cases.items():
        arguments = (its_pictures.double(), its_labels, boxes, scale)
        loss, of_probabilities, of_logits = gradients(its_logits, arguments)
        stored |= {
            f"{name}.labels": its_labels,
            f"{name}.loss": loss,
            f"{name}.gradient": of_probabilities,
            f"{name}.logit_gradient": of_logits,
        }
        scales[name] = {
            "scale": scale,
            "boxes": boxes,
            "logits": inputs[id(its_logits)],
            "pixels": "odd" if name == "odd" else "even",
        }

    for dim, count, channels, spread in ((5, 60, 9, 1.2), (2, 60, 3, 2.0)):
        features = spread * torch.randn(count, dim, generator=generator)
        values = torch.randn(count, channels, generator=generator)
        filtered = lattice(features.double().numpy(), values.double().numpy())
        stored |= {
            f"lattice{dim}.features": features,
            f"lattice{dim}.values": values,
            f"lattice{dim}.filtered": torch.from_numpy(filtered),
        }
    save_file(single(stored), path, metadata={"cases": json.dumps(scales)})
