import { execFileSync } from 'node:child_process'

const releases = new Set<() => void>()
let installed = false

/**
 * Has something released also when the program ends early: by Ctrl-C or an error that nobody catches. Call what comes
 * back once it is released the ordinary way.
 */
export function atExit(release: () => void): () => void {
  install()
  releases.add(release)
  return () => void releases.delete(release)
}

function install(): void {
  if (installed) return
  installed = true
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
  process.on('exit', () => {
    for (const release of [...releases].reverse()) release()
  })
}

/** Removes all that carries the label of an installation, by the engine's own command: at exit nothing can wait. */
export function removeLabelled(installation: string): void {
  const filter = `label=drydock.installation=${installation}`
  for (const [list, remove] of [
    [
      ['ps', '-aq'],
      ['rm', '-f', '-v'],
    ],
    [
      ['network', 'ls', '-q'],
      ['network', 'rm'],
    ],
    [
      ['volume', 'ls', '-q'],
      ['volume', 'rm', '-f'],
    ],
    [
      ['images', '-q'],
      ['rmi', '-f'],
    ],
  ] as const) {
    const ids = docker([...list, '--filter', filter])
      .split('\n')
      .filter(Boolean)
    if (ids.length > 0) docker([...remove, ...new Set(ids)])
  }
}

function docker(args: string[]): string {
  try {
    return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    // Without an engine there is nothing to remove.
    return ''
  }
}
