"""Trains the networks that see a whole object from 16 sides.

    python models/views/train.py --model layers --data views.pack --out RUN/layers --minutes N
    python models/views/train.py --model volume --data views.pack --out RUN/volume --minutes N [--layers RUN/layers]
    python models/views/train.py --model joint  --data views.pack --out RUN/joint  --minutes N --layers RUN/layers

The joint model first renders the bodies that the trained layers see; they are kept in --bodies. The options of every recipe: ../README.md.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.device import open_machine  # noqa: E402
from common.options import preset_for, recipe_parser  # noqa: E402
from common.trainer import Recipe, Trainer  # noqa: E402
from views import joint_recipe, layers_recipe, volume_recipe  # noqa: E402


def main() -> None:
    parser = recipe_parser("Trains the layered body network, the volume network or the joint denoiser.")
    parser.add_argument("--model", choices=["layers", "volume", "joint"], required=True)
    parser.add_argument("--layers", type=Path, help="trained layers (run, checkpoint or safetensors): a joint model needs their bodies, a volume may start from them")
    parser.add_argument("--bodies", type=Path, help="of a joint model: where the rendered bodies are kept; default OUT/bodies.npz")
    args = parser.parse_args()
    if args.model == "joint" and not args.layers:
        parser.error("--model joint needs --layers, the trained layers whose bodies it starts from")
    machine = open_machine(args.device, args.threads)
    torch.manual_seed(args.seed)
    recipe: Recipe
    if args.model == "layers":
        recipe = layers_recipe.LayersRecipe(load_arrays(args.data), preset_for(args, layers_recipe.PRESETS, machine.cuda), machine)
    elif args.model == "volume":
        values = preset_for(args, volume_recipe.PRESETS, machine.cuda)
        recipe = volume_recipe.VolumeRecipe(load_arrays(args.data), values, machine, args.layers)
    else:
        values = preset_for(args, joint_recipe.PRESETS, machine.cuda)
        recipe = joint_recipe.JointRecipe(load_arrays(args.data), values, machine, args.layers, args.bodies or args.out / "bodies.npz")
    Trainer(recipe, args, machine).run()


if __name__ == "__main__":
    main()
