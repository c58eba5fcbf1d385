"""A small 3D U-Net that finds the fissures between the lobes of a lung."""

from monai.networks.nets import BasicUNet


def fissure_network(base_channels: int) -> BasicUNet:
    """Scans (n, 1, z, y, x), 0..1 on the lobe grid, to logits (n, 1, z, y, x); edges are multiples of 16."""
    wide = 8 * base_channels
    return BasicUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=1,
        features=(base_channels, 2 * base_channels, 4 * base_channels, wide, wide, base_channels),
        act="relu",
        norm="batch",
        upsample="deconv",
    )
