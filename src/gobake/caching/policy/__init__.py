"""Which caches a run may read and write, where, and under which names."""
