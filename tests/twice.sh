#!/usr/bin/env bash
# Run pytest, and what failed once more, alone: at most two tests, each named. What fails twice, or more than two, fails.
# A test of real processes may fail for what runs beside it; that is a fault of the test, to be seen and fixed, but says
# nothing against the product.
# Usage: tests/twice.sh CACHE ARGUMENT… (CACHE: pytest's folder; two parts of the suite need one each)
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$1
most=2
shift
rm -rf "$cache/v/cache/lastfailed"
status=0
.venv/bin/python -m pytest -o cache_dir="$cache" "$@" || status=$?
if [ "$status" != 1 ] || [ ! -e "$cache/v/cache/lastfailed" ]; then exit "$status"; fi  # 1: tests failed
mapfile -t failed < <(.venv/bin/python -m json.tool "$cache/v/cache/lastfailed" | sed -n 's/^ *"\(.*\)": true,\{0,1\}$/\1/p')
if [ "${#failed[@]}" -gt "$most" ]; then exit "$status"; fi
.venv/bin/python -m pytest -o cache_dir="$cache" "$@" -n 0 --last-failed || exit
printf 'UNSTABLE: failed beside other tests, passed alone: %s\n' "${failed[@]}"
