"""Which services another commit would build otherwise, and why."""
