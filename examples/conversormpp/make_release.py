"""Build a release directory: `python make_release.py 1.1.0 releases/1.1.0`.

A release is a copy of the package with the feature files of its version, a release.json that names both, the migrations
of its database, and the Dockerfile that makes an image of it. So two releases differ in their code, and nothing is kept
twice. Without a version: build all of them below the directory.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).parent / "conversormpp"
OLD_DETAILS = PACKAGE / "details_1.py"


@dataclass(frozen=True)
class Recipe:
    """`features` are names of files in conversormpp/features; `faults` are what conversormpp.faults reads.

    `migrations`: how many of them the release brings; with the first alone, it keeps the details of 1.x.
    """

    features: frozenset[str] = frozenset()
    faults: dict[str, str] = field(default_factory=dict)
    migrations: int = 1


V1_1 = frozenset({"mspdi", "dark", "durations"})
V1_2 = V1_1 | {"search"}
RECIPES = {
    "1.0.0": Recipe(),
    "1.1.0": Recipe(V1_1),
    "1.1.1-broken": Recipe(V1_1, {"FAULT_NEVER_HEALTHY": "1"}),
    "1.2.0": Recipe(V1_2),
    # One preview in eight fails. Users ask for previews; the health checks and the smoke test, a conversion, do not.
    # So it passes all that is tried before it gets traffic, and only its users' requests can tell.
    "1.2.0-errors": Recipe(V1_2, {"FAULT_ERROR_RATE": "0.125", "FAULT_ERROR_PATH": "/api/preview"}),
    "1.2.0-slow": Recipe(V1_2, {"FAULT_LATENCY_MS": "400"}),
    "2.0.0": Recipe(V1_2, migrations=3),
}


def make_release(version: str, destination: Path) -> Path:
    """Build the release at `destination`, which must not exist yet: a release never changes."""
    recipe = RECIPES[version]

    def left_out(directory: str, names: list[str]) -> set[str]:
        if Path(directory).name != "features":
            return {"__pycache__", OLD_DETAILS.name}
        return {name for name in names if name != "__init__.py" and Path(name).stem not in recipe.features}

    shutil.copytree(PACKAGE, destination / "conversormpp", ignore=left_out)
    if recipe.migrations == 1:
        shutil.copy(OLD_DETAILS, destination / "conversormpp" / "details.py")
    (destination / "migrations").mkdir()
    for file in (PACKAGE.parent / "migrations").glob("*.sql"):
        if int(file.name.partition("_")[0]) <= recipe.migrations:
            shutil.copy(file, destination / "migrations")
    shutil.copy(PACKAGE.parent / "Dockerfile", destination)
    about = {"version": version, "features": sorted(recipe.features), "faults": recipe.faults}
    (destination / "release.json").write_text(json.dumps(about, indent=2) + "\n")
    return destination


def main(arguments: list[str]) -> None:
    match arguments:
        case [version, destination] if version in RECIPES:
            make_release(version, Path(destination))
        case [directory] if directory not in RECIPES:
            for version in RECIPES:
                make_release(version, Path(directory) / version)
        case _:
            sys.exit(f"usage: make_release.py [VERSION] DIRECTORY, where VERSION is one of {', '.join(RECIPES)}")


if __name__ == "__main__":
    main(sys.argv[1:])
