import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../bin/config.ts'
import { progress } from '../support/report.ts'
import { docker } from './containers.ts'

export const RIVALS_FOLDER = join(packageRoot, 'bench', 'gateway', 'rivals')
const BUILD = join(packageRoot, 'bench', 'gateway', 'build-image.mjs')

/** The image with the other proxies, the client and the far side. Built where the engine lacks it. */
export async function rivalsImage(): Promise<string> {
  const hash = createHash('sha256')
    .update(readFileSync(join(RIVALS_FOLDER, 'bootstrap')))
    .digest('hex')
  const tag = `drydock/bench-rivals:${hash.slice(0, 12)}`
  const isThere = await docker('image', 'inspect', tag).then(
    () => true,
    () => false,
  )
  if (isThere) return tag
  progress('Making the image of the other proxies (once; some minutes) …')
  const child = spawn(process.execPath, [BUILD, tag], { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error('Cannot make the image of the other proxies')
  return tag
}
