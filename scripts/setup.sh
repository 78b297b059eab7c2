#!/usr/bin/env bash
# Sets up what is missing for the demo and the tests: Debian packages (nginx, a Java runtime, load tools) and the
# virtual environment .venv from the lock file. Sourced by demo.sh and test.sh; safe to run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONDONTWRITEBYTECODE  # else each command compiles all its modules again, which doubles its start

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# want COMMAND PACKAGE: remember the package if the command is missing.
missing=()
servers() { echo /usr/lib/postgresql/*/bin | tr " " ":"; }  # Debian keeps them off the PATH
want() { PATH="$PATH:/usr/sbin:/sbin:$(servers)" command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
want nginx nginx-light
want java default-jre-headless
want python3 python3
for tool in ${COMPORTA_SETUP_TOOLS:-}; do want "${tool%%:*}" "${tool##*:}"; done  # COMMAND or COMMAND:PACKAGE
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
  command -v apt-get >/dev/null || { echo "setup: please install: ${missing[*]}" >&2; exit 2; }
  echo "setup: installing ${missing[*]}"
  as_root apt-get update -qq
  (
    # Debian asks policy-rc.d before it starts what it installs (nginx, redis, prometheus): we run our own.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'as_root rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
      as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  )
fi

lock=requirements/dev.lock
if [ ! -x .venv/bin/comporta ] || ! cat "$lock" pyproject.toml | cmp -s - .venv/installed; then
  echo "setup: creating .venv from $lock"
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  cat "$lock" pyproject.toml >.venv/installed
fi
export PATH="$PWD/.venv/bin:$PATH:/usr/sbin:/sbin:$(servers)"
