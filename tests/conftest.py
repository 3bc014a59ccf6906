"""What every test may ask for."""

pytest_plugins = ["tests.cloud.fixtures", "tests.postgres.fixtures"]
