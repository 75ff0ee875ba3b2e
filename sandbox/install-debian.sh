#!/bin/sh
# Install the Debian packages whose programs are not on the PATH. Run by the Makefile; does nothing when all are there.
# The services that come with the packages are not started: Cachewatch starts its own servers, on its own ports.
# Words name what only the tests want as well: "browser" is Chromium, "victoria" is VictoriaMetrics with vmalert.
set -eu

packages=""
need() { # need PACKAGE PROGRAM...: the package is wanted unless one of the programs is there
    package=$1
    shift
    for program in "$@"; do
        if command -v "$program" >/dev/null 2>&1; then return 0; fi
    done
    packages="$packages $package"
}

need redis-server redis-server
need redis-sentinel redis-sentinel
need prometheus prometheus
need prometheus promtool
need prometheus-alertmanager alertmanager prometheus-alertmanager
need prometheus-alertmanager amtool
need openssl openssl
need prometheus-redis-exporter prometheus-redis-exporter redis_exporter
for word in "$@"; do
    case $word in
    browser) need chromium chromium chromium-browser google-chrome ;;
    victoria)
        need victoria-metrics victoria-metrics victoria-metrics-prod
        need victoria-metrics vmalert vmalert-prod
        ;;
    esac
done

# Debian's python3 comes without ensurepip, and `python3 -m venv` fails half way.
python=${PYTHON:-python3}
if command -v "$python" >/dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then packages="$packages python3-venv"; fi
else
    packages="$packages python3 python3-venv"
fi

packages=$(printf '%s\n' $packages | sort -u | tr '\n' ' ' | sed 's/ *$//')
if [ -z "$packages" ]; then exit 0; fi

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing on this system, which has no apt-get: the programs of the Debian packages $packages." >&2
    echo "Install Redis with Sentinel, Prometheus with promtool, Alertmanager with amtool, openssl, redis_exporter, and Python >= 3.11 with venv," >&2
    echo "so that redis-server, redis-sentinel, prometheus, promtool, alertmanager, amtool and redis_exporter are on the PATH." >&2
    exit 1
fi

root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1 || ! { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        echo "Missing: $packages. Installing them needs root. Run this, then try again:" >&2
        echo "    sudo apt-get update && sudo apt-get install --no-install-recommends $packages" >&2
        exit 1
    fi
    root=sudo
fi

echo "Installing the Debian packages that are missing: $packages (their services are not started)"

# invoke-rc.d asks this file whether a service may be started; 101 is "no". An administrator's own file stays.
policy=/usr/sbin/policy-rc.d
forbid_services() {
    if [ -e "$policy" ]; then return 0; fi
    trap 'allow_services' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    $root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
}
allow_services() {
    $root rm -f "$policy"
}

install() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

forbid_services
$root env DEBIAN_FRONTEND=noninteractive apt-get update -q
# shellcheck disable=SC2086  # a list of names without spaces
install $packages
# In newer Debian it is no part of prometheus any more.
if ! command -v promtool >/dev/null 2>&1; then install promtool; fi
