"""Common shapes of models, each small: what architectures-exported.py exports and trains. Images are [2, 8, 8], texts [6] tokens."""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

TOKENS, CLASSES, LENGTH = 7, 3, 6


def normed(inputs, outputs, kernel=3, **options):
    """A convolution, a norm by groups and relu."""
    padding = options.pop("padding", kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False, **options)
    return nn.Sequential(conv, nn.GroupNorm(2, outputs), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.middle = normed(2, 4), normed(4, 6), normed(6, 6)
        self.up1 = nn.ConvTranspose2d(6, 6, 2, stride=2)
        self.up2 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.merge1, self.merge2 = normed(12, 4), normed(8, 4)
        self.head = nn.Conv2d(4, CLASSES, 1)

    def forward(self, x):
        fine = self.down1(x)
        coarse = self.down2(functional.max_pool2d(fine, 2))
        middle = self.middle(functional.max_pool2d(coarse, 2))
        x = self.merge1(torch.cat([self.up1(middle), coarse], 1))
        x = self.merge2(torch.cat([self.up2(x), fine], 1))
        return self.head(x).amax((2, 3))


class ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 2, stride=2)
        self.depthwise = nn.Conv2d(6, 6, 7, padding=3, groups=6)
        self.norm = nn.LayerNorm(6)
        self.wide, self.narrow = nn.Linear(6, 12), nn.Linear(12, 6)
        self.scale = nn.Parameter(torch.full((6,), 0.5))
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.narrow(functional.gelu(self.wide(y)))
        return self.fc((x + y.permute(0, 3, 1, 2)).mean((-2, -1)))


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(2, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.places = nn.Parameter(torch.randn(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, nn.LayerNorm(8), enable_nested_tensor=False)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.encoder(x)[:, 0])


class Attention(nn.Module):
    """With a mask, its queries, keys and values from one layer."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, mask=None, causal=False):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(width, 2)
        )
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))


class Bert(nn.Module):
    """Padding (token 0) is left out of attention and of the mean."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(TOKENS, 8, padding_idx=0), nn.Embedding(LENGTH, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = Attention(8, 2)
        self.pooler, self.fc = nn.Linear(8, 8), nn.Linear(8, CLASSES)

    def forward(self, x):
        held = x != 0
        y = self.norm(self.words(x) + self.places(torch.arange(x.shape[1], device=x.device)))
        y = y + self.attention(y, held[:, None, None, :])
        weights = held.to(y.dtype)[:, :, None]
        mean = (y * weights).sum(1) / weights.sum(1).clamp(min=1)
        return self.fc(torch.tanh(self.pooler(mean)))


class AdditiveMask(nn.Module):
    """A mask of large negative numbers, as much of the field writes it, and one buffer of minus infinities."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(TOKENS, 8)
        self.qkv = nn.Linear(8, 24)
        self.fc = nn.Linear(8, CLASSES)
        self.register_buffer("causal", torch.full((LENGTH, LENGTH), float("-inf")).triu(1))

    def forward(self, x):
        y = self.words(x)
        q, k, v = self.qkv(y).chunk(3, -1)
        scores = q @ k.transpose(-2, -1) / 8**0.5 + self.causal
        scores = scores + (1.0 - (x != 0).float())[:, None, :] * -10000.0
        return self.fc(scores.softmax(-1) @ v)


class Gpt(nn.Module):
    """A causal mask and one table for what comes in and goes out."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(TOKENS, 8), nn.Parameter(torch.randn(LENGTH, 8))
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(8), nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = Attention(8, 2)
        self.wide, self.narrow = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        y = self.words(x) + self.places[: x.shape[1]]
        y = y + self.attention(self.norm1(y), causal=True)
        y = y + self.narrow(functional.gelu(self.wide(self.norm2(y)), approximate="tanh"))
        return functional.linear(self.norm3(y), self.words.weight)


class MaskedAttention(nn.Module):
    """A causal mask as GPT-2 had it: a triangle of ones, cut out and looked up."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(TOKENS, 8)
        self.qkv = nn.Linear(8, 24)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        y = self.words(x)
        q, k, v = self.qkv(y).chunk(3, -1)
        length = x.shape[1]
        allowed = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
        scores = torch.einsum("bqd,bkd->bqk", q, k) / 8**0.5
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        return self.fc(torch.einsum("bqk,bkd->bqd", scores.softmax(-1), v))


class EfficientNet(nn.Module):
    """Its block: wider, by channel, squeezed and excited, narrower."""

    def __init__(self):
        super().__init__()
        self.expand = nn.Conv2d(2, 8, 1, bias=False)
        self.norm1, self.norm2, self.norm3 = nn.BatchNorm2d(8), nn.BatchNorm2d(8), nn.BatchNorm2d(2)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.squeeze, self.excite = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.project = nn.Conv2d(8, 2, 1, bias=False)
        self.fc = nn.Linear(2, CLASSES)

    def forward(self, x):
        y = functional.silu(self.norm1(self.expand(x)))
        y = functional.silu(self.norm2(self.depthwise(y)))
        y = y * torch.sigmoid(self.excite(functional.silu(self.squeeze(functional.adaptive_avg_pool2d(y, 1)))))
        return self.fc((x + self.norm3(self.project(y))).mean((2, 3)))


class Inception(nn.Module):
    """Branches side by side; pools that count no padding, and one that takes what is left at the border."""

    def __init__(self):
        super().__init__()
        self.narrow = normed(2, 2, 1)
        self.wide = nn.Sequential(normed(2, 2, 1), normed(2, 4, 3))
        self.pooled = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), normed(2, 2, 1))
        self.end = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.end(torch.cat([self.narrow(x), self.wide(x), self.pooled(x)], 1))
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(x, (1, 1)), 1))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ELU(), nn.Conv2d(4, 2, 3, stride=2, padding=1))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(4, CLASSES, 4, stride=2, padding=1, bias=False),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x)).sigmoid().mean((2, 3))


class TextCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 4)
        self.convs = nn.ModuleList([nn.Conv1d(4, 3, size) for size in (2, 3)])
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.embedding(x).transpose(1, 2)
        return self.fc(torch.cat([functional.relu(conv(x)).max(2).values for conv in self.convs], 1))


class Temporal(nn.Module):
    """Convolutions over time that see no future, batch norm and pools in one dimension."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 4)
        self.conv1, self.conv2 = nn.Conv1d(4, 4, 2), nn.Conv1d(4, 4, 2, dilation=2)
        self.norm = nn.BatchNorm1d(4)
        self.pool, self.largest = nn.AvgPool1d(2), nn.MaxPool1d(3, 1, 1)
        self.fc = nn.Linear(4, CLASSES)

    def forward(self, x):
        x = self.embedding(x).transpose(1, 2)
        x = functional.relu(self.norm(self.conv1(functional.pad(x, (1, 0)))))
        x = x + self.conv2(functional.pad(x, (2, 0)))
        return self.fc(self.pool(self.largest(x)).mean(2))


class PackedLstm(nn.Module):
    """Texts of unequal lengths, each padded by 0 at its end; the longest come first, as the exporter asks for."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 4)
        self.lstm = nn.LSTM(4, 5, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(10, CLASSES)

    def forward(self, x):
        lengths = (x != 0).sum(1)
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True)
        y, (last, _) = self.lstm(packed)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=LENGTH)  # without it, the exporter fails
        return self.fc(last.transpose(0, 1).flatten(1) + y.mean(1))


class PackedGru(nn.Module):
    """A label for each place of texts of unequal lengths."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 4)
        self.gru = nn.GRU(4, 5, batch_first=True)
        self.fc = nn.Linear(5, CLASSES)

    def forward(self, x):
        packed = pack_padded_sequence(self.embedding(x), (x != 0).sum(1), batch_first=True)
        y, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=LENGTH)
        return self.fc(y)


