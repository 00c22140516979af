#!/bin/sh
# PostgreSQL 17 with one database `drydock`, owned by the user `drydock` (may create databases; no superuser).
#
# Mounts
#   /var/lib/postgresql       the data: a volume
#   /run/drydock-pg           the socket's folder: a folder of the host, or a volume
#   /run/secrets/pg-password  the password of `drydock`, one line
# Environment
#   POSTGRES_PASSWORD_FILE    where the password is (default /run/secrets/pg-password)
#   POSTGRES_PASSWORD         the password itself, where a file is not possible (docker-compose.yml)
#   PG_LISTEN                 listen_addresses (default: empty, the socket only)
#   PG_EXTRA                  more server arguments, split at blanks: "-c fsync=off -c max_connections=300"
#
#   docker run -d --name NAME --network none --shm-size 256m -v VOLUME:/var/lib/postgresql \
#     -v DIR/pg-socket:/run/drydock-pg -v DIR/pg-password:/run/secrets/pg-password:ro drydock/postgres
#   psql "postgres://drydock@/drydock?host=DIR/pg-socket"
#
# Every login needs the password (scram-sha-256), on the socket too: in a folder of the host, the container's
# postgres has the number of some unrelated user there, so `peer` would let that user in.
# A changed password file takes effect at the next start. Kill it at any moment: the next start heals.
set -eu

home=/var/lib/postgresql
data=$home/pg
socket=/run/drydock-pg
version=17

fail() {
  echo "postgres: $1" >&2
  exit 1
}

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }

# A single-user server: no listener and no login while roles are made. One statement per line.
run_sql() { as_postgres postgres --single -D "$1" -c log_statement=none postgres >/dev/null; }

read_password() {
  file=${POSTGRES_PASSWORD_FILE:-/run/secrets/pg-password}
  if [ -n "${POSTGRES_PASSWORD:-}" ]; then
    password=$POSTGRES_PASSWORD
    unset POSTGRES_PASSWORD
  elif [ -s "$file" ]; then
    password=$(head -n 1 "$file")
  else
    fail "Cannot start PostgreSQL: no password; mount a file with it at $file, or set POSTGRES_PASSWORD."
  fi
  quoted_password=$(printf %s "$password" | sed "s/'/''/g")
  password_hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
}

prepare_folders() {
  chown postgres:postgres "$home"
  chmod 700 "$home"
  # The group gets in and the owner stays: a server that runs as an ordinary user still reaches its own folder.
  chgrp postgres "$socket"
  chmod 770 "$socket"
}

# Two servers on one volume destroy it, and PostgreSQL's own lock file does not see across containers.
# The server inherits the lock and holds it while it lives.
lock_volume() {
  exec 9>"$home/lock"
  flock -n 9 || fail 'Cannot start PostgreSQL: another container uses this volume; stop that one first.'
}

# Made aside and moved in one step: a kill half-way leaves nothing that looks finished.
create_database() {
  rm -rf "$data.new"
  as_postgres initdb --pgdata="$data.new" --username=postgres --auth=trust --encoding=UTF8 --data-checksums \
    --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8 --no-instructions >/dev/null
  printf '%s\n' 'local all all scram-sha-256' 'host all all all scram-sha-256' >"$data.new/pg_hba.conf"
  run_sql "$data.new" <<SQL
CREATE ROLE drydock LOGIN CREATEDB PASSWORD '$quoted_password'
CREATE DATABASE drydock OWNER drydock
SQL
  remember_password "$data.new"
  sync
  mv "$data.new" "$data"
}

remember_password() { printf %s "$password_hash" | as_postgres tee "$1/drydock-password-hash" >/dev/null; }

update_password() {
  [ "$(cat "$data/drydock-password-hash" 2>/dev/null)" = "$password_hash" ] && return
  echo "ALTER ROLE drydock PASSWORD '$quoted_password'" | run_sql "$data"
  remember_password "$data"
}

read_password
prepare_folders
lock_volume
if [ ! -d "$data" ]; then
  create_database
elif [ "$(cat "$data/PG_VERSION")" != "$version" ]; then
  fail "Cannot start PostgreSQL $version: the volume holds data of version $(cat "$data/PG_VERSION"); dump it with that version and restore it into an empty volume."
else
  # The file of a killed server names process 1, which is always alive in a container.
  rm -f "$data/postmaster.pid"
  update_password
fi

# shellcheck disable=SC2086 # PG_EXTRA is a list of words
exec setpriv --reuid=postgres --regid=postgres --init-groups -- postgres -D "$data" \
  -c unix_socket_directories="$socket" -c listen_addresses="${PG_LISTEN:-}" -c jit=off ${PG_EXTRA:-}
