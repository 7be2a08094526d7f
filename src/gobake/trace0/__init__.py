"""BuildKit's events and Go's action graphs -> typed values. Pure: nothing here talks to an engine."""
