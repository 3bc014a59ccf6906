"""
Find Terraform, and where its AWS provider comes from.

An ordinary ``terraform init`` is tried first. Where the registry cannot be reached, a local
provider mirror is looked for and named in a CLI configuration of our own, ``.tools/terraform.rc``,
which everything here then hands to Terraform as ``TF_CLI_CONFIG_FILE``. Standard library only.

    python tools/terraform.py config     # print that file's path, after finding out what goes in
    python tools/terraform.py init DIR   # any other arguments: Terraform itself, so configured
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / ".tools" / "terraform.rc"
PLUGIN_CACHE = ROOT / ".tools" / "plugin-cache"

SOURCE = Path("registry.terraform.io/hashicorp/aws")
OLDEST_TERRAFORM = (1, 9, 0)
OLDEST_PROVIDER = (5, 100, 0)
PROBE = f"""
terraform {{
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = ">= {".".join(str(part) for part in OLDEST_PROVIDER)}"
    }}
  }}
}}
"""
# Never looked into: no file lives there, or (.terraform) only what another init left behind.
SKIPPED_FOLDERS = frozenset({".terraform", ".git", "node_modules", "proc", "sys", "dev", "run"})


class TerraformError(Exception):
    """Terraform or its provider is not to be had; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Binary:
    """The Terraform on PATH."""

    path: str
    platform: str  # as in a mirror's folders: "linux_amd64"


def version_tuple(text: str) -> tuple[int, ...]:
    """Turn "5.100.0" into (5, 100, 0); pre-release suffixes do not count."""
    return tuple(int(part) for part in re.findall(r"\d+", text.split("-", maxsplit=1)[0]))


def find_binary() -> Binary:
    """
    Find Terraform on PATH.

    Raises:
        TerraformError: It is missing, does not run, or is too old.
    """
    oldest = ".".join(str(part) for part in OLDEST_TERRAFORM)
    remedy = f"Install Terraform {oldest} or newer and put it on PATH."
    path = shutil.which("terraform")
    if path is None:
        raise TerraformError(f"Terraform is missing. {remedy}")
    try:
        answer = subprocess.run(
            [path, "version", "-json"], capture_output=True, check=True, env=clean_environment()
        )
        facts = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise TerraformError(f"{path} does not run: {error}. {remedy}") from error
    if version_tuple(facts["terraform_version"]) < OLDEST_TERRAFORM:
        raise TerraformError(f"{path} is Terraform {facts['terraform_version']}. {remedy}")
    return Binary(path=path, platform=facts["platform"])


def clean_environment() -> dict[str, str]:
    """Copy the environment without a TF_CLI_CONFIG_FILE that names a file that is not there."""
    environment = dict(os.environ)
    if not Path(environment.get("TF_CLI_CONFIG_FILE", "")).is_file():
        environment.pop("TF_CLI_CONFIG_FILE", None)
    return environment


def registry_answers(binary: Binary) -> bool:
    """Try an ordinary init, with a plugin cache so that the provider is downloaded once."""
    PLUGIN_CACHE.mkdir(parents=True, exist_ok=True)
    environment = clean_environment() | {"TF_PLUGIN_CACHE_DIR": str(PLUGIN_CACHE)}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.tf").write_text(PROBE)
        command = [binary.path, f"-chdir={folder}", "init", "-input=false", "-no-color"]
        probe = subprocess.run(command, capture_output=True, check=False, env=environment)
    return probe.returncode == 0


def walk(top: Path) -> Iterator[Path]:
    """Yield every folder below *top* that is named like the provider's source, parents first."""
    for folder, names, _files in os.walk(top):
        names[:] = sorted(name for name in names if name not in SKIPPED_FOLDERS)
        here = Path(folder)
        if here.parts[-len(SOURCE.parts) :] == SOURCE.parts:
            names.clear()
            yield here


def likely_folders() -> Iterator[Path]:
    """Yield provider folders, the ones Terraform itself implies first, the whole machine last."""
    home = Path.home()
    caches = [os.environ.get("TF_PLUGIN_CACHE_DIR"), home / ".terraform.d" / "plugin-cache"]
    implied = [home / ".terraform.d" / "plugins", home / ".local/share/terraform/plugins"]
    data_folders = os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":")
    implied += [Path(folder) / "terraform" / "plugins" for folder in data_folders]
    for root in [*implied, *(Path(cache) for cache in caches if cache)]:
        yield root / SOURCE
    yield from walk(Path("/"))


def fits(folder: Path, platform: str) -> bool:
    """Tell whether *folder* holds a version that is new enough, for *platform*."""
    binaries = folder.glob(f"*/{platform}/terraform-provider-aws_*")
    versions = [version_tuple(path.parent.parent.name) for path in binaries]
    archives = folder.glob(f"terraform-provider-aws_*_{platform}.zip")
    versions += [version_tuple(path.name.split("_")[1]) for path in archives]
    return any(version >= OLDEST_PROVIDER for version in versions)


def find_mirror(platform: str, folders: Iterator[Path] | None = None) -> Path:
    """
    Find a provider mirror: the folder that holds ``registry.terraform.io``.

    Raises:
        TerraformError: No folder on this machine holds a fitting provider.
    """
    for folder in folders if folders is not None else likely_folders():
        if folder.is_dir() and fits(folder, platform):
            return folder.parents[len(SOURCE.parts) - 1]
    raise TerraformError(
        "The provider registry cannot be reached, and no folder on this machine holds "
        f"{SOURCE} for {platform}. Make one where there is a network "
        "(terraform providers mirror FOLDER) and copy it here."
    )


def write_config(text: str) -> None:
    """Write beside and rename, so that no reader meets half a file."""
    CONFIG.parent.mkdir(parents=True, exist_ok=True)
    draft = CONFIG.with_suffix(f".{os.getpid()}")
    draft.write_text(text)
    draft.replace(CONFIG)


def usable(config: Path) -> bool:
    """Tell whether an earlier run's answer still stands: its mirror may have been moved."""
    if not config.is_file():
        return False
    named = re.search(r'path\s*=\s*"(.+)"', config.read_text())
    return named is None or (Path(named[1]) / SOURCE).is_dir()


def cli_config() -> Path:
    """
    Return the CLI configuration that Terraform shall use, finding out once what goes in.

    A ``TF_CLI_CONFIG_FILE`` of the caller's that is there wins.

    Raises:
        TerraformError: Terraform, or its provider, is not to be had.
    """
    environment = clean_environment()
    if "TF_CLI_CONFIG_FILE" in environment:
        return Path(environment["TF_CLI_CONFIG_FILE"])
    if usable(CONFIG):
        return CONFIG
    binary = find_binary()
    if registry_answers(binary):
        write_config(f'plugin_cache_dir = "{PLUGIN_CACHE}"\n')
    else:
        mirror = find_mirror(binary.platform)
        sys.stderr.write(f"The provider registry cannot be reached; using the mirror {mirror}\n")
        write_config(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
        )
    return CONFIG


def environment() -> dict[str, str]:
    """Return the process environment for Terraform: this one, plus the configuration."""
    quiet = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    return clean_environment() | quiet | {"TF_CLI_CONFIG_FILE": str(cli_config())}


def main(arguments: list[str]) -> int:
    """Print the configuration's path, or run Terraform with it."""
    try:
        if arguments == ["config"]:
            find_binary()  # an answer kept from an earlier run says nothing of it
            print(cli_config())
            return 0
        return subprocess.run(
            [find_binary().path, *arguments], check=False, env=environment()
        ).returncode
    except TerraformError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
