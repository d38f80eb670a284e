#!/usr/bin/env bash
# Sees to it that there is a Chromium for the tests of pages: the one that CHROMIUM names, one on the PATH, or Debian's,
# which is installed from the package mirror when this is run by root.
set -euo pipefail

[ -z "${CHROMIUM:-}" ] || exec "$CHROMIUM" --version
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
  type -P "$name" >/dev/null && exec "$name" --version
done
if [ "$(id -u)" != 0 ] || ! type -P apt-get >/dev/null; then
  echo 'setup.sh: no Chromium was found: install it (apt-get install chromium-headless-shell), or set CHROMIUM to its path' >&2
  exit 1
fi
echo 'Installing chromium-headless-shell' >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-dejavu-core >/dev/null
exec chromium-headless-shell --version
