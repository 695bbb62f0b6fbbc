"""Makes mphsir_lightning.ckpt and mphsir_lightning.safetensors: a checkpoint as PyTorch Lightning writes it of a narrow
MP-HSIR with random weights, and one input with its result. Usage: mphsir_checkpoint.py FOLDER_OF_THE_REFERENCE"""
import sys
import torch
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
import mphsir_torch

torch.manual_seed(0)
net = mphsir_torch.MPHSIR(bands=2, dim=8, num_blocks=(1, 1, 1), num_refinement_blocks=1).eval()
weights = {"net." + name: value for name, value in net.state_dict().items() if "clip_prompt" not in name}
x = torch.rand(1, 2, 32, 32)
net.clip_prompt.normal_(0, 0.45)
with torch.inference_mode():
    y = net(x, torch.tensor([3]))
optimiser = torch.optim.AdamW(list(net.parameters())[:3], lr=1e-4)
torch.save({"epoch": 3, "global_step": 120, "pytorch-lightning_version": "2.2.1", "state_dict": weights,
            "loops": {"fit_loop": {"state_dict": {}}}, "callbacks": {}, "optimizer_states": [optimiser.state_dict()],
            "lr_schedulers": [], "hparams_name": "kwargs", "hyper_parameters": {}}, "mphsir_lightning.ckpt")
save_file({"in.x": x, "in.clip_prompts": net.clip_prompt.detach().clone(), "out.y": y.clone()},
          "mphsir_lightning.safetensors")
