"""The sub-commands of `trunkline`, one module each; `gateway.cli` lists them."""
