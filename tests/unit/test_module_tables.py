"""The READMEs' tables: generated from the HCL, and never silently out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.module_tables import BEGIN, END, TableError, documented, main, tables, text_of

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = """
variable "name" {
  description = "Its name | as it will be."
  type        = string
}

variable "rules" {
  description = <<-EOT
    What expires.
    By rule name.
  EOT
  type = map(object({
    days  = number # at least one
    scope = optional(object({ prefix = string }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for rule in var.rules : rule.days > 0])
    error_message = "days must be positive."
  }
}

variable "kms_key_arn" {
  description = "Say \\"none\\" with null."
  type        = string
  default     = null
}
"""
OUTPUTS = """
output "bucket" {
  description = "The bucket."
  value       = { name = var.name }
}
"""
EXPECTED = """### Inputs

| Name | Type | Default | Description |
|---|---|---|---|
| `name` | `string` | *required* | Its name \\| as it will be. |
| `rules` | `map(object)` | `{}` | What expires.<br>By rule name. |
| `kms_key_arn` | `string` | `null` | Say "none" with null. |

```hcl
rules = map(object({
  days  = number # at least one
  scope = optional(object({ prefix = string }))
}))
```

### Outputs

| Name | Description |
|---|---|
| `bucket` | The bucket. |"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Make a module with a README whose tables are empty."""
    folder = tmp_path / "modules" / "sample"
    folder.mkdir(parents=True)
    (folder / "variables.tf").write_text(VARIABLES)
    (folder / "outputs.tf").write_text(OUTPUTS)
    (folder / "README.md").write_text(f"# sample\n\n{BEGIN}\n{END}\nAfter.\n")
    return folder


def test_tables_show_name_type_default_and_description(module: Path) -> None:
    """Every input and output has its row; a long type keeps the form of its source."""
    assert tables(module) == EXPECTED


def test_main_writes_between_the_markers_and_keeps_the_rest(module: Path) -> None:
    """What is written by hand stays; a second run changes nothing."""
    readme = module / "README.md"

    assert main([], module.parent) == 0
    assert readme.read_text() == f"# sample\n\n{BEGIN}\n{EXPECTED}\n{END}\nAfter.\n"
    assert documented(readme) == readme.read_text()
    assert main(["--check"], module.parent) == 0


def test_main_check_out_of_date_names_the_file_and_what_to_run(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that is not what the HCL says fails the check, which changes nothing."""
    before = (module / "README.md").read_text()

    assert main(["--check"], module.parent) == 1
    assert capsys.readouterr().err == f"{module / 'README.md'} is out of date: run make docs\n"
    assert (module / "README.md").read_text() == before


def test_main_readme_without_markers_fails(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A README that has no place for the tables, or is not there, is named."""
    (module / "README.md").unlink()

    assert main(["--check"], module.parent) == 1
    assert f"{module / 'README.md'}: write it, with the lines {BEGIN}" in capsys.readouterr().err


def test_main_unknown_argument_fails(module: Path) -> None:
    """A misspelt --check does not write."""
    before = (module / "README.md").read_text()

    assert main(["--chekc"], module.parent) == 2
    assert (module / "README.md").read_text() == before


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ('  description = "Its name | as it will be."\n', "name has no description"),
        ("  type        = string\n", "the variable name has no type"),
        ('variable "name" {', "variables.tf"),
    ],
)
def test_tables_incomplete_variable_is_an_error(module: Path, cut: str, message: str) -> None:
    """A variable without a description or a type, or a file that is no HCL, is refused."""
    (module / "variables.tf").write_text(VARIABLES.replace(cut, "", 1))

    with pytest.raises(TableError, match=message):
        tables(module)


def test_text_of_escapes_and_heredocs_reads_what_terraform_would() -> None:
    """Escaped templates and indented heredocs read as the text they stand for."""
    assert text_of('"costs $${amount} or %%{more}"') == "costs ${amount} or %{more}"
    assert text_of("<<-EOT\n    one\n      two\n  EOT") == "one\n  two"
