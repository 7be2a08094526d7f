"""Programs, read as files: what they run on and which loader they ask for. Values out; no Go and no Docker."""
