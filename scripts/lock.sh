#!/usr/bin/env bash
# Resolves pyproject.toml into requirements/dev.lock, with hashes and without any index address.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools" && "$tools/bin/pip" install --quiet uv
"$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-header --extra age --extra alerts --extra database --extra demo --extra otel --extra s3 --group dev "$@" pyproject.toml -o requirements/dev.lock
