"""Fixtures of classification with CAM: logits, losses and their gradients, multi-scale CAMs, labels from CAMs.

Independent of the Rust side; the order of operations is the one published with ToCo (CVPR 2023), `camutils`: scales
1, 0.5 and 1.5, larger of picture and mirror image, ReLU, sum, min-max normalisation.
"""

import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vit import Shape, double, forward, random_weights, single

SHAPE = Shape(patch=4, dim=16, heads=2, depth=3, grid=3, epsilon=1e-6)
AUXILIARY_BLOCK = 1
CLASSES = 4


def classify(tokens, grid, weight):
    """Logits [B, C]: maximum of each channel over the picture, then a linear layer without bias."""
    feature_map = tokens.transpose(1, 2).unflatten(2, grid)
    pooled = F.adaptive_max_pool2d(feature_map, 1)
    return F.conv2d(pooled, weight[:, :, None, None]).flatten(1)


def encode(weights, images, kernel="bilinear", attention=None):
    outputs = forward(weights, "timm", SHAPE, images, kernel, AUXILIARY_BLOCK, attention)
    grid = (images.shape[2] // SHAPE.patch, images.shape[3] // SHAPE.patch)
    return outputs["patch_tokens"], outputs["block_tokens"], grid


def multi_scale_cams(weights, classifiers, images, spread=None):
    """Final and auxiliary CAM [B, C, H, W] in 0..1; `spread` of a CAM [B, C, h, w] and the blocks' attention."""
    batch, _, height, width = images.shape
    sums = [torch.zeros(batch, CLASSES, height, width, dtype=images.dtype) for _ in classifiers]
    for scale in (1.0, 0.5, 1.5):
        size = (int(height * scale), int(width * scale))
        scaled = F.interpolate(images, size, mode="bilinear", align_corners=False)
        attention = []
        *tokens, grid = encode(weights, torch.cat([scaled, scaled.flip(-1)]), attention=attention)
        for index, (token, classifier) in enumerate(zip(tokens, classifiers, strict=True)):
            cam = F.conv2d(token.transpose(1, 2).unflatten(2, grid), classifier[:, :, None, None])
            if spread is not None:
                cam = spread(cam, attention)
            cam = F.interpolate(cam, (height, width), mode="bilinear", align_corners=False)
            cam = torch.maximum(cam[:batch], cam[batch:].flip(-1))
            sums[index] = sums[index] + F.relu(cam)
    return [normalised(cam) for cam in sums]


def normalised(maps):
    """Maps [B, C, h, w] between the minimum and the maximum of each, 0..1."""
    maps = maps - maps.amin(dim=(2, 3), keepdim=True)
    return maps / (maps.amax(dim=(2, 3), keepdim=True) + 1e-5)


def cam_to_label(cam, background, high=None, low=None, boxes=None):
    """Labels [B, H, W]: 0 background, 1.. classes, 255 neither."""
    value, label = cam.max(dim=1)
    label = label + 1
    label[value <= background] = 0
    if high is not None:
        label[value <= high] = 255
        label[value <= low] = 0
    if boxes is not None:
        inside = torch.zeros_like(label, dtype=torch.bool)
        for index, (top, bottom, left, right) in enumerate(boxes):
            inside[index, top:bottom, left:right] = True
        label[~inside] = 255
    return label


def loss_with_gradients(name, tokens, grid, classifier, labels):
    tokens = tokens.detach().requires_grad_()
    classifier = classifier.detach().requires_grad_()
    logits = classify(tokens, grid, classifier)
    loss = F.multilabel_soft_margin_loss(logits, labels)
    loss.backward()
    return {
        f"{name}.tokens": tokens,
        f"{name}.logits": logits,
        f"{name}.loss": loss.reshape(1),
        f"{name}.gradient.tokens": tokens.grad,
        f"{name}.gradient.weight": classifier.grad,
    }


def model_and_images():
    """Weights of the encoder and of both classifiers, and images [2, 3, 24, 32]."""
    weights = random_weights("timm", SHAPE, seed=21)
    generator = torch.Generator().manual_seed(22)
    classifiers = [torch.randn(CLASSES, SHAPE.dim, generator=generator) * 0.3 for _ in range(2)]
    return weights, classifiers, torch.randn(2, 3, 24, 32, generator=generator)


def make_cam_fixture(path) -> None:
    weights, classifiers, images = model_and_images()
    labels = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    stored = {f"weights.encoder.{name}": tensor for name, tensor in weights.items()}
    stored["weights.classifier.linear.weight"] = classifiers[0]
    stored["weights.auxiliary_classifier.linear.weight"] = classifiers[1]
    stored |= {"images": images, "labels": labels}

    weights, images, labels = double(weights), images.double(), labels.double()
    classifiers = [classifier.double() for classifier in classifiers]
    patch_tokens, block_tokens, grid = encode(weights, images)
    stored |= loss_with_gradients("classifier", patch_tokens, grid, classifiers[0], labels)
    stored |= loss_with_gradients("auxiliary_classifier", block_tokens, grid, classifiers[1], labels)

    cam, auxiliary_cam = multi_scale_cams(weights, classifiers, images)
    valid_cam = cam * labels[:, :, None, None]
    stored |= {"cam": cam, "auxiliary_cam": auxiliary_cam, "valid_cam": valid_cam}

    # Values on the thresholds themselves show which side they belong to; float32, as the other side compares.
    edges = torch.tensor([0.0, 0.25, 0.2500001, 0.45, 0.5, 0.5000001, 0.7, 0.7000001, 1.0])
    edge_cam = torch.stack([edges, edges.flip(0), edges * 0, edges * 0.5]).reshape(1, CLASSES, 3, 3)
    boxes = [[2, 20, 0, 31], [0, 24, 5, 9]]
    for name, values, its_boxes in (
        ("valid", valid_cam.float(), boxes),
        ("edge", edge_cam, [[0, 2, 1, 3]]),
    ):
        stored[f"label.{name}.cam"] = values
        stored[f"label.{name}.plain"] = cam_to_label(values, 0.5)
        stored[f"label.{name}.uncertain"] = cam_to_label(values, 0.5, 0.7, 0.25)
        stored[f"label.{name}.boxed"] = cam_to_label(values, 0.5, boxes=its_boxes)
        stored[f"label.{name}.uncertain_boxed"] = cam_to_label(values, 0.5, 0.7, 0.25, its_boxes)
        stored[f"label.{name}.boxes"] = torch.tensor(its_boxes)
    config = {"encoder": SHAPE.config(), "classes": CLASSES, "auxiliary_block": AUXILIARY_BLOCK}
    save_file(single(stored), path, metadata={"config": json.dumps(config)})
