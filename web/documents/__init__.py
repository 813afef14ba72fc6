"""The API description, the rule catalog and the documentation site."""
