# What docker-compose.yml needs from the host.
# shellcheck shell=bash

build_project() { step 'Building the project' 'npm run build' npm run --silent build; }
