"""
What surrounds a function: its code on disk, its interpreter, its environment variables.

Everything is built from nothing. A function sees what Terraform gave it and what Lambda adds; of
this machine it sees an interpreter's standard library and a temporary folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import tempfile
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.cloud import emulator
from tools.setup_env import TOOLS, find_python

Config = dict[str, Any]  # a function's configuration, as GetFunctionConfiguration answers it

RUNTIME_DIR = TOOLS / "lambda-runtime"
ROUTED = "AWS_DISABLE_HOST_PREFIX_INJECTION"  # host prefixes do not resolve on a loopback address
JSON_LEVEL = "INFO"  # AWS's default for both levels, once the format is JSON


@dataclass(frozen=True, slots=True)
class Logging:
    """Where and how a function logs."""

    group: str
    json: bool
    application_level: str
    system_level: str

    @classmethod
    def of(cls, config: Config) -> Logging:
        """Read it from a function's configuration, with AWS's defaults."""
        chosen = config.get("LoggingConfig") or {}
        is_json = chosen.get("LogFormat") == "JSON"
        default = JSON_LEVEL if is_json else ""
        return cls(
            group=chosen.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}",
            json=is_json,
            application_level=chosen.get("ApplicationLogLevel") or default,
            system_level=chosen.get("SystemLogLevel") or default,
        )


@functools.cache
def interpreter(runtime: str) -> str:
    """Return the interpreter for *runtime* ("python3.13"): of that version, where there is one."""
    return find_python(runtime.removeprefix("python"))


@functools.cache
def code_folder() -> Path:
    """Return the folder for all zips' files, inside the server's own temporary folder."""
    return Path(tempfile.mkdtemp(prefix="lambda-code-"))


def unpacked(code: bytes) -> Path:
    """Return the folder that holds the zip's files; one for all workers that run these bytes."""
    folder = code_folder() / hashlib.sha256(code).hexdigest()[:32]
    if not folder.exists():
        fresh = Path(tempfile.mkdtemp(dir=code_folder()))
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(fresh)
        with contextlib.suppress(OSError):  # another worker was first
            fresh.rename(folder)
    return folder


def utc(milliseconds: int) -> str:
    """Write a moment as Lambda does: 2026-01-31T12:00:00.000Z."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log_stream(version: str) -> str:
    """Name a new log stream as Lambda does."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"


def variables(config: Config, task_root: Path, home: Path, stream: str) -> dict[str, str]:
    """
    Build a function's whole environment.

    *home* stands for ``/tmp``: libraries that look for a home directory must not find the
    developer's, where credentials may lie.
    """
    own = (config.get("Environment") or {}).get("Variables") or {}
    overridable = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        "AWS_CA_BUNDLE": f"{os.environ['EXPIRY_CLOUD_FOLDER']}/ca-bundle.pem",
        ROUTED: "true",
    }
    return {**overridable, **own, **reserved(config, task_root, stream)}


def reserved(config: Config, task_root: Path, stream: str) -> dict[str, str]:
    """Return the variables that a function's configuration cannot set."""
    region = config["FunctionArn"].split(":")[3]
    logs = Logging.of(config)
    levels = {"AWS_LAMBDA_LOG_LEVEL": logs.application_level} if logs.application_level else {}
    return {
        "_HANDLER": config["Handler"],
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": config["Version"],
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": logs.group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_LOG_FORMAT": "JSON" if logs.json else "Text",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": str(RUNTIME_DIR),
        **levels,
        **emulator.module("core.lambda_runtime").execution_credentials(config),
    }
