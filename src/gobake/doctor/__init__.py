"""What is wrong with this machine, its engine, its builder and its registry, as far as gobake needs them."""
