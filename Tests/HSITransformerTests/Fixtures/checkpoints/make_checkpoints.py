"""Makes the PyTorch checkpoints of this folder and, beside each that can be read, NAME.safetensors with the
tensors that PyTorch itself reads from it.

    python make_checkpoints.py .        (PyTorch 2.x, safetensors, numpy)
"""
import collections
import io
import os
import pickle
import sys
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

folder = sys.argv[1]
torch.manual_seed(1)


def path(name):
    return os.path.join(folder, name)


def expect(name, tensors):
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, path(name + ".safetensors"))


# As published for HSDT: network, optimiser, counters.
network = torch.nn.Sequential(collections.OrderedDict(head=torch.nn.Conv3d(1, 2, 3), bn=torch.nn.BatchNorm3d(2)))
optimiser = torch.optim.Adam(network.parameters())
network(torch.randn(2, 1, 4, 5, 5)).square().mean().backward()
optimiser.step()
state = network.state_dict()
torch.save({"net": state, "optimizer": optimiser.state_dict(), "epoch": 30, "iteration": 98304}, path("training.pth"))
expect("training", state)

# A bare state dictionary of a parallel network.
parallel = collections.OrderedDict(("module." + k, v) for k, v in state.items())
torch.save(parallel, path("parallel.pth"))
expect("parallel", state)

# As Lightning writes it.
torch.save(
    {
        "epoch": 3, "global_step": 1200, "pytorch-lightning_version": "2.1.0", "best": np.float64(38.25),
        "state_dict": collections.OrderedDict(("net." + k, v) for k, v in state.items()),
        "hyper_parameters": {"lr": 2e-4, "name": "mp", "tasks": [1, 2]}, "best_score": torch.tensor(0.5),
        "lr_schedulers": [{"milestones": collections.Counter([10, 20])}], "optimizer_states": [optimiser.state_dict()],
        "callbacks": {"x": {"best": torch.zeros(3)}}, "seen": {1, 2},
    }, path("lightning.ckpt"))
expect("lightning", {"net." + k: v for k, v in state.items()})

# Views: transposed, strided, offset, one storage for several tensors; every type; empty and scalar tensors.
base = torch.arange(60.0).reshape(3, 4, 5)
types = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
views = {
    "dense": base, "transposed": base.permute(2, 0, 1), "strided": base[::2, 1:, ::3], "offset": base[1],
    "shared": base, "parameter": torch.nn.Parameter(base[2].t()), "empty": torch.zeros(0, 3),
    "scalar": torch.tensor(-2.5), "flags": torch.tensor([True, False, True]),
    **{str(t).split(".")[1]: torch.tensor([0, 1, 100, 3.7], dtype=t).reshape(2, 2).t() for t in types},
    "uint16": torch.tensor([0, 65535], dtype=torch.uint16),
    "nested": {"encoder": [{"weight": torch.ones(2)}, {"weight": torch.zeros(2)}]},
}
flat = {k: v for k, v in views.items() if k != "nested"}
flat["nested.encoder.0.weight"] = torch.ones(2)
flat["nested.encoder.1.weight"] = torch.zeros(2)
torch.save(views, path("views.pth"))
expect("views", flat)
for protocol in [3, 4, 5]:
    torch.save(views, path(f"protocol{protocol}.pth"), pickle_protocol=protocol)
without16 = {k: v for k, v in views.items() if k != "uint16"}
torch.save(without16, path("legacy.pth"), _use_new_zipfile_serialization=False)
del flat["uint16"]
expect("legacy", flat)

# The same archive deflated by another program, without sizes in the local headers; and big endian.
with zipfile.ZipFile(path("views.pth")) as source:
    class Unseekable(io.RawIOBase):
        def __init__(self): self.data = bytearray()
        def writable(self): return True
        def write(self, b): self.data += b; return len(b)
    sink = Unseekable()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(zipfile.ZipInfo(entry.filename), source.read(entry), zipfile.ZIP_DEFLATED)
    open(path("deflated.pth"), "wb").write(sink.data)
swapped = {"a": torch.tensor([1.0, -2.5]), "b": torch.tensor([[1, 2], [3, 4]]).t()}
buffer = io.BytesIO()
torch.save(swapped, buffer)
with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path("bigendian.pth"), "w") as target:
    for entry in source.infolist():
        data = source.read(entry)
        name = entry.filename
        if name.endswith("byteorder"): data = b"big"
        if name.endswith("data/0"): data = np.frombuffer(data, "<f4").astype(">f4").tobytes()
        if name.endswith("data/1"): data = np.frombuffer(data, "<i8").astype(">i8").tobytes()
        target.writestr(zipfile.ZipInfo(name), data)
expect("bigendian", swapped)
torch.serialization.set_crc32_options(False)
torch.save(swapped, path("nochecksums.pth"))
torch.serialization.set_crc32_options(True)
expect("nochecksums", swapped)


# What must be refused.
class Command:
    def __reduce__(self):
        return os.system, ("touch /tmp/hsi-was-here",)


class Evaluate:
    def __reduce__(self):
        return eval, ("__import__('os')",)


torch.save({"net": state, "extra": Command()}, path("refused_system.pth"))
torch.save({"net": state, "extra": Command()}, path("refused_system4.pth"), pickle_protocol=4)
torch.save({"net": state, "extra": Evaluate()}, path("refused_eval.pth"))
torch.save({"net": state, "extra": Command()}, path("refused_legacy.pth"), _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 2), path("refused_module.pth"))
torch.save({"a": torch.zeros(2, dtype=torch.complex64)}, path("complex.pth"))
torch.save({"a": torch.zeros(1).expand(1 << 40)}, path("expanded.pth"))
torch.save({"epoch": 3}, path("empty.pth"))
