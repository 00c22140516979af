import { execFileSync } from 'node:child_process'
import { Failure } from './failure.mjs'
import { run } from './run.mjs'

/** The names of the image that has this tag; empty when there is none. */
export function namesOf(tag) {
  try {
    const format = '{{range .RepoTags}}{{println .}}{{end}}'
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }
    return execFileSync('docker', ['image', 'inspect', '--format', format, tag], options).split('\n')
  } catch (error) {
    if (/no such image/i.test(String(error.stderr))) return []
    throw new Failure(`Cannot ask Docker for image ${tag}: ${String(error.stderr ?? error.message).trim()}`, {
      advice: 'run scripts/setup engine',
      exitCode: 2,
    })
  }
}

export const hasImage = (tag) => namesOf(tag).includes(tag)

/** The engine's processor in the words of npm: x64 or arm64. It is not always this machine's own (Docker Desktop). */
export function engineProcessor() {
  const arch = execFileSync('docker', ['version', '--format', '{{.Server.Arch}}'], { encoding: 'utf8' }).trim()
  return arch === 'amd64' ? 'x64' : arch
}

export function tagImage(tag, other) {
  execFileSync('docker', ['tag', tag, other], { stdio: 'ignore' })
}

export function removeImage(id) {
  execFileSync('docker', ['rmi', id], { stdio: 'ignore' })
}

/** @param {{buildArguments: Record<string, string | undefined>, onLine: (line: string) => void}} options */
export async function buildContext(folder, tag, { buildArguments, onLine }) {
  const pairs = Object.entries(buildArguments).flatMap(([name, value]) => [
    '--build-arg',
    value === undefined ? name : `${name}=${value}`,
  ])
  const { command, env } = builder()
  await run('docker', [...command, '--network', 'host', '--tag', tag, ...pairs, folder], {
    env: { ...process.env, ...env },
    onLine,
    action: `build ${tag}`,
    advice: 'check the network, the Debian mirror and the free disk space (docker system df), then repeat',
  })
}

/**
 * BuildKit where its client plugin is, else the classic builder. The context's own builder is named, since only
 * that one sees the images of the engine, which the parents are.
 */
function builder() {
  try {
    execFileSync('docker', ['buildx', 'version'], { stdio: 'ignore' })
    const context = execFileSync('docker', ['context', 'show'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return { command: ['buildx', 'build', '--builder', context.trim(), '--load', '--progress', 'plain'], env: {} }
  } catch {
    // Without --force-rm a failed step leaves its container behind.
    return { command: ['build', '--force-rm'], env: { DOCKER_BUILDKIT: '0' } }
  }
}
