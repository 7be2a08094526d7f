"""What may be deleted from a registry's repository, and what must stay with the tags that stay."""
