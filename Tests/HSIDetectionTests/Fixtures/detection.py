"""Reference scores of detectors, in double precision: with the package `spectral` where it has the method, else from the
published formula. Writes detection.json, which the tests read.

    python detection.py
"""

import json

import numpy as np
import spectral

rng = np.random.default_rng(7)
lines, samples, bands = 14, 17, 9
mix = rng.normal(size=(bands, bands)) * 0.2 + np.eye(bands)
cube = (rng.normal(size=(lines, samples, bands)) @ mix * 0.05 + np.linspace(0.3, 0.7, bands)).astype(np.float32)
targets = np.stack([np.linspace(0.9, 0.2, bands), 0.4 + 0.3 * np.sin(np.arange(bands))])
for line, sample, share in [(3, 4, 0.6), (9, 11, 0.3), (12, 2, 0.9)]:
    cube[line, sample] = (1 - share) * cube[line, sample] + share * targets[0]
cube = cube.astype(np.float64)
pixels = cube.reshape(-1, bands)
count = len(pixels)

mean = pixels.mean(0)
covariance = np.cov(pixels, rowvar=False, bias=True)
inverse = np.linalg.inv(covariance)
centred = pixels - mean
distance = np.einsum("ni,ij,nj->n", centred, inverse, centred)
s = targets - mean
a = centred @ inverse @ s.T
b = np.einsum("ki,ij,kj->k", s, inverse, s)
scores = {}

# The package divides by N - 1; ratios do not care.
background = spectral.calc_stats(cube)
scores["mf"] = a / b
for k, target in enumerate(targets):
    assert np.allclose(spectral.matched_filter(cube, target, background).reshape(-1), scores["mf"][:, k], atol=1e-10)
scores["ace"] = np.sign(a) * a**2 / (b * distance[:, None])
for k, target in enumerate(targets):
    assert np.allclose(spectral.ace(cube, target, background=background).reshape(-1), np.abs(scores["ace"][:, k]), atol=1e-10)
scores["rx"] = distance[:, None]
assert np.allclose(spectral.rx(cube, background=background).reshape(-1) * count / (count - 1), distance, rtol=1e-8)
scores["amf"] = np.sign(a) * a**2 / b
scores["glrt"] = np.sign(a) * a**2 / (b * (count + distance[:, None]))
moment = pixels.T @ pixels / count
inverse_moment = np.linalg.inv(moment)
scores["cem"] = (pixels @ inverse_moment @ targets.T) / np.einsum("ki,ij,kj->k", targets, inverse_moment, targets)
values, vectors = np.linalg.eigh(moment)
u = vectors[:, ::-1][:, :3]
p = np.eye(bands) - u @ u.T
scores["osp"] = (pixels @ p @ targets.T) / np.einsum("ki,ij,kj->k", targets, p, targets)
both = np.linalg.qr(np.concatenate([u, targets.T], 1))[0]
rest = np.eye(bands) - both @ both.T
e0 = np.einsum("ni,ij,nj->n", pixels, p, pixels)
e1 = np.einsum("ni,ij,nj->n", pixels, rest, pixels)
scores["msd"] = ((e0 - e1) / e1)[:, None]
cosine = pixels @ targets.T / np.linalg.norm(pixels, axis=1)[:, None] / np.linalg.norm(targets, axis=1)
scores["sam"] = np.arccos(cosine)
assert np.allclose(spectral.spectral_angles(cube, targets).reshape(count, -1), scores["sam"], atol=1e-7)
q = np.maximum(pixels, 0)
q = np.maximum(q / q.sum(1, keepdims=True), 1e-12)
q /= q.sum(1, keepdims=True)
t = targets / targets.sum(1, keepdims=True)
scores["sid"] = ((q[:, None] - t) * (np.log(q)[:, None] - np.log(t))).sum(2)

# Noise of every band by regression on the others, with intercept.
noise = np.empty(bands)
for band in range(bands):
    others = np.delete(centred, band, 1)
    fit = np.linalg.lstsq(others, centred[:, band], rcond=None)[0]
    noise[band] = np.mean((centred[:, band] - others @ fit) ** 2)
white = covariance / np.sqrt(np.outer(noise, noise))
values, vectors = np.linalg.eigh(white)
z = centred / np.sqrt(noise) @ vectors
zt = s / np.sqrt(noise) @ vectors
share = (z / values) @ zt.T / np.einsum("ki,i,ki->k", zt, 1 / values, zt)
clipped = np.clip(share, 0, 1)[:, :, None]
spread = (1 - clipped) * np.sqrt(np.maximum(values, 1)) + clipped
residual = (z[:, None] - share[:, :, None] * zt) / spread
scores["mtmf"] = np.stack([share, np.sqrt((residual**2).mean(2))], 2).reshape(count, -1)


