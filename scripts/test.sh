#!/usr/bin/env bash
# All checks and tests: ruff, mypy, import-linter, pytest. `--fast` leaves out what starts real servers.
# Further arguments go to pytest.
set -euo pipefail
COMPORTA_SETUP_TOOLS="npm wrk hey redis-server prometheus haproxy strace faketime pg_ctl:postgresql"
source "$(dirname "$0")/setup.sh"

selection=()
if [ "${1:-}" = --fast ]; then
  shift
  selection=(-m "not slow")
elif [ "$(id -u)" = 0 ]; then
  scripts/docker_engine.sh || echo "test: no Docker Engine: the tests of the runtime docker are skipped" >&2
fi

ruff check .
ruff format --check --quiet .
mypy
lint-imports --no-logo
if [ ${#selection[@]} = 0 ]; then python scripts/audit_dependencies.py; fi
# One worker more than cores: tests wait now and then, but with two a core, what must happen in time did not always.
# A file stays with one worker, since its servers are shared within it; the files keep their order, so that the short unit
# tests come last and no worker is left alone with a long file.
# A worker that is lost is not replaced: the next one would begin with the very test that hung.
pytest -n "$(($(nproc) + 1))" --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -rs "${selection[@]}" "$@"
