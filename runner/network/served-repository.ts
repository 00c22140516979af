import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MirrorView } from '../../forge/mirrors.ts'

export type ServedView = Pick<MirrorView, 'objects' | 'refs' | 'defaultBranch' | 'shallow'>

const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n'

/**
 * Makes a bare repository that has the view's heads and tags, and its objects by an alternate: what the sandbox has
 * mounted anyway, and nothing of what was collected or published (R5, R18). It holds no object of its own. Good as long
 * as the view is held; remove the folder afterwards.
 */
export async function serveView(folder: string, view: ServedView): Promise<void> {
  const temporary = `${folder}.${randomBytes(4).toString('hex')}`
  try {
    await mkdir(join(temporary, 'objects', 'info'), { recursive: true, mode: 0o700 })
    await mkdir(join(temporary, 'refs', 'heads'), { recursive: true })
    const refs = [...view.refs].sort((a, b) => (a.name < b.name ? -1 : 1))
    const files = {
      config: CONFIG,
      HEAD: `ref: refs/heads/${view.defaultBranch}\n`,
      'packed-refs': ['# pack-refs with: sorted ', ...refs.map(({ name, commit }) => `${commit} ${name}`), ''].join(
        '\n',
      ),
      'objects/info/alternates': `${view.objects}\n`,
      ...(view.shallow?.length ? { shallow: `${view.shallow.join('\n')}\n` } : {}),
    }
    for (const [name, content] of Object.entries(files)) await writeFile(join(temporary, name), content)
    await rename(temporary, folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}
