"""
DynamoDB Local: AWS's own engine, as a second opinion on what safety rests on.

It comes from Maven Central (51 MB, kept under ``.tools/dynamodb-local``), needs Java and no
account, and keeps everything in memory.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.cloud.process import ROOT, CloudError, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "2.6.1"
FOLDER = ROOT / ".tools" / "dynamodb-local"
START_TIMEOUT_S = 60.0

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>expiry</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def missing() -> str:
    """Say what has to be installed before DynamoDB Local can run, "" where nothing has."""
    names = [name for name in ("java", "mvn") if not shutil.which(name)]
    return f"{' and '.join(names)} not found: install Java 17 or newer, and Maven" if names else ""


def install() -> Path:
    """
    Return the folder with the jars, fetched if need be.

    Raises:
        CloudError: Maven failed; the message is what it said.
    """
    jars = FOLDER / VERSION
    if jars.is_dir():
        return jars
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "pom.xml").write_text(POM)
    fresh = FOLDER / f"{VERSION}.new"
    copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
    done = subprocess.run(copy, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CloudError(f"Maven could not fetch DynamoDB Local:\n{done.stdout}{done.stderr}")
    fresh.rename(jars)  # whole or not at all
    return jars


@contextmanager
def dynamodb_local() -> Iterator[Any]:
    """
    Run DynamoDB Local and yield a boto3 client of it.

    Raises:
        CloudError: It cannot be installed, or does not come up.
    """
    import boto3  # noqa: PLC0415 - this module is imported where boto3 is not
    from botocore.config import Config  # noqa: PLC0415

    jars, port = install(), free_port()
    command = ["java", f"-Djava.library.path={jars}", "-cp", f"{jars}/*"]
    command += ["com.amazonaws.services.dynamodbv2.local.main.ServerRunner"]
    command += ["-inMemory", "-port", str(port), "-disableTelemetry"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(process, port)
        yield boto3.client(
            "dynamodb",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - it asks for one, and looks at none
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )
    finally:
        process.kill()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """
    Wait until the port is open.

    Raises:
        CloudError: The process ended, or took too long.
    """
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise CloudError("DynamoDB Local did not come up")
