// Makes the image of the benchmark's other proxies, its client and its far side. Usage: node build-image.mjs TAG
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { debianMirrors, installedProgram } from '../../scripts/lib/debian.mjs'
import { hasImage, tagImage } from '../../scripts/lib/engine.mjs'
import { withLock } from '../../scripts/lib/lock.mjs'
import { run } from '../../scripts/lib/run.mjs'

const BOOTSTRAP = fileURLToPath(new URL('rivals/bootstrap', import.meta.url))

async function build(tag) {
  if (!installedProgram('mmdebstrap')) throw new Error('mmdebstrap is not installed (apt-get install mmdebstrap)')
  const { mirror, securityMirror } = debianMirrors()
  const source = spawn('sh', [BOOTSTRAP, mirror, securityMirror], { stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  source.stderr.setEncoding('utf8').on('data', (text) => (words = (words + text).slice(-4000)))
  const ended = new Promise((resolve, reject) => {
    source.on('error', reject)
    source.on('close', resolve)
  })
  const [lines, code] = await Promise.all([run('docker', ['import', '-'], { stdin: source.stdout }), ended])
  if (code !== 0) throw new Error(`mmdebstrap ended with ${code}:\n${words}`)
  tagImage(lines.at(-1), tag)
}

const tag = process.argv[2]
try {
  await withLock('image-bench-rivals', async () => {
    if (!hasImage(tag)) await build(tag)
  })
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
