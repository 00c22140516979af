import { createHmac, randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Remote } from './mirrors.ts'

/** Address and credential decide which mirror it is. Keyed, since sandboxes see the folder's name in their mount table. */
export async function mirrorKey(remote: Remote, { url, folder }: { url: string; folder: string }): Promise<string> {
  const { username = '', password = '' } = remote.credential ?? {}
  return createHmac('sha256', await salt(folder))
    .update(JSON.stringify([remote.forge, url, username, password]))
    .digest('hex')
}

async function salt(folder: string): Promise<Buffer> {
  const file = join(folder, 'salt')
  const known = await readFile(file).catch(() => undefined)
  if (known !== undefined) return known
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, randomBytes(32), { mode: 0o600 })
  // Linking fails where another was first: then theirs counts.
  await link(temporary, file).catch(() => undefined)
  await rm(temporary)
  return readFile(file)
}
