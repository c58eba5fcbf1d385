"""The command line: `python -m inference COMMAND`. Bad input ends with status 2 and one line."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from inference.errors import InferenceError
from inference.memory import is_for_want_of_memory, keep_freed_memory, limit_memory, out_of_memory

#: Status for input that cannot be used; the portal tells refusals from crashes by it.
REFUSED = 2
Handler = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        limit_memory()
        keep_freed_memory()
        _handler(options.handler)(options)
    except InferenceError as refusal:
        return _refuse(options, refusal)
    except (MemoryError, RuntimeError, OSError) as fault:
        if not is_for_want_of_memory(fault):
            raise
        return _refuse(options, out_of_memory())
    return 0


def _refuse(options: argparse.Namespace, refusal: InferenceError) -> int:
    if getattr(options, "progress", False):
        print(json.dumps({"error": refusal.sentence, "code": refusal.code, "files": list(refusal.files)}), flush=True)
    print(refusal.sentence.replace("\n", " "), file=sys.stderr)
    return REFUSED


def _handler(name: str) -> Handler:
    """Load a command only when it runs: listing pipelines must not load torch."""
    module, function = name.split(":")
    handler: Handler = getattr(importlib.import_module(module), function)
    return handler


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    segment = commands.add_parser("segment", help="segment and measure one scan")
    segment.add_argument("input", type=Path, help="DICOM folder or file, zip, .nii, .nii.gz or .mha")
    segment.add_argument("--out", type=Path, required=True, help="folder for masks and measurements.json")
    segment.add_argument("--pipeline", default=None, help="name from `models`; the default one when left out")
    segment.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    segment.add_argument("--progress", action="store_true", help="print progress as JSON lines")
    segment.add_argument("--save-volume", action="store_true", help="write the HU volume as volume.npy as well")
    segment.set_defaults(handler="inference.commands.segment:run")

    export = commands.add_parser("export", help="masks and measurements of a DICOM series as DICOM objects")
    export.add_argument("scan", type=Path, help="folder that holds the DICOM series alone")
    export.add_argument("result", type=Path, help="folder that `segment` wrote")
    export.add_argument("--out", type=Path, required=True, help="folder for seg.dcm and sr.dcm")
    export.add_argument("--context", type=Path, help="JSON with revision, reader and growth; see inference.dicom")
    export.add_argument("--captures", action="store_true", help="also sc-NNN.dcm: pictures with burned-in masks")
    export.add_argument("--volume", type=Path, help="volume.npy of the scan; without it, --captures decodes the series")
    export.add_argument("--pdf", type=Path, help="write this report as pdf.dcm, and nothing else")
    export.set_defaults(handler="inference.commands.export:run")

    deidentify = commands.add_parser("deidentify", help="DICOM files without a person (PS3.15 Basic Profile)")
    deidentify.add_argument("folder", type=Path, help="folder of DICOM files")
    deidentify.add_argument("--out", type=Path, required=True)
    deidentify.add_argument("--plan", type=Path, required=True, help="JSON: patient, shift_days, key")
    deidentify.set_defaults(handler="inference.commands.deidentify:run")

    decompress = commands.add_parser("decompress", help="copies of DICOM images with plain pixels")
    decompress.add_argument("folder", type=Path, help="folder of DICOM files")
    decompress.add_argument("--out", type=Path, required=True)
    decompress.set_defaults(handler="inference.commands.decompress:run")

    remeasure = commands.add_parser("remeasure", help="check corrected masks and measure them")
    remeasure.add_argument("volume", type=Path, help="volume.npy that `segment --save-volume` wrote")
    remeasure.add_argument("masks", type=Path, help="folder with the masks, geometry.json and measurements.json before")
    remeasure.add_argument("--out", type=Path, required=True, help="folder for masks and measurements.json")
    remeasure.set_defaults(handler="inference.commands.remeasure:run")

    register = commands.add_parser("register", help="what of the infection is new, persistent or resolved")
    register.add_argument(
        "current", type=Path, help="folder with volume.npy, geometry.json and masks of the later scan"
    )
    register.add_argument("prior", type=Path, help="the same of the earlier scan")
    register.add_argument("--out", type=Path, required=True, help="folder for registration.json and growth.nii.gz")
    register.add_argument("--progress", action="store_true", help="print progress as JSON lines")
    register.set_defaults(handler="inference.commands.register:run")

    models = commands.add_parser("models", help="list the pipelines as JSON")
    models.set_defaults(handler="inference.commands.models:run")

    evaluate = commands.add_parser("evaluate", help="compare masks with a reference, as JSON")
    evaluate.add_argument("pred", type=Path, help="mask, or folder of masks")
    evaluate.add_argument("truth", type=Path, help="reference mask, or folder with the same names")
    evaluate.set_defaults(handler="inference.commands.evaluate:run")

    release = commands.add_parser("release", help="ship checkpoints as the weights of a pipeline")
    release.add_argument("pipeline", help="name from `models`")
    release.add_argument(
        "checkpoints",
        nargs="+",
        metavar="ROLE=FILE",
        help="for example lung=.train/unet2d-lung-best.pt; of FILE+FILE the mean is shipped",
    )
    release.set_defaults(handler="inference.commands.training:release")

    for name, text in (("train", "train the networks of a configuration"), ("crossval", "k-fold over patients")):
        training = commands.add_parser(name, help=text)
        training.add_argument("config", type=Path)
        training.set_defaults(handler=f"inference.commands.training:{name}")

    phantom = commands.add_parser("phantom", help="write synthetic serial scans with exact truth")
    phantom.add_argument("--out", type=Path, required=True)
    phantom.add_argument("--scenario", default="growing", help="growing, stable, resolving, onset or new")
    phantom.add_argument("--seed", type=int, default=1)
    phantom.add_argument("--size", type=int, default=512, help="rows and columns")
    phantom.add_argument("--slices", type=int, default=100)
    phantom.set_defaults(handler="inference.commands.phantom:run")

    bench = commands.add_parser("bench", help="time the pipelines on a synthetic scan, as JSON")
    bench.add_argument("--slices", type=int, default=300)
    bench.add_argument("--size", type=int, default=512)
    bench.add_argument("--pipeline", action="append", default=[], help="only this one; may be given several times")
    bench.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    bench.set_defaults(handler="inference.commands.bench:run")

    held_out = commands.add_parser("held-out", help="measure the pipelines on a configuration's test patients")
    held_out.add_argument("config", type=Path)
    held_out.add_argument("--pipeline", action="append", default=[], help="only this one; may be given several times")
    held_out.set_defaults(handler="inference.commands.report:held_out")

    thresholds = commands.add_parser("thresholds", help="sweep the HU thresholds of the baseline")
    thresholds.add_argument("config", type=Path, help="its test patients are left out")
    thresholds.set_defaults(handler="inference.commands.report:thresholds")

    lobes = commands.add_parser("lobes-evaluation", help="measure lobes by networks and atlas on held-out lobe maps")
    lobes.add_argument("config", type=Path)
    lobes.add_argument("checkpoint", type=Path, help="of the network: .pt or .safetensors")
    lobes.add_argument("--fissures", type=Path, nargs=2, required=True, metavar=("CONFIG", "CHECKPOINT"))
    lobes.add_argument("--scan", type=Path, help="CT whose infected lobes radiologists marked slice by slice")
    lobes.add_argument("--marked", type=Path, help="their marks as CSV: slice_from_head and a column a lobe")
    lobes.add_argument("--beside", type=Path, action="append", default=[], help="another CT for the picture")
    lobes.add_argument("--draw", type=Path, help="PNG of the lobes found in --scan and --beside")
    lobes.set_defaults(handler="inference.commands.report:lobes")

    effusion = commands.add_parser("effusion-evaluation", help="measure what the default pipeline finds of effusions")
    effusion.add_argument("config", type=Path, help="fluid is laid into its test patients")
    effusion.add_argument("--dry", type=Path, action="append", default=[], help="scan of a person without effusion")
    effusion.set_defaults(handler="inference.commands.report:effusion")

    restoration = commands.add_parser(
        "restoration-evaluation", help="measure how near restored stacks come to their HU"
    )
    restoration.add_argument("config", type=Path, help="any whose datasets hold MedSeg and COVID-19-CT-Seg")
    restoration.set_defaults(handler="inference.commands.report:restoration")

    readers = commands.add_parser("readers-agreement", help="measure how far two readers agree on the same slices")
    readers.add_argument("config", type=Path, help="any whose datasets hold MedSeg and COVID-19-CT-Seg")
    readers.set_defaults(handler="inference.commands.report:readers")

    report = commands.add_parser("report", help="write docs/evaluation.md from the stored results")
    report.add_argument("target", type=Path, nargs="?", default=Path("docs/evaluation.md"))
    report.set_defaults(handler="inference.commands.report:report")

    atlas = commands.add_parser("build-lobe-atlas", help="build the lobe atlas from lobe maps")
    atlas.add_argument("folder", type=Path)
    atlas.set_defaults(handler="inference.commands.lobe_atlas:run")
    return parser
