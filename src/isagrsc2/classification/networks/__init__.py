"""Networks of chips: bytes of RGB in, logits out; `build.build_network` makes them, `start.start_from` gives first weights."""
