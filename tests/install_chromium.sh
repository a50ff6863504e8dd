#!/bin/sh
# The browser tests drive a chromium that is installed on the system; on Debian and Ubuntu this installs it.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if ! command -v apt-get >/dev/null; then
    echo "Please install chromium: the browser tests drive it." >&2
    exit 1
fi
run=""
[ "$(id -u)" = 0 ] || run=sudo
$run apt-get update -qq
$run apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null
