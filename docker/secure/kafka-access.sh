#!/bin/sh
# Gives Kafka's users their passwords, then to each the permissions of the role of its name, and
# none besides. Runs as the user `admin`. Arguments: the roles.
set -eu

python "$(dirname "$0")/kafka_users.py" "$@"
for role in "$@"; do
    walmart-stream acl --principal "User:$role" --role "$role" --apply >/dev/null
    echo "Kafka: $role has its permissions"
done