def ring(line, sample, inner, outer):
    rows = []
    for y in range(max(0, line - outer), min(lines, line + outer + 1)):
        for x in range(max(0, sample - outer), min(samples, sample + outer + 1)):
            if abs(y - line) > inner or abs(x - sample) > inner:
                rows.append(cube[y, x])
    return np.array(rows)


local, collaborative = [], []
for line in range(lines):
    for sample in range(samples):
        x = ring(line, sample, 1, 3)
        m = x.mean(0)
        c = np.cov(x, rowvar=False, bias=True)
        c = 0.9 * c + 0.1 * np.diag(np.diag(c))
        d = cube[line, sample] - m
        local.append(d @ np.linalg.solve(c, d))
        y = cube[line, sample]
        gamma = np.sum((x - y) ** 2, 1)
        weights = np.linalg.solve(x @ x.T + 0.01 * np.diag(gamma), x @ y)
        collaborative.append(np.linalg.norm(y - x.T @ weights))
scores["local-rx"] = np.array(local)[:, None]
scores["crd"] = np.array(collaborative)[:, None]

# Shrinkage by the likelihood of pixels left out, each at its own distance: what the mean distance approximates.
few = pixels[:30]
correlation = np.corrcoef(few, rowvar=False)
standard = (few - few.mean(0)) / few.std(0)
best = None
for alpha in 10 ** np.arange(-4, 0, 0.125):
    beta = (1 - alpha) / (len(few) - 1)
    g = len(few) * beta * correlation + alpha * np.eye(bands)
    r = np.einsum("ni,ij,nj->n", standard, np.linalg.inv(g), standard)
    loss = np.mean(np.linalg.slogdet(g)[1] + np.log(1 - beta * r) + r / (1 - beta * r))
    if best is None or loss < best[0]:
        best = (loss, alpha)

from sklearn.metrics import roc_auc_score

truth = np.zeros(count, int)
for line, sample in [(3, 4), (9, 11), (12, 2), (0, 0)]:
    truth[line * samples + sample] = 1
areas = {name: float(roc_auc_score(truth, value[:, 0] * (-1 if name in ("sam", "sid") else 1))) for name, value in scores.items()}
# Enhancements of a gas by columns: plain and sparse matched filter (Foote et al. 2020), brightness from the plain mean.
plume_lines, plume_samples, plume_bands, rounds, epsilon = 60, 3, 6, 5, 1e-9
absorption = np.array([0.0, 0.1, 0.5, 0.9, 0.4, 0.05]) * 1e-2
light = np.exp(rng.normal(size=(plume_lines, plume_samples, 1)) * 0.2)
base = light * (np.linspace(5, 8, plume_bands) + rng.normal(size=(plume_lines, plume_samples, plume_bands)) * 0.05)
amount = np.zeros((plume_lines, plume_samples))
amount[10:14, 1] = [4, 9, 7, 2]
plume = (base * np.exp(-amount[..., None] * absorption) + np.arange(plume_samples)[:, None] * 0.3).astype(np.float32).astype(float)


def filtered(x, sparse, logarithmic):
    x = np.log(x) if logarithmic else x
    m = x.mean(0)
    r = np.ones(len(x)) if logarithmic else x @ m / (m @ m)
    signature = lambda m: -absorption if logarithmic else -m * absorption
    t = signature(m)
    c = np.cov(x, rowvar=False, bias=True)
    w = np.linalg.solve(c, t)
    a = (x - m) @ w / (r * (t @ w))
    if sparse:
        a = np.maximum(a, 0)
        for _ in range(rounds):
            y = x - (r * a)[:, None] * t
            m = y.mean(0)
            t, c = signature(m), np.cov(y, rowvar=False, bias=True)
            w = np.linalg.solve(c, t)
            a = np.maximum(0, ((x - m) @ w - 1 / (r * (a + epsilon))) / (r * (t @ w)))
    return np.stack([a, 1 / (r * np.sqrt(t @ w))], 1)


enhancements = {
    name: np.stack([filtered(plume[:, c], *how) for c in range(plume_samples)], 1).reshape(-1).tolist()
    for name, how in {"plain": (False, False), "sparse": (True, False), "logarithmic": (False, True)}.items()
}
json.dump(
    {
        "plume": {
            "lines": plume_lines, "samples": plume_samples, "bands": plume_bands, "rounds": rounds,
            "absorption": absorption.tolist(), "pixels": plume.reshape(-1).tolist(), "amounts": amount.reshape(-1).tolist(),
            "enhancements": enhancements,
        },
        "lines": lines, "samples": samples, "bands": bands, "pixels": pixels.astype(np.float32).reshape(-1).tolist(),
        "targets": targets.reshape(-1).tolist(), "truth": truth.tolist(), "areas": areas,
        "scores": {name: value.reshape(-1).tolist() for name, value in scores.items()},
        "shrinkageOf30": best[1],
    },
    open("detection.json", "w"),
)
