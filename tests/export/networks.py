"""Small networks with the shapes that make splitting hard."""

from __future__ import annotations

import time
from typing import Literal

import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from camexport.inspector import WEIGHTS, Inspector
from camexport.weights import fit_state, read_state


class Plain(nn.Module):
    """Convolution, batch norm, ReLU; pooling; linear."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(self.features(images)).flatten(1))
        return logits


class Twice(Plain):
    """One ReLU module called at two places; the block's output is then changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1))
        self.again = nn.Conv2d(8, 8, 3, 1, 1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        values = self.again(self.act(self.features(images)))
        values = self.act(values - 0.1)
        values += 1.0  # in place, on the activations of the target layer
        logits: Tensor = self.fc(values.mean((2, 3)))
        return logits


class Bypass(Plain):
    """The mean colour of the image reaches the logits without passing through `features`."""

    def forward(self, images: Tensor) -> Tensor:
        logits = self.fc(self.pool(self.features(images)).flatten(1))
        total: Tensor = logits + images.mean((1, 2, 3)).unsqueeze(1)
        return total


class BatchFromImage(Plain):
    """The tail reads the batch size off the image, as CLIP's attention pooling does."""

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.features(images).mean((2, 3))
        logits: Tensor = self.fc(pooled.reshape(images.shape[0], 8))
        return logits


class Tokens(nn.Module):
    """Activations without a grid `(n, C, h, w)`."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Flatten(2)
        self.mix = nn.Linear(32 * 32, 16)
        self.fc = nn.Linear(48, 4)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.mix(self.patches(images)).flatten(1))
        return logits


class Pair(Plain):
    """Returns two tensors."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        features = self.features(images)
        return features, self.fc(features.mean((2, 3)))


class Branches(Plain):
    """Control flow that depends on the values, which no trace can follow."""

    def forward(self, images: Tensor) -> Tensor:
        if images.sum() > 0:
            return super().forward(images)
        return super().forward(-images)


def branches() -> nn.Module:
    """For `--model networks:branches`."""
    return Branches()


def plain() -> nn.Module:
    """For `--model networks:plain`."""
    torch.manual_seed(0)
    return Plain()


def inspector() -> nn.Module:
    """Trained, and nobody says how its pictures are prepared."""
    network = Inspector()
    fit_state(network, read_state(WEIGHTS), WEIGHTS.name)
    return network


def not_a_module() -> str:
    """For the error."""
    return "surprise"


class Tied(nn.Module):
    """The same 1x1 convolution before and behind the target layer `norm`."""

    def __init__(self) -> None:
        super().__init__()
        self.shrink = nn.AvgPool2d(4)
        self.shared = nn.Conv2d(64, 64, 1, bias=False)
        self.norm = nn.Sigmoid()

    def forward(self, images: Tensor) -> Tensor:
        wide = torch.cat([self.shrink(images)] * 22, 1)[:, :64]
        values = self.norm(self.shared(wide))
        logits: Tensor = self.shared(values).mean((2, 3))
        return logits


def tied() -> nn.Module:
    """For `--model networks:tied`."""
    torch.manual_seed(0)
    return Tied()


def twice() -> nn.Module:
    """For `--model networks:twice`."""
    torch.manual_seed(0)
    return Twice()


def slow() -> nn.Module:
    """For a build that is interrupted."""
    time.sleep(300)
    return Plain()


class Warped(Plain):
    """Samples its activations where they say: ONNX has the operator, but not its derivative."""

    def forward(self, images: Tensor) -> Tensor:
        values = self.features(images)
        grid = values[:, :2].permute(0, 2, 3, 1)
        warped = nn.functional.grid_sample(values, grid, align_corners=False)
        logits: Tensor = self.fc(warped.mean((2, 3)))
        return logits


def warped() -> nn.Module:
    """For `--model networks:warped`."""
    torch.manual_seed(0)
    return Warped()


class Growing(Plain):
    """Sine waves so fast that rounding in the head, of 1e-7, is 1e-3 of the logits.

    The exported head has its batch norm folded, so it rounds otherwise than PyTorch everywhere. Of
    many logits, the largest error is about the same for both.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.fc = nn.Linear(8 * 4 * 4, 64, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        waves = torch.sin(2e4 * self.features(images))
        logits: Tensor = self.fc(self.pool(waves).flatten(1))
        return logits


def growing() -> nn.Module:
    """For `--model networks:growing`."""
    torch.manual_seed(0)
    return Growing()


def small_vit() -> nn.Module:
    """A vision transformer on 4 x 6 patches with a class token."""
    torch.manual_seed(0)
    return VisionTransformer(
        img_size=(32, 48), patch_size=8, embed_dim=24, depth=3, num_heads=2, num_classes=5
    )


def small_swin() -> nn.Module:
    """A Swin transformer, channels last, that ends on 4 x 8 cells."""
    torch.manual_seed(0)
    return SwinTransformer(
        img_size=(32, 64),
        patch_size=4,
        embed_dim=12,
        depths=(1, 1),
        num_heads=(2, 2),
        window_size=2,
        num_classes=5,
    )


class SmallVGG(nn.Module):
    """VGG16 with few channels: its grid is pooled to another, flattened, and read cell by cell."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, outputs in ((3, 8), (8, 16), (16, 32)):
            blocks += [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.ReLU(inplace=True)]
            blocks += [nn.Conv2d(outputs, outputs, 3, 1, 1), nn.ReLU(inplace=True)]
            blocks += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            *(nn.Linear(32 * 7 * 7, 64), nn.ReLU(inplace=True), nn.Dropout()),
            *(nn.Linear(64, 64), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(64, 10)),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return logits


def small_vgg() -> nn.Module:
    """Single cells and masked images move its logits, as those of a trained network."""
    torch.manual_seed(0)
    network = SmallVGG()
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)
            assert layer.bias is not None
            nn.init.normal_(layer.bias, 0, 0.05)
    return network


