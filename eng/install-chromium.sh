#!/usr/bin/env bash
# Installs Chromium, with which the tests use the page of samples/ProductSearch, where the system has apt and this user may install.
# Elsewhere it says so and succeeds: those tests then skip.
set -euo pipefail
if command -v chromium chromium-browser google-chrome; then exit 0; fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "Chromium is not here, and this user cannot install it: the browser tests will be skipped"
  exit 0
fi
timeout 120 apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -qq -y --no-install-recommends chromium >/dev/null ||
  echo "Chromium could not be installed: the browser tests will be skipped"
