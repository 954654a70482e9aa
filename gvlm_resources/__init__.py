"""What builds the assets: models, media, storage and reasoning. Knows nothing of Dagster outside `bindings`."""
