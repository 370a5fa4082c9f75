"""Fixtures of the attention affinity: the mean attention between patches, and CAMs spread along it.

Independent of the Rust side: the walk is a sum over patches, one by one. The weights and the picture are those of the
fixture `cam`, the picture cut to a smaller size.
"""

import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from cam import encode, model_and_images, multi_scale_cams, normalised
from vit import double, single

SIZE = (16, 24)
WALKS = {
    "all": {"blocks": [0, 1, 2], "power": 2},
    "last": {"blocks": [2], "power": 1},
    # Not the tapped block of the auxiliary tokens, and in another order.
    "outer": {"blocks": [2, 0], "power": 2},
    "standing": {"blocks": [1], "power": 0},
}
LABELS = [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]]


def affinity(attention, blocks):
    """How much each patch attends to each other one, [B, N, N]: mean over heads and blocks, rows summing to 1."""
    heads = [head for block in blocks for head in attention[block].unbind(dim=1)]
    between = sum(heads)[:, 1:, 1:] / len(heads)
    return torch.stack([torch.stack([row / row.sum() for row in picture]) for picture in between])


def walk(cam, transitions, power):
    """The positive part of a CAM [B, C, h, w], each patch `power` times replaced by the mean of what it attends to."""
    maps = cam.clamp(min=0).flatten(2)
    for _ in range(power):
        steps = [(maps * transitions[:, None, patch]).sum(dim=2) for patch in range(maps.shape[2])]
        maps = torch.stack(steps, dim=2)
    return maps.reshape(cam.shape)


def make_affinity_fixture(path) -> None:
    weights, classifiers, images = model_and_images()
    images = images[:, :, : SIZE[0], : SIZE[1]]
    weights, images = double(weights), images.double()
    classifiers = [classifier.double() for classifier in classifiers]
    labels = torch.tensor(LABELS)
    attention = []
    patch_tokens, block_tokens, grid = encode(weights, images, attention=attention)
    stored = {"labels": labels}
    for name, chosen in WALKS.items():
        blocks, power = chosen["blocks"], chosen["power"]

        def spread(cam, of_blocks):
            return walk(cam, affinity(of_blocks, blocks), power)

        cam, auxiliary_cam = multi_scale_cams(weights, classifiers, images, spread)
        # Of one view, on the grid of patches.
        scores = F.conv2d(block_tokens.transpose(1, 2).unflatten(2, grid), classifiers[1][:, :, None, None])
        patch_cam = normalised(spread(scores, attention)) * labels[:, :, None, None]
        stored |= {
            f"{name}.affinity": affinity(attention, blocks),
            f"{name}.cam": cam[:1],
            f"{name}.auxiliary_cam": auxiliary_cam[1:],
            f"{name}.patch_cam": patch_cam,
        }
    metadata = {"walks": json.dumps(WALKS), "size": json.dumps(SIZE)}
    save_file(single(stored), path, metadata=metadata)
