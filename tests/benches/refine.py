"""Times refinement in Rust and in plain PyTorch in turns: python tests/benches/refine.py [ROUNDS]

Batch of 4 at 224 x 224, two threads each. The PyTorch form is the usual one: neighbours by replicate padding and a
dilated convolution with one-hot kernels, all of them in one tensor [B, K, 48, H, W], multiplied and summed.
"""

import os
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

BATCH, SIDE, THREADS = 4, 224, 2
DILATIONS, ITERATIONS, W1, W2 = [1, 2, 4, 8, 12, 24], 10, 0.3, 0.01
KERNEL = torch.zeros(8, 1, 3, 3)
for index, place in enumerate([0, 1, 2, 3, 5, 6, 7, 8]):
    KERNEL[index, 0, place // 3, place % 3] = 1


def gather(maps):
    batch, channels, height, width = maps.shape
    maps = maps.reshape(batch * channels, 1, height, width)
    found = [F.conv2d(F.pad(maps, [d] * 4, mode="replicate"), KERNEL, dilation=d) for d in DILATIONS]
    return torch.cat(found, dim=1).reshape(batch, channels, -1, height, width)


@torch.no_grad()
def refine(pixels, maps):
    values = gather(pixels)
    colour = -(((values - pixels.unsqueeze(2)).abs() / (values.std(dim=2, keepdim=True) + 1e-8) / W1) ** 2)
    distances = torch.tensor([d * (2**0.5 if corner else 1) for d in DILATIONS for corner in (1, 0, 1, 0, 0, 1, 0, 1)])
    position = -((distances / (distances.std() + 1e-8) / W1) ** 2)
    weights = colour.mean(dim=1, keepdim=True).softmax(dim=2) + W2 * position.softmax(dim=0).reshape(1, 1, -1, 1, 1)
    for _ in range(ITERATIONS):
        maps = (gather(maps) * weights).sum(dim=2)
    return maps


def planes(channels, steps):
    plane = torch.arange(BATCH * channels).reshape(BATCH, channels, 1, 1)
    row, column = torch.arange(SIDE).reshape(-1, 1), torch.arange(SIDE)
    values = (row * row + 3 * column * column + 7 * row * column) // 64 + 31 * plane
    return (values % steps) / (steps - 1)


def main() -> None:
    torch.set_num_threads(THREADS)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    command = ["cargo", "test", "--quiet", "--workspace", "--bench", "refine"]
    environment = os.environ | {"RAYON_NUM_THREADS": str(THREADS)}
    rust = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    pixels = planes(3, 256)
    for channels in (21, 3):
        maps, times = planes(channels, 1000), []
        for _ in range(rounds):
            rust.stdin.write(f"{channels}\n")
            rust.stdin.flush()
            seconds, rust_sum = map(float, rust.stdout.readline().split())
            start = time.perf_counter()
            refined = refine(pixels, maps)
            times.append((seconds, time.perf_counter() - start))
            torch_sum = float(refined.double().sum())
            assert abs(rust_sum - torch_sum) < 1e-5 * torch_sum, (rust_sum, torch_sum)
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(theirs / ours for ours, theirs in times)
        print(f"{channels} maps: Rust {ours:.3f} s, PyTorch {theirs:.3f} s, ratio {ratio:.1f}", flush=True)
    rust.stdin.close()
    rust.wait()


if __name__ == "__main__":
    main()
