# The npm dependencies, exactly as package-lock.json has them.
# shellcheck shell=bash

DEPENDENCY_STAMP=node_modules/.drydock-lock-hash

lock_hash() { node -p 'require("crypto").createHash("sha256").update(require("fs").readFileSync("package-lock.json")).digest("hex")'; }

dependencies_current() { [ "$(cat "$DEPENDENCY_STAMP" 2>/dev/null)" = "$(lock_hash)" ]; }

ensure_dependencies() {
  require_node
  dependencies_current || install_dependencies
}

require_node() {
  # shellcheck disable=SC2015 # stop never returns
  command -v node >/dev/null && command -v npm >/dev/null ||
    stop 2 'Cannot install the dependencies: Node and npm are missing; install Node 20.19 or later.'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    stop 2 "Cannot run Drydock: it needs Node 20.19 or later, and this is $(node -v)."
}

# Two commands may be started at once on a fresh clone; the second waits for the first.
install_dependencies() (
  if command -v flock >/dev/null; then
    exec 8<package-lock.json
    flock 8
    dependencies_current && exit
  fi
  step 'Installing the npm dependencies' 'check the network and the npm registry (npm config get registry), then run: npm ci' \
    npm ci --ignore-scripts --no-audit --no-fund
  lock_hash >"$DEPENDENCY_STAMP"
)
