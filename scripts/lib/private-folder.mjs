import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from './failure.mjs'

/** A folder of this user alone, the same for every process, so that the next one clears up after a killed one. */
export function privateFolder() {
  const user = process.getuid?.() ?? 'user'
  const folder = join(tmpdir(), `drydock-images-${user}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stat = lstatSync(folder)
  if (!stat.isDirectory() || (user !== 'user' && stat.uid !== user)) {
    throw new Failure(`Cannot use ${folder}: it belongs to somebody else`, {
      advice: 'remove it, or set TMPDIR to a folder of yours',
      exitCode: 2,
    })
  }
  return folder
}
