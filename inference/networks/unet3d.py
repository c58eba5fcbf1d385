"""The 3D U-Net of Müller et al.: MONAI's, with batch normalisation and transposed convolutions."""

from monai.networks.nets import BasicUNet

#: Background, right lung, left lung, infection.
OUTPUTS = 4


def unet3d(base_channels: int) -> BasicUNet:
    """Patches (n, 1, z, y, x) to logits (n, 4, z, y, x); edges are multiples of 16. The paper's base is 32 channels."""
    widths = [base_channels * 2**level for level in range(5)]
    return BasicUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=OUTPUTS,
        features=(*widths, base_channels),
        act="relu",
        norm="batch",
        upsample="deconv",
    )
