#!/bin/sh
# WANT_JSON: prints how many bytes its arguments have a word of.
word=$(sed -n 's/.*"word": "\([a-z]*\)".*/\1/p' "$1")
printf '{"changed": false, "length": %d}\n' "${#word}"
