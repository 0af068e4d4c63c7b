#!/bin/bash
# Formats the storage of nodes that have none, with a user `admin` whose password is in a file: the
# image formats without users. Arguments: the nodes.
set -euo pipefail

for node in "$@"; do
    "${KAFKA_BIN:-/opt/kafka/bin}/kafka-storage.sh" format --ignore-formatted \
        --config "${CONFIG:-/run/config}/$node.properties" "@${SECRETS:-/run/secrets}/kafka-format"
done
