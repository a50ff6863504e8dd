#!/bin/sh
# The browser tests drive a chromium that is installed on the system, behind a proxy whose certificate openssl makes;
# on Debian and Ubuntu this installs both. Debian has a chromium without windows, for which a page is half the work;
# any other does as well.
set -eu
found() { command -v "$1" >/dev/null; }
any_browser() { found chromium-headless-shell || found chromium || found chromium-browser || found google-chrome; }

found chromium-headless-shell && found openssl && exit 0
if found apt-get; then
    run=""
    [ "$(id -u)" = 0 ] || run=sudo
    install() { $run apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
    $run apt-get update -qq || true # a mirror may be away, and nothing be missing
    found openssl || install openssl
    found chromium-headless-shell || install chromium-headless-shell fonts-liberation 2>/dev/null ||
        any_browser || install chromium fonts-liberation
fi
any_browser && found openssl || {
    echo "Please install chromium and openssl: the browser tests need them." >&2
    exit 1
}
