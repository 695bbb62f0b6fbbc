"""Double-precision reference of EAR, MASA, CoB and iterative endmember selection, with scikit-learn's kappa, for EndmemberMeasuresTests."""
import json
import struct
import numpy as np
from sklearn.metrics import cohen_kappa_score

rng = np.random.default_rng(8)
L, x = 40, np.linspace(0, 1, 40)
library, classes = [], []
for c, size in enumerate([6, 5, 7, 1]):
    base = 0.2 + 0.3 * np.exp(-0.5 * ((x - rng.uniform()) / rng.uniform(0.1, 0.3)) ** 2)
    for _ in range(size):
        library.append(base * rng.uniform(0.6, 1.2) + 0.05 * np.sin(5 * x + rng.uniform(0, 6)))
        classes.append(c)
order = np.arange(len(library))  # class by class: of equal candidates the first is taken
library, classes = np.array(library)[order], np.array(classes)[order]
m, limit = len(library), 0.05
rmse, angle, modelled = np.zeros((m, m)), np.zeros((m, m)), np.zeros((m, m), bool)
for i in range(m):
    for j in range(m):
        free = library[i] @ library[j] / (library[j] @ library[j])
        f = np.clip(free, -0.05, 1.05)
        rmse[i, j] = np.sqrt(np.mean((library[i] - f * library[j]) ** 2))
        angle[i, j] = np.arccos(np.clip(library[i] @ library[j] / np.linalg.norm(library[i]) / np.linalg.norm(library[j]), -1, 1))
        modelled[i, j] = f == free and rmse[i, j] <= limit
own = classes[:, None] == classes[None, :]
other = own & ~np.eye(m, dtype=bool)
count = np.maximum(other.sum(0), 1)
out = {"library": library, "classes": classes[None], "ear": ((rmse * other).sum(0) / count)[None], "masa": ((angle * other).sum(0) / count)[None],
       "inside": (modelled & other).sum(0)[None], "outside": (modelled & ~own).sum(0)[None]}


def kappa(members):
    found = []
    for i in range(m):
        best = [(rmse[i, j], classes[j]) for j in members if j != i and modelled[i, j]]
        found.append(min(best)[1] if best else 99)
    return cohen_kappa_score(classes, found)


members, value = [], -np.inf
while True:
    scores = [(kappa(members + [c]), -c) for c in range(m) if c not in members]
    if not scores or max(scores)[0] <= value + 1e-12:
        break
    value, c = max(scores)
    members.append(-c)
    smaller = True
    while smaller and len(members) > 1:
        smaller = False
        for j in members:
            if j != -c and kappa([k for k in members if k != j]) >= value - 1e-12:
                members = [k for k in members if k != j]
                value, smaller = kappa(members), True
                break
out["ies"], out["kappa"] = np.array([sorted(members)]), np.array([[value]])
print(members, value, out["inside"], out["outside"])
header, blob = {}, b""
for name, data in out.items():
    data = np.ascontiguousarray(data, dtype=np.float64)
    header[name] = {"dtype": "F64", "shape": list(data.shape), "data_offsets": [len(blob), len(blob) + data.nbytes]}
    blob += data.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("measures.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + blob)
