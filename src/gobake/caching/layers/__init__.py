"""Layer caches: the refs that each target imports and exports."""
