#!/usr/bin/env bash
# A Docker Engine for the tests of the runtime `docker`: installs it where it is missing, starts it where none answers,
# and makes the image that the tests build on. Needs root to start one. Safe to run again.
#
# The engine goes on running, with its log in /var/log/comporta-dockerd.log; `kill "$(cat /var/run/docker.pid)"` ends it.
set -euo pipefail
COMPORTA_SETUP_TOOLS="dockerd:docker.io docker:docker.io docker-registry busybox:busybox-static sshd:openssh-server ssh-keygen:openssh-client
  openssl ip:iproute2"
source "$(dirname "$0")/setup.sh"

BASE=comporta-test/base:1  # raise the number when its content changes

answers() { docker version >/dev/null 2>&1; }

start() {
  echo "docker: starting an engine"
  setsid nohup dockerd "$@" >>/var/log/comporta-dockerd.log 2>&1 </dev/null &
  for _ in $(seq 100); do
    if answers; then return; fi
    if ! kill -0 $! 2>/dev/null; then return 1; fi
    sleep 0.2
  done
  kill $!
  return 1
}

# A system in a system: neither its own rules for the network nor its own file system layers may be had there.
start_somehow() {
  start || start --iptables=false --ip6tables=false || start --iptables=false --ip6tables=false --storage-driver=vfs
}

# One static program with all its names, a service that tells its environment, and nothing else.
base_image() {
  local root
  root=$(mktemp -d)
  trap 'rm -rf "$root"' RETURN
  mkdir -p "$root"/{bin,tmp,etc,www/cgi-bin}
  cp "$(command -v busybox)" "$root/bin/busybox"
  for name in $(busybox --list | grep -vx busybox); do ln -sf busybox "$root/bin/$name"; done
  cat >"$root/www/cgi-bin/env" <<'SCRIPT'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
env
SCRIPT
  cat >"$root/bin/service" <<'SCRIPT'
#!/bin/sh
trap 'exit 0' TERM
httpd -f -p "$PORT" -h /www &
echo "serving $PORT"
wait
SCRIPT
  chmod 755 "$root/www/cgi-bin/env" "$root/bin/service"
  tar -C "$root" -c . | docker import --change 'CMD ["service"]' - "$BASE" >/dev/null
}

if ! answers; then
  [ "$(id -u)" = 0 ] || { echo "docker: no engine answers, and only root can start one" >&2; exit 2; }
  start_somehow || { tail -n 20 /var/log/comporta-dockerd.log >&2; exit 2; }
fi
docker image inspect "$BASE" >/dev/null 2>&1 || base_image
scripts/docker_images.sh nginx
