"""Values of the PyPI package mesma 1.0.8 (Crabbé et al., KU Leuven), for MESMATests: python mesma_reference.py

Cases: levels 2-3 with its defaults; levels 2-4 with a lower threshold; a spectrum of shade; the constraint on residuals.
"""
import json
import struct
import numpy as np
from mesma.core.mesma import MesmaCore, MesmaModels

L, N = 30, 240
rng = np.random.default_rng(15)
x = np.linspace(0, 1, L)


def spectrum():
    s = rng.uniform(0.1, 0.35) + 0.1 * x * rng.normal()
    for _ in range(3):
        s = s + rng.uniform(-0.12, 0.3) * np.exp(-0.5 * ((x - rng.uniform()) / rng.uniform(0.05, 0.25)) ** 2)
    return np.clip(s, 0.01, 0.9)


sizes, library, classes = [4, 3, 5], [], []
for c, size in enumerate(sizes):
    base = spectrum()
    for _ in range(size):
        library.append(np.clip(base * rng.uniform(0.7, 1.3) + 0.04 * np.sin(6 * x * rng.uniform(0.5, 2) + rng.normal()), 0.01, 0.95))
        classes.append("abc"[c])
order = rng.permutation(len(library))  # the classes mixed up, as in a file
library, classes = np.array(library)[order].astype(np.float32), np.array(classes)[order]
shade = (0.02 + 0.01 * x).astype(np.float32)

Y = np.zeros((L, N))
for n in range(N):
    k = rng.integers(1, 4)
    members = [rng.choice(np.where(classes == c)[0]) for c in rng.permutation(list("abc"))[:k]]
    a = rng.dirichlet(np.ones(k + 1))[:k]
    Y[:, n] = a @ library[members].astype(float) + rng.normal(0, 0.004 if n % 3 else 0.0005, L)
    if n % 17 == 0:
        Y[:, n] += 0.08 * np.sin(40 * x)  # nothing explains it
    if n % 23 == 0:
        Y[8:14, n] += 0.05  # a feature that no spectrum has
Y = np.clip(Y, 0.001, 0.99).astype(np.float32)


def run(levels, constraints, fusion, shade=None):
    models = MesmaModels()
    models.setup(classes)
    for level in levels:
        models.select_level(state=True, level=level)
        for i in range(3):
            models.select_class(state=True, index=i, level=level)
    best, fractions, rmse, _ = MesmaCore().execute(
        Y[:, None, :].copy(), library.T.copy(), models.return_look_up_table(), models.em_per_class, constraints=constraints,
        fusion_value=fusion, shade_spectrum=None if shade is None else shade[:, None], log=lambda *a, **k: None)
    return best[:, 0, :], fractions[:, 0, :], rmse[0]


off = (-9999, -9999)
plain = (-0.05, 1.05, 0.0, 0.8, 0.025)
out = {"Y": Y, "library": library, "shade": shade[None], "classes": np.array([["abc".index(c) for c in classes]])}
cases = {
    "default": ([2, 3], plain + off, 0.007, None),
    "deep": ([2, 3, 4], plain + off, 0.0005, None),
    "shade": ([2, 3], (0.0, 1.0, 0.0, 1.0, 0.02) + off, 0.003, shade),
    "residual": ([2, 3], plain + (0.02, 4), 0.007, None),
}
for name, (levels, constraints, fusion, s) in cases.items():
    best, fractions, rmse = run(levels, constraints, fusion, s)
    out[name + ".models"], out[name + ".fractions"], out[name + ".rmse"] = best, fractions, rmse[None]
    used = (best >= 0).sum(0)
    print(name, "unmodelled", int((used == 0).sum()), "by level", [int((used == k).sum()) for k in (1, 2, 3)])

header, blob = {}, b""
for name, value in out.items():
    data = np.ascontiguousarray(value, dtype=np.float64).tobytes()
    header[name] = {"dtype": "F64", "shape": list(np.shape(value)), "data_offsets": [len(blob), len(blob) + len(data)]}
    blob += data
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("mesma.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + blob)
