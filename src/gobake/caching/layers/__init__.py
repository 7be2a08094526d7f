"""Layer caches: what each target imports and exports."""
