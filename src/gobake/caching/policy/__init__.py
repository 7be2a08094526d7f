"""What a run may read and write of caches, where, and under which names."""
