"""Fixtures of the dense conditional random field, in float64.

Independent of the Rust side: both kernels are full matrices over all pairs of pixels, normalised on both sides, and the
mean field is written with them. Definitions are those of "Efficient inference in fully connected CRFs with Gaussian edge
potentials" (NIPS 2011); the constants are those published with ToCo (CVPR 2023).
"""

import json

import numpy as np
from safetensors.numpy import save_file

FLOOR = 1e-5
REFERENCE = {
    "iterations": 10,
    "position_weight": 1.0,
    "position_sigma": 1.0,
    "bilateral_weight": 4.0,
    "bilateral_sigma_xy": 121.0,
    "bilateral_sigma_rgb": 5.0,
}
# Other values of everything: constants in the wrong place would show.
OTHER = {
    "iterations": 3,
    "position_weight": 3.0,
    "position_sigma": 2.5,
    "bilateral_weight": 0.7,
    "bilateral_sigma_xy": 6.0,
    "bilateral_sigma_rgb": 40.0,
}


def kernel(features):
    """Gaussian over all pairs of `features` [N, D], divided by the square roots of both rows' sums: [N, N]."""
    distance = ((features[:, None] - features[None]) ** 2).sum(axis=2)
    gaussian = np.exp(-distance / 2)
    root = np.sqrt(gaussian.sum(axis=1))
    return gaussian / np.outer(root, root)


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=0))
    return powers / powers.sum(axis=0)


def mean_field(probabilities, rgb, values):
    """Marginals [L, H, W] of `probabilities` [L, H, W] for the picture `rgb` [H, W, 3]."""
    labels, height, width = probabilities.shape
    rows, columns = np.mgrid[:height, :width].reshape(2, -1).astype(float)
    position = np.stack([columns, rows], axis=1)
    colour = rgb.reshape(-1, 3).astype(float)
    bilateral = np.hstack([position / values["bilateral_sigma_xy"], colour / values["bilateral_sigma_rgb"]])
    kernels = values["position_weight"] * kernel(position / values["position_sigma"])
    kernels = kernels + values["bilateral_weight"] * kernel(bilateral)
    unary = np.log(np.maximum(probabilities.reshape(labels, -1).astype(float), FLOOR))
    marginals = softmax(unary)
    for _ in range(values["iterations"]):
        marginals = softmax(unary + marginals @ kernels)
    return marginals.reshape(labels, height, width)


def make_scene(generator, labels, height, width):
    """Flat colours with noise, and probabilities whose borders are a few pixels off: [L, H, W] and [H, W, 3]."""
    rows, columns = np.mgrid[:height, :width]
    truth = np.minimum((columns + rows) * labels // (height + width - 1), labels - 1)
    colours = generator.uniform(40, 215, (labels, 3))
    rgb = np.clip(colours[truth] + generator.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)
    shifted = np.roll(truth, 2, axis=1)
    scores = 2.0 * (np.arange(labels)[:, None, None] == shifted) + generator.normal(0, 0.7, (labels, height, width))
    return softmax(scores).astype(np.float32), rgb


def make_crf_fixture(path) -> None:
    generator = np.random.default_rng(53)
    stored, cases = {}, {}
    for name, labels, height, width, values in (
        ("reference", 3, 14, 18, REFERENCE),
        ("other", 2, 9, 13, OTHER),
        ("many_labels", 11, 8, 10, REFERENCE),
        ("one_pixel", 3, 1, 1, REFERENCE),
    ):
        probabilities, rgb = make_scene(generator, labels, height, width)
        refined = mean_field(probabilities, rgb, values)
        assert np.abs(refined - probabilities).max() > 0.2, "a field that changes nothing tests nothing"
        stored |= {
            f"{name}.probabilities": probabilities,
            f"{name}.rgb": rgb.astype(np.float32),
            f"{name}.refined": refined.astype(np.float32),
        }
        cases[name] = values
    save_file(stored, path, metadata={"cases": json.dumps(cases)})
