"""Real applies into the embedded cloud, and what is then read back through AWS's own interfaces."""
