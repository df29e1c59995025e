#!/bin/sh
echo "args: $*"; echo "pwd: $(pwd)"; echo "name: $NAME"
exit ${1:-0}