def pair() -> nn.Module:
    """Its second output is the logits."""
    torch.manual_seed(0)
    return Pair()


class Named(Plain):
    """Outputs by name."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        logits = super().forward(images)
        return {"logits": logits, "twice": torch.cat([logits, logits], 1)}


def named() -> nn.Module:
    """For `--output logits`."""
    torch.manual_seed(0)
    return Named()


class Guided(Plain):
    """Two inputs, and one that need not be given."""

    def forward(  # type: ignore[override]
        self, images: Tensor, guide: Tensor, scale: float = 1.0
    ) -> Tensor:
        return super().forward(images) + guide * scale


def guided() -> nn.Module:
    """It cannot be built as it is."""
    return Guided()


def sized(classes: int, name: str = "") -> nn.Module:
    """For `--arg classes=7`."""
    torch.manual_seed(0)
    network = Plain()
    network.fc = nn.Linear(8, classes)
    assert name in ("", "seven")
    return network


def certain() -> nn.Module:
    """Its first class has probability 1, whatever it sees."""
    torch.manual_seed(0)
    network = Plain()
    with torch.no_grad():
        network.fc.bias[0] = 1000
    return network


def exploding() -> nn.Module:
    """Finite weights whose logits overflow to infinity."""
    network = Plain()
    with torch.no_grad():
        network.fc.weight.fill_(3e38)
        network.fc.bias.fill_(3e38)
    return network


class Loud(Plain):
    """Activations beyond float16's 65504, made small again behind the target layer."""

    def forward(self, images: Tensor) -> Tensor:
        values = self.features(images * 1e6)
        logits: Tensor = self.fc(values.mean((2, 3)) * 1e-6)
        return logits


def loud() -> nn.Module:
    """For `--model networks:loud`."""
    torch.manual_seed(0)
    return Loud()


Turn = Literal["", "reversed", "averaged", "repeated", "normalised"]


class Channelled(nn.Module):
    """Takes `channels`; may itself reverse them, average, repeat or normalise."""

    def __init__(self, channels: int, turn: Turn = "") -> None:
        super().__init__()
        self.turn = turn
        self.features = nn.Sequential(
            nn.Conv2d(channels, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 16, 3, 2, 1), nn.ReLU()
        )
        self.fc = nn.Linear(16, 5)

    def forward(self, images: Tensor) -> Tensor:
        if self.turn == "reversed":
            images = images.flip(1)
        if self.turn == "repeated":
            images = images.repeat(1, 3, 1, 1)
        if self.turn == "normalised":
            images = images - torch.tensor([0.3, 0.5, 0.9]).view(3, 1, 1)
        if self.turn == "averaged":
            images = images.mean(1, keepdim=True)
        logits: Tensor = self.fc(self.features(images).mean((2, 3)))
        return logits


def channelled(channels: int, turn: Turn = "") -> nn.Module:
    """For `--model networks:channelled --arg channels=4`; single cells move its logits."""
    torch.manual_seed(0)
    network = Channelled(channels, turn)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    nn.init.normal_(network.fc.weight)
    return network


def grey() -> nn.Module:
    """For `--model networks:grey`."""
    return channelled(1)


def four_channels() -> nn.Module:
    """For `--model networks:four_channels`."""
    return channelled(4)


class NoConvolution(nn.Module):
    """Of images `(n, channels, 8, 8)`, without any convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels * 64, 4 * 64)
        self.features = nn.ReLU()
        self.fc = nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        grid = self.features(self.mix(images.flatten(1)).reshape(-1, 4, 8, 8))
        logits: Tensor = self.fc(grid.mean((2, 3)))
        return logits


def no_convolution(channels: int) -> nn.Module:
    """For `--model networks:no_convolution --arg channels=1`."""
    torch.manual_seed(0)
    return NoConvolution(channels)
