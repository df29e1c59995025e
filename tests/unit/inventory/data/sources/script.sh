#!/bin/sh
cat <<'X'
{"g": {"hosts": ["s1", "s2"], "vars": {"v": 1}, "children": ["k"]}, "k": {"hosts": ["s3"]}, "_meta": {"hostvars": {"s1": {"h": "{{ v }}"}, "s3": {}}}}
X
