import { createHash } from 'node:crypto'
import { lstat, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IsolationMemory } from '../../runner/network/networks.ts'
import type { Engine } from '../../runner/sandbox/engine.ts'

const DAY = 24 * 3_600_000

/**
 * Remembers for a day that the self-test found nothing, for this user, engine version, gateway image and boot of the
 * machine: a command that runs for a second should not be preceded by a test that takes as long.
 */
export async function isolationMemory(
  engine: Pick<Engine, 'engineFacts'>,
  gatewayImage: string,
): Promise<IsolationMemory> {
  const folder = join(tmpdir(), `drydock-tested-${process.getuid?.() ?? 0}`)
  const [{ version }, boot] = await Promise.all([
    engine.engineFacts(),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
  ])
  const key = createHash('sha256').update([version, gatewayImage, boot].join('\0')).digest('hex')
  return {
    async isKnown() {
      // Nobody else may say that a test was passed.
      if (!(await isOurs(folder))) return false
      const mark = await stat(join(folder, key)).catch(() => undefined)
      return mark !== undefined && Date.now() - mark.mtimeMs < DAY
    },
    async remember() {
      await mkdir(folder, { mode: 0o700 }).catch(() => undefined)
      if (await isOurs(folder)) await writeFile(join(folder, key), '')
    },
  }
}

async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined)
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
}
