# The Docker engine: found, or installed and started where that is ours to do.
# shellcheck shell=bash

ENGINE_LOG=/var/log/dockerd.log

# Asks the API: the socket file stays behind when the engine is killed and proves nothing.
engine_answers() { docker version >/dev/null 2>&1; }

is_debian_like() { grep -Eqs '^(ID|ID_LIKE)=.*(debian|ubuntu)' /etc/os-release && command -v apt-get >/dev/null; }

ensure_engine() {
  engine_answers && return
  require_right_to_start_engine
  if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then install_engine; fi
  start_engine
}

require_right_to_start_engine() {
  local state='the Docker engine does not answer'
  if [ -n "${DOCKER_HOST:-}" ]; then
    stop 2 "Cannot use Docker: the engine at DOCKER_HOST=$DOCKER_HOST does not answer; start it there or unset DOCKER_HOST."
  elif ! command -v docker >/dev/null; then
    state='it is not installed'
  elif [[ "$(docker version 2>&1)" == *'permission denied'* ]]; then
    stop 2 "Cannot use Docker: user $(id -un) may not open its socket; run \`sudo usermod -aG docker $(id -un)\`, log in again, and repeat."
  fi
  [ "$(id -u)" = 0 ] && is_debian_like && return
  stop 2 "Cannot use Docker: $state, and setup installs and starts it only as root on Debian or Ubuntu; install or start Docker (https://docs.docker.com/engine/install/), then repeat."
}

install_engine() {
  local packages=(docker.io iptables)
  step 'Reading the package lists' 'check the network and /etc/apt/sources.list*, then run: apt-get update' apt-get update
  # From Debian 13 on the command line client is a package of its own, and only recommended.
  if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
  # Where the kernel enforces AppArmor the engine cannot start a container without its parser.
  if grep -qs Y /sys/module/apparmor/parameters/enabled; then packages+=(apparmor); fi
  install_packages "${packages[@]}"
}

install_packages() {
  step "Installing $*" "apt-get install $*" \
    env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

start_engine() {
  engine_answers && return
  if [ -d /run/systemd/system ]; then
    step 'Starting Docker' 'journalctl -u docker.service' systemctl start docker.service
    wait_for_engine 'journalctl -u docker.service'
  else
    start_engine_directly
  fi
}

# Without an init system. The lock keeps two setups from starting two engines; dockerd must not inherit it.
start_engine_directly() (
  exec 9>/run/drydock-docker.lock
  flock 9
  engine_answers && exit
  remove_stale_pid_file /var/run/docker.pid dockerd
  remove_stale_pid_file /var/run/docker/containerd/containerd.pid containerd
  ensure_cgroups
  say 'Starting Docker (no init system here, so directly) …'
  setsid nohup dockerd </dev/null >>"$ENGINE_LOG" 2>&1 9>&- &
  wait_for_engine "less $ENGINE_LOG" $!
  say 'Starting Docker: done'
)

# An init system would have mounted them.
ensure_cgroups() {
  grep -q ' - cgroup2\? ' /proc/self/mountinfo && return
  step 'Mounting the control groups' 'mount -t cgroup2 cgroup2 /sys/fs/cgroup' mount -t cgroup2 cgroup2 /sys/fs/cgroup
}

# A killed engine leaves its pid files, and the next one takes any process of that number for the old one.
# Under a PID 1 that does not reap, even the zombie of the old containerd counts as alive.
remove_stale_pid_file() {
  local file=$1 program=$2 pid
  pid=$(cat "$file" 2>/dev/null) || return 0
  if runs_as "$pid" "$program"; then
    # An engine that another program has just started may need a moment.
    wait_for_engine "less $ENGINE_LOG; kill $pid"
    exit 0
  fi
  rm -f "$file"
}

# runs_as PID PROGRAM: true when that process has that name and is no zombie.
runs_as() {
  local comm state
  comm=$(cat "/proc/$1/comm" 2>/dev/null) || return 1
  state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 1
  [ "$comm" = "$2" ] && [ "$state" != Z ]
}

# wait_for_engine ADVICE [PID]: with a PID, a process that ended is not waited for.
wait_for_engine() {
  local tries
  for ((tries = 0; tries < 150; tries++)); do
    engine_answers && return
    [ -z "${2:-}" ] || kill -0 "$2" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$ENGINE_LOG" 2>/dev/null | sed 's/^/  | /' >&2 || true
  stop 1 "Cannot start Docker: it ended or does not answer after $((tries / 5)) s." "Try: $1"
}
