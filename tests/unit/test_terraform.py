"""Where Terraform and its provider come from, and what is said when they are not there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tools import setup_env, terraform

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM = "linux_amd64"


def provider(top: Path, version: str = "5.100.0", platform: str = PLATFORM) -> Path:
    """Unpack a provider below *top* as a mirror holds it; return the mirror."""
    folder = top / terraform.SOURCE / version / platform
    folder.mkdir(parents=True)
    (folder / f"terraform-provider-aws_v{version}_x5").touch()
    return top


def find(*tops: Path) -> Path:
    """Look for a mirror below *tops*, in this order."""
    return terraform.find_mirror(PLATFORM, (found for top in tops for found in terraform.walk(top)))


def test_find_mirror_anywhere_below_a_folder_is_found(tmp_path: Path) -> None:
    """A mirror lies wherever somebody has put it."""
    mirror = provider(tmp_path / "some" / "where")

    assert find(tmp_path) == mirror


def test_find_mirror_packed_provider_is_found(tmp_path: Path) -> None:
    """`terraform providers mirror` writes archives; they do as well."""
    folder = tmp_path / terraform.SOURCE
    folder.mkdir(parents=True)
    (folder / f"terraform-provider-aws_6.2.0_{PLATFORM}.zip").touch()

    assert find(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("version", "platform"), [("5.99.1", PLATFORM), ("5.100.0", "darwin_arm64")]
)
def test_find_mirror_unfitting_provider_is_passed_by(
    tmp_path: Path, version: str, platform: str
) -> None:
    """A provider that is too old, or for another machine, does not hide one that fits."""
    provider(tmp_path / "first", version, platform)
    fitting = provider(tmp_path / "second")

    assert find(tmp_path / "first", tmp_path / "second") == fitting


def test_find_mirror_inside_a_terraform_folder_is_none(tmp_path: Path) -> None:
    """What another init left behind goes when that one does."""
    provider(tmp_path / "project" / ".terraform" / "providers")

    with pytest.raises(terraform.TerraformError, match="terraform providers mirror FOLDER"):
        find(tmp_path)


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Forget earlier answers, and have a Terraform here; return where the answer is kept."""
    config = tmp_path / "terraform.rc"
    binary = terraform.Binary("terraform", PLATFORM)
    monkeypatch.setattr(terraform, "CONFIG", config)
    monkeypatch.setattr(terraform, "find_binary", lambda: binary)
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    return config


def test_config_without_a_registry_names_the_mirror_and_says_so(
    unasked: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The folder used is printed, and asked for no more while it is there."""
    mirror = provider(tmp_path / "mirror")
    monkeypatch.setattr(terraform, "registry_answers", lambda _binary: False)
    monkeypatch.setattr(terraform, "likely_folders", lambda: terraform.walk(mirror))

    assert terraform.cli_config() == unasked
    assert f"using the mirror {mirror}" in capsys.readouterr().err
    assert f'path = "{mirror}"' in unasked.read_text()

    assert terraform.cli_config() == unasked
    assert capsys.readouterr().err == ""


def test_config_with_a_registry_looks_for_no_mirror(
    unasked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary init comes first; nothing on the machine is searched."""
    monkeypatch.setattr(terraform, "registry_answers", lambda _binary: True)
    monkeypatch.setattr(terraform, "likely_folders", lambda: pytest.fail("searched"))

    terraform.cli_config()

    assert "plugin_cache_dir" in unasked.read_text()


def setup(path: Path) -> subprocess.CompletedProcess[str]:
    """Ask for the configuration as `make setup` does, with *path* for PATH."""
    return subprocess.run(
        [sys.executable, terraform.ROOT / "tools" / "terraform.py", "config"],
        env={"PATH": str(path), "HOME": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_setup_without_terraform_says_what_to_install(tmp_path: Path) -> None:
    """No answer kept from an earlier run hides that the program is gone."""
    answer = setup(tmp_path)

    assert answer.returncode == 1
    assert answer.stderr == (
        "Terraform is missing. Install Terraform 1.9.0 or newer and put it on PATH.\n"
    )


def test_setup_with_an_old_terraform_says_what_to_install(tmp_path: Path) -> None:
    """Too old is told from missing, with the version that was found."""
    program = tmp_path / "terraform"
    program.write_text(
        "#!/bin/sh\n"
        """echo '{"terraform_version": "1.8.5", "platform": "linux_amd64"}'\n"""
    )
    program.chmod(0o755)

    assert "is Terraform 1.8.5. Install Terraform 1.9.0 or newer" in setup(tmp_path).stderr


def test_make_without_python_says_what_to_install(tmp_path: Path) -> None:
    """A machine with `make` alone is told what else it needs, before anything is tried."""
    for name in ("bash", "make", "sed", "expand"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True)
        (tmp_path / name).symlink_to(found.stdout.strip())

    answer = subprocess.run(
        ["make", "demo"],
        cwd=terraform.ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode != 0
    assert "Python 3.11 or newer is missing. Install it" in answer.stderr


@pytest.mark.parametrize("uv", ["/somewhere/uv", None])
def test_environment_is_filled_from_hashes_with_uv_or_without(
    uv: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where uv is there it is used, else venv and pip; both install only what the lock hashes."""
    monkeypatch.setattr("tools.setup_env.shutil.which", lambda _name: uv)

    for environment in setup_env.ENVIRONMENTS.values():
        commands = list(setup_env.install_commands(environment, "python3"))
        assert "--require-hashes" in commands[-1]
        assert all((command[0] == uv) == bool(uv) for command in commands)
