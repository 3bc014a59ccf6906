"""
The zip of a handler that uses PostgreSQL: complete, small, quick to import, without what is unused.
"""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest

import build
from tests.unit.build_checkout import ROOT, Checkout
from tests.unit.test_build_artifacts import copied, run_clean
from tools import setup_env
from tools.packing import closure
from tools.packing.wheels import Wheels

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = """
from expiry.postgres.catalog import Catalog
from expiry.postgres.connection import connect
from expiry.postgres.credentials import IamCredentials, SecretCredentials

def handler(event, context):
    return {}
"""

LOAD = """
import json, sys
sys.dont_write_bytecode = True
sys.path[:0] = sys.argv[1:]
from probe.handler import connect
from expiry.postgres.tls import verifying_context
from expiry.postgres.wire import core
early = sorted({name.partition(".")[0] for name in sys.modules})
first = core.scramp.ScramClient(["SCRAM-SHA-256"], "user", "pencil").get_client_first()
authorities = len(verifying_context(None).get_ca_certs())
moment = core.PG_TYPES[1184]("2026-01-02 03:04:05.678901+00").isoformat()
told = {"authorities": authorities, "moment": moment, "modules": early, "first": first[:3]}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A handler that only connects, packed from this source, and unpacked as Lambda does."""
    Wheels(ROOT).unpacked()
    root = copied(ROOT, tmp_path_factory.mktemp("packed") / "checkout")
    probe = root / "lambda_src" / "probe"
    probe.mkdir()
    (probe / "__init__.py").write_text("")
    (probe / "handler.py").write_text(HANDLER)
    assert build.main(["probe"], root) == 0
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(root / "artifacts" / "probe.zip") as archive:
        archive.extractall(folder)
    return folder


def test_postgres_zip_loads_without_boto3_and_logs_in_by_scram_when_asked(unpacked: Path) -> None:
    """The command line runs on it alone; what only a login by SCRAM needs is loaded by that."""
    told = json.loads(run_clean(LOAD, unpacked))

    assert told["authorities"] >= 115
    assert told["first"] == "n,,"
    assert told["moment"] == "2026-01-02T03:04:05.678901+00:00"
    assert {"boto3", "botocore", "asn1crypto"}.isdisjoint(told["modules"])
    assert {"pg8000", "dateutil"} <= set(told["modules"])


def test_postgres_zip_beside_the_runtime_shadows_nothing_that_it_does_not_accept(
    unpacked: Path,
) -> None:
    """boto3 loads with the zip's dateutil before its own."""
    runtime = setup_env.ensure(setup_env.ENVIRONMENTS["lambda-runtime"])
    script = (
        "import sys; sys.dont_write_bytecode = True; sys.path[:0] = sys.argv[1:]\n"
        "import boto3, dateutil\n"
        "boto3.client('secretsmanager', region_name='eu-west-1')\n"
        "print(dateutil.__file__)"
    )

    assert run_clean(script, unpacked, runtime).startswith(str(unpacked))


def test_postgres_zip_holds_the_bundle_its_licence_and_what_pg8000_reads_of_itself(
    unpacked: Path,
) -> None:
    """Data goes along; so does METADATA, by which pg8000 learns its version at import."""
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}

    assert "expiry/postgres/rds-global-bundle.pem" in files
    assert "expiry/postgres/rds-global-bundle.LICENSE" in files
    assert any(name.startswith("pg8000-") and name.endswith("/METADATA") for name in files)
    for name in closure.LEFT_OUT:
        assert not any(f"{file}/".startswith(f"{name.replace('.', '/')}/") for file in files)
        assert f"{name.replace('.', '/')}.py" not in files


def test_build_module_that_is_left_out_is_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody calls is left out with all that it alone needs, licence and data too."""
    checkout = Checkout(tmp_path / "checkout")
    monkeypatch.setattr(Wheels, "install", lambda _self, site: checkout.unpack(site))
    monkeypatch.setattr(closure, "LEFT_OUT", {"heavy": "", "lib.extra": ""})
    library = {
        "lib/__init__.py": "import heavy\nfrom lib import extra\nfrom lib.core import x\n",
        "lib/core.py": "x = 1\n",
        "lib/extra/__init__.py": "",
        "lib/extra/zones.txt": "zones\n",
    }
    checkout.lock(
        checkout.wheel("heavy", {"heavy/__init__.py": "import asn\n"}),
        checkout.wheel("asn", {"asn/__init__.py": ""}),
        checkout.wheel("lib", library),
    )
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if not path.startswith(("expiry", "sweep"))] == [
        "lib-1.0.dist-info/METADATA",
        "lib-1.0.dist-info/licenses/LICENSE",
        "lib/__init__.py",
        "lib/core.py",
    ]


def test_build_module_that_a_wheel_makes_up_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """six.moves has no file; what is neither a file nor such a module is still refused."""
    checkout = Checkout(tmp_path / "checkout")
    monkeypatch.setattr(Wheels, "install", lambda _self, site: checkout.unpack(site))
    checkout.lock(checkout.wheel("six", {"six.py": ""}))
    checkout.handler("from six.moves import range")
    assert build.main([], checkout.root) == 0

    checkout.handler("from six.others import range")
    assert build.main([], checkout.root) == 1
