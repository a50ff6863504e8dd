#!/bin/sh
# The browser tests drive a chromium that is installed on the system, behind a proxy whose certificate openssl makes;
# on Debian and Ubuntu this installs both.
set -eu
missing=""
command -v openssl >/dev/null || missing="openssl"
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    missing="$missing chromium fonts-liberation"
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Please install $missing: the browser tests need it." >&2
    exit 1
fi
run=""
[ "$(id -u)" = 0 ] || run=sudo
$run apt-get update -qq
# shellcheck disable=SC2086
$run apt-get install -y -qq --no-install-recommends $missing >/dev/null