class LastState(nn.Module):
    """A text's last state, looked up by its length."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 4)
        self.rnn = nn.RNN(4, 5, batch_first=True)
        self.fc = nn.Linear(5, CLASSES)

    def forward(self, x):
        y = self.rnn(self.embedding(x))[0]
        last = (x != 0).sum(1) - 1
        return self.fc(y.gather(1, last[:, None, None].expand(-1, 1, y.shape[2]))[:, 0])


class DeepLab(nn.Module):
    """Dilations side by side, with one branch from the whole image."""

    def __init__(self):
        super().__init__()
        self.stem = normed(2, 4, stride=2)
        self.branches = nn.ModuleList([normed(4, 2, dilation=size, padding=size) for size in (1, 2)])
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.ReLU())
        self.head = nn.Conv2d(6, CLASSES, 1)

    def forward(self, x):
        size = x.shape[-2:]
        y = self.stem(x)
        whole = functional.interpolate(self.whole(y), size=y.shape[-2:], mode="bilinear", align_corners=False)
        y = self.head(torch.cat([*(branch(y) for branch in self.branches), whole], 1))
        y = functional.interpolate(y, size=size, mode="bilinear", align_corners=True)
        return functional.interpolate(y, scale_factor=2, mode="nearest")[:, :, 1:14:3, ::2].mean((2, 3))


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(2, 6, 4, stride=4)
        self.norm1, self.norm2 = nn.LayerNorm(6), nn.LayerNorm(6)
        self.tokens = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))
        self.channels = nn.Sequential(nn.Linear(6, 8), nn.Mish(), nn.Linear(8, 6))
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return self.fc((x + self.channels(self.norm2(x))).mean(1))


def shuffled(x):
    """Channels of two groups, one of each in turn."""
    return x.unflatten(1, (2, x.shape[1] // 2)).transpose(1, 2).flatten(1, 2)


class Shuffled(nn.Module):
    """Channels that are shuffled, pixels that become channels and go back, borders of all kinds, windows that are rolled."""

    def __init__(self):
        super().__init__()
        self.reflected = nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect")
        self.repeated = nn.Conv2d(4, 4, 3, padding=1, padding_mode="replicate", groups=2)
        self.around = nn.Conv2d(16, 8, 3, padding=1, padding_mode="circular")
        self.slope = nn.PReLU(4)
        self.fc = nn.Linear(2, CLASSES)

    def forward(self, x):
        x = self.slope(self.repeated(shuffled(self.reflected(x))))
        x = functional.glu(self.around(functional.pixel_unshuffle(torch.roll(x, (1, 2), (2, 3)), 2)), 1)
        x = functional.pad(functional.pixel_shuffle(functional.softsign(x), 2), (1, 1), value=0.5)
        x = torch.cat([x, x.flip(3)], 1)
        return self.fc(x.pow(2).add(0.1).pow(0.7).mean((2, 3)))


class Sums(nn.Module):
    """Running sums, norms of rows, tables that are looked up along other axes."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 6)
        self.scale = nn.Parameter(torch.ones(6))
        self.fc = nn.Linear(6, CLASSES)
        self.register_buffer("order", torch.tensor([2, 0, 1, 5, 4, 3]))

    def forward(self, x):
        y = functional.normalize(self.embedding(x), dim=-1)
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale
        y = y.cumsum(1)[:, :, self.order]
        y = functional.selu(y) - functional.logsigmoid(y) + y.clamp(-0.5, 2.0)
        y = y * (1 + torch.logsumexp(y, 2, keepdim=True)) / y.norm(dim=2, keepdim=True)
        return self.fc((y - y.var(2, keepdim=True) - y.amin(2, keepdim=True)).mean(1))


MODELS = {
    "additive-mask": AdditiveMask,
    "autoencoder": Autoencoder,
    "bert": Bert,
    "convnext": ConvNeXt,
    "deeplab": DeepLab,
    "efficientnet": EfficientNet,
    "gpt": Gpt,
    "inception": Inception,
    "last-state": LastState,
    "masked-attention": MaskedAttention,
    "mixer": Mixer,
    "packed-gru": PackedGru,
    "packed-lstm": PackedLstm,
    "shuffled": Shuffled,
    "sums": Sums,
    "temporal": Temporal,
    "text-cnn": TextCnn,
    "unet": UNet,
    "vision-transformer": VisionTransformer,
}
IMAGES = {"autoencoder", "convnext", "deeplab", "efficientnet", "inception", "mixer", "shuffled", "unet", "vision-transformer"}
# Where there are other classes than CLASSES.
WIDE = {"gpt": TOKENS}
# A label for each place.
TAGGERS = {"additive-mask", "gpt", "masked-attention", "packed-gru"}
