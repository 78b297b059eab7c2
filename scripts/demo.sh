#!/usr/bin/env bash
# The whole thing on real parts: a service under load goes from one version to the next, and back. Arguments go to
# `comporta demo`; with --docker, the engine, the images and the servers that it needs are set up as well.
set -euo pipefail
docker=
for word in "$@"; do if [ "$word" = --docker ]; then docker=yes; fi; done
if [ "$docker" ]; then COMPORTA_SETUP_TOOLS="redis-server pg_ctl:postgresql docker:docker.io"; fi
source "$(dirname "$0")/setup.sh"
if [ "$docker" ]; then
  scripts/docker_engine.sh
  scripts/docker_images.sh
fi
exec comporta demo "$@"
