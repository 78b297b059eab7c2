#!/usr/bin/env bash
# The whole thing on real parts: a service under load goes from one version to the next, and back. Arguments go to
# `comporta demo`.
set -euo pipefail
source "$(dirname "$0")/setup.sh"
exec comporta demo "$@"
