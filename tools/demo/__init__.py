"""
Apply an example into the embedded cloud, run it as deployed, and show what it says.

    python -m tools.demo ttl-monitor [--keep]

``stage`` brings up the cloud, applies and destroys; one module a system tells its story between.
"""
