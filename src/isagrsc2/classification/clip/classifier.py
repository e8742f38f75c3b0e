"""CLIP as a classifier of `segment.py`: Radford et al. 2021, *Learning Transferable Visual Models From Natural Language*."""

from collections.abc import Sequence
from pathlib import Path

import torch

from isagrsc2.classification.clip.calibration import Calibration
from isagrsc2.classification.clip.loading import load_clip
from isagrsc2.classification.clip.network import ZeroShotNetwork, embed_classes
from isagrsc2.classification.clip.prompts import Prompts
from isagrsc2.classification.network_classifier import NetworkClassifier, check_options
from isagrsc2.device import choose_device


class ClipClassifier(NetworkClassifier):
    """Classes and the probability of being cultivated, by comparing chips with texts; nothing is trained.

    Every phrase is put into every template; the mean of the normalised text embeddings stands for the phrase (Radford et
    al. 2021, section 3.1.4). A softmax over all phrases, summed over those of cultivated land, is the probability.
    """

    def __init__(
        self,
        model: str,
        checkpoint: str,
        normalisation: str,
        weights_dir: str,
        templates: Sequence[str],
        cultivated: Sequence[str],
        not_cultivated: Sequence[str],
        calibration: Calibration,
        labels: str,
        threshold: float,
        device: str,
        batch: int,
    ) -> None:
        """Load the model, embed the texts, and find the temperature.

        Args:
            model: see ``load_clip``.
            checkpoint: see ``load_clip``.
            normalisation: see ``load_clip``.
            weights_dir: folder of fetched files.
            templates: see ``Prompts``.
            cultivated: see ``Prompts``.
            not_cultivated: see ``Prompts``.
            calibration: finds the temperature.
            labels: see ``NetworkClassifier``; with ``classes`` parcels are named by phrases.
            threshold: probability from which a parcel counts as cultivated.
            device: see ``isagrsc2.device.choose_device``.
            batch: chips per forward; does not change the result beyond rounding.

        Raises:
            InputError: see ``Prompts``, ``load_clip``, ``Calibration`` and ``NetworkClassifier``.
        """
        check_options(labels, threshold, batch)
        prompts = Prompts(templates, cultivated, not_cultivated)
        clip = load_clip(str(model), str(checkpoint), str(normalisation), Path(weights_dir).expanduser())
        embeddings = embed_classes(clip.model, clip.tokenizer, prompts.sentences)  # (K, D)
        place = choose_device(device)
        network = ZeroShotNetwork(clip.model, clip.colours, embeddings).eval().to(place)
        classes = prompts.classes
        is_cultivated = torch.tensor([name in classes.cultivated for name in classes.names])  # (K,)
        temperature = calibration.temperature(network, is_cultivated, clip.image_size, batch, place)
        super().__init__(network, classes, clip.image_size, temperature, labels, threshold, device, batch)
