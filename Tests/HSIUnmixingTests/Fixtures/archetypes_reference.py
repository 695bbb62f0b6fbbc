"""Double-precision reference of EDAA, SUnAA, GBM and PPNM, written from their formulas, for ArchetypeTests and BilinearTests.

Every problem on a simplex is solved by trying all supports, so nothing here is iterative that need not be. python archetypes_reference.py
"""
import itertools
import json
import struct
import numpy as np
from scipy.optimize import minimize

rng = np.random.default_rng(21)
out = {}


def smooth(bands, count):
    x = np.linspace(0, 1, bands)
    rows = []
    for _ in range(count):
        s = rng.uniform(0.1, 0.4) + 0 * x
        for _ in range(3):
            s = s + rng.uniform(-0.1, 0.35) * np.exp(-0.5 * ((x - rng.uniform()) / rng.uniform(0.08, 0.3)) ** 2)
        rows.append(np.clip(s, 0.02, 0.95))
    return np.array(rows).T


def simplex_program(gram, linear):
    """min 1/2 x G x - l x on the simplex, by all supports."""
    m, best, value = len(linear), None, np.inf
    for size in range(1, m + 1):
        for support in itertools.combinations(range(m), size):
            s = list(support)
            system = np.block([[gram[np.ix_(s, s)], np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
            try:
                x = np.linalg.solve(system, np.append(linear[s], 1))[:size]
            except np.linalg.LinAlgError:
                continue
            if (x < -1e-12).any():
                continue
            f = 0.5 * x @ gram[np.ix_(s, s)] @ x - linear[s] @ x
            if f < value - 1e-15:
                value, best = f, np.zeros(m)
                best[s] = np.maximum(x, 0)
    return best


# EDAA: rows are pixels.
N, d, K, steps = 60, 12, 3, 5
E = smooth(d, K)
Y = (E @ rng.dirichlet(np.ones(K), N).T + rng.normal(0, 0.01, (d, N))).T
A = rng.dirichlet(np.ones(K) * 5, N)
B = rng.dirichlet(np.ones(N), K).T
out["edaa.Y"], out["edaa.A0"], out["edaa.B0"] = Y, A, B
longest = (np.linalg.norm(Y - Y.mean(0), axis=1) ** 2).max()
objective = [0.5 * np.linalg.norm(Y.T - Y.T @ B @ A.T) ** 2]
for turn in range(1, 51):
    e = Y.T @ B
    c = e - e.mean(1, keepdims=True)
    eta = 1 / np.abs(c.T @ c).max()
    for _ in range(steps):
        A = A * np.exp(eta * (Y @ e - A @ (e.T @ e)))
        A = A / A.sum(1, keepdims=True)
    gram = A.T @ A
    for _ in range(steps):
        e = Y.T @ B
        g = Y @ (Y.T @ A - e @ gram)
        B = B * np.exp(g / (longest * gram.sum(1)))
        B = B / B.sum(0)
    objective.append(0.5 * np.linalg.norm(Y.T - Y.T @ B @ A.T) ** 2)
    if turn in (1, 10, 50):
        out[f"edaa.A{turn}"], out[f"edaa.B{turn}"] = A.copy(), B.copy()
out["edaa.objective"] = np.array([objective])

# SUnAA.
L, m, r, N = 20, 7, 3, 40
D = smooth(L, m)
B = np.zeros((m, r))
B[[0, 2], 0], B[[3], 1], B[[5, 6], 2] = (0.7, 0.3), 1, (0.4, 0.6)
Y = (D @ B @ rng.dirichlet(np.ones(r), N).T + rng.normal(0, 0.005, (L, N))).astype(np.float32).astype(float)
B = rng.dirichlet(np.ones(m), r).T
out["sunaa.D"], out["sunaa.Y"], out["sunaa.B0"] = D, Y, B.T.copy()
objective = []
for turn in range(1, 21):
    e = D @ B
    A = np.array([simplex_program(e.T @ e, e.T @ y) for y in Y.T]).T
    right, gram = Y @ A.T, A @ A.T
    for j in range(r):
        e = D @ B
        z = (right[:, j] - sum(e[:, i] * gram[i, j] for i in range(r) if i != j)) / gram[j, j]
        B[:, j] = simplex_program(D.T @ D, D.T @ z)
    objective.append(0.5 * np.linalg.norm(Y - D @ B @ A) ** 2)
    if turn in (1, 20):
        out[f"sunaa.A{turn}"], out[f"sunaa.B{turn}"] = A.T.copy(), B.T.copy()
out["sunaa.objective"] = np.array([objective])


# GBM and PPNM from FCLS, by sequential quadratic programming.
def bilinear(name, N, noise):
    L, K = 25, 3
    M = smooth(L, K)
    pairs = list(itertools.combinations(range(K), 2))
    truth = rng.dirichlet(np.ones(K) * 2, N)
    Y, own = np.zeros((N, L)), []
    for n in range(N):
        a = truth[n]
        if name == "gbm":
            g = rng.uniform(0, 1, len(pairs))
            Y[n] = M @ a + sum(g[p] * a[i] * a[j] * M[:, i] * M[:, j] for p, (i, j) in enumerate(pairs))
        else:
            g = np.array([rng.uniform(-0.3, 0.3)])
            Y[n] = M @ a + g[0] * (M @ a) ** 2
        own.append(g)
    Y = (Y + rng.normal(0, noise, Y.shape)).astype(np.float32).astype(float)

    def model(v):
        a, g = v[:K], v[K:]
        if name == "gbm":
            return M @ a + sum(g[p] * a[i] * a[j] * M[:, i] * M[:, j] for p, (i, j) in enumerate(pairs))
        return M @ a + g[0] * (M @ a) ** 2

    size = len(pairs) if name == "gbm" else 1
    bounds = [(0, 1)] * K + ([(0, 1)] * size if name == "gbm" else [(-0.3, 0.3)])
    found, value = np.zeros((N, K)), np.zeros(N)
    for n in range(N):
        start = np.append(simplex_program(M.T @ M, M.T @ Y[n]), np.zeros(size))
        best = minimize(lambda v: 1e4 * np.sum((Y[n] - model(v)) ** 2), start, method="SLSQP", bounds=bounds,
                        constraints={"type": "eq", "fun": lambda v: v[:K].sum() - 1}, options={"maxiter": 1000, "ftol": 1e-14})
        found[n], value[n] = best.x[:K], best.fun / 1e4
    out.update({f"{name}.M": M, f"{name}.Y": Y.T, f"{name}.truth": truth, f"{name}.nonlinearity": np.array(own),
                f"{name}.A": found, f"{name}.rss": value[None]})
    print(name, "rmse of abundances", np.sqrt(np.mean((found - truth) ** 2)))


bilinear("gbm", 60, 0.0005)
bilinear("ppnm", 60, 0.0005)

header, blob = {}, b""
for name, value in out.items():
    data = np.ascontiguousarray(value, dtype=np.float64).tobytes()
    header[name] = {"dtype": "F64", "shape": list(np.shape(value)), "data_offsets": [len(blob), len(blob) + len(data)]}
    blob += data
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("archetypes.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + blob)
print("edaa", out["edaa.objective"][0][[0, 1, 10, 50]], "sunaa", out["sunaa.objective"][0][[0, 4, 19]])
