import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder with package.json and scripts/: this file runs from bin/ or from dist/bin/. */
export const ROOT = findRoot(import.meta.dirname)

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}
