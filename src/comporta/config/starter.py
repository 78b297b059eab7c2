"""The file that `comporta init` writes. The placeholders are those of the drivers that come with comporta."""

from __future__ import annotations

STARTER = """\
# How {service} is deployed. `comporta config check` tells whether this file is right,
# `comporta config schema` describes every key.
service: {service}

release:
  # How one instance of a version is started. {{version}} and {{port}} are filled in; nothing goes through a shell.
  process:
    directory: "releases/{{version}}"
    command: [python3, -m, http.server, "{{port}}"]

# What must be true of an instance before it gets users.
health:
  timeout: 60s
  checks:
    - {{name: home, path: /, within: 3s}}
    # - {{name: database, path: /health/database, expect: {{status: ok}}}}

# Commands that try a new release before it gets users; {{url}} is the instance.
# smoke:
#   - {{name: order, run: [python3, smoke.py, "{{url}}"]}}

# The waits of a blue-green deployment.
blue_green:
  stabilize: 10s  # how long the switched traffic is watched
  drain: 30s      # the longest wait for open requests before the old release stops
  keep_warm: 1h   # how long the old release stays up for an instant rollback

# Everything above holds for each environment; what an environment says itself comes first.
environments:
  development:
    domain: "localhost:3000"
    instances: 1
    monitoring: basic

  # production:
  #   domain: {service}.example.com
  #   listen: "0.0.0.0:80"
  #   instances: 3
  #   env_file: .env.production  # NAME=value lines: secrets, used above as ${{NAME}}
"""


def starter(service: str) -> str:
    """A commented config that works as it is for a service with this name."""
    return STARTER.format(service=service)
