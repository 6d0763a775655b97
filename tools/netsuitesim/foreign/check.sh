#!/bin/sh
# Runs npm's NetSuite clients against the double. Where npm or node is absent it
# prints "not run" and succeeds; packages that cannot be installed are a failure.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for tool in npm node; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "foreign clients: not run: $tool absent"
		exit 0
	fi
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp "$here"/package.json "$here"/*.mjs "$dir"
if ! (cd "$dir" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >install.log 2>&1); then
	cat "$dir/install.log"
	echo "foreign clients: not run: npm install failed" >&2
	exit 1
fi
cd "$here"
FOREIGN_CLIENTS=$dir "${GO:-go}" test -count=1 -tags foreign -v .
