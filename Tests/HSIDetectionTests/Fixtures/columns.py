"""Reference scores of detectors with a background for every group of columns, in double precision with NumPy alone. Writes
columns.json, which the tests read.

    python columns.py
"""

import json

import numpy as np

rng = np.random.default_rng(11)
lines, samples, bands, width = 30, 7, 5, 3
groups = [range(0, 3), range(3, 7)]
mix = rng.normal(size=(bands, bands)) * 0.2 + np.eye(bands)
cube = rng.normal(size=(lines, samples, bands)) @ mix * 0.03 + np.linspace(0.3, 0.6, bands)
cube += rng.normal(size=(1, samples, bands)) * 0.05
targets = np.stack([np.linspace(0.8, 0.2, bands), 0.4 + 0.3 * np.sin(np.arange(bands))])
cube[4, 1] = 0.5 * cube[4, 1] + 0.5 * targets[0]
cube[20, 5] = 0.6 * cube[20, 5] + 0.4 * targets[1]
cube = cube.astype(np.float32).astype(np.float64)
# Some places hold no data.
valid = np.ones((lines, samples), bool)
valid[7, 2:5] = False
valid[25:, 6] = False
scores = {name: np.full((lines, samples, size), np.nan) for name, size in
          {"mf": 2, "ace": 2, "amf": 2, "glrt": 2, "cem": 2, "mtmf": 4, "rx": 1, "rx-shrunk": 1}.items()}


def scored(x, alpha=0.0):
    """Scores of the pixels of a group."""
    count, mean = len(x), x.mean(0)
    d = x - mean
    c = d.T @ d / count
    c = (1 - alpha) * c + alpha * np.diag(np.diag(c))
    inverse = np.linalg.inv(c)
    q = ((d @ inverse) * d).sum(1)
    s = targets - mean
    a, b = d @ inverse @ s.T, np.diag(s @ inverse @ s.T)
    moment = np.linalg.inv(x.T @ x / count)
    noise = np.empty(bands)
    for band in range(bands):
        others = np.delete(d, band, 1)
        noise[band] = np.mean((d[:, band] - others @ np.linalg.lstsq(others, d[:, band], rcond=None)[0]) ** 2)
    values, vectors = np.linalg.eigh(c / np.sqrt(np.outer(noise, noise)))
    z, t = d / np.sqrt(noise) @ vectors, s / np.sqrt(noise) @ vectors
    share = (z / values) @ t.T / (t**2 / values).sum(1)
    part = np.clip(share, 0, 1)[:, :, None]
    spread = (1 - part) * np.sqrt(np.maximum(values, 1)) + part
    strange = np.sqrt((((z[:, None] - share[:, :, None] * t) / spread) ** 2).mean(2))
    return {
        "mf": a / b, "ace": np.sign(a) * a**2 / (b * q[:, None]), "amf": np.sign(a) * a**2 / b,
        "glrt": np.sign(a) * a**2 / (b * (count + q[:, None])),
        "cem": x @ moment @ targets.T / np.diag(targets @ moment @ targets.T),
        "mtmf": np.stack([share, strange], 2).reshape(count, -1), "rx": q[:, None],
    }


for columns in groups:
    mask = np.zeros_like(valid)
    mask[:, columns] = True
    mask &= valid
    for name, found in scored(cube[mask]).items():
        scores[name][mask] = found
# Every column alone, the covariance shrunk towards independent bands.
for column in range(samples):
    mask = np.zeros_like(valid)
    mask[:, column] = True
    mask &= valid
    scores["rx-shrunk"][mask] = scored(cube[mask], 0.3)["rx"]

json.dump(
    {
        "lines": lines, "samples": samples, "bands": bands, "width": width, "shrinkage": 0.3,
        "pixels": cube[valid].reshape(-1).tolist(), "positions": np.flatnonzero(valid.reshape(-1)).tolist(),
        "targets": targets.reshape(-1).tolist(),
        "scores": {name: value[valid].reshape(-1).tolist() for name, value in scores.items()},
    },
    open("columns.json", "w"),
)
