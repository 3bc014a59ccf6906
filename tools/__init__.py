"""What the Makefile runs: environments, Terraform, module tables, the demo."""
