# What docker-compose.yml needs from the host: the built project and the settings in .env.
# shellcheck shell=bash

CA_BUNDLES=(
  /etc/ssl/certs/ca-certificates.crt
  /etc/pki/tls/certs/ca-bundle.crt
  /etc/ssl/ca-bundle.pem
  /etc/ssl/cert.pem
)

# Adds what is missing and keeps what is there: a new password would not match the existing database's.
write_compose_settings() {
  (umask 077 && touch .env)
  chmod 600 .env
  add_setting DRYDOCK_DATABASE_PASSWORD "$(random_hex)"
  add_setting DRYDOCK_MASTER_KEY "$(random_key)"
  add_setting DRYDOCK_CA_BUNDLE "$(ca_bundle)"
  say "Ready. Next: $(compose_command) up -d"
}

add_setting() {
  grep -q "^$1=" .env && return
  # A hand-written file may lack the last newline.
  [ -z "$(tail -c 1 .env)" ] || echo >>.env
  echo "$1=$2" >>.env
  say "wrote $1 to .env"
}

random_hex() { node -p 'require("crypto").randomBytes(32).toString("hex")'; }

random_key() { node -p 'require("crypto").randomBytes(32).toString("base64")'; }

# Debian, Fedora, openSUSE and macOS keep it in different places.
ca_bundle() {
  local path
  for path in "${CA_BUNDLES[@]}"; do
    [ -f "$path" ] && echo "$path" && return
  done
  stop 2 "Cannot find this machine's CA certificates; put DRYDOCK_CA_BUNDLE=/path/to/bundle.crt into .env, then repeat."
}

compose_command() {
  if docker compose version >/dev/null 2>&1; then
    echo 'docker compose'
  else
    echo 'docker-compose'
  fi
}
