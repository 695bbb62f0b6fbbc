# Makes lola_checkpoint.pth and lola_checkpoint_case.safetensors: a checkpoint as the released training script writes it.
# Needs lola_torch.py of the peers (an implementation of the network in PyTorch) beside it.
import sys
import torch, lola_torch
from torch import nn
from safetensors.torch import save_file
torch.manual_seed(5)
m = lola_torch.LoLASpecViT(in_channels=5, num_classes=4, dim=16, depths=(1, 1), num_heads=(2, 4), window_size=(3, 2), mlp_ratio=0.5, spatial_size=9, r=2, lora_alpha=4)
c = m.spectral_conv
c[0] = nn.Conv3d(1, 2, (7, 3, 3), padding=(3, 1, 1)); c[1] = nn.BatchNorm3d(2)
c[3] = nn.Conv3d(2, 3, (5, 3, 3), padding=(2, 1, 1)); c[4] = nn.BatchNorm3d(3)
c[6] = nn.Conv3d(3, 16, 3, padding=1)
g = torch.Generator().manual_seed(6)
for n, p in m.state_dict().items():
    if p.dtype == torch.float32 and ('lora' in n or 'bias' in n or 'norm' in n or '.1.' in n):
        p.copy_(0.2 * torch.randn(p.shape, generator=g))
    if n.endswith('running_var'): p.copy_(0.5 + torch.rand(p.shape, generator=g))
m.train()
x = torch.randn(3, 5, 9, 9, generator=g)
m(x)
m.eval()
opt = torch.optim.AdamW([p for n, p in m.named_parameters() if 'lora_' in n], lr=1e-4)
m(x).sum().backward(); opt.step(); opt.zero_grad()
with torch.no_grad(): y = m.double()(x.double())
m.float()
torch.save({'state_dict': m.state_dict(), 'epoch': 3, 'accuracy': 0.91, 'config': {'lr': 2e-5}}, sys.argv[1] + '/lola_checkpoint.pth')
save_file({'in.x': x.contiguous(), 'out64.y': y.float().contiguous()}, sys.argv[1] + '/lola_checkpoint_case.safetensors')
