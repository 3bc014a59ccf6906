"""What the Makefile and build.py run: environments, Terraform, packing, module tables, the demo."""
