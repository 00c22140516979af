// What bin/drydock does before the program itself can run: the Node version, the dependencies, the build. Plain Node,
// no packages, so that it works on a fresh clone. Everything it says goes to stderr.
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

function stop(exitCode, code, detail) {
  process.stderr.write(`drydock: ${detail}\n`)
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error: { code, detail } })}\n`)
  process.exit(exitCode)
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  stop(2, 'node-too-old', `Cannot start: Drydock needs Node 20.19 or later, and this is ${process.version}.`)
}

function dependenciesAreCurrent() {
  try {
    const stamp = readFileSync(join(ROOT, 'node_modules', '.drydock-lock-hash'), 'utf8').trim()
    return (
      stamp ===
      createHash('sha256')
        .update(readFileSync(join(ROOT, 'package-lock.json')))
        .digest('hex')
    )
  } catch {
    return false
  }
}

function installDependencies() {
  try {
    execFileSync(join(ROOT, 'scripts', 'setup'), ['deps'], { stdio: ['ignore', 2, 2] })
  } catch (error) {
    stop(
      error.status === 2 ? 2 : 1,
      'setup-failed',
      'Cannot start: the dependencies could not be installed; the lines above say why.',
    )
  }
}

/** Commands that are started at once on a changed tree take turns: none runs what another still writes. */
async function buildProject() {
  const { build, sourceStamp } = await import('./build.mjs')
  if (readOrEmpty(join(ROOT, 'dist', '.stamp')) === sourceStamp()) return
  const { withLock } = await import('./lib/lock.mjs')
  const name = `build-${createHash('sha256').update(ROOT).digest('hex').slice(0, 12)}`
  const onWait = () => process.stderr.write('drydock: waiting for a build that another command has begun …\n')
  try {
    await withLock(name, async () => build(), { onWait })
  } catch {
    stop(1, 'build-failed', 'Cannot start: the build failed; the lines above say why.')
  }
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

requireNode()
// The server image holds a finished build and no compiler.
if (process.env.DRYDOCK_PREBUILT !== '1') {
  if (!dependenciesAreCurrent()) installDependencies()
  await buildProject()
}
await import(pathToFileURL(join(ROOT, 'dist', 'bin', 'main.js')).href)
