#!/usr/bin/env bash
# Images for the tests and for `comporta demo --docker`, made of Debian packages: no registry is needed. Without
# arguments all of them; each is made once, and kept. Needs root, and an engine (scripts/docker_engine.sh).
#
#   nginx          this machine's nginx, as a proxy that serves what is in /etc/nginx/conf.d
#   conversormpp   what the images of the example's releases are built on: Python, Java, and its requirements
set -euo pipefail
COMPORTA_SETUP_TOOLS="docker:docker.io"
if [ "$*" != nginx ]; then COMPORTA_SETUP_TOOLS+=" debootstrap"; fi
source "$(dirname "$0")/setup.sh"

NGINX=comporta-demo/nginx:1  # raise a number when the content changes
CONVERSORMPP=comporta-demo/conversormpp-base:1

# The program with the libraries that it loads.
nginx_image() {
  local root=$1 file
  mkdir -p "$root"/{run,tmp,etc/nginx/conf.d,var/log/nginx,var/lib/nginx}
  chmod 1777 "$root/tmp"
  printf 'root:x:0:0::/:/\nwww-data:x:33:33::/:/\n' >"$root/etc/passwd"
  printf 'root:x:0:\nwww-data:x:33:\n' >"$root/etc/group"
  for file in "$(command -v nginx)" $(ldd "$(command -v nginx)" | grep -o '/[^ ]*'); do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
  cat >"$root/etc/nginx/nginx.conf" <<'CONF'
user www-data;
worker_processes auto;
worker_rlimit_nofile 16384;
error_log /dev/stderr warn;
events { worker_connections 8000; }
http {
    access_log off;
    include /etc/nginx/conf.d/*.conf;
}
CONF
  tar -C "$root" -c . | docker import --change 'CMD ["nginx", "-g", "daemon off;"]' - "$NGINX"
}

# Java's package wants a folder of manual pages that a minimal system lacks.
conversormpp_image() {
  local root=$1
  mkdir -p "$root/usr/share/man/man1"
  debootstrap --variant=minbase --include=python3,default-jre-headless \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >"$root.log" || { tail "$root.log" >&2; return 1; }
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
  # By the very Python that will run it: what is needed depends on its version.
  .venv/bin/pip --quiet --python "$root/usr/bin/python3" install --only-binary=:all: \
    --target "$root/usr/local/lib/python3/dist-packages" -r examples/conversormpp/requirements.txt
  tar -C "$root" -c . | docker import --change 'ENV PYTHONPATH=/usr/local/lib/python3/dist-packages' - "$CONVERSORMPP"
}

make_image() {
  local maker=$1 tag=$2
  if docker image inspect "$tag" >/dev/null 2>&1; then return; fi
  echo "docker: making $tag"
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  "$maker" "$folder/root" >/dev/null
  rm -rf "$folder"
  trap - EXIT
}

[ "$#" -gt 0 ] || set -- nginx conversormpp
for name in "$@"; do
  case $name in
    nginx) make_image nginx_image "$NGINX" ;;
    conversormpp) make_image conversormpp_image "$CONVERSORMPP" ;;
    *) echo "docker: there is no image $name" >&2; exit 2 ;;
  esac
done
