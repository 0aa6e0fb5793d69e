"""torchvision's ResNet-18 and MobileNetV2 in full size as ONNX, and what PyTorch computes of them: see compare.sh.

    python tools/torchvision/export.py FOLDER

Writes for each model and form MODEL-FORM.onnx, and MODEL-FORM.safetensors: x, y, `prediction` in evaluation, `losses`, and the
parameters and running statistics before, after the first and after the last step of SGD, as `0/`, `1/` and `2/`; `own` is how far
PyTorch's float32 is from its float64: in the prediction, the losses, and what the two steps change.
"""

import copy
import pathlib
import sys
import warnings

import torch
import torchvision
from safetensors.torch import save_file
from torch.fx.experimental.optimization import fuse

SIZE, CLASSES, BATCH, STEPS, LEARNING_RATE = 224, 10, 4, 2, 0.01
MODELS = {
    "resnet18": lambda: torchvision.models.resnet18(num_classes=CLASSES),
    "mobilenet_v2": lambda: torchvision.models.mobilenet_v2(num_classes=CLASSES, dropout=0.0),
}
# Both exporters with batch norm as it is; and as the newer one writes by default, with batch norm folded into the convolutions.
FORMS = ["legacy", "dynamo", "folded"]


def model_of(name):
    """With statistics and norms that are not those of a new model, so that each counts."""
    torch.manual_seed(1)
    model = MODELS[name]()
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            for value, least, most in [(part.weight, 0.8, 1.2), (part.bias, -0.1, 0.1)]:
                torch.nn.init.uniform_(value, least, most)
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    torch.nn.init.uniform_((model.fc if name == "resnet18" else model.classifier[-1]).bias, -0.1, 0.1)
    return model


def export(model, x, path, form):
    model.eval()
    if form == "legacy":
        axes = {"x": {0: "batch"}, "y": {0: "batch"}}
        keep = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
        torch.onnx.export(
            model, (x,), path, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=axes, **keep
        )
        return
    shapes = ({0: torch.export.Dim("batch", min=2)},)
    optimize = form == "folded"
    torch.onnx.export(
        model, (x,), path, dynamo=True, dynamic_shapes=shapes, external_data=False, optimize=optimize, verbose=False
    )


def changes(found, step):
    """Of all parameters in a step, in one row."""
    names = [key[2:] for key in found if key.startswith("0/")]
    return torch.cat([(found[f"{step}/{key}"].double() - found[f"{step - 1}/{key}"].double()).flatten() for key in names])


def own_error(found, exact):
    """Norms of differences over norms; of the losses the largest ratio."""
    pairs = [(found["prediction"].double(), exact["prediction"])]
    pairs += [(changes(found, step), changes(exact, step)) for step in (1, 2)]
    prediction, first, last = ((one - other).norm() / other.norm() for one, other in pairs)
    losses = (found["losses"].double() / exact["losses"] - 1).abs().max()
    return torch.stack([prediction, losses, first, last]).float()


def computed(model, x, y, folded):
    """What PyTorch makes of it; with batch norm folded, of the model without batch norm."""
    model.eval()
    with torch.no_grad():
        found = {"x": x, "y": y.to(torch.int32), "prediction": model(x)}
    if folded:
        model = fuse(model).requires_grad_(True)  # the biases that it makes are trained, too
    model.train()
    keep(found, model, 0)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        keep(found, model, step + 1)
    return {**found, "losses": torch.tensor(losses, dtype=x.dtype)}


def keep(found, model, step):
    for name, value in model.state_dict().items():
        if value.ndim > 0:
            found[f"{step}/{name}"] = value.clone().contiguous()


def main(folder):
    warnings.filterwarnings("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        for form in FORMS:
            model = model_of(name)
            x, y = torch.randn(BATCH, 3, SIZE, SIZE), torch.randint(0, CLASSES, (BATCH,))
            export(model, x, str(folder / f"{name}-{form}.onnx"), form)
            exact = computed(copy.deepcopy(model).double(), x.double(), y, form == "folded")
            found = computed(model, x, y, form == "folded")
            found["own"] = own_error(found, exact)
            save_file(found, str(folder / f"{name}-{form}.safetensors"))
            print(f"{name} {form}: exported", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
