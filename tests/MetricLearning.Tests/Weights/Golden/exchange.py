"""Reads ours.pth and ours.safetensors of a folder, prints what is in them, and writes theirs.pth, legacy.pth and theirs.safetensors.

python3 exchange.py FOLDER        (PyTorch with weights_only, 1.13 or later; safetensors by its specification, without the package)
"""
import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

folder = Path(sys.argv[1])
TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "I32": torch.int32,
         "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}
NAMES = {value: key for key, value in TYPES.items()}


def content(tensor):
    tensor = tensor.detach().contiguous()
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy().tobytes()


def show(file, tensors):
    for name, tensor in sorted(tensors.items()):
        print(file, name, NAMES[tensor.dtype], ",".join(map(str, tensor.shape)), hashlib.sha256(content(tensor)).hexdigest()[:16])


def read(path):
    data = path.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length].decode("utf-8"))
    assert data[8:9] == b"{" and header.pop("__metadata__") == {"format": "pt"}
    body, end, result = data[8 + length:], 0, {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, stop = entry["data_offsets"]
        assert start == end and set(entry) == {"dtype", "shape", "data_offsets"}
        end, kind = stop, TYPES[entry["dtype"]]
        numbers = torch.from_numpy(np.frombuffer(body[start:stop], np.uint8).copy())
        result[name] = (numbers.view(kind) if stop > start else torch.empty(0, dtype=kind)).reshape(entry["shape"])
    assert end == len(body)
    return result


def write(path, tensors):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        start, body = len(body), body + content(tensor)
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, len(body)]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


state = torch.load(folder / "ours.pth", weights_only=True)
show("ours.pth", state)
show("ours.safetensors", read(folder / "ours.safetensors"))
torch.save({"epoch": 3, "state_dict": state}, folder / "theirs.pth")
torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
write(folder / "theirs.safetensors", {name: tensor for name, tensor in reversed(state.items())})
