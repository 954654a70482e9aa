"""What is built: the Dagster assets, thin over `gvlm_resources`."""
