#!/usr/bin/env node
// The command. scripts/bundle-cli.mjs puts a line in its place that loads the same as one file.
import './dispatch.js';
