"""What the network says of a picture, in float64 and by the functions of tests/reference."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from shipped_model import ShippedModel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "reference"))
from alignment import cosines, unit_texts  # noqa: E402
from cam import classify, normalised  # noqa: E402
from head import head  # noqa: E402
from vit import Shape, double, forward  # noqa: E402


def reference(model: ShippedModel, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """The graph's outputs by name, of a normalised picture [1, 3, H, W]."""
    architecture, weights = model.manifest["architecture"], double(model.weights)
    encoder = architecture["encoder"]
    shape = Shape(
        patch=encoder["patch_size"],
        dim=encoder["dim"],
        heads=encoder["heads"],
        depth=encoder["depth"],
        grid=encoder["pretrained_grid"],
        epsilon=encoder["norm_epsilon"],
    )

    def part(prefix):
        return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}

    image = image.double()
    both, kernel = torch.cat([image, image.flip(-1)]), encoder["position_kernel"]
    outputs = forward(part("encoder."), "timm", shape, both, kernel, architecture["auxiliary_block"])
    tokens, grid = outputs["patch_tokens"], [side // shape.patch for side in image.shape[2:]]

    def full_size(maps):
        return F.interpolate(maps, image.shape[2:], mode="bilinear", align_corners=False)

    def mean(maps):
        return torch.stack([maps[0], maps[1].flip(-1)]).mean(dim=0, keepdim=True)

    def cam(tokens, classifier):
        maps = tokens.transpose(1, 2).unflatten(2, grid)
        maps = full_size(F.conv2d(maps, weights[f"{classifier}.linear.weight"][:, :, None, None]))
        return normalised(F.relu(torch.stack([maps[0], maps[1].flip(-1)]).amax(dim=0, keepdim=True)))

    labels = full_size(mean(head(tokens, part("head."), grid, architecture["head"]["dilation"])))
    auxiliary_cam = cam(outputs["block_tokens"], "auxiliary_classifier")
    # Of the two, so that it is the share of a class where only it and the background may be.
    pairs = torch.stack(torch.broadcast_tensors(labels[:, 1:], labels[:, :1]))
    segmentation = pairs.softmax(dim=0)[0]
    texts = unit_texts(weights["alignment.text"], None)
    similarity = cosines(tokens, weights["alignment.image_projection.weight"], texts)
    named = {
        "cam": cam(tokens, "classifier"),
        "auxiliary_cam": auxiliary_cam,
        "segmentation": segmentation,
        "fused": torch.lerp(segmentation, auxiliary_cam, 0.7),
        "similarity": mean(similarity.transpose(1, 2).unflatten(2, grid)),
        "logits": classify(tokens, grid, weights["classifier.linear.weight"]).mean(dim=0, keepdim=True),
    }
    own = model.manifest["input"]["map"]
    return named | {own: named[own].pow(model.exponents().double())}
