# Only the rules that are built into tflint: they need no plugin, and no network.
config {
  call_module_type = "none"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}
