#!/usr/bin/env bash
# Records runs as today's gobake keeps them: saved (a cold build that saves a seed), restored (an empty builder that starts
# from it), edit (one line), stopped (a program that does not compile). They go to records/; those in runs/ are of an
# earlier gobake, and stay as examples of old records.
#
#   python3 -m harness --name recorder --force-private --fresh run -- tests/unit/recorded/record_runs.sh
#
# Nothing of this machine stays in the files: folders become /home/dev/..., the registry registry.test.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
registry=$GOBAKE_TEST_REGISTRY
export XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data HOME=$work/home
unset GITHUB_ACTIONS GITLAB_CI CI
mkdir -p "$HOME" "$work/shop/cmd/api" "$work/shop/cmd/worker" "$work/shop/greet"
git config --global init.defaultBranch main
git config --global user.name dev
git config --global user.email dev@example.test

cd "$work/shop"
printf 'module example.test/shop\n\ngo 1.26\n' >go.mod
printf 'name: shop\n' >gobake.yaml
printf 'package greet\n\nfunc Greet(name string) string { return "hello " + name }\n' >greet/greet.go
for service in api worker; do
  printf 'package main\n\nimport "example.test/shop/greet"\n\nfunc main() { println(greet.Greet("%s")) }\n' $service >cmd/$service/main.go
done
git init -q
git add -A
GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z git commit -qm one

build() { "${PYTHON:-python3}" -m gobake build -q --platform linux/amd64 --cache-store "$registry/recorded" --cache-policy ci-branch "$@"; }

# keep NAME: the last run, without what is of this machine
keep() {
  "${PYTHON:-python3}" -m gobake runs show last --format json >"$work/record"
  sed -e "s|$work/shop|/home/dev/shop|g" -e "s|$work|/home/dev|g" -e "s/${registry//./\\.}/registry.test/g" "$work/record" >"$work/clean"
  if grep -n -e "$work" "$work/clean" || grep -nw -e "$(hostname)" "$work/clean"; then echo "$1 names this machine" >&2; exit 1; fi
  gzip -9n <"$work/clean" >"$here/records/$1.json.gz"
  echo "$1: $(stat -c %s "$here/records/$1.json.gz") bytes"
}

build && keep saved
docker buildx prune -af >/dev/null
build && keep restored
printf 'package greet\n\nfunc Greet(name string) string { return "hi " + name }\n' >greet/greet.go
build && keep edit
printf 'package greet\n\nfunc Greet(name string) string { return 1 }\n' >greet/greet.go
build || keep stopped
