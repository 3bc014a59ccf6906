"""
A database of building instructions with their files in S3, as the example's migrations make it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tools.demo import postgres_access
from tools.demo.moc_kinds import KINDS, Kind, mocs
from tools.demo.moc_rows import rows
from tools.terraform import ROOT

if TYPE_CHECKING:
    from tests.cloud import Account
    from tests.postgres.database import Database

MIGRATIONS = ROOT / "examples" / "moc-purge" / "migrations"
TABLES = (
    "moc_instructions",
    "moc_files",
    "moc_parts_lists",
    "moc_parts",
    "moc_gallery_images",
    "gallery_images",
    "gallery_flags",
    "gallery_albums",
    "upload_sessions",
)
# What the function's user may do before the setup says what it needs: look, and make a schema.
PRIVILEGES = ("usage on schema public", "select on all tables in schema public")
POISON = """
create function poison() returns trigger language plpgsql as
$$ begin raise exception 'poisoned'; end $$;
create trigger poison before delete on moc_instructions
for each row when (old.title = 'poisoned') execute function poison();
"""
BRICKS = """
select case when (parts_list_id is null) = (status = 'available') then status end, count(*)
from moc_parts group by 1
"""
HEAL = "drop trigger poison on moc_instructions; drop function poison()"


@dataclass
class Scene:
    """One database and one bucket: as their owner to fill them, as the function's user to look."""

    database: Database
    account: Account
    bucket: str = "mocs"

    def prepare(self) -> None:
        """Run the migrations, make the bucket, and fill both."""
        with self.owner.connect() as connection:
            for path in sorted(MIGRATIONS.glob("*.sql")):
                connection.execute(path.read_bytes())
        region = {"LocationConstraint": self.account.region}
        s3 = self.account.client("s3")
        s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=region)
        self.fill(*KINDS)

    def fill(self, *kinds: Kind) -> None:
        """Add MOCs with all that is theirs, and their files."""
        s3 = self.account.client("s3")
        with self.owner.connect(autocommit=False) as connection:
            for moc in mocs(*kinds):
                for statement, parameters in rows(moc):
                    connection.execute(statement.encode(), parameters)
                for key in {*moc.files, moc.thumbnail, *moc.images}:
                    s3.put_object(Bucket=self.bucket, Key=key, Body=key.encode())

    def poison(self) -> None:
        """Let the deletion of whatever is called poisoned fail."""
        self._run(POISON)

    def heal(self) -> None:
        """Let it no longer fail."""
        self._run(HEAL)

    # What is there

    def survivors(self) -> dict[str, int]:
        """Count the MOCs that are there, by kind."""
        return dict(self.owner.run("select title, count(*) from moc_instructions group by title"))

    def images(self) -> dict[str, int]:
        """Count the images that are there, by what they are."""
        return dict(self.owner.run("select title, count(*) from gallery_images group by title"))

    def bricks(self) -> dict[str, int]:
        """Count the bricks that are there: on a list, or given back, or neither."""
        return dict(self.owner.run(BRICKS))

    def counts(self) -> dict[str, int]:
        """Count the rows of each table."""
        count = "select count(*) from {}"
        return {table: self.owner.run(count.format(table))[0][0] for table in TABLES}

    def objects(self) -> set[str]:
        """List the keys in the bucket."""
        pages = self.account.client("s3").get_paginator("list_objects_v2")
        return {
            entry["Key"]
            for page in pages.paginate(Bucket=self.bucket)
            for entry in page.get("Contents", ())
        }

    # For the function

    def secret(self) -> str:
        """Put the password into Secrets Manager; return the secret's ARN."""
        return postgres_access.stored(self.account, self.database, "mocs/purge")

    def variables(self, secret_arn: str) -> dict[str, str]:
        """Return what the example needs to know, as Terraform reads it."""
        return postgres_access.variables(self.database, secret_arn) | {"bucket": self.bucket}

    def may_make_a_schema(self, *, allowed: bool) -> None:
        """Let the function's user make the purge's own tables, or no longer."""
        verb, to = ("grant", "to") if allowed else ("revoke", "from")
        self._run(f'{verb} create on database "{self.owner.name}" {to} "{self.database.user}"')

    def grant(self, statements: list[str]) -> None:
        """Run the GRANTs that the setup has printed, and no others."""
        for statement in statements:
            self._run(statement)

    @property
    def owner(self) -> Database:
        """The same database as its owner sees it."""
        return replace(self.database.server.database, name=self.database.name)

    def _run(self, script: str) -> None:
        with self.owner.connect() as connection:
            connection.execute(script.encode())
