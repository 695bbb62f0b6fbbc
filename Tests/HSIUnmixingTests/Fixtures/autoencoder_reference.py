"""Double-precision reference of the unmixing autoencoder: abundances, spectra, loss and all its slopes, for AutoencoderTests.

Written from the formulas of UnmixingAutoencoder and AutoencoderTask; slopes by differences of fourth order. python autoencoder_reference.py
"""
import json
import struct
import numpy as np

rng = np.random.default_rng(15)
H, W, D, K, L, width, scale, leak, lam = 5, 6, 4, 3, 7, 8, 3.0, 0.02, 0.4
kept = np.array([1, 1, 0, 1, 1, 1, 1.0])
valid = np.ones((H, W), bool)
valid[2, 3] = valid[0, 0] = valid[4, 1] = False
spectra = rng.uniform(0.1, 1, (H * W, L))
spectra[:, 2] = rng.uniform(0, 9, H * W)
scores, prior = rng.normal(size=(H, W, D)), np.log(rng.dirichlet(np.ones(K), (H, W)))
weights = {
    "encoder.spatial.weight": rng.normal(0, 0.3, (width, D, 3, 3)),
    "encoder.spatial.bias": rng.normal(0, 0.3, width),
    "encoder.pointwise.weight": rng.normal(0, 0.3, (width, width, 1, 1)),
    "encoder.pointwise.bias": rng.normal(0, 0.3, width),
    "encoder.head.weight": rng.normal(0, 0.2, (K, width + D)),
    "encoder.head.bias": rng.normal(0, 0.2, K),
    "decoder.weight": rng.uniform(0.1, 1, (L, K)),
}
weights = {name: value.astype(np.float32).astype(float) for name, value in weights.items()}
scores, prior, spectra = (a.astype(np.float32).astype(float) for a in (scores, prior, spectra))
mask = valid.reshape(-1)
mean = spectra[mask].mean(0) * kept
power = (spectra[mask][:, kept > 0] ** 2).mean()


def network(p):
    x = np.where(valid[..., None], scores, 0)
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    h = np.zeros((H, W, width)) + p["encoder.spatial.bias"]
    for u in range(3):
        for v in range(3):
            h += padded[u:u + H, v:v + W] @ p["encoder.spatial.weight"][:, :, u, v].T
    h = np.where(h > 0, h, leak * h)
    h = h @ p["encoder.pointwise.weight"][:, :, 0, 0].T + p["encoder.pointwise.bias"]
    h = np.where(h > 0, h, leak * h)
    t = scale * (np.concatenate([h, x], -1) @ p["encoder.head.weight"].T + p["encoder.head.bias"])
    t = t + np.where(valid[..., None], prior, 0)
    a = np.exp(t - t.max(-1, keepdims=True))
    return a / a.sum(-1, keepdims=True)


def loss(p):
    a = network(p).reshape(-1, K)[mask]
    r, y = a @ p["decoder.weight"].T, spectra[mask]
    dot = (kept * r * y).sum(1)
    angle = np.arccos(dot / np.sqrt((kept * r * r).sum(1) * (kept * y * y).sum(1)))
    m = p["decoder.weight"][kept > 0] - mean[kept > 0, None]
    return angle.mean() + 0.5 * lam * (m ** 2).sum(1).mean() / power


out = {"scores": scores, "prior": prior, "spectra": spectra, "valid": valid.astype(float), "kept": kept[None], "mean": mean[None],
       "abundances": network(weights), "loss": np.array([[loss(weights)]]), "lambda": np.array([[lam]]), "rms": np.array([[np.sqrt(power)]])}
for name, value in weights.items():
    out["weight." + name] = value
    slope, step = np.zeros(value.size), 1e-5  # a step of 1e-4 crosses the kink of a rectifier
    for i in range(value.size):
        def at(offset):
            moved = value.copy().reshape(-1)
            moved[i] += offset
            return loss({**weights, name: moved.reshape(value.shape)})
        slope[i] = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
    out["slope." + name] = slope.reshape(value.shape)
print(out["loss"], {name: np.abs(value).max() for name, value in out.items() if name.startswith("slope")})
header, blob = {}, b""
for name, data in out.items():
    data = np.ascontiguousarray(data, dtype=np.float64)
    header[name] = {"dtype": "F64", "shape": list(data.shape), "data_offsets": [len(blob), len(blob) + data.nbytes]}
    blob += data.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("autoencoder.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + blob)
