#!/usr/bin/env bash
# Writes src/*/PublicAPI/PublicAPI.Unshipped.txt anew, with everything that is public and not in PublicAPI.Shipped.txt.
# Look at the diff before you commit it: every line is a promise to users. At a release, move the lines to PublicAPI.Shipped.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for project in src/*/; do
  file=${project}PublicAPI/PublicAPI.Unshipped.txt
  before=$(<"$file")
  echo '#nullable enable' >"$file"
  dotnet build -c Release "$project" --no-incremental -p:TreatWarningsAsErrors=false -p:WarningsNotAsErrors=RS0016 >"$log" ||
    { grep error "$log" | sort -u >&2; echo "$before" >"$file"; exit 1; }
  # The projects that this one refers to are built too; only its own lines count.
  grep "\[.*/$(basename "$project")\.csproj\]" "$log" |
    sed -nE "s/.*RS0016: Symbol '(.*)' is not part of the declared public API.*/\1/p" | LC_ALL=C sort -u >>"$file"
  echo "$file: $(($(wc -l <"$file") - 1)) lines"
done
