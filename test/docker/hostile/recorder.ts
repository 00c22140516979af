import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

// A PATH of recording wrappers: whatever the host starts by name is written down, and only what it needs is there.

const REAL = ['git', 'setpriv', 'prlimit']
/** What git, or a hostile configuration, would start if it could. */
const DECOYS = [
  'sh',
  'bash',
  'ssh',
  'less',
  'more',
  'vi',
  'editor',
  'tar',
  'curl',
  'gpg',
  'python3',
  'node',
  'perl',
  'touch',
  'cat',
  'git-lfs',
  'git-remote-https',
  'git-remote-ext',
  'askpass',
]

export type Recorder = { path: string; calls(): string[][]; reset(): void }

export function recorder(folder: string, realPath = process.env.PATH ?? ''): Recorder {
  const bin = join(folder, 'bin')
  const log = join(folder, 'calls')
  mkdirSync(bin)
  for (const name of REAL) write(join(bin, name), log, `exec ${which(name, realPath)} "$@"`)
  for (const name of DECOYS) write(join(bin, name), log, 'exit 97')
  const reset = () => writeFileSync(log, '')
  reset()
  return {
    path: bin,
    reset,
    calls: () =>
      readFileSync(log, 'latin1')
        .split('\0\n\0')
        .filter(Boolean)
        .map((line) => line.split('\0')),
  }
}

/** A call is one write, its end included: programs that run side by side must not write into each other's. */
function write(file: string, log: string, then: string): void {
  writeFileSync(file, `#!/bin/sh\nprintf '%s\\0' "\${0##*/}" "$@" '\n' >> '${log}'\n${then}\n`)
  chmodSync(file, 0o755)
}

function which(name: string, path: string): string {
  const found = path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(existsSync)
  if (found === undefined) throw new Error(`${name} is not installed`)
  return found
}

/** The git command of a recorded call, without `-c` settings. */
export function gitCommand(call: readonly string[]): string[] {
  const words = call.slice(1)
  const rest: string[] = []
  for (let i = 0; i < words.length; i++) {
    if (words[i] === '-c') i++
    else if (words[i] !== undefined) rest.push(words[i] as string)
  }
  return rest
}
