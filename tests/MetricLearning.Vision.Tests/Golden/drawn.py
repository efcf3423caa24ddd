"""Writes drawn.txt: what Pillow makes of noise with drawn sizes and parameters, as the first 16 hex digits of the SHA-256 of the RGB bytes.

python3 drawn.py > drawn.txt        (Pillow 9.4, NumPy 1.24; the matrices are those of torchvision's functional.py, that of perspective exact)
"""
import hashlib
import math
import random
from fractions import Fraction

import numpy as np
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS, "box": Image.BOX,
           "hamming": Image.HAMMING, "nearest": Image.NEAREST}
HOW = ("nearest", "bilinear", "bicubic")
FILL = (128, 128, 128)


def noise(width, height, seed):
    x, y, c = np.meshgrid(np.arange(width, dtype=np.uint32), np.arange(height, dtype=np.uint32),
                          np.arange(3, dtype=np.uint32), indexing="xy")
    h = x * np.uint32(73856093) ^ y * np.uint32(19349663) ^ (c + np.uint32(1)) * np.uint32(83492791) ^ np.uint32(seed * 2654435761 % 2**32)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    return Image.fromarray((h & np.uint32(255)).astype(np.uint8), "RGB")


def affine(width, height, angle, translate, scale, shear):
    rot, sx, sy = (math.radians(value) for value in (angle, *shear))
    (cx, cy), (tx, ty) = (width * 0.5, height * 0.5), translate
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    m = [value / scale for value in (d, -b, 0.0, -c, a, 0.0)]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty)
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty)
    m[2] += cx
    m[5] += cy
    return m


def perspective(start, end):
    """The exact solution, rounded to float32."""
    rows = []
    for (x, y), (u, v) in zip(end, start):
        rows.append([Fraction(n) for n in (x, y, 1, 0, 0, 0, -u * x, -u * y, u)])
        rows.append([Fraction(n) for n in (0, 0, 0, x, y, 1, -v * x, -v * y, v)])
    for k in range(8):
        pivot = next(i for i in range(k, 8) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [n / rows[k][k] for n in rows[k]]
        for i in range(8):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k])]
    return [float(np.float32(float(row[8]))) for row in rows]


def show(values, image):
    print(*values, hashlib.sha256(image.tobytes()).hexdigest()[:16])


draw = random.Random(1)
for seed in range(300):
    width, height, wide, tall = (draw.randint(1, 60) for _ in range(4))
    name = draw.choice(list(FILTERS))
    show(("resize", width, height, seed, name, wide, tall), noise(width, height, seed).resize((wide, tall), FILTERS[name]))
for seed in range(300):
    width, height = draw.randint(1, 64), draw.randint(1, 64)
    if seed % 30 == 0:
        height = width
    angle = draw.choice([0, 90, 180, 270, 360, -90, -180, 450]) if seed % 15 == 0 else draw.uniform(-180, 180) if seed % 3 else draw.uniform(-900, 900)
    how = draw.choice(HOW)
    image = noise(width, height, seed).rotate(angle, FILTERS[how], fillcolor=FILL)
    show(("rotate", width, height, seed, how, repr(float(angle))), image)
for seed in range(200):
    width, height = draw.randint(1, 64), draw.randint(1, 64)
    how, angle, scale = draw.choice(HOW), draw.uniform(-180, 180), draw.uniform(0.3, 2.5)
    shift = draw.randint(-9, 9), draw.randint(-9, 9)
    shear = draw.uniform(-40, 40), draw.choice([0.0, draw.uniform(-40, 40)])
    image = noise(width, height, seed).transform(
        (width, height), Image.AFFINE, affine(width, height, angle, shift, scale, shear), FILTERS[how], fillcolor=FILL)
    show(("affine", width, height, seed, how, repr(angle), *shift, repr(scale), *map(repr, shear)), image)
for seed in range(225):
    width, height = draw.randint(4, 64), draw.randint(4, 64)
    how, share = draw.choice(HOW), draw.uniform(0.1, 0.9)
    right, bottom = width - 1, height - 1
    dx, dy = int(share * (width // 2)), int(share * (height // 2))
    start = [(0, 0), (right, 0), (right, bottom), (0, bottom)]
    end = [(draw.randint(0, dx), draw.randint(0, dy)), (right - draw.randint(0, dx), draw.randint(0, dy)),
           (right - draw.randint(0, dx), bottom - draw.randint(0, dy)), (draw.randint(0, dx), bottom - draw.randint(0, dy))]
    image = noise(width, height, seed).transform(
        (width, height), Image.PERSPECTIVE, perspective(start, end), FILTERS[how], fillcolor=FILL)
    show(("perspective", width, height, seed, how, *(side for corner in end for side in corner)), image)
