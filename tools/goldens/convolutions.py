"""Models of convolutions, pools and what makes images larger, for generate.py: their layers, and what these are in PyTorch."""

import torch

SIZES = ("kernel", "stride", "padding")


def conv2d(inputs, outputs, kernel, stride=1, padding=0, dilation=1, groups=1):
    sizes = dict(zip(SIZES, (kernel, stride, padding)))
    return {"type": "conv2d", "inputs": inputs, "outputs": outputs, **sizes, "dilation": dilation, "groups": groups}


def conv_transpose2d(inputs, outputs, kernel, stride, padding, output_padding, dilation=1, groups=1):
    sizes = {**dict(zip(SIZES, (kernel, stride, padding))), "outputPadding": output_padding}
    more = {"dilation": dilation, "groups": groups}
    return {"type": "convTranspose2d", "inputs": inputs, "outputs": outputs, **sizes, **more}


class GlobalMax(torch.nn.Module):
    def forward(self, images):
        return images.amax(dim=(2, 3))


def module(layer):
    """The PyTorch module of a layer of this file; None of another."""
    kind = layer["type"]
    if kind == "conv2d" and "groups" in layer:
        sizes = {**{name: layer[name] for name in SIZES[1:]}, "dilation": layer["dilation"], "groups": layer["groups"]}
        return torch.nn.Conv2d(layer["inputs"], layer["outputs"], layer["kernel"], **sizes)
    if kind == "convTranspose2d":
        sizes = {**{name: layer[name] for name in SIZES[1:]}, "dilation": layer["dilation"], "groups": layer["groups"]}
        sizes["output_padding"] = layer["outputPadding"]
        return torch.nn.ConvTranspose2d(layer["inputs"], layer["outputs"], layer["kernel"], **sizes)
    if kind == "adaptiveAveragePool2d":
        return torch.nn.AdaptiveAvgPool2d(layer["size"])
    if kind == "upsample2d":
        return torch.nn.Upsample(scale_factor=layer["scale"], mode=layer["mode"])
    return GlobalMax() if kind == "globalMaxPool2d" else None


RELU, TANH, FLATTEN = {"type": "relu"}, {"type": "tanh"}, {"type": "flatten"}


def batch_norm(channels):
    return {"type": "batchNorm", "channels": channels}


def dense(inputs, outputs):
    return {"type": "dense", "inputs": inputs, "outputs": outputs}


# name -> layers, from images [1, 8, 8] to 3 classes
MODELS = {
    "depthwise": [
        conv2d(1, 4, 3, padding=1), batch_norm(4), RELU,
        conv2d(4, 4, 3, stride=2, padding=1, groups=4), batch_norm(4), RELU,
        conv2d(4, 6, 1), batch_norm(6), RELU,
        conv2d(6, 12, 3, groups=6), TANH, {"type": "globalMaxPool2d"}, dense(12, 3),
    ],
    "dilated": [
        conv2d(1, 4, 3, padding=2, dilation=2), TANH,
        conv2d(4, 6, 3, stride=2, padding=3, dilation=3, groups=2), TANH,
        {"type": "adaptiveAveragePool2d", "size": [3, 2]}, FLATTEN, dense(36, 3),
    ],
    "transposed": [
        conv2d(1, 4, 3, stride=2, padding=1), TANH,
        conv_transpose2d(4, 4, 3, stride=2, padding=1, output_padding=1), TANH,
        conv_transpose2d(4, 2, 2, stride=3, padding=0, output_padding=2, groups=2, dilation=2), TANH,
        {"type": "adaptiveAveragePool2d", "size": [5, 3]}, FLATTEN, dense(30, 3),
    ],
    "upsampled": [
        conv2d(1, 3, 3, stride=2), TANH, {"type": "upsample2d", "scale": 3, "mode": "nearest"},
        conv2d(3, 3, 3, stride=2, padding=1), TANH, {"type": "upsample2d", "scale": 2, "mode": "bilinear"},
        {"type": "adaptiveAveragePool2d", "size": [5, 5]}, conv2d(3, 4, 3), TANH, FLATTEN, dense(36, 3),
    ],
}  # fmt: skip
