"""Reference values for the transforms of HSISpectral: spectral (PyPI) 0.25, scikit-learn, scipy and plain NumPy in double precision.

    python make_transforms.py > transforms.json
"""
import json
import re
import sys

import numpy as np
import spectral
from scipy.signal import savgol_filter
from scipy.spatial import ConvexHull
from sklearn.decomposition import FastICA, PCA
from spectral.algorithms.continuum import remove_continuum

random = np.random.default_rng(15)
lines, samples = 11, 10

# Two detectors that overlap, a gap of missing bands, uneven steps.
vnir = 450 + np.cumsum(random.uniform(8, 12, 14))
swir = vnir[-1] - 5 + np.cumsum(random.uniform(8, 12, 6))
far = swir[-1] + 90 + np.cumsum(random.uniform(8, 12, 8))
wavelengths = np.concatenate([vnir, swir, far])
bands = len(wavelengths)

centres = random.uniform(wavelengths.min(), wavelengths.max(), (4, 3))
spectra = np.array([0.5 + 0.1 * k - sum(0.15 * np.exp(-((wavelengths - c) / 40) ** 2) for c in centres[k]) for k in range(4)])
share = random.gamma(0.7, size=(lines, samples, 4))
share[1:] = 0.6 * share[1:] + 0.4 * share[:-1]
share /= share.sum(2, keepdims=True)
scene = share @ spectra + random.normal(scale=0.004 * (1 + np.arange(bands) % 3), size=(lines, samples, bands))
scene = np.float32(scene)
pixels = scene.reshape(-1, bands).astype(np.float64)
order = np.argsort(wavelengths, kind="stable")
x = wavelengths[order]


def hull(y):
    """Upper hull at x, from the vertices that Qhull finds with two points far below."""
    points = np.column_stack([np.r_[x, x[0], x[-1]], np.r_[y, -1e3, -1e3]])
    found = sorted(v for v in ConvexHull(points).vertices if v < len(x))
    return np.interp(x, x[found], y[found])


continuum = np.array([hull(p[order]) for p in pixels])
quotient = np.empty_like(pixels)
quotient[:, order] = pixels[:, order] / continuum
other = remove_continuum(scene[:, :, order].astype(np.float64), x)
assert np.abs(other.reshape(-1, bands) - quotient[:, order]).max() < 1e-6, "spectral and Qhull differ"


def features(y, low, high):
    inside = (x >= low) & (x <= high)
    global_x, values = x[inside], y[inside]
    points = np.column_stack([np.r_[global_x, global_x[0], global_x[-1]], np.r_[values, -1e3, -1e3]])
    found = sorted(v for v in ConvexHull(points).vertices if v < len(global_x))
    depth = 1 - values / np.interp(global_x, global_x[found], values[found])
    m = int(np.argmax(depth))
    if depth[m] < 1e-12:
        return [0, None, None, None, 0]
    a, b, _ = np.polyfit(global_x[m - 1 : m + 2] - global_x[m], depth[m - 1 : m + 2], 2)
    position = np.clip(global_x[m] - b / (2 * a), global_x[m - 1], global_x[m + 1])
    half = depth[m] / 2
    left = max(k for k in range(m) if depth[k] <= half)
    right = min(k for k in range(m + 1, len(depth)) if depth[k] <= half)
    first = np.interp(half, depth[left : left + 2], global_x[left : left + 2])
    last = np.interp(half, depth[right : right - 2 : -1], global_x[right : right - 2 : -1])
    before = np.trapezoid(depth[: m + 1], global_x[: m + 1])
    behind = np.trapezoid(depth[m:], global_x[m:])
    return [depth[m], position, last - first, (behind - before) / (behind + before), behind + before]


limits = [[x[2] - 1, x[12] + 1], [far[0] - 1, far[-1] + 1]]
absorption = [sum((features(p[order], *l) for l in limits), []) for p in pixels]

pca = PCA().fit(pixels)
stats = spectral.calc_stats(scene.astype(np.float64))
noise = spectral.noise_from_diffs(scene.astype(np.float64))
mnf = spectral.mnf(stats, noise)
fractions = np.sort(np.linalg.eigvals(np.linalg.solve(noise.cov, stats.cov)).real)[::-1]
assert np.allclose(np.sort(mnf.napc.eigenvalues)[::-1], fractions, rtol=1e-6)

# Four sources far from normal, mixed.
count = 1500
sources = np.column_stack(
    [random.laplace(size=count), random.uniform(-1.7, 1.7, count), random.exponential(size=count) - 1, random.choice([-1, 1], count) * random.gamma(4, size=count) / 4]
)
mixing = random.normal(size=(6, 4))
mixed = np.float32(np.round(sources @ mixing.T + random.normal(scale=1e-3, size=(count, 6)), 5))
ica = FastICA(4, algorithm="parallel", whiten="unit-variance", fun="logcosh", tol=1e-10, max_iter=2000, random_state=0)
ica.fit(mixed.astype(np.float64))

even = 500 + 10.0 * np.arange(25)
curve = np.sin(even / 60) + random.normal(scale=0.05, size=25)
golay = [
    savgol_filter(curve, window, degree, deriv=derivative, delta=10.0, mode="interp").tolist()
    for window, degree, derivative in [(5, 2, 0), (9, 3, 0), (9, 3, 1), (7, 4, 2)]
]


def local(window, degree, derivative):
    """Polynomials on uneven steps, by segments."""
    result = np.empty_like(pixels[:4])
    # No step but the one of 90 nm and more is a gap.
    cut = int(np.argmax(np.diff(x))) + 1
    for segment in (np.arange(cut), np.arange(cut, bands)):
        for i, k in enumerate(segment):
            start = min(max(0, i - window // 2), len(segment) - window)
            near = segment[start : start + window]
            for n in range(4):
                p = np.polynomial.Polynomial.fit(x[near], pixels[n, order][near], degree)
                result[n, order[k]] = (p.deriv(derivative) if derivative else p)(x[k])
    return result.tolist()


def rounded(a):
    return np.round(np.asarray(a, dtype=np.float64), 9).tolist()


json.dump(
    {
        "lines": lines,
        "samples": samples,
        "wavelengths": wavelengths.tolist(),
        "pixels": [float(v) for v in np.round(scene.reshape(-1).astype(np.float64), 9)],
        "quotient": rounded(quotient[:20]),
        "limits": limits,
        "absorption": [[None if v is None else round(float(v), 9) for v in row] for row in absorption],
        "pcaVariances": pca.explained_variance_.tolist(),
        "pcaComponents": pca.components_[:3].tolist(),
        "mnfValues": fractions.tolist(),
        "mixed": [float(v) for v in np.round(mixed.reshape(-1).astype(np.float64), 5)],
        "icaMixing": ica.mixing_.tolist(),
        "curve": curve.tolist(),
        "golay": golay,
        "uneven": [local(7, 2, 0), local(7, 3, 1)],
    },
    sys.stdout,
)
