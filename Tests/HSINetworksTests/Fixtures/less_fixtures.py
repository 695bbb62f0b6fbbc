"""Copies the reference values of LESS ViT without what the tests do not read: results of single precision where there are those of
double precision, which are rounded to single; gradients that are zero throughout.

    python less_fixtures.py FOLDER_OF_THE_REFERENCE NAMES…

head_conv_eval has the weights of head_conv_train, which alone keeps them.
"""
import array
import json
import struct
import sys


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    return metadata, {k: (v, data[slice(*v["data_offsets"])]) for k, v in header.items()}


for name in sys.argv[2:]:
    metadata, tensors = read(f"{sys.argv[1]}/{name}.safetensors")
    kept = {k: t for k, t in sorted(tensors.items())
            if not (k.startswith("out.") and "out64." + k[4:] in tensors)
            and not (k.startswith("w.") and name == "head_conv_eval")
            and not (k.startswith("g.") and not any(array.array("f", t[1])))}
    header, data = {"__metadata__": metadata}, b""
    for k, (v, b) in kept.items():
        if k.startswith("out64."):
            b, v = array.array("f", array.array("d", b)).tobytes(), v | {"dtype": "F32"}
        header[k] = {"dtype": v["dtype"], "shape": v["shape"], "data_offsets": [len(data), len(data) + len(b)]}
        data += b
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(f"less_{name}.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
