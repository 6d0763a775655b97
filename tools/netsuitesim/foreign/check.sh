#!/bin/sh
# Runs npm's NetSuite clients against the double. Where npm and node are absent it
# says NOT RUN and succeeds, unless FOREIGN=required; one without the other, or
# packages that cannot be installed, are a failure.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
absent=
for tool in npm node; do
	command -v "$tool" >/dev/null 2>&1 || absent="${absent:+$absent and }$tool"
done
if [ -n "$absent" ]; then
	echo "foreign clients: NOT RUN: $absent absent; that clients of others get on with the NetSuite double is not shown here" >&2
	[ "$absent" = "npm and node" ] && [ "${FOREIGN:-}" != required ]
	exit
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp "$here"/package.json "$here"/*.mjs "$dir"
if ! (cd "$dir" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >install.log 2>&1); then
	cat "$dir/install.log"
	echo "foreign clients: NOT RUN: npm install failed" >&2
	exit 1
fi
cd "$here"
FOREIGN_CLIENTS=$dir "${GO:-go}" test -count=1 -tags foreign -v .
