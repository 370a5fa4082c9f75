"""Fixtures of `torch.nn.functional.interpolate`: values, and gradients with respect to the input."""

import itertools
import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

SIZES = [
    ((5, 7), (9, 11)),
    ((3, 3), (14, 10)),
    ((9, 11), (4, 3)),
    ((16, 20), (7, 5)),
    ((6, 8), (11, 3)),
    ((5, 4), (1, 1)),
    ((1, 1), (3, 4)),
    ((4, 6), (4, 9)),
]
# Antialiasing with aligned corners is left out: nothing uses it.
CONVENTIONS = [(False, False), (True, False), (False, True)]


def make_resize_fixture(path) -> None:
    generator = torch.Generator().manual_seed(7)
    stored, cases = {}, []
    for kernel, (align_corners, antialias), (source, target) in itertools.product(
        ("bilinear", "bicubic"), CONVENTIONS, SIZES
    ):
        number = len(cases)
        cases.append(
            {"kernel": kernel, "align_corners": align_corners, "antialias": antialias, "size": list(target)}
        )
        # Rounded to float32 first: both sides must start from the same numbers.
        images = torch.randn(2, 3, *source, generator=generator).double().requires_grad_()
        upstream = torch.randn(2, 3, *target, generator=generator).double()
        output = F.interpolate(images, target, mode=kernel, align_corners=align_corners, antialias=antialias)
        output.backward(upstream)
        stored |= {
            f"{number}.input": images,
            f"{number}.upstream": upstream,
            f"{number}.output": output,
            f"{number}.gradient": images.grad,
        }
    stored = {name: tensor.detach().float().contiguous() for name, tensor in stored.items()}
    save_file(stored, path, metadata={"cases": json.dumps(cases)})
