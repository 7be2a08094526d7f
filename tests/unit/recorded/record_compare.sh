#!/usr/bin/env bash
# Records `gobake compare` of the example in all strategies, after one edited line: README's table and docs/compare.png.
#
#   python3 -m harness --name recorder --force-private run -- tests/unit/recorded/record_compare.sh
#
# Then: python -m docs.update, python docs/compare_picture.py. Nothing of this machine stays in the file.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data
unset GITHUB_ACTIONS GITLAB_CI CI
strategies=single-stage,debian-slim,alpine,distroless,distalpine,scratch,upx,prebuilt

cp -r "$root/examples/shop" "$work/shop"
cd "$work/shop"
git init -q
git add -A
GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z \
  git -c user.name=dev -c user.email=dev@example.test commit -qm one

compare() { "${PYTHON:-python3}" -m gobake compare -q --trust api migrate -s "$strategies" --format json; }
compare >/dev/null
printf '\nfunc edited() string { return os.Getenv("EDITED") }\n\nvar _ = edited()\n' >>api/cmd/api/main.go
compare >"$work/document"
sed -E 's,(localhost|127\.0\.0\.1):[0-9]+/distroless,gcr.io/distroless,g' "$work/document" >"$work/clean"
if grep -n -e "$work" -e 'localhost' -e '127\.0\.0\.1' "$work/clean"; then echo "the document names this machine" >&2; exit 1; fi
gzip -9n <"$work/clean" >"$here/compare.json.gz"
