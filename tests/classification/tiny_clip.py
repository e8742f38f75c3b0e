"""A CLIP small enough to be made in a moment, in every format in which CLIP is handed around."""

import json

NAME = "tiny-clip"  # an architecture that open_clip knows once ``register`` was called
IMAGE_SIZE = 32  # px

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": IMAGE_SIZE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}

TEMPLATES = ["satellite photo of {}.", "aerial view of {}."]
CULTIVATED = ["farmland", "a paddy field"]
NOT_CULTIVATED = ["forest", "lake or sea", "parking lot"]
NAMES = ("farmland", "a_paddy_field", "forest", "lake_or_sea", "parking_lot")


def register(folder):
    """Make NAME and NAME-quickgelu known to open_clip."""
    import open_clip

    for name, quick in ((NAME, False), (f"{NAME}-quickgelu", True)):
        (folder / f"{name}.json").write_text(json.dumps(CONFIG | {"quick_gelu": quick}))
        open_clip.add_model_config(folder / f"{name}.json")


def make(quick_gelu=False):
    """A model with random weights, larger than usual, so that texts and images differ."""
    import open_clip
    import torch

    torch.manual_seed(0)
    model = open_clip.CLIP(**CONFIG, quick_gelu=quick_gelu).eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.mul_(4)
        model.logit_scale.fill_(2.0)
    return model


def write(model, path):
    """One of the formats, by the name of the file; returns the path."""
    import torch
    from safetensors.torch import save_file

    state = model.state_dict()
    if path.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in state.items()}, path)
    elif path.suffix == ".bin":
        torch.save(state, path)
    elif path.name.startswith("epoch_"):  # of open_clip's training
        wrapped = {f"module.{name}": value for name, value in state.items()}
        torch.save({"epoch": 3, "name": "run", "state_dict": wrapped, "optimizer": {"state": {}}}, path)
    else:  # OpenAI's: an archive of programs, in half precision, with a size among the tensors
        model.register_buffer("input_resolution", torch.tensor(IMAGE_SIZE))
        inputs = {
            "encode_image": torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE),
            "encode_text": torch.zeros(1, 24, dtype=torch.long),
        }
        torch.jit.trace_module(model, inputs, check_trace=False).half().save(str(path))
        model.float()
        del model.input_resolution
    return path


def write_folder(model, folder, mean=(0.5, 0.4, 0.3)):
    """What ``local-dir:`` names: a configuration and weights."""
    folder.mkdir()
    preprocess = {"mean": list(mean), "std": [0.2, 0.25, 0.3]}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": preprocess}))
    write(model, folder / "open_clip_model.safetensors")
    return folder
