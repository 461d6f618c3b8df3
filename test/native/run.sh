#!/bin/bash
# Unit tests of the native logic; writes `N passed, N failed, N skipped` to the file given.
cd "$(dirname "$0")/../.." && exec node scripts/test-native.mjs "$@"
