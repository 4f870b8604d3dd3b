#!/bin/sh
# The command `siaga` of an installed machine: install -m 0755 config/systemd/siaga.sh /usr/local/bin/siaga
#
# As root it becomes the user of the service, in the environment of the service, so that no file ends up belonging to root and
# `siaga doctor` sees what the service will see. Paths as in siaga.service.
set -eu
USER_OF_SERVICE=siaga
if [ "$(id -u)" -eq 0 ]; then
    if [ -e /etc/siaga/secrets.env ]; then # a variable a line, as systemd reads it: no shell is run on it
        while IFS= read -r line || [ -n "$line" ]; do
            case $line in '' | '#'*) ;; *) export "${line%%=*}=${line#*=}" ;; esac
        done </etc/siaga/secrets.env
    fi
    set -- setpriv --reuid "$USER_OF_SERVICE" --regid "$USER_OF_SERVICE" --init-groups --no-new-privs \
        /opt/siaga/.venv/bin/python -m engine.cli "$@"
else
    set -- /opt/siaga/.venv/bin/python -m engine.cli "$@"
fi
export PYTHONPATH=/opt/siaga SIAGA_CONFIG="${SIAGA_CONFIG:-/etc/siaga/config/siaga.yaml}"
export SIAGA_PATHS__VAR="${SIAGA_PATHS__VAR:-/var/lib/siaga}"
exec "$@"
