"""build.py packs what is reached of the lock's wheels, and refuses wheels that it cannot pack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import build
from tests.unit.build_checkout import Checkout
from tools.packing import closure
from tools.packing.wheels import Wheels

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = {
    "lib/__init__.py": "from .core import run\n",
    "lib/core.py": "import json\nfrom lib import deep\n",
    "lib/deep.py": "",
    "lib/unused.py": "import requests\n",
    "lib/rules.json": "{}\n",
    "lib/py.typed": "",
    "lib/locale/words.txt": "words\n",
    "lib/extra/__init__.py": "",
    "lib/extra/data.txt": "",
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout whose wheels are unpacked without an installer: test_build_lock has those."""
    checkout = Checkout(tmp_path / "checkout")
    monkeypatch.setattr(Wheels, "install", lambda _self, site: checkout.unpack(site))
    return checkout


def refusal(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> str:
    """Build, see it refused without anything written, and return the message."""
    assert build.main([], checkout.root) == 1
    assert checkout.artifacts() == {}
    return capsys.readouterr().err


def test_build_wheel_brings_what_is_reached_and_its_licence(checkout: Checkout) -> None:
    """Of a wheel come the modules reached, the data beside them, METADATA and the licence."""
    checkout.lock(checkout.wheel("lib", LIBRARY))
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if path.startswith("lib")] == [
        "lib-1.0.dist-info/METADATA",
        "lib-1.0.dist-info/licenses/LICENSE",
        "lib/__init__.py",
        "lib/core.py",
        "lib/deep.py",
        "lib/locale/words.txt",
        "lib/rules.json",
    ]


def test_build_star_import_of_a_package_packs_its_modules(checkout: Checkout) -> None:
    """What ``from lib import *`` binds is the package's to say: all its modules are packed."""
    files = {"lib/__init__.py": "__all__ = ['a']\n", "lib/a.py": "", "lib/sub/__init__.py": ""}
    files |= {"lib/sub/b.py": ""}
    checkout.lock(
        checkout.wheel("lib", files), checkout.wheel("user", {"user.py": "from lib import *"})
    )
    checkout.handler("import user")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if path.startswith("lib/")] == [
        "lib/__init__.py",
        "lib/a.py",
        "lib/sub/__init__.py",
    ]


def test_build_data_at_the_top_of_a_wheel_stays_out(checkout: Checkout) -> None:
    """Of a wheel that is one module, what lies loosely beside it belongs to no package."""
    files = {"lib.py": "", "share/doc.txt": "", "lib.pth": ""}
    checkout.lock(checkout.wheel("lib", files))
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert "lib.py" in checkout.members()
    assert {"share/doc.txt", "lib.pth"}.isdisjoint(checkout.members())


def test_build_wheel_that_nothing_reaches_stays_out(checkout: Checkout) -> None:
    """A pinned wheel that no import names leaves no trace in the zip."""
    checkout.lock(checkout.wheel("lib", LIBRARY))

    assert build.main([], checkout.root) == 0
    assert sorted(checkout.members()) == ["sweep/__init__.py", "sweep/handler.py"]


def test_build_optional_import_of_a_wheel_counts_where_it_can_succeed(checkout: Checkout) -> None:
    """A wheel's lazy import is packed, unless loading it needs what is not there (an extra)."""
    core = (
        "def f():\n    import lib.lazy\n"
        "def g():\n    import lib.extra\n"
        "try:\n    import fast\nexcept ImportError: ...\n"
    )
    files = {
        "lib/__init__.py": core,
        "lib/lazy.py": "",
        "lib/extra.py": "import lib.more\n",
        "lib/more.py": "import pydantic\n",
    }
    checkout.lock(checkout.wheel("lib", files))
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if path.startswith("lib/")] == [
        "lib/__init__.py",
        "lib/lazy.py",
    ]


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import pydantic\n", "core.py (lib):1: imports pydantic, which requirements/lambda.txt"),
        ("import cgi\n", "core.py (lib):1: imports cgi, which Python 3.13 does not have"),
        ("x = 1\ny = __import__(x)\n", "core.py (lib):2: imports by string: list lib.core in"),
        ("def f(:\n", "core.py (lib):1: syntax error"),
    ],
)
def test_build_wheel_that_cannot_load_says_who_reaches_it(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], module: str, said: str
) -> None:
    """A wheel's own import that nothing satisfies is refused, with our import that leads there."""
    checkout.lock(
        checkout.wheel("lib", {"lib/__init__.py": "import lib.core", "lib/core.py": module})
    )
    checkout.handler("import json\nimport lib")

    message = refusal(checkout, capsys)
    assert message.startswith(f"lib/{said}")
    assert "syntax" in said or message.endswith("; reached from lambda_src/sweep/handler.py:2\n")


def test_build_declared_dynamic_import_is_packed(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a wheel loads by string is packed as a table of ours says."""
    files = {"lib/__init__.py": "__import__('lib.plugin')", "lib/plugin.py": "", "lib/other.py": ""}
    monkeypatch.setattr(closure, "DYNAMIC_IMPORTS", {"lib": ("lib.plugin",)})
    checkout.lock(checkout.wheel("lib", files))
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert "lib/plugin.py" in checkout.members()
    assert "lib/other.py" not in checkout.members()


@pytest.mark.parametrize(
    ("files", "tag"),
    [
        ({"lib/__init__.py": ""}, "cp313-cp313-manylinux2014_x86_64"),
        ({"lib/__init__.py": "", "lib/fast.cpython-313-x86_64-linux-gnu.so": ""}, "py3-none-any"),
    ],
)
def test_build_wheel_with_compiled_parts_is_refused(
    checkout: Checkout,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str],
    tag: str,
) -> None:
    """Compiled code runs on one architecture only: its wheel is refused, whatever it is tagged."""
    checkout.lock(checkout.wheel("lib", files, tag=tag))

    message = refusal(checkout, capsys)
    assert message.startswith("requirements/lambda.txt:2: lib is not pure Python (")


@pytest.mark.parametrize(
    ("path", "owner"), [("lib/core.py", "lib"), ("json/x.py", "the standard library")]
)
def test_build_path_that_two_bring_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], path: str, owner: str
) -> None:
    """Two wheels with one path, or a wheel that hides a standard module, are named."""
    checkout.lock(checkout.wheel("lib", LIBRARY), checkout.wheel("twin", {path: ""}))

    message = refusal(checkout, capsys)
    assert message == f"requirements/lambda.txt:3: twin brings {path}, as {owner} does\n"


def test_build_package_of_ours_named_as_a_wheel_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """A handler package may not hide a wheel of its name."""
    checkout.lock(checkout.wheel("lib", {"sweep/core.py": ""}))

    message = refusal(checkout, capsys)
    assert message.startswith(
        "lambda_src/sweep/__init__.py:1: sweep is the name of one of the wheel"
    )
