import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CleanupStack } from '../../runner/cleanup.ts'
import { atExit } from './at-exit.ts'

/** Makes a temporary folder that is gone with the cleanup, or with the program when that is broken off. */
export function makeFolder(prefix: string, cleanup: CleanupStack): string {
  const path = mkdtempSync(join(tmpdir(), prefix))
  const remove = () => rmSync(path, { recursive: true, force: true })
  const forget = atExit(remove)
  cleanup.defer(() => {
    remove()
    forget()
  })
  return path
}
