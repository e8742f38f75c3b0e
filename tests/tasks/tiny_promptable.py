"""A promptable segmenter that tells bright from dark, and images of a bright and a dark parcel."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from isagrsc2.files import replacing
from isagrsc2.prompt_training.batches import UNKNOWN, PromptedImage
from isagrsc2.prompt_training.data.base import PromptedDataModule
from isagrsc2.prompt_training.lightning_module import PromptableModule
from isagrsc2.segmenters.dense_candidates import DenseCandidates
from isagrsc2.training.sampling import EpochSampler

SIZE = 24  # px
PROMPTS = np.array([(5.5, 4.5), (2.5, 20.5), (17.5, 12.5)], np.float32)  # in parcels 1, 1, 2


def two_parcels(seed):
    """Image (S, S, 3) uint8 and labels (S, S): bright on the left, dark on the right; nothing is known of the lowest rows."""
    labels = np.ones((SIZE, SIZE), np.int32)
    labels[:, SIZE // 2 :] = 2
    means = np.where(labels == 1, 180, 70)[..., None]
    image = np.random.default_rng(seed).normal(means, 20, (SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
    labels[-2:] = UNKNOWN
    return image, labels


class TwoParcels(PromptedDataModule):
    """Four images to learn from, and as many of the others as wanted."""

    def __init__(self, val, test):
        super().__init__(workers=0)
        self.counts = {"val": val, "test": test}

    def images(self, side):
        """Every side has its own."""
        seeds = range({"val": 100, "test": 200}[side], 1000)[: self.counts[side]]
        return [PromptedImage(f"{side} {seed}", *two_parcels(seed), PROMPTS, index) for index, seed in enumerate(seeds)]

    def train_dataloader(self):
        """Batches of two."""
        sampler = EpochSampler(4, 2, 0, 0, 1)
        sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.ready)
        return DataLoader(self, 2, sampler=sampler)

    def __getitem__(self, draw):
        image, labels = two_parcels(draw % 4)
        return torch.from_numpy(image).permute(2, 0, 1), labels, PROMPTS, draw


@dataclass(frozen=True)
class Brightness:
    """(H, W) float32, above 0 where it is bright."""

    values: np.ndarray


class SameSide:
    """Segments what is as bright as the point; a segmenter."""

    def __init__(self, net):
        self.net = net

    def embed(self, image):
        """See ``Segmenter``."""
        with torch.no_grad():
            return Brightness(self.net(_floats(torch.from_numpy(image).permute(2, 0, 1)[None]))[0, 0].numpy())

    def segment(self, embedding, points):
        """See ``Segmenter``; the second mask has the highest score."""
        columns, rows = np.floor(points).astype(int).T
        signs = np.sign(embedding.values[rows, columns])[:, None, None, None]  # (N, 1, 1, 1)
        logits = signs * embedding.values + np.array([-0.1, 0, 0.1], np.float32)[:, None, None]  # (N, 3, H, W)
        scores = np.tile(np.array([0.5, 0.8, 0.6], np.float32), (len(points), 1))
        return DenseCandidates(logits, scores, lambda some: np.ones(len(some), np.float32), lambda some: some > 0)


class TinyPromptable(PromptableModule):
    """Two layers of 1 x 1 convolutions, trained to be above 0 in parcel 1."""

    def __init__(self, network, lr, trained_on):
        super().__init__()
        self.save_hyperparameters({"network": network, "trained_on": trained_on})
        width = network["width"]
        self.net = torch.nn.Sequential(torch.nn.Conv2d(3, width, 1), torch.nn.BatchNorm2d(width), torch.nn.Conv2d(width, 1, 1))
        self.lr = lr

    def training_step(self, batch):
        """Loss of a batch."""
        images, labels, _, _ = batch
        loss = F.binary_cross_entropy_with_logits(self.net(_floats(images))[:, 0], (labels == 1).float())
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(images))
        return loss

    def configure_optimizers(self):
        """With moments, which a resumed run must have."""
        return torch.optim.Adam(self.parameters(), self.lr)

    def segmenter(self):
        """See ``PromptableModule``."""
        return SameSide(self.net)

    def write_weights(self, folder):
        """See ``PromptableModule``."""
        with replacing(folder / "weights.pt") as temporary:
            torch.save(self.net.state_dict(), temporary)
        return folder / "weights.pt"

    def usage(self, weights):
        """See ``PromptableModule``."""
        return f"python segment.py segmenter.checkpoint={weights}"


def _floats(images):
    return images.float() / 128 - 1
