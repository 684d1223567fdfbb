"""What every other package stands on: errors, registries, frozen configs, records on disk, the environment."""
