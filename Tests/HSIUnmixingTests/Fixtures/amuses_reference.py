"""Distances and choices of the PyPI package spectral-libraries 1.1.3 (MUSIC and AMUSES), for AMUSESTests. python amuses_reference.py

Spectra and scene are made here; what the package finds is kept.
"""
import json
import struct
import numpy as np
from spectral_libraries.core.amuses import Amuses

rng = np.random.default_rng(33)
L, x = 30, np.linspace(0, 1, 30)


def smooth():
    s = 0.15 + rng.uniform(0, 0.3) + 0 * x
    for _ in range(3):
        s = s + rng.uniform(-0.1, 0.4) * np.exp(-0.5 * ((x - rng.uniform()) / rng.uniform(0.06, 0.3)) ** 2)
    return np.clip(s, 0.03, 1.2)


bases = [smooth() for _ in range(9)]
library = np.array([np.clip(base * rng.uniform(0.6, 1.3) + spread * np.sin(rng.uniform(2, 6) * x + rng.uniform(0, 6)), 0.01, 1.5)
                    for base in bases for spread in (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.002)]).T
fractions = rng.dirichlet(np.ones(5) * 0.7, 300)
scene = (np.array(bases[:5]).T @ fractions.T * rng.uniform(0.4, 1.2, 300) + rng.normal(0, 0.003, (L, 300))).astype(np.float32).astype(float)
out = {"library": library.T.copy(), "scene": scene}
for name, arguments in {"usual": {}, "few": {"min_eig": 4, "thresholds": (0.002, 0.05), "music_pct": 0.8, "amuses_pct": 0.9}, "many": {"thresholds": (0.0001, 0.003), "amuses_pct": 0.7}}.items():
    found = Amuses().execute(scene.reshape(L, 15, 20, order="F"), library, log=lambda text: None, set_progress=lambda value: None, **arguments)
    out[name + ".nearest"] = found["music_indices"][None].astype(float)
    out[name + ".distances"] = found["music_distances"][None]
    out[name + ".selection"] = found["amuses_indices"][None].astype(float)
    out[name + ".eigenvectors"] = np.array([[float(found["music_eigenvectors"].shape[1])]])
    gaps = np.diff(np.sort(found["music_distances"]))
    print(name, len(found["music_indices"]), len(found["amuses_indices"]), found["music_eigenvectors"].shape, gaps.min())
header, blob = {}, b""
for name, data in out.items():
    data = np.ascontiguousarray(np.real(data), dtype=np.float64)
    header[name] = {"dtype": "F64", "shape": list(data.shape), "data_offsets": [len(blob), len(blob) + data.nbytes]}
    blob += data.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("amuses.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + blob)
