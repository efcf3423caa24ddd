"""Writes pillow.txt: what Pillow makes of two computed pictures, as the first 32 hex digits of the SHA-256 of the RGB bytes.

python3 pillow.py > pillow.txt        (Pillow 9.4; with a folder as argument the bytes themselves go there)
"""
import hashlib
import sys

from PIL import Image, ImageEnhance, ImageOps


def drawn(width, height, value):
    data = bytes(value(x, y, c) for y in range(height) for x in range(width) for c in range(3))
    return Image.frombytes("RGB", (width, height), data)


waves = drawn(45, 31, lambda x, y, c: (x * (5 + 2 * c) + y * (11 - 3 * c) + (x * x + 3 * y * y * (c + 1)) % 97) % 256)
colors = drawn(52 * 52, 52, lambda x, y, c: (x % 52, x // 52, y)[c] * 5)


def hue(image, turn):
    h, s, v = image.convert("HSV").split()
    add = int(turn * 255) % 256
    return Image.merge("HSV", (h.point(lambda x: (x + add) % 256), s, v)).convert("RGB")


def gray(image):
    return Image.merge("RGB", [image.convert("L")] * 3)


def warp(image, kind, matrix, how, fill):
    return image.transform(image.size, kind, matrix, how, fillcolor=fill)


HOW = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
cases = {}
for name, image in (("waves", waves), ("colors", colors)):
    for factor in (0, 0.1, 0.55, 1, 1.3, 1.9):
        cases[f"{name} brightness {factor}"] = ImageEnhance.Brightness(image).enhance(factor)
        cases[f"{name} contrast {factor}"] = ImageEnhance.Contrast(image).enhance(factor)
        cases[f"{name} saturation {factor}"] = ImageEnhance.Color(image).enhance(factor)
        cases[f"{name} sharpness {factor}"] = ImageEnhance.Sharpness(image).enhance(factor)
    for turn in (-0.5, -0.1, 0, 0.07, 0.5):
        cases[f"{name} hue {turn}"] = hue(image, turn)
    for bits in (1, 4, 7, 8):
        cases[f"{name} posterize {bits}"] = ImageOps.posterize(image, bits)
    for threshold in (0, 28.33, 128, 256):
        cases[f"{name} solarize {threshold}"] = ImageOps.solarize(image, threshold)
    cases[f"{name} invert 0"] = ImageOps.invert(image)
    cases[f"{name} equalize 0"] = ImageOps.equalize(image)
    cases[f"{name} autocontrast 0"] = ImageOps.autocontrast(image)
    cases[f"{name} gray 0"] = gray(image)
cases["waves dim autocontrast 0"] = ImageOps.autocontrast(ImageEnhance.Contrast(waves).enhance(0.4))
cases["waves dim equalize 0"] = ImageOps.equalize(ImageEnhance.Contrast(waves).enhance(0.4))
for how, value in HOW.items():
    for angle in (-30, -7.5, 0, 13, 90, 180):
        cases[f"waves rotate {how} {angle}"] = waves.rotate(angle, value, fillcolor=(128, 128, 128))
    for shear in (-0.3, 0.1666):
        cases[f"waves shearx {how} {shear}"] = warp(waves, Image.AFFINE, (1, shear, 0, 0, 1, 0), value, (1, 2, 3))
        cases[f"waves sheary {how} {shear}"] = warp(waves, Image.AFFINE, (1, 0, 0, shear, 1, 0), value, (1, 2, 3))
    for shift in (-9, 3.7):
        cases[f"waves translatex {how} {shift}"] = warp(waves, Image.AFFINE, (1, 0, shift, 0, 1, 0), value, (1, 2, 3))
        cases[f"waves translatey {how} {shift}"] = warp(waves, Image.AFFINE, (1, 0, 0, 0, 1, shift), value, (1, 2, 3))
    cases[f"waves affine {how} 0"] = warp(waves, Image.AFFINE, (0.83, -0.21, 3.25, 0.17, 1.12, -4.5), value, (1, 2, 3))
    cases[f"waves scale {how} 0"] = warp(waves, Image.AFFINE, (0.8, 0, 4.5, 0, 1.25, -3.875), value, (1, 2, 3))
    cases[f"waves perspective {how} 0"] = warp(
        waves, Image.PERSPECTIVE, (1.1, 0.07, -3.0, -0.05, 1.2, -1.5, 0.002, 0.004), value, (1, 2, 3))
for name, image in cases.items():
    if len(sys.argv) > 1:
        open(f"{sys.argv[1]}/{name}.rgb", "wb").write(image.tobytes())
    print(name, hashlib.sha256(image.tobytes()).hexdigest()[:32])
