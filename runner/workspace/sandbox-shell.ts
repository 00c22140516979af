import { eachGitVariable } from '../sandbox/git-variables.ts'
import { CLOSED } from '../sandbox/keeper-program.ts'

// Scripts that run inside a sandbox are constants; data reaches them as environment variables or standard input, never as
// part of their text. They need `sh`, `git` (2.20 or later) and the usual small tools.

/** Git as scripts call it: `git $C …`. Nothing that an image, a user or a repository configures runs or changes the result. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  // Empty, not `false`: git before 2.36 takes any other value for a command.
  'core.fsmonitor=',
  'core.untrackedCache=false',
  'core.splitIndex=false',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.bare=false',
  'core.fileMode=true',
  'core.symlinks=true',
  'core.ignoreCase=false',
  'core.precomposeUnicode=false',
  'core.autocrlf=false',
  'core.safecrlf=false',
  'core.quotePath=true',
  'core.logAllRefUpdates=false',
  'core.sparseCheckout=false',
  'core.fsync=none',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'advice.detachedHead=false',
  'init.defaultBranch=main',
  'pack.threads=2',
]

/** What the shell itself must not load, before it can unset anything. That it was unset already is for the keeper to say. */
export const NOTHING_PRELOADED = { LD_PRELOAD: '', LD_LIBRARY_PATH: '', [CLOSED]: '' } as const

/**
 * Begins every script: a closed environment for git, the system's programs before those of other folders. It starts no
 * program itself; each costs a sandbox milliseconds.
 */
export const PRELUDE = `
set -u
export PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH" HOME=/nonexistent LC_ALL=C
[ "\${${CLOSED}:-}" = 1 ] || ${eachGitVariable('unset "$name"')}
unset LD_PRELOAD LD_LIBRARY_PATH XDG_CONFIG_HOME
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1
export GIT_NO_REPLACE_OBJECTS=1 GIT_TERMINAL_PROMPT=0 GIT_ADVICE=0 GIT_ALLOW_PROTOCOL=none
export C='${SETTINGS.map((entry) => `-c ${entry}`).join(' ')}'
`
