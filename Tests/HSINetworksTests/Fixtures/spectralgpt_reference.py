"""Makes spectralgpt_autoencoder.safetensors and spectralgpt_classifier.safetensors: narrow networks with random weights, written from
the description of SpectralGPT (Hong et al., IEEE TPAMI 2024) with plain PyTorch modules. Results and gradients are those of double
precision. `w.` weights, `in.` inputs, `out.` results, `g.` gradients of `out.loss` (autoencoder) or of the sum of out.y · gout.y.

    python spectralgpt_reference.py
"""
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.proj = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        a = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn, self.mlp = Attention(dim, heads), MLP(dim)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, u, p, dim):
        super().__init__()
        self.proj = nn.Conv3d(1, dim, (u, p, p), stride=(u, p, p))

    def forward(self, x):                                   # [B, C, H, W] -> [B, T L, D], band group slow
        return self.proj(x[:, None]).flatten(3).permute(0, 2, 3, 1).flatten(1, 2)


def patchify(x, u, p):                                      # -> [B, T L, u p p]
    b, c, h, w = x.shape
    x = x.reshape(b, c // u, u, h // p, p, w // p, p)
    return x.permute(0, 1, 3, 5, 2, 4, 6).reshape(b, -1, u * p * p)


class Autoencoder(nn.Module):
    def __init__(self, bands, u, p, size, dim, depth, heads, ddim, ddepth, dheads, ratio, norm):
        super().__init__()
        self.u, self.p, self.ratio, self.norm_target = u, p, ratio, norm
        t, l = bands // u, (size // p) ** 2
        self.patch_embed = PatchEmbed(u, p, dim)
        self.pos_embed_spatial = nn.Parameter(torch.randn(1, l, dim) * 0.5)
        self.pos_embed_temporal = nn.Parameter(torch.randn(1, t, dim) * 0.5)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.decoder_embed = nn.Linear(dim, ddim)
        self.mask_token = nn.Parameter(torch.randn(1, 1, ddim) * 0.5)
        self.decoder_pos_embed_spatial = nn.Parameter(torch.randn(1, l, ddim) * 0.5)
        self.decoder_pos_embed_temporal = nn.Parameter(torch.randn(1, t, ddim) * 0.5)
        self.decoder_blocks = nn.ModuleList(Block(ddim, dheads) for _ in range(ddepth))
        self.decoder_norm = nn.LayerNorm(ddim, eps=1e-6)
        self.decoder_pred = nn.Linear(ddim, u * p * p)

    @staticmethod
    def positions(space, time):                             # [1, T L, D]
        return (time[:, :, None] + space[:, None]).flatten(1, 2)

    def forward(self, x, noise):
        target = patchify(x, self.u, self.p)
        tokens = self.patch_embed(x)
        b, n, d = tokens.shape
        order = noise.argsort(1)
        keep = order[:, :int(n * (1 - self.ratio))]
        mask = torch.ones(b, n, dtype=x.dtype).scatter(1, keep, 0.0)
        pick = torch.arange(b)[:, None], keep
        pos = self.positions(self.pos_embed_spatial, self.pos_embed_temporal).expand(b, -1, -1)
        h = tokens[pick] + pos[pick]
        for block in self.blocks:
            h = block(h)
        latent = self.norm(h)
        full = self.mask_token.repeat(b, n, 1).index_put(pick, self.decoder_embed(latent))
        h = full + self.positions(self.decoder_pos_embed_spatial, self.decoder_pos_embed_temporal)
        for block in self.decoder_blocks:
            h = block(h)
        pred = self.decoder_pred(self.decoder_norm(h))
        goal = target
        if self.norm_target:
            goal = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
        tokens_loss = ((pred - goal).square().mean(-1) * mask).sum() / mask.sum()
        t = self.pos_embed_temporal.shape[1]
        sums = [v.unflatten(1, (t, -1)).sum(1) for v in (pred, target)]
        return latent, pred, mask, tokens_loss + (sums[0] - sums[1]).square().mean()


class Classifier(nn.Module):
    def __init__(self, bands, u, p, size, dim, depth, heads, classes):
        super().__init__()
        self.patch_embed = PatchEmbed(u, p, dim)
        self.pos_embed = nn.Parameter(torch.randn(1, bands // u * (size // p) ** 2, dim) * 0.5)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        h = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h[:, 1:].mean(1)))


def single(tensors):
    return {k: v.detach().to(torch.float32).clone().contiguous() for k, v in tensors.items()}


def randomised(model):
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data += 0.2 * torch.randn_like(parameter)
    return model.float().double()                           # values that single precision holds exactly


torch.manual_seed(0)
for name, norm in (("autoencoder", False), ("autoencoder_normalised", True)):
    model = randomised(Autoencoder(6, 3, 2, 6, 16, 2, 2, 12, 1, 3, 0.6, norm))
    x = torch.randn(2, 6, 6, 6).double().requires_grad_()
    noise = torch.rand(2, 18).double()
    latent, pred, mask, loss = model(x, noise)
    loss.backward()
    save_file(single({"in.x": x, "in.noise": noise, "out.latent": latent, "out.pred": pred, "out.mask": mask, "out.loss": loss,
                      "g.in.x": x.grad}
                     | {"w." + k: v for k, v in model.state_dict().items()}
                     | ({} if norm else {"g.w." + k: v.grad for k, v in model.named_parameters()})),
              f"spectralgpt_{name}.safetensors")
model = randomised(Classifier(6, 3, 2, 6, 16, 2, 2, 5))
x = torch.randn(2, 6, 6, 6).double().requires_grad_()
y = model(x)
gout = torch.randn_like(y)
(y * gout).sum().backward()
save_file(single({"in.x": x, "out.y": y, "gout.y": gout, "g.in.x": x.grad}
                 | {"w." + k: v for k, v in model.state_dict().items()}
                 | {"g.w." + k: v.grad for k, v in model.named_parameters()}), "spectralgpt_classifier.safetensors")
for size in (96, 128):
    print("autoencoder base", size,
          sum(p.numel() for p in Autoencoder(12, 3, 8, size, 768, 12, 12, 512, 4, 16, 0.9, False).parameters()))
print("classifier base", sum(p.numel() for p in Classifier(12, 3, 8, 128, 768, 12, 12, 10).parameters()))
