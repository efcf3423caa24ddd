#!/usr/bin/env bash
# Brings src/*/PublicAPI/PublicAPI.Unshipped.txt up to date with the code: adds what is public and not listed, removes what is listed and gone.
# Look at the diff before you commit it: every line is a promise to users. At a release, move the lines to PublicAPI.Shipped.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for project in src/*/; do
  file=${project}PublicAPI/PublicAPI.Unshipped.txt
  log=$(mktemp)
  name=$(basename "$project")
  dotnet build -c Release "$project" --no-incremental -p:TreatWarningsAsErrors=false -p:WarningsNotAsErrors=RS0016%3BRS0017 >"$log" || true
  ! grep -q 'error' "$log" || { grep error "$log" | sort -u >&2; exit 1; }
  sed -i "/\\[.*\\/$name\\.csproj\\]/!d" "$log"       # not what the projects that it refers to said
  gone=$(sed -nE "s/.*RS0017: Symbol '(.*)' is part of the declared API.*/\1/p" "$log" | sort -u)
  { echo '#nullable enable'
    { tail -n +2 "$file" | grep -vxF -- "$gone" || true; sed -nE "s/.*RS0016: Symbol '(.*)' is not part of the declared public API.*/\1/p" "$log"; } | LC_ALL=C sort -u
  } >"$file.new"
  mv "$file.new" "$file"
  rm "$log"
  echo "$file: $(($(wc -l <"$file") - 1)) lines"
done
