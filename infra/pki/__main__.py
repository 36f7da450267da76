"""`python -m infra.pki`: set up the development PKI of a stack, and act as its registrar."""

import argparse
from pathlib import Path

from infra.pki.establish import establish


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m infra.pki", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="complete the PKI folder of a stack")
    init.add_argument("--run", type=Path, required=True, help="state folder of the stack")
    init.add_argument("--seed", type=Path, required=True, help="CSV file of the agencies")
    arguments = parser.parse_args()
    made = establish(arguments.run, arguments.seed)
    print(f"pki: {made} certificates made, the folder is complete")


if __name__ == "__main__":
    main()
