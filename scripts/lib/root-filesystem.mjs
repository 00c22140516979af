import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianMirrors, installedProgram, isDebianLike } from './debian.mjs'
import { removeImage, tagImage } from './engine.mjs'
import { Failure, say } from './failure.mjs'
import { IMAGES } from './paths.mjs'
import { interruption, run } from './run.mjs'

const REGISTRY_ANSWERS_WITHIN_MS = 10_000

/** A minimal Debian under `tag`: from the registry by its digest, or made here from the Debian mirror. */
export async function makeRootFilesystem(tag) {
  const reference = readFileSync(join(IMAGES, 'debian', 'reference'), 'utf8').trim()
  const unreachable = await pull(reference)
  if (!unreachable) return tagImage(reference, tag)
  say(`no image registry (${unreachable}); bootstrapping Debian from its mirror`)
  await bootstrap(tag)
}

/** Returns undefined when the image is here, else why not. The limit is for the first answer, not for the download. */
async function pull(reference) {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), REGISTRY_ANSWERS_WITHIN_MS)
  try {
    await run('docker', ['pull', reference], { signal: limit.signal, onLine: () => clearTimeout(timer) })
    return undefined
  } catch (error) {
    return limit.signal.aborted ? 'no answer within 10 s' : (error.output?.at(-1) ?? error.message)
  } finally {
    clearTimeout(timer)
  }
}

/** The import gets its name last: a bootstrap that fails half-way still gives the engine a readable archive. */
async function bootstrap(tag) {
  await ensureBootstrapper()
  const { mirror, securityMirror } = debianMirrors()
  const advice = `check that ${mirror} can be reached, that debian-archive-keyring is current, and the free disk space`
  const source = startBootstrap(mirror, securityMirror)
  const importing = run('docker', ['import', '-'], { stdin: source.stdout, action: 'import Debian', advice })
  const [bootstrapped, imported] = await Promise.allSettled([source.ended, importing])
  const id = imported.value?.at(-1)
  if (bootstrapped.value.exitCode !== 0) {
    if (id) removeImage(id)
    throw new Failure('Cannot bootstrap Debian: mmdebstrap failed', { output: bootstrapped.value.output, advice })
  }
  if (!id) throw imported.reason
  tagImage(id, tag)
}

function startBootstrap(mirror, securityMirror) {
  const child = spawn('sh', [join(IMAGES, 'debian', 'bootstrap'), mirror, securityMirror], {
    signal: interruption.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (words += text))
  const ended = new Promise((resolve) => {
    // An abort is an error event, too, and comes before the end.
    child.on('error', () => {})
    child.on('close', (exitCode) => resolve({ exitCode, output: words.trim().split('\n').slice(-30) }))
  })
  return { stdout: child.stdout, ended }
}

async function ensureBootstrapper() {
  if (installedProgram('mmdebstrap')) return
  const packages = ['mmdebstrap', 'debian-archive-keyring']
  if (!isDebianLike() || process.getuid() !== 0) {
    throw new Failure('Cannot make the base image: no image registry answers, and mmdebstrap is not installed', {
      advice: `let Docker reach a registry, or install ${packages.join(' and ')} (as root on Debian or Ubuntu, setup does)`,
      exitCode: 2,
    })
  }
  say(`installing ${packages.join(', ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const advice = 'run apt-get update, then repeat'
  await run('apt-get', ['-q', 'update'], { env, action: 'read the package lists', advice })
  await run('apt-get', ['-q', '-y', 'install', '--no-install-recommends', ...packages], {
    env,
    action: `install ${packages.join(', ')}`,
    advice,
  })
}
